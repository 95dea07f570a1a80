"""Budget for the entries that unauthenticated clients cause: 100 MiB of a SQLite file in any 24 hours.

A token bucket of bytes in one number, as in `stormdoor.core.bucket`. Half of the budget may be spent at once.
The other half comes back in the course of a day, so that a trail in which a flood has spent everything soon
has room for single entries again.
"""

from __future__ import annotations

from collections.abc import Sequence

from stormdoor.core.event import Event, sealed_bytes

__all__ = ["DAY_BYTES", "file_bytes", "left", "take"]

DAY_BYTES = 100 * 1024 * 1024

_DAY_SECONDS = 86_400.0
_BURST = DAY_BYTES // 2
_INTERVAL = _DAY_SECONDS / _BURST
"""Seconds in which one byte comes back."""
_DEBT_SECONDS = 3_600.0
"""A clock that was ahead, once, leaves at most this much to wait for beyond a spent budget."""

_PAGE = 4096
_PAGE_HEAD = 36
_ROW = 320
"""Bytes beside the sealed parts: four hashes in hex, the salt, the time, and their lengths."""
_INDEX = 40
"""Bytes in the two indexes beside the text itself, which they hold in pages that are two thirds full."""


def file_bytes(event: Event) -> int:
    """Return how many bytes of a SQLite file the entry of `event` takes at the most.

    A page holds whole rows: of a row that is a little longer than half a page, there is one in each page.
    """
    about = len(event.principal.encode("utf-8", "backslashreplace")) + len(
        event.actor.encode("utf-8", "backslashreplace")
    )
    row = _ROW + sealed_bytes(event) + len(event.name) + about
    room = _PAGE - _PAGE_HEAD
    pages = -(-_PAGE // (room // row)) if row <= room else _PAGE * (2 + row // room)
    return pages + 2 * (_INDEX + about)


def left(spent_until: float, now: float) -> int:
    """Return how many bytes may be written at `now` (Unix seconds)."""
    return max(0, int((_DAY_SECONDS - max(0.0, spent_until - now)) / _INTERVAL))


def take(
    spent_until: float, now: float, sizes: Sequence[int], at_least: int = 0
) -> tuple[int, float]:
    """Pay for entries, the first ones first.

    Args:
        spent_until: The state: the Unix second at which all that was written is paid for; 0.0 at first.
        now: Unix seconds.
        sizes: Bytes of each entry.
        at_least: How many are paid for in any case. That may leave a debt.

    Returns:
        How many are paid for, and the new state.
    """
    room, taken, spent = left(spent_until, now), 0, 0
    for size in sizes:
        if taken >= at_least and spent + size > room:
            break
        taken += 1
        spent += size
    if not taken:
        return 0, spent_until
    latest = now + _DAY_SECONDS + _DEBT_SECONDS
    return taken, min(max(spent_until, now) + spent * _INTERVAL, latest)
