"""Rate limits: the generic cell rate algorithm (GCRA) in two floats.

GCRA is the sliding form of the token bucket (ITU-T I.371): one stored number, the *theoretical arrival
time* (TAT), and no edge of a window at which a client may send twice its share. This module is the
reference for every shared store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stormdoor.errors import ConfigurationError

__all__ = ["Rate", "retry_after", "spend"]

_MAX_LENGTH = 64
_RATE = re.compile(
    r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*/\s*(\d{0,6})\s*(s|min|h|d)\s*(?:burst\s+(\d{1,9}))?\s*",
    re.ASCII,
)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of units in a number of seconds, with a burst.

    Attributes:
        interval: Seconds that one unit takes.
        tolerance: Seconds by which a client may run ahead: `burst × interval`.
    """

    interval: float
    tolerance: float

    def __post_init__(self) -> None:
        """Reject a rate that would never or always allow a unit.

        Raises:
            ConfigurationError: The interval is not positive and finite, or the burst is below 1.
        """
        if not 0 < self.interval <= self.tolerance < float("inf"):
            raise ConfigurationError(
                f"a rate needs 0 < interval <= tolerance, not {self.interval} and {self.tolerance}"
            )

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `5/s`, `100/min`, `10/30s` or `5/s burst 20`. The burst is the count if left out.

        Raises:
            ConfigurationError: `text` is not a rate, or is zero.
        """
        match = _RATE.fullmatch(text) if len(text) <= _MAX_LENGTH else None
        if match is not None:
            count, many, unit, burst = match.groups()
            amount = float(count)
            seconds = int(many or 1) * _SECONDS[unit]
            units = float(burst) if burst else max(amount, 1.0)
            if amount > 0 and seconds > 0 and units >= 1:
                interval = seconds / amount
                return cls(interval, interval * units)
        raise ConfigurationError(
            f'{text[:80]!r} is not a rate; write "5/s", "100/min" or "5/s burst 20"'
        )

    @property
    def burst(self) -> float:
        """Return the number of units that may be spent at once after a pause."""
        return self.tolerance / self.interval


def spend(tat: float, now: float, rate: Rate, cost: float = 1.0) -> float | None:
    """Take `cost` units at `now`.

    Args:
        tat: The stored theoretical arrival time; 0.0 for a bucket never used.
        now: Monotonic seconds.
        rate: The limit.
        cost: Units, not negative; more than the burst is never allowed.

    Returns:
        The new TAT to store, or None if the limit is reached (store nothing then).
    """
    # INVARIANT: written so that NaN in any argument, a negative cost and a clock set back all refuse.
    start = now if now >= tat else tat
    after = start + cost * rate.interval
    # A microsecond absorbs the rounding of floats, also of clocks that count from 1970.
    return after if after >= start and after - now <= rate.tolerance + 1e-6 else None


def retry_after(tat: float, now: float, rate: Rate, cost: float = 1.0) -> float:
    """Seconds until `spend` with the same arguments would succeed; 0.0 if it would now."""
    start = tat if tat > now else now
    return max(0.0, start + cost * rate.interval - rate.tolerance - now)
