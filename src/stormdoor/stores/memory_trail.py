"""`stormdoor.ports.TrailStore` in memory."""

from collections.abc import Sequence
from dataclasses import replace

from stormdoor.core.event import GENESIS, Entry, Event
from stormdoor.core.trail_budget import DAY_BYTES, take
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import TrailChain
from stormdoor.stores.sealing import CHAIN, RECENT, seal_all

__all__ = ["MemoryTrail"]


class MemoryTrail:
    """The trail, and whether the store is open.

    Args:
        trail_key: Secret of the trail's chain, or None.
    """

    def __init__(self, trail_key: bytes | None = None) -> None:
        self._key = trail_key
        self._opened = False
        self._trail: list[Entry] = []
        self._anchor = self._head = (0, GENESIS)
        self._spent_until = 0.0

    async def open(self) -> None:
        """See `Engine.open`."""
        self._opened = True

    async def close(self) -> None:
        """See `Engine.close`. The data stays as long as the object does."""
        self._opened = False

    def _answer(self) -> None:
        if not self._opened:
            raise StoreUnavailable("the store in memory is not open")

    async def append_events(
        self, events: Sequence[Event], *, batch: bytes | None = None, again: bool = False
    ) -> None:
        """See `TrailStore.append_events`."""
        self._answer()
        if again and batch and batch.hex() in [one.salt for one in self._trail[-RECENT:]]:
            return
        entries = seal_all(events, after=self._head, key=self._key, batch=batch)
        if entries:
            self._trail += [entry for _, entry in entries]
            last = self._trail[-1]
            self._head = (last.seq, last.hash)

    async def entries(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        principal: str | None = None,
        name: str | None = None,
        newest_first: bool = False,
        chain: int | None = None,
    ) -> list[Entry]:
        """See `TrailStore.entries`."""
        self._answer()
        found = [
            entry
            for entry in self._trail
            if entry.seq > after
            and chain in (None, CHAIN)
            and (principal is None or _about(entry, principal))
            and (name is None or entry.event.name == name)
        ]
        if newest_first:
            found.reverse()
        return found[:limit]

    async def trail_chains(self) -> list[TrailChain]:
        """See `TrailStore.trail_chains`."""
        self._answer()
        return [TrailChain(CHAIN, self._anchor, self._head)]

    async def pay_entries(
        self, now: float, sizes: Sequence[int], *, at_least: int = 0, day_bytes: int = DAY_BYTES
    ) -> int:
        """See `TrailStore.pay_entries`."""
        self._answer()
        paid, self._spent_until = take(self._spent_until, now, sizes, at_least, day_bytes)
        return paid

    async def trail_faults(self) -> list[str]:
        """See `TrailStore.trail_faults`. A search reads the entries themselves."""
        self._answer()
        return []

    async def space(self) -> None:
        """See `TrailStore.space`."""
        self._answer()

    async def drop_entries(self, before: float) -> int:
        """See `TrailStore.drop_entries`."""
        self._answer()
        dropped = 0
        for entry in self._trail:
            if entry.event.time >= before:
                break
            self._anchor = (entry.seq, entry.hash)
            dropped += 1
        del self._trail[:dropped]
        return dropped

    async def erase_personal(self, principal_id: str) -> int:
        """See `TrailStore.erase_personal`."""
        self._answer()
        erased = 0
        for at, entry in enumerate(self._trail):
            if _about(entry, principal_id):
                self._trail[at] = replace(entry, personal=None, salt=None)
                erased += 1
        return erased


def _about(entry: Entry, principal_id: str) -> bool:
    event = entry.event
    return principal_id != "" and principal_id in (event.principal, event.actor)
