"""Request bodies that have not arrived completely: counted by address, timed, and bounded in memory."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["UnfinishedBodies", "UnfinishedBody"]


class UnfinishedBody:
    """One unfinished body.

    Args:
        address_key: Key of the client that it counts for.
        begun: Monotonic seconds when the headers were complete.
        abandon: Ends the request; called with the reason, for the operator.

    Attributes:
        received: Bytes so far.
        kept: Received bytes that wait in memory.
    """

    __slots__ = ("abandon", "address_key", "begun", "kept", "received")

    def __init__(self, address_key: str, begun: float, abandon: Callable[[str], None]) -> None:
        self.address_key = address_key
        self.begun = begun
        self.abandon = abandon
        self.received = 0
        self.kept = 0


class UnfinishedBodies:
    """The unfinished bodies of a process.

    Args:
        per_address: Bodies of one address at most.
        total_bytes: Bytes in memory at most, of all bodies together.
        seconds: Age from which a body must have the minimum rate.
        bytes_per_second: The minimum rate, on average since the headers.
    """

    __slots__ = ("_by_address", "_kept", "_pace", "_per_address", "_seconds", "_total_bytes")

    def __init__(
        self, *, per_address: int, total_bytes: int, seconds: float, bytes_per_second: float
    ) -> None:
        self._per_address = per_address
        self._total_bytes = total_bytes
        self._seconds = seconds
        self._pace = bytes_per_second
        self._by_address: dict[str, dict[UnfinishedBody, None]] = {}
        self._kept = 0

    def __len__(self) -> int:
        return sum(map(len, self._by_address.values()))

    @property
    def kept(self) -> int:
        """Return the bytes of all bodies in memory."""
        return self._kept

    def room(self, address_key: str) -> bool:
        """Return whether that address may begin another body."""
        return len(self._by_address.get(address_key, ())) < self._per_address

    def begin(self, body: UnfinishedBody) -> None:
        """Count a body."""
        self._by_address.setdefault(body.address_key, {})[body] = None

    def end(self, body: UnfinishedBody) -> None:
        """Forget a body; safe to call twice."""
        own = self._by_address.get(body.address_key)
        if own is None or body not in own:
            return
        del own[body]
        if not own:
            del self._by_address[body.address_key]
        self._kept -= body.kept

    def received(self, body: UnfinishedBody, size: int, *, kept: bool) -> None:
        """Count bytes of a body. Beyond the total, end the oldest body of the address with the most bytes.

        Args:
            body: The body. It may be the one that is ended.
            size: Number of bytes that have arrived.
            kept: Whether they wait in memory; False if a handler takes them as they arrive.
        """
        body.received += size
        if not kept:
            return
        body.kept += size
        self._kept += size
        while self._kept > self._total_bytes:
            fullest = max(
                self._by_address.values(), key=lambda bodies: sum(one.kept for one in bodies)
            )
            oldest = next(one for one in fullest if one.kept)
            self._abandon(oldest, "limits.unfinished_body_bytes is reached")

    def abandon_slow(self, monotonic: float) -> None:
        """End the requests with bodies slower than the minimum rate."""
        slow = [
            body
            for bodies in self._by_address.values()
            for body in bodies
            if (age := monotonic - body.begun) > self._seconds and body.received < age * self._pace
        ]
        for body in slow:
            self._abandon(
                body,
                f"the body came at less than limits.body_bytes_per_second = {self._pace:g} after "
                f"limits.body_seconds = {self._seconds:g}",
            )

    def _abandon(self, body: UnfinishedBody, why: str) -> None:
        self.end(body)
        body.abandon(why)
