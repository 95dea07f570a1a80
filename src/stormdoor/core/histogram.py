"""Histogram of durations: a count for each range of seconds, and the sum."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import inf

__all__ = ["MICROSECONDS", "SECONDS", "Histogram"]

SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the ranges for work that may wait for a store or an issuer."""
MICROSECONDS = (
    *(0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.01, 0.1),
)
"""Upper bounds of the ranges for work that never waits."""


class Histogram:
    """Counts of durations by range.

    INVARIANT: `observe` costs no more than an append. `fold` sorts the durations into their ranges; the
    maintenance loop of a guard calls it, and each read does.

    Args:
        bounds: The upper bound of each range in seconds, inclusive and ascending. Longer durations have a
            range of their own.

    Attributes:
        observe: Adds one duration in seconds. A negative one, of a clock that was set back, counts as none.
        total: Sum of all durations in seconds.
        listener: Gets each duration as well, for a second system of metrics; None if there is none.
    """

    __slots__ = ("_counts", "_new", "bounds", "listener", "observe", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(self.bounds) + 1)
        self._new: list[float] = []
        self.observe: Callable[[float], None] = self._new.append
        self.total = 0.0
        self.listener: Callable[[float], None] | None = None

    def fold(self) -> None:
        """Sort the durations that were observed since the last call into their ranges."""
        new = sorted(max(0.0, one) for one in self._new)
        self._new.clear()
        before = 0
        for place, bound in enumerate((*self.bounds, inf)):
            up_to = bisect_right(new, bound, before)
            self._counts[place] += up_to - before
            before = up_to
        self.total += sum(new)
        if self.listener is not None:
            for seconds in new:
                self.listener(seconds)

    def cumulative(self) -> list[tuple[float, int]]:
        """Return the number of durations up to each bound; the last bound is infinite."""
        self.fold()
        return list(zip((*self.bounds, inf), accumulate(self._counts), strict=True))
