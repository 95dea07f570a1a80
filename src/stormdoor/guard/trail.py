"""Write the trail in batches and in order, and never lose an entry silently.

The entries that unauthenticated clients cause are bounded: a number in a second, a number that waits, and a
number of bytes in a day (`stormdoor.core.trail_budget`). Beyond a bound they are merged into one entry for
each name and cause, with a count and the largest networks. The requests of one authenticated principal are
merged beyond a number in a second, for each name and cause. Merged entries do not count as lost.

INVARIANT: no client causes another's entry to be lost, and no principal another's to be merged. Entries of
operators and of logins are never merged.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Hashable
from itertools import islice
from typing import TypeVar

import msgspec
from msgspec.structs import force_setattr

from stormdoor.core.event import Event
from stormdoor.core.trail_budget import DAY_BYTES, check_budget, file_bytes
from stormdoor.errors import StoreInDoubt, StoreUnavailable
from stormdoor.guard.merged_entries import MergedEntries
from stormdoor.ports import Clock, TrailStore

__all__ = ["Trail"]

_log = logging.getLogger("stormdoor.trail")

_Key = TypeVar("_Key", bound=Hashable)

_BATCH = 500
_LONGEST = {"endpoint": 256, "user_agent": 256, "detail": 1000}
"""Largest number of characters by field, so that a refused client cannot fill the trail."""
_PARKED = 10
"""Entries about ended connections that may wait outside of the queue, in multiples of its capacity."""
_EACH_SECOND = 64
"""Entries of one name and cause that unauthenticated clients cause in one second; the others are merged. So
are those of one principal."""
_OF_CLIENTS = frozenset({"connection_opened", "connection_closed", "connection_renewed"})
"""Events without a cause that a client can repeat as often as it likes."""
_MERGED_SECONDS = 60.0
"""Seconds that a merged entry collects before it is written."""
_REPEATED = f"this principal caused more than {_EACH_SECOND} of these in a second"


class Trail:
    """The queue of entries that are not stored yet.

    Entries wait in memory for at most one tick of the guard. If the store fails, they stay in the queue and
    are tried again. If entries had to be dropped, `healthy` is False until the loss is recorded, and the
    guard admits no client. Unauthenticated clients cannot cause that, however many there are.

    Args:
        store: Where entries are sealed and kept.
        clock: Source of the time.
        capacity: Entries that may wait; those of unauthenticated clients may fill a quarter of it.
        budget_bytes: Bytes of the store that the entries of unauthenticated clients may take in 24 hours.
        node: Name of the node, which each entry gets.

    Attributes:
        lost: Entries that were dropped.
        written: Entries that the store has taken.
        merged: Entries that became part of the count of another.
        gap: Entries that were dropped since the last entry that counts dropped ones.
        over_budget: True while the budget of unauthenticated clients is spent.
        listener: Gets each entry at once, before similar ones are merged; None if there is none. It must not
            raise.

    Raises:
        ConfigurationError: The budget is too small.
    """

    def __init__(
        self,
        store: TrailStore,
        clock: Clock,
        *,
        capacity: int = 10_000,
        budget_bytes: int = DAY_BYTES,
        node: str = "",
    ) -> None:
        check_budget(budget_bytes)
        self._store = store
        self._clock = clock
        self._monotonic = clock.monotonic
        self._capacity = capacity
        self._budget_bytes = budget_bytes
        self._node = node
        self._why_merged = (
            f"unauthenticated clients caused more than {_EACH_SECOND} of these in a second, or "
            f"{budget_bytes >> 20} MiB of entries in a day"
        )
        self._waiting: dict[Hashable, Event] = {}
        self._unproven = 0  # of those that wait
        self._parked: deque[Event] = deque()
        self._merged: dict[tuple[str, str], MergedEntries] = {}
        self._repeated: dict[tuple[float, str, str, str], MergedEntries] = {}
        """Those of principals, by second, principal, name and cause."""
        self._this_second: dict[tuple[str, ...], int] = {}
        self._second_ends = 0.0
        self._writing = asyncio.Lock()
        self._failing = False
        self._in_doubt: tuple[list[Event], bytes] | None = None
        """A batch that the store may have stored; it is repeated before all others."""
        self.lost = 0
        self.written = 0
        self.merged = 0
        self.over_budget = False
        self.gap = 0
        self.listener: Callable[[Event], None] | None = None

    @property
    def healthy(self) -> bool:
        """Return whether events can still be recorded."""
        return self.gap == 0

    @property
    def failing(self) -> bool:
        """Return whether the store refused the last batch, which waits in memory."""
        return self._failing

    def __len__(self) -> int:
        in_doubt = 0 if self._in_doubt is None else len(self._in_doubt[0])
        merged = len(self._merged) + len(self._repeated)
        return len(self._waiting) + len(self._parked) + merged + in_doubt

    def note(self, event: Event) -> None:
        """Record `event` soon, under the name of this node. Never waits and never raises."""
        force_setattr(event, "node", self._node)  # noted once; a copy costs three times as much
        waiting = self._waiting
        if self.listener is not None:
            self.listener(event)
        if event.cause:
            # Two refusals within one second are equal if these are. The endpoint of a handshake is left
            # out, since a refused client can make up as many paths as it likes.
            key: Hashable = (
                event.name,
                event.cause,
                event.connection and event.endpoint,
                event.permission,
                event.principal,
                event.proven,
                event.address,
                event.connection,
                event.time // 1.0,
            )
            first = waiting.get(key)
            if first is not None:
                # A flood of equal refusals is one entry with a count, so that it leaves room for the rest.
                waiting[key] = msgspec.structs.replace(first, count=first.count + event.count)
                return
        else:
            key = object()  # only refusals are merged
        if event.proven:
            # `_exceeds` and `_proven`, inlined: the time of a handshake is measured.
            if event.principal:
                if (now := self._monotonic()) >= self._second_ends:
                    self._begin_second(now)
                kind = (event.principal, event.name, event.cause)
                self._this_second[kind] = number = self._this_second.get(kind, 0) + 1
                if number > _EACH_SECOND and self._merge_repeated(event):
                    return
            if len(waiting) - self._unproven + len(self._repeated) < self._capacity:
                waiting[key] = _cut(event)
            else:
                self._lose()
        elif self._too_many(event):
            self._merge(event)
        else:
            self._unproven += 1
            waiting[key] = _cut(event)

    @property
    def _proven(self) -> int:
        """The number of entries in the queue that unauthenticated clients have not caused."""
        return len(self._waiting) - self._unproven + len(self._repeated)

    def _lose(self) -> None:
        self.lost += 1
        self.gap += 1
        if self.gap == 1:
            _log.critical(
                "the trail is full (%d entries wait) and entries are being lost; new handshakes "
                "are refused until the store takes them",
                len(self._waiting),
            )

    def note_end(self, event: Event) -> None:
        """Record that a connection has ended, and leave room for others.

        Thousands may end in the same moment. They must not displace other entries: once the queue is half
        full, they wait outside of it.
        """
        if event.proven and (
            self._parked
            or len(self._waiting) - self._unproven + len(self._repeated) >= self._capacity // 2
        ):
            force_setattr(event, "node", self._node)
            kind = (event.principal, event.name, event.cause)
            if event.principal and self._exceeds(kind) and self._merge_repeated(event):
                pass
            elif len(self._parked) < self._capacity * _PARKED:
                self._parked.append(_cut(event))
            else:
                self._lose()
            return
        self.note(event)

    async def write_due(self) -> bool:
        """Write the waiting entries, and merged entries that have collected for a minute. See `flush`."""
        return await self._write(everything=False)

    async def flush(self) -> bool:
        """Write all waiting entries. Returns whether the store accepted them.

        One writer at a time keeps the order; an entry leaves the queue only after it was stored. Entries
        that arrive meanwhile wait for the next flush: if they were written at once, each of many equal
        refusals would become a separate entry.
        """
        return await self._write(everything=True)

    async def _write(self, *, everything: bool) -> bool:
        async with self._writing:
            self._release_repeated(everything=everything)
            left = len(self._waiting)
            try:
                if self._in_doubt is not None:
                    await self._append(*self._in_doubt, again=True)
                if self._unproven or self._merged:
                    left = await self._keep_to_budget(everything=everything)
                # Parked entries belong to this flush, too; they only waited outside of the queue.
                while left or (left := self._let_in()):
                    left = await self._write_batch(left)
            except StoreUnavailable as error:
                if not self._failing:
                    self._failing = True
                    _log.critical("the trail cannot be written and is kept in memory: %s", error)
                return False
        return True

    async def _write_batch(self, left: int) -> int:
        """Write the first of `left` entries that wait. Returns how many are left."""
        # Taken out before the write, so that `note` does not count up an entry in flight.
        batch = [self._waiting.pop(key) for key in list(islice(self._waiting, min(_BATCH, left)))]
        if self._unproven:
            self._unproven -= _unproven(batch)
        await self._append(batch, secrets.token_bytes(16))
        if not self.gap:
            return left - len(batch)
        self._waiting[object()] = Event(
            time=self._clock.now(),
            name="trail_gap",
            count=self.gap,
            detail="entries were lost while the store did not take them",
            node=self._node,
            proven=True,
        )
        self.gap = 0
        return len(self._waiting)  # the gap is reported at once

    async def _append(self, events: list[Event], batch: bytes, *, again: bool = False) -> None:
        """Store a batch. If that fails, its events wait; if it is in doubt, the batch is repeated."""
        try:
            await self._store.append_events(events, batch=batch, again=again)
        except BaseException as error:
            # INVARIANT: no entry is stored twice. A write that was cancelled may still happen.
            if again or isinstance(error, StoreInDoubt | asyncio.CancelledError):
                self._in_doubt = events, batch
            else:
                self._put_back(events)
            raise
        self._in_doubt = None
        self.written += len(events)
        if self._failing:
            self._failing = False
            _log.warning("the trail is being written again")

    async def _keep_to_budget(self, *, everything: bool) -> int:
        """Merge the entries that exceed the budget of unauthenticated clients.

        Args:
            everything: Also write merged entries that are not due, even beyond the budget.

        Returns:
            The number of entries that may be written now, from the first.
        """
        now = self._clock.now()
        left = len(self._waiting)
        single = [(key, file_bytes(one)) for key, one in self._waiting.items() if not one.proven]
        due = [
            kind
            for kind, one in self._merged.items()
            if everything or not 0.0 <= now - one.time < _MERGED_SECONDS
        ]
        if not single and not due:
            return left
        # Merged entries come first, so that a flood does not keep its own count from being written.
        sizes = [file_bytes(self._merged[kind].entry()) for kind in due]
        sizes += [size for _, size in single]
        at_least = len(due) if everything else 0
        paid = await self._store.pay_entries(
            now, sizes, at_least=at_least, day_bytes=self._budget_bytes
        )
        for key, _ in single[max(0, paid - len(due)) :]:
            self._merge(self._waiting.pop(key))
            self._unproven -= 1
            left -= 1
        written = [self._merged.pop(kind).entry() for kind in due[:paid]]
        self._put_back(written)
        self._tell_budget(spent=paid < len(sizes))
        return left + len(written)

    def _tell_budget(self, *, spent: bool) -> None:
        if spent and not self.over_budget:
            _log.error(
                "unauthenticated clients have used up their budget of the trail, %d MiB a day; until the "
                "flood ends, their entries are merged by name and cause",
                self._budget_bytes >> 20,
            )
        elif self.over_budget and not spent and not self._merged:
            _log.warning("entries of unauthenticated clients are written one by one again")
        self.over_budget = spent or (self.over_budget and bool(self._merged))

    def _let_in(self) -> int:
        """Move parked entries into the queue, at most one batch. Returns how many."""
        room = self._capacity - self._proven
        let_in = min(_BATCH, len(self._parked), max(0, room))
        self._put_back([self._parked.popleft() for _ in range(let_in)])
        return let_in

    def _too_many(self, event: Event) -> bool:
        """Return whether unauthenticated clients caused too many entries like `event` in this second.

        Addresses and names do not count: a client can have many of both.
        """
        repeated = self._exceeds((event.name, event.cause))
        return repeated or self._unproven >= self._capacity // 4

    def _exceeds(self, kind: tuple[str, ...]) -> bool:
        """Count an event of a kind. Returns whether this second has too many of them."""
        # Not the time of the event: it may be that of a handshake some seconds ago.
        if (now := self._monotonic()) >= self._second_ends:
            self._begin_second(now)
        alike = self._this_second
        alike[kind] = number = alike.get(kind, 0) + 1
        return number > _EACH_SECOND

    def _begin_second(self, now: float) -> None:
        self._second_ends = now // 1.0 + 1.0
        self._this_second.clear()

    def _merge(self, event: Event) -> None:
        """Count `event` in the merged entry of its name and cause."""
        self._add(self._merged, (event.name, event.cause), event, self._why_merged)

    def _merge_repeated(self, event: Event) -> bool:
        """Count `event` in a merged entry: its principal causes too many. Returns whether that is allowed.

        Only its refusals and connections are merged, so that no client hides a login or a change.
        """
        who, name, cause = event.principal, event.name, event.cause
        if not (cause or name in _OF_CLIENTS) or (event.actor and event.actor != who):
            return False
        key = (self._second_ends, who, name, cause)
        if key not in self._repeated and self._proven >= self._capacity:
            return False
        self._add(self._repeated, key, event, _REPEATED)
        return True

    def _add(self, table: dict[_Key, MergedEntries], key: _Key, event: Event, why: str) -> None:
        merged = table.get(key)
        if merged is None:
            merged = table[key] = MergedEntries(event, why)
        merged.add(event)
        self.merged += event.count

    def _release_repeated(self, *, everything: bool) -> None:
        """Put the merged entries of principals into the queue when their second is over."""
        now = self._monotonic()
        for key in [one for one in self._repeated if everything or one[0] <= now]:
            self._waiting[object()] = self._repeated.pop(key).entry()

    def _put_back(self, batch: list[Event]) -> None:
        """Put entries before the others that wait."""
        if batch:
            self._unproven += _unproven(batch)
            self._waiting = {object(): event for event in batch} | self._waiting


def _unproven(events: list[Event]) -> int:
    return sum([not event.proven for event in events])


def _cut(event: Event) -> Event:
    if len(event.endpoint) <= 256 and len(event.user_agent) <= 256 and len(event.detail) <= 1000:
        return event
    long = {
        name: getattr(event, name)[:longest]
        for name, longest in _LONGEST.items()
        if len(getattr(event, name)) > longest
    }
    return msgspec.structs.replace(event, **long) if long else event
