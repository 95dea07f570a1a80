"""Budget for the entries that unauthenticated clients cause: by default 100 MiB of a file in any 24 hours.

A token bucket of bytes in one number, as in `stormdoor.core.bucket`. Half of the budget may be spent at
once. The other half is refilled in the course of a day, so that single entries fit again soon after a
flood.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stormdoor.core.event import Event, encodable
from stormdoor.errors import ConfigurationError

__all__ = ["DAY_BYTES", "LEAST_BYTES", "burst_bytes", "check_budget", "file_bytes", "left", "take"]

DAY_BYTES = 100 * 1024 * 1024
"""Default of the budget."""
LEAST_BYTES = 16 * 1024 * 1024
"""Smallest budget: half of it is for the log beside the file."""

_DAY_SECONDS = 86_400.0
_BESIDE = 8 * 1024 * 1024
"""Bytes for SQLite's write-ahead log, which grows to 4 MiB, and for the writes when the process stops."""
_DEBT_SECONDS = 3_600.0
"""Largest debt, in seconds. A clock that was ahead for a while can delay later entries by no more."""

_json = msgspec.json.Encoder().encode

_PAGE = 4096
_ROOM = _PAGE - 36
"""Bytes of a page that rows can use."""
_LONGEST_CHARACTER = 4
_ROW = 372
"""Bytes beside the sealed parts: three hashes in hex, the salt, the name, the time, and their lengths.

It includes the bytes by which two JSON texts are longer than one."""
_INDEX = 160
"""Bytes in the five indexes beside principal and actor, which they hold in pages that are two thirds full."""


def check_budget(day_bytes: int) -> None:
    """Check a budget.

    Raises:
        ConfigurationError: It is too small.
    """
    if not day_bytes >= LEAST_BYTES:
        raise ConfigurationError(
            f"trail_budget_bytes must be at least {LEAST_BYTES} (16 MiB), not {day_bytes}"
        )


def burst_bytes(day_bytes: int = DAY_BYTES) -> int:
    """Return the number of bytes of a budget that may be written at once, and again in each later day."""
    return (day_bytes - _BESIDE) // 2


def file_bytes(event: Event) -> int:
    """Return the greatest number of bytes of a SQLite file that the entry of `event` takes.

    A page holds whole rows: if a row is a little longer than half a page, a page holds one row.
    """
    # One encoding instead of that of both sealed parts: it runs for each refused handshake.
    try:
        size = len(_json(event))
    except UnicodeEncodeError:
        size = len(_json(encodable(event)))
    about = _LONGEST_CHARACTER * len(event.principal + event.actor)
    row = _ROW + about + size
    pages = _PAGE // (_ROOM // row) + 1 if row <= _ROOM else _PAGE * (2 + row // _ROOM)
    return pages + 2 * about + _INDEX


def left(spent_until: float, now: float, day_bytes: int = DAY_BYTES) -> int:
    """Return the number of bytes that may be written at `now` (Unix seconds)."""
    share = (_DAY_SECONDS - max(0.0, spent_until - now)) / _DAY_SECONDS
    return max(0, int(share * burst_bytes(day_bytes)))


def take(
    spent_until: float,
    now: float,
    sizes: Sequence[int],
    at_least: int = 0,
    day_bytes: int = DAY_BYTES,
) -> tuple[int, float]:
    """Charge entries to the budget, in their order, until it is spent.

    Args:
        spent_until: The state: Unix seconds at which the budget is full again; 0.0 at first.
        now: Unix seconds.
        sizes: Bytes of each entry.
        at_least: Number of entries that are charged even if the budget is spent, which leaves a debt.
        day_bytes: The budget.

    Returns:
        The number of charged entries, and the new state.
    """
    room, taken, spent = left(spent_until, now, day_bytes), len(sizes), sum(sizes)
    while taken > at_least and spent > room:
        taken -= 1
        spent -= sizes[taken]
    if not taken:
        return 0, spent_until
    latest = now + _DAY_SECONDS + _DEBT_SECONDS
    seconds = spent * _DAY_SECONDS / burst_bytes(day_bytes)
    return taken, min(max(spent_until, now) + seconds, latest)
