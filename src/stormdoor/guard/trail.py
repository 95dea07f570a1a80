"""Writing the trail: in batches, in order, and never losing an entry silently."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

import msgspec

from stormdoor.core.event import Event
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Clock, TrailStore

__all__ = ["Trail"]

_log = logging.getLogger("stormdoor.trail")

_BATCH = 500
_LONGEST = {"endpoint": 256, "user_agent": 256, "detail": 1000}
"""Characters: whoever is refused must not decide how much is written down about it."""
_PARKED = 10
"""So many times the capacity of the queue may wait outside of it: more connections than a process holds."""
_STRANGERS = 64
"""Refused strangers of one kind in one second that get an entry each; the others share one."""


class Trail:
    """The queue in front of the stored trail.

    Entries wait in memory for at most one tick of the guard. If the store does not take them they stay
    and are tried again; while any had to be dropped, `healthy` is False and the guard admits nobody.

    Args:
        store: Where entries are sealed and kept.
        clock: For the time of the entry that reports a gap.
        capacity: The most entries that wait.
    """

    def __init__(self, store: TrailStore, clock: Clock, *, capacity: int = 10_000) -> None:
        self._store = store
        self._clock = clock
        self._capacity = capacity
        self._waiting: OrderedDict[Hashable, Event] = OrderedDict()
        self._parked: deque[Event] = deque()
        self._strangers: Counter[Hashable] = Counter()
        self._second = 0.0
        self._writing = asyncio.Lock()
        self._failing = False
        self.lost = 0
        self.written = 0
        self._gap = 0

    @property
    def healthy(self) -> bool:
        """Whether what happens now can still be recorded."""
        return self._gap == 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._parked)

    def note(self, event: Event) -> None:
        """Record `event` soon. Never waits and never raises."""
        waiting = self._waiting
        if not event.cause:
            # It is like nothing else: what happened, and no refusal.
            if len(waiting) < self._capacity:
                waiting[object()] = _cut(event)
                return
            self._lose()
            return
        key = _key(event)
        if not event.principal and key not in waiting:
            event = self._one_of_many(event)
            key = _key(event)
        first = waiting.get(key)
        if first is not None:
            # A flood of equal refusals is one entry with a count, so that it cannot drown the rest.
            waiting[key] = msgspec.structs.replace(first, count=first.count + event.count)
            return
        if len(waiting) >= self._capacity:
            self._lose()
            return
        waiting[key] = _cut(event)

    def _lose(self) -> None:
        self.lost += 1
        self._gap += 1
        if self._gap == 1:
            _log.critical(
                "the trail is full (%d entries wait) and entries are being lost; new handshakes "
                "are refused until the store takes them",
                len(self._waiting),
            )

    def note_end(self, event: Event) -> None:
        """Record that a connection has ended, and leave room for others.

        Thousands may end in the same moment, and all of them together must not push out what else
        happens. Once the queue is half full they wait outside of it.
        """
        if self._parked or len(self._waiting) >= self._capacity // 2:
            if len(self._parked) < self._capacity * _PARKED:
                self._parked.append(_cut(event))
            else:
                self._lose()
            return
        self.note(event)

    async def flush(self) -> bool:
        """Write what waits now. Returns whether it could be written.

        One writer at a time keeps the order; an entry leaves the queue only after it was stored. What
        comes meanwhile waits for the next flush: written at once, each of many equal refusals would
        become an entry of its own.
        """
        async with self._writing:
            left = len(self._waiting)
            # What is parked belongs to now as well: it has only waited outside.
            while left or (left := self._let_in()):
                # Taken out before the write, so that `note` does not count up an entry in flight.
                batch = [self._waiting.popitem(last=False)[1] for _ in range(min(_BATCH, left))]
                left -= len(batch)
                try:
                    await self._store.append_events(batch)
                except StoreUnavailable as error:
                    self._put_back(batch)
                    if not self._failing:
                        self._failing = True
                        _log.critical(
                            "the trail cannot be written and is kept in memory: %s", error
                        )
                    return False
                except BaseException:
                    self._put_back(batch)
                    raise
                self.written += len(batch)
                if self._failing:
                    self._failing = False
                    _log.warning("the trail is being written again")
                if self._gap:
                    self._waiting[object()] = Event(
                        time=self._clock.now(),
                        name="trail_gap",
                        count=self._gap,
                        detail="entries were lost while the store did not take them",
                    )
                    self._gap = 0
                    left = len(self._waiting)  # the gap is told at once
        return True

    def _let_in(self) -> int:
        """Let parked entries into the queue, as many as one batch holds. Returns how many."""
        let_in = min(_BATCH, len(self._parked), max(0, self._capacity - len(self._waiting)))
        self._put_back([self._parked.popleft() for _ in range(let_in)])
        return let_in

    def _one_of_many(self, event: Event) -> Event:
        """The event without its address, if too many strangers are being refused at once.

        Addresses are cheap, of IPv6 above all: they must not decide how much is written down either.
        """
        kind, second = (event.name, event.cause), event.time // 1.0
        if second != self._second:
            self._second = second
            self._strangers.clear()
        self._strangers[kind] += 1
        if self._strangers[kind] <= _STRANGERS:
            return event
        return Event(
            time=event.time,
            name=event.name,
            cause=event.cause,
            count=event.count,
            detail=f"more than {_STRANGERS} addresses in one second",
        )

    def _put_back(self, batch: list[Event]) -> None:
        for event in reversed(batch):
            key = object()
            self._waiting[key] = event
            self._waiting.move_to_end(key, last=False)


def _key(event: Event) -> Hashable:
    """What makes two refusals within one second the same.

    Not the endpoint of a handshake: whoever is refused can make up as many paths as he likes.
    """
    endpoint = event.endpoint if event.connection else ""
    who = (event.principal, event.address, event.connection)
    return (event.name, event.cause, endpoint, event.permission, *who, event.time // 1.0)


def _cut(event: Event) -> Event:
    if len(event.endpoint) <= 256 and len(event.user_agent) <= 256 and len(event.detail) <= 1000:
        return event
    long = {
        name: getattr(event, name)[:longest]
        for name, longest in _LONGEST.items()
        if len(getattr(event, name)) > longest
    }
    return msgspec.structs.replace(event, **long) if long else event
