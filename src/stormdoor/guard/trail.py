"""Writing the trail: in batches, in order, and never losing an entry silently."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import msgspec

from stormdoor.core.event import Event
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Clock, TrailStore

__all__ = ["Trail"]

_log = logging.getLogger("stormdoor.trail")

_BATCH = 500


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
        self._waiting: deque[Event] = deque()
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
        return len(self._waiting)

    def note(self, event: Event) -> None:
        """Record `event` soon. Never waits and never raises."""
        waiting = self._waiting
        if waiting and event.cause and _alike(waiting[-1], event):
            # A flood of equal refusals is one entry with a count, so that it cannot drown the rest.
            waiting[-1] = msgspec.structs.replace(
                waiting[-1], count=waiting[-1].count + event.count
            )
            return
        if len(waiting) >= self._capacity:
            self.lost += 1
            self._gap += 1
            if self._gap == 1:
                _log.critical(
                    "the trail is full (%d entries wait) and entries are being lost; new handshakes "
                    "are refused until the store takes them",
                    len(waiting),
                )
            return
        waiting.append(event)

    async def flush(self) -> bool:
        """Write what waits. Returns whether nothing waits any more.

        One writer at a time keeps the order; an entry leaves the queue only after it was stored.
        """
        async with self._writing:
            while self._waiting:
                batch = [self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))]
                # Taken out before the write, so that `note` does not count up an entry in flight.
                for _ in batch:
                    self._waiting.popleft()
                try:
                    await self._store.append_events(batch)
                except StoreUnavailable as error:
                    self._waiting.extendleft(reversed(batch))
                    if not self._failing:
                        self._failing = True
                        _log.critical(
                            "the trail cannot be written and is kept in memory: %s", error
                        )
                    return False
                except BaseException:
                    self._waiting.extendleft(reversed(batch))
                    raise
                self.written += len(batch)
                if self._failing:
                    self._failing = False
                    _log.warning("the trail is being written again")
                if self._gap:
                    self._waiting.append(
                        Event(
                            time=self._clock.now(),
                            name="trail_gap",
                            count=self._gap,
                            detail="entries were lost while the store did not take them",
                        )
                    )
                    self._gap = 0
        return True


def _alike(one: Event, other: Event) -> bool:
    return (
        one.name == other.name
        and one.cause == other.cause
        and one.endpoint == other.endpoint
        and one.principal == other.principal
        and one.address == other.address
        and one.connection == other.connection
        and other.time - one.time < 1.0
    )
