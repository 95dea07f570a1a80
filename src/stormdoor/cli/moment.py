"""Parse points in time."""

from __future__ import annotations

from datetime import UTC, datetime

from stormdoor.cli.usage import UsageError

__all__ = ["parse_moment"]


def parse_moment(text: str) -> float:
    """Return a time as Unix seconds. A text without an offset is UTC.

    Raises:
        UsageError: It is malformed.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time; write 2026-11-24T16:44+01:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
