"""The statements that search the trail in a database.

One index gives candidates in order: by reference, principal, address, time or number. The indexes of
references and addresses hold a part of a value. A page compares the whole value, and all other conditions,
with the first `READ` candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stormdoor.core import trail_filter
from stormdoor.core.event import Entry
from stormdoor.core.trail_filter import Cursor, TrailFilter, TrailPage, part_of

__all__ = ["Condition", "Dialect", "Search", "Statement", "page_of"]

Statement = tuple[str, list[object]]
Condition = tuple[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between the databases.

    Attributes:
        columns: The columns of an entry.
        contains: The condition that the column `{column}` of bytes contains a part.
        address: The condition of the index of addresses. Its parameter is what `_address_key` returns.
        ref: The condition of the index of references. Its parameter is what `_ref_key` returns.
    """

    columns: str
    contains: str
    address: str
    ref: str


ADDRESS: Final = b'"address":"'
"""Bytes of a sealed entry before the address."""
REF: Final = b'"ref":"'
"""Bytes of a sealed entry before the reference."""
_SUBJECT: Final = "principal = ?"
_ACTOR: Final = "actor = ? AND (principal IS NULL OR principal <> ?)"


class Search:
    """The statements of one page.

    `end` must run before `page`: so a page leaves out no entry that is stored meanwhile.

    Args:
        dialect: That of the database.
        place: The column that orders the entries.
        within: Conditions beside the filter.
        wanted: The filter.
        after: Only entries behind this place.
        until: Only entries up to this place.
        newest_first: In descending order.
        cursor: Begin behind this entry, or None.
    """

    __slots__ = (
        *("_after", "_branches", "_by_time", "_cursor", "_dialect", "_forward", "_order", "_place"),
        *("_rest", "_until", "_wanted", "_within"),
    )

    def __init__(
        self,
        dialect: Dialect,
        place: str,
        within: Sequence[Condition],
        wanted: TrailFilter,
        *,
        after: int,
        until: int,
        newest_first: bool,
        cursor: Cursor | None,
    ) -> None:
        self._dialect = dialect
        self._place = place
        self._within = list(within)
        self._wanted = wanted
        self._after = after
        self._until = until
        self._forward = not newest_first
        self._cursor = cursor
        self._by_time = False
        # As expressions, which no index serves: a database could otherwise choose another index.
        parts = {"body": wanted.body, "personal": wanted.personal}
        self._rest: list[Condition] = [
            (dialect.contains.format(column=column), [part])
            for column, needed in parts.items()
            for part in needed
        ]
        who = wanted.principal
        self._branches: list[list[Condition]] = [[]]
        if wanted.ref is not None:
            self._branches = [[(dialect.ref, [_ref_key(wanted.ref)])]]
            if who is not None:
                self._rest.append(("(principal || '' = ? OR actor || '' = ?)", [who, who]))
        elif who is not None:
            self._branches = [[(_SUBJECT, [who])], [(_ACTOR, [who, who])]]
        elif wanted.address is not None:
            self._branches = [[(dialect.address, [_address_key(wanted.address)])]]
        else:
            self._by_time = wanted.is_timed and not after
        if not self._by_time:
            if wanted.since is not None:
                self._rest.append(("time + 0 >= ?", [wanted.since]))
            if wanted.until is not None:
                self._rest.append(("time + 0 < ?", [wanted.until]))
        direction = "" if self._forward else " DESC"
        self._order = f"{place}{direction}"
        if self._by_time:
            self._order = f"time{direction}, {self._order}"

    def end(self) -> Statement | None:
        """Return the SELECT of place and time of the last candidate that the page reads, if it reads not all.

        None if an index serves the whole filter, so that nothing bounds the page but its limit.
        """
        if not self._rest:
            return None
        text, given = self._candidates(f"{self._place}, time", (), trail_filter.READ, None)
        return f"{text} OFFSET ?", [*given[:-1], 1, trail_filter.READ - 1]

    def page(self, limit: int, end: Cursor | None) -> Statement:
        """Return the SELECT of the entries of the page.

        Args:
            limit: Greatest number of entries.
            end: The candidate that `end` found, if any.
        """
        return self._candidates(self._dialect.columns, self._rest, limit, end)

    def _range(self, end: Cursor | None) -> list[Condition]:
        """Return the conditions of place and time.

        INVARIANT: one lower and one upper bound of the column that orders the entries. Of two, SQLite would
        seek by either, and read all entries between them.
        """
        low, high = (self._cursor, end) if self._forward else (end, self._cursor)
        above, below = (">", "<=") if self._forward else (">=", "<")
        after, until = self._after, self._until
        since, before = self._wanted.since, self._wanted.until
        beside: list[Condition] = []
        if not self._by_time:
            if low is not None:
                after = max(after, low.number if self._forward else low.number - 1)
            if high is not None:
                until = min(until, high.number if self._forward else high.number - 1)
        else:
            place = f"(time, {self._place})"
            if low is not None:
                since = low.time if since is None else max(since, low.time)
                beside.append((f"{place} {above} (?, ?)", [low.time, low.number]))
            if since is not None:
                beside.append(("time >= ?", [since]))
            if high is not None:
                beside.append((f"{place} {below} (?, ?)", [high.time, high.number]))
            if high is not None and (before is None or high.time < before):
                beside.append(("time <= ?", [high.time]))
            elif before is not None:
                beside.append(("time < ?", [before]))
            # As an expression, as above. A listed entry has a place greater than 0.
            return [
                (f"{self._place} IS NOT NULL", ()),
                (f"{self._place} + 0 <= ?", [until]),
                *beside,
            ]
        return [(f"{self._place} > ?", [after]), (f"{self._place} <= ?", [until]), *beside]

    def _candidates(
        self, columns: str, rest: Sequence[Condition], limit: int, end: Cursor | None
    ) -> Statement:
        within = [*self._within, *self._range(end)]
        selected = [
            self._select(columns, [*within, *branch, *rest], limit) for branch in self._branches
        ]
        if len(selected) == 1:
            return selected[0]
        union = " UNION ALL ".join(
            f"SELECT * FROM ({text}) b{n}"  # noqa: S608 - columns and constants
            for n, (text, _) in enumerate(selected)
        )
        given = [value for _, values in selected for value in values]
        text = f"SELECT * FROM ({union}) u ORDER BY {self._order} LIMIT ?"  # noqa: S608 - as above
        return text, [*given, limit]

    def _select(self, columns: str, conditions: Sequence[Condition], limit: int) -> Statement:
        where = " AND ".join(condition for condition, _ in conditions)
        text = f"SELECT {columns} FROM trail WHERE {where} ORDER BY {self._order} LIMIT ?"  # noqa: S608 - columns
        return text, [*(value for _, values in conditions for value in values), limit]


def _address_key(address: str) -> bytes:
    """Return the bytes by which an index finds an address: the three before the first quotation mark."""
    value = part_of("address", address)[len(ADDRESS) :]
    return (ADDRESS + value.split(b'"', 1)[0])[-3:]


def _ref_key(ref: str) -> bytes:
    """Return the bytes by which an index finds a reference: the first two, with the end of a shorter one."""
    return part_of("ref", ref)[len(REF) :][:2]


def page_of(entries: list[Entry], limit: int, end: Cursor | None, chain: int | None) -> TrailPage:
    """Return the page of the results of a `Search`.

    Args:
        entries: The entries that `Search.page` found.
        limit: Greatest number of entries.
        end: The last candidate that was read, if there may be more.
        chain: The number of the chain that was searched; None for all.
    """
    if entries and len(entries) == limit:
        last = entries[-1]
        end = Cursor(last.number if chain is None else last.seq, last.event.time)
    return TrailPage(entries, end)
