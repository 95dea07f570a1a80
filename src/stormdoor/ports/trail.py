"""The audit trail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Unpack

from stormdoor.core.event import Event
from stormdoor.core.trail_budget import DAY_BYTES
from stormdoor.core.trail_filter import Cursor, Filters, TrailPage

__all__ = ["Space", "TrailChain", "TrailStore", "all_pages"]


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that a store uses and may still use.

    Attributes:
        used: Bytes of its files.
        free: Bytes of their disk that this process may still write; None if the store is on another machine.
    """

    used: int
    free: int | None


@dataclass(frozen=True, slots=True)
class TrailChain:
    """One hash chain of the trail.

    Attributes:
        number: Number 0 is the root chain, which records the heads of the others. A store that one machine
            uses has only chain 1.
        anchor: `seq` and hash of the last entry that retention dropped; (0, GENESIS) if none was.
        head: `seq` and hash of the last appended entry: a chain that ends before it was truncated.
    """

    number: int
    anchor: tuple[int, str]
    head: tuple[int, str]


class TrailStore(Protocol):
    """The append-only, hash-chained audit trail.

    An entry is *about* its `principal` and about its `actor`.

    In doubt about `append_events`, call it again with the same batch and `again=True`: no entry is stored
    twice. In doubt about `pay_entries`, treat the budget as charged. Repeat `drop_entries` and
    `erase_personal`.
    """

    async def append_events(
        self, events: Sequence[Event], *, batch: bytes | None = None, again: bool = False
    ) -> None:
        """Seal and store `events` after the last entry of a chain, all or none.

        The objects of one store may append to one chain, or each to its own.

        Args:
            events: The events, in order.
            batch: 16 random bytes, which become the salt of the first entry.
            again: Whether an earlier call with these `events` and this `batch` is in doubt. Nothing is added
                if that call has added them.
        """
        ...

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
        """Return entries by their `number`, or entries of one chain by their `seq`.

        An entry that is stored later has a greater `number` than all that this method has returned in order.
        With `since` or `until`, and without `after`, the order is that of their times.

        A page reads at most `stormdoor.core.trail_filter.READ` entries for a filter that no index serves. Its
        cursor says how far it looked; it may be empty although later pages are not.

        Args:
            after: Only entries with a greater `number`; with `chain`, a greater `seq`.
            limit: Greatest number of entries.
            newest_first: In descending order.
            chain: The number of a chain. None for all except the root chain.
            cursor: Begin behind this entry: the cursor of the page before.
            filters: The fields of `stormdoor.core.trail_filter.TrailFilter`; all must fit.
        """
        ...

    async def trail_chains(self) -> list[TrailChain]:
        """Return all chains, the root chain first."""
        ...

    async def pay_entries(
        self, now: float, sizes: Sequence[int], *, at_least: int = 0, day_bytes: int = DAY_BYTES
    ) -> int:
        """Charge entries to the budget of unauthenticated clients, in one step for all processes.

        The state outlives a restart: see `stormdoor.core.trail_budget.take`.

        Args:
            now: Unix seconds.
            sizes: Bytes of each entry that is to be written.
            at_least: Number of entries that are paid for in any case.
            day_bytes: The budget in bytes for 24 hours. The state is the share that is spent, so that all
                processes may have one budget, or another one after a restart.

        Returns:
            The number of entries that may be written, from the first.
        """
        ...

    async def trail_faults(self) -> list[str]:
        """Return the faults of the trail's tables that `stormdoor.core.event.verify` does not find.

        An example is an index that lacks an entry, so that no search finds it.
        """
        ...

    async def space(self) -> Space | None:
        """Return the space that the whole store uses and may still use; None if it has no file."""
        ...

    async def drop_entries(self, before: float) -> int:
        """Drop the oldest entries of each chain, up to the first younger than `before` (retention).

        The anchor moves to the last dropped entry. A store may work in steps; a failure then undoes the
        last one only.

        Args:
            before: Unix seconds; an entry of exactly that time is kept.

        Returns:
            The number of dropped entries, without those of the root chain.

        Raises:
            StoreError: This login may not remove entries.
        """
        ...

    async def erase_personal(self, principal_id: str) -> int:
        """Erase the personal part of every entry about a principal. Returns the number of entries found.

        Raises:
            StoreError: This login may not change entries.
        """
        ...


async def all_pages(
    trail: TrailStore, *, after: int = 0, limit: int = 1000, **filters: Unpack[Filters]
) -> AsyncIterator[TrailPage]:
    """Yield the pages of entries, the oldest first, until the store has looked at all.

    Args:
        trail: The trail.
        after: See `TrailStore.entries`.
        limit: Greatest number of entries of a page.
        filters: See `TrailStore.entries`.
    """
    cursor: Cursor | None = None
    while True:
        page = await trail.entries(after=after, limit=limit, cursor=cursor, **filters)
        yield page
        if (cursor := page.cursor) is None:
            return
