"""Entries of the trail as rows of PostgreSQL, in partitions by month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

import msgspec

from stormdoor.core.event import Entry, Event, searched_by
from stormdoor.stores.rows import Row
from stormdoor.stores.trail_search import ADDRESS, REF, Dialect

__all__ = [
    "ADD_ENTRIES",
    "DIALECT",
    "columns",
    "entry_of",
    "month_after",
    "month_of",
    "months_of",
    "storable",
]

_SEALED: Final = "body, personal, salt, commitment, previous, hash, time, name, principal, actor"
_ADDRESS: Final = f"position('\\x{ADDRESS.hex()}'::bytea IN personal)"
_REF: Final = f"position('\\x{REF.hex()}'::bytea IN personal)"
DIALECT: Final = Dialect(
    columns=f"seq, {_SEALED}, chain, number",
    contains="position(?::bytea IN {column}) > 0",
    address=(
        f"{_ADDRESS} > 0 AND substring(personal FROM {_ADDRESS} + 7 + position("
        f"'\\x22'::bytea IN substring(personal FROM {_ADDRESS} + 11)) FOR 3) = ?"
    ),
    ref=f"{_REF} > 0 AND substring(personal FROM {_REF} + 7 FOR 2) = ?",
)

# One statement for all entries. `nextval` runs in the order of the entries, after the sort.
ADD_ENTRIES: Final = f"""
INSERT INTO trail (month, chain, number, seq, {_SEALED})
SELECT e.month, ?, {{number}}, e.seq, {", ".join(f"e.{name}" for name in _SEALED.split(", "))}
FROM unnest(
    ?::bigint[], ?::bigint[], ?::bytea[], ?::bytea[], ?::text[], ?::text[], ?::text[], ?::text[],
    ?::float8[], ?::text[], ?::text[], ?::text[]
) AS e (month, seq, {_SEALED})
ORDER BY e.seq
"""  # noqa: S608 - constants

_LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def month_of(time: float) -> int:
    """Return the month of a time in Unix seconds, such as 202611."""
    at = datetime.fromtimestamp(min(max(time, 0.0), _LATEST), UTC)
    return at.year * 100 + at.month


def month_after(month: int) -> float:
    """Return the Unix seconds at which a month ends."""
    year, index = divmod(month // 100 * 12 + month % 100, 12)
    return datetime(year, index + 1, 1, tzinfo=UTC).timestamp()


def months_of(entries: Sequence[tuple[Event, Entry]], since: int) -> list[int]:
    """Return the month in which each entry is stored. It never goes back, even if the clock did."""
    return list(accumulate((month_of(event.time) for event, _ in entries), max, initial=since))[1:]


def columns(months: Iterable[int], entries: Iterable[tuple[Event, Entry]]) -> list[list[object]]:
    """Return the parameters of `ADD_ENTRIES` after the chain: one list for each column."""
    rows = [
        (
            month,
            *(entry.seq, entry.body, entry.personal, entry.salt),
            *(entry.commitment, entry.previous, entry.hash, *searched_by(event)),
        )
        for month, (event, entry) in zip(months, entries, strict=True)
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def entry_of(row: Row) -> Entry:
    """Return the entry in a row of the columns `ENTRY`."""
    # A row without a number is in no list. With number 0, the verification finds it.
    seq, body, personal, salt, committed, previous, hashed = row[:7]
    copies, chain, number = tuple(row[7:11]), row[11], row[12] or 0
    return Entry(seq, body, personal, salt, committed, previous, hashed, copies, chain, number)


def storable(event: Event) -> Event:
    """Return `event` with U+0000 written out in the texts that have columns, which cannot contain it."""
    texts = {name: getattr(event, name) for name in ("name", "principal", "actor")}
    if not any("\0" in text for text in texts.values()):
        return event
    written = {name: text.replace("\0", "\\x00") for name, text in texts.items()}
    return msgspec.structs.replace(event, **written)
