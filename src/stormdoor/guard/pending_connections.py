"""Clients that wait, counted: for their first message, or for the next beat of this node.

They have passed the cheap checks (origin, host, rates, caps), so they use resources without an authenticated
principal. Therefore only few may wait, and only for a short time.
"""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.limits import Limits
from stormdoor.guard.connection import Connection
from stormdoor.ports import Clock

__all__ = ["PendingConnection", "PendingConnections"]


@dataclass(slots=True)
class PendingConnection:
    """One connection that waits.

    Attributes:
        handshake: The facts of its handshake.
        controls: Number of pings and pongs that its client has sent.
        taken: Whether its first message has arrived.
    """

    handshake: Handshake
    controls: int = 0
    taken: bool = False


class PendingConnections:
    """The connections of this process that wait for their first message, and requests that wait for a beat.

    Args:
        limits: Limits on their number and time.
        clock: Source of the time.
    """

    def __init__(self, *, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._waiting: dict[Connection, PendingConnection] = {}
        self._addresses: dict[str, int] = {}
        self._requests = 0
        """Requests that wait for the next beat."""

    def __len__(self) -> int:
        return len(self._waiting) + self._requests

    def get(self, connection: Connection) -> PendingConnection | None:
        """Return the state of a waiting connection; None if it does not wait."""
        return self._waiting.get(connection)

    def room(self, address_key: str) -> Refusal | None:
        """Return the refusal if no further connection from this address may wait; else None."""
        limits = self._limits
        if len(self) >= limits.pending:
            detail = f"limits.pending = {limits.pending} is reached"
            return Refusal(Denial.BUSY, detail, retry_after=5)
        if self._addresses.get(address_key, 0) >= limits.pending_per_address:
            detail = f"limits.pending_per_address = {limits.pending_per_address} is reached"
            return Refusal(Denial.TOO_MANY_CONNECTIONS, detail, retry_after=5)
        return None

    def enter_request(self) -> bool:
        """Count a request that waits for the next beat. False if too many clients wait."""
        if len(self) >= self._limits.pending:
            return False
        self._requests += 1
        return True

    def leave_request(self) -> None:
        """Count a request that waits no more."""
        self._requests -= 1

    def enter(self, connection: Connection, handshake: Handshake) -> None:
        """Add a waiting connection. INVARIANT: it stays until `leave`, at the latest when it ends."""
        connection.wait_until(self._clock.monotonic() + self._limits.first_message_seconds)
        self._waiting[connection] = PendingConnection(handshake)
        key = connection.address_key
        self._addresses[key] = self._addresses.get(key, 0) + 1

    def leave(self, connection: Connection) -> None:
        """Remove a connection that has authenticated or ended."""
        if self._waiting.pop(connection, None) is None:
            return
        left = self._addresses.get(connection.address_key, 0) - 1
        if left > 0:
            self._addresses[connection.address_key] = left
        else:
            self._addresses.pop(connection.address_key, None)
