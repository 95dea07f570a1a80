"""The audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stormdoor.core.event import Entry, Event

__all__ = ["Space", "TrailStore"]


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that a store uses and may still use.

    Attributes:
        used: Bytes of its files.
        free: Bytes of their disk that this process may still write.
    """

    used: int
    free: int


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
        """Seal and store `events` after the last entry, all or none.

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
        principal: str | None = None,
        name: str | None = None,
        newest_first: bool = False,
    ) -> list[Entry]:
        """Return entries with a `seq` greater than `after`; `principal` and `name` select some of them."""
        ...

    async def trail_anchor(self) -> tuple[int, str]:
        """Return `seq` and hash of the last entry that retention dropped; (0, GENESIS) if none was."""
        ...

    async def trail_head(self) -> tuple[int, str]:
        """Return `seq` and hash of the last appended entry: a trail that ends before it was truncated."""
        ...

    async def pay_entries(self, now: float, sizes: Sequence[int], *, at_least: int = 0) -> int:
        """Charge entries to the budget of unauthenticated clients, in one step for all processes.

        The state outlives a restart: see `stormdoor.core.trail_budget.take`.

        Args:
            now: Unix seconds.
            sizes: Bytes of each entry that is to be written.
            at_least: Number of entries that are paid for in any case.

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
        """Drop the oldest entries, up to the first that is younger than `before` (retention).

        The anchor moves to the last dropped entry. A store may work in steps; a failure then undoes the
        last one only.

        Args:
            before: Unix seconds; an entry of exactly that time is kept.

        Returns:
            The number of dropped entries.
        """
        ...

    async def erase_personal(self, principal_id: str) -> int:
        """Erase the personal part of every entry about a principal. Returns the number of entries found."""
        ...
