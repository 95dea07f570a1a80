"""`stormdoor.ports.TrailStore` in memory."""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack

import msgspec

from stormdoor.core import trail_filter
from stormdoor.core.event import GENESIS, Entry, Event
from stormdoor.core.trail_budget import DAY_BYTES, take
from stormdoor.core.trail_filter import Cursor, Filters, TrailFilter, TrailPage, part_of
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
        self._times: list[tuple[float, int]] = []
        """Time and `seq` of each entry, in order."""
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
            for event, entry in entries:
                insort(self._times, (event.time, entry.seq))
            self._trail += [entry for _, entry in entries]
            last = self._trail[-1]
            self._head = (last.seq, last.hash)

    async def entries(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        newest_first: bool = False,
        chain: int | None = None,
        cursor: Cursor | None = None,
        **filters: Unpack[Filters],
    ) -> TrailPage:
        """See `TrailStore.entries`. Only the times have an index."""
        self._answer()
        wanted = TrailFilter(**filters)
        if chain not in (None, CHAIN) or not self._trail:
            return TrailPage()
        first, by_time = self._trail[0].seq, wanted.is_timed and not after
        low, high = max(0, after + 1 - first), len(self._trail)
        if by_time:
            low = 0 if wanted.since is None else bisect_left(self._times, (wanted.since, 0))
            high = high if wanted.until is None else bisect_left(self._times, (wanted.until, 0))
        if cursor is not None:
            number, time = cursor
            at = bisect_left(self._times, (time, number)) if by_time else number - first
            low, high = (low, min(high, at)) if newest_first else (max(low, at + 1), high)
        places = range(low, max(low, high))[:: -1 if newest_first else 1]
        found: list[Entry] = []
        fits = _condition(wanted)
        for at in places[: trail_filter.READ]:
            entry = self._trail[self._times[at][1] - first if by_time else at]
            if len(found) == limit:
                break
            if fits(entry):
                found.append(entry)
        end = found[-1] if found and len(found) == limit else None
        if end is None and len(places) > trail_filter.READ:
            at = places[trail_filter.READ - 1]
            end = self._trail[self._times[at][1] - first if by_time else at]
        return TrailPage(found, None if end is None else Cursor(end.seq, end.event.time))

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
        self._times = [one for one in self._times if one[1] > self._anchor[0]]
        return dropped

    async def erase_personal(self, principal_id: str) -> int:
        """See `TrailStore.erase_personal`."""
        self._answer()
        erased = 0
        about = _parts_about(principal_id)
        for at, entry in enumerate(self._trail):
            if _about(entry, *about):
                self._trail[at] = replace(entry, personal=None, salt=None)
                erased += 1
        return erased


def _about(entry: Entry, subject: bytes, actor: bytes) -> bool:
    """Return whether an entry has one of two parts that `_parts_about` returned."""
    return entry.personal is not None and (subject in entry.personal or actor in entry.personal)


def _parts_about(principal_id: str) -> tuple[bytes, bytes]:
    return part_of("principal", principal_id), part_of("actor", principal_id)


class _Time(msgspec.Struct):
    time: float


_time_of = msgspec.json.Decoder(_Time).decode


def _condition(wanted: TrailFilter) -> Callable[[Entry], bool]:
    """Return the function that tells whether an entry fits all fields of a filter."""
    body, personal = wanted.body, wanted.personal
    about = None if wanted.principal is None else _parts_about(wanted.principal)

    def fits(entry: Entry) -> bool:
        kept = entry.personal or b""
        return (
            all(part in entry.body for part in body)
            and all(part in kept for part in personal)
            and (not wanted.is_timed or wanted.includes(_time_of(entry.body).time))
            and (about is None or _about(entry, *about))
        )

    return fits
