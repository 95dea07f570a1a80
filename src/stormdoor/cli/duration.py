"""Parse durations: `90d`, `24h`, `15min`, `30s`."""

from __future__ import annotations

import re

from stormdoor.cli.usage import UsageError

__all__ = ["lasting", "parse_duration"]

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|min|h|d|w)", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the duration in seconds.

    Raises:
        UsageError: It is malformed.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration; write 30s, 15min, 24h, 90d or 2w")
    return float(match[1]) * _SECONDS[match[2]]


def lasting(seconds: float) -> str:
    """Format seconds in the largest unit that fits: `3 d`, `5 min`."""
    for unit, size in reversed(_SECONDS.items()):
        if unit != "w" and seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
