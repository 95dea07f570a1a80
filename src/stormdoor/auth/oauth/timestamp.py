"""The time of an event on the wall clock and on the monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timestamp"]


@dataclass(frozen=True, slots=True)
class Timestamp:
    """The time of an event on both clocks.

    Attributes:
        monotonic: Seconds that never go back.
        wall: Unix seconds.
    """

    monotonic: float
    wall: float

    def age(self, now: Timestamp) -> float:
        """Return the seconds from then to `now`: the greater difference of the two clocks.

        Setting the wall clock back must not extend a lifetime; and the monotonic clock stands still while a
        machine sleeps.
        """
        return max(now.monotonic - self.monotonic, now.wall - self.wall)
