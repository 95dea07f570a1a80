"""The time of an event by both clocks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timestamp"]


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment by the wall clock and the monotonic clock.

    Attributes:
        monotonic: Seconds that never go back.
        wall: Unix seconds.
    """

    monotonic: float
    wall: float

    def age(self, now: Timestamp) -> float:
        """Return the seconds from then to `now`, by the clock that counted more.

        Setting the wall clock back must not extend a lifetime; and the monotonic clock stands still while a
        machine sleeps.
        """
        return max(now.monotonic - self.monotonic, now.wall - self.wall)
