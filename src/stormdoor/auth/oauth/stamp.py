"""When something was learnt, by both clocks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Stamp"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment.

    Attributes:
        monotonic: Seconds that never go back.
        wall: Unix seconds.
    """

    monotonic: float
    wall: float

    def age(self, now: Stamp) -> float:
        """Seconds from then to `now`, by the clock that counted more.

        Setting the wall clock back must not keep anything alive; and the monotonic clock does not count
        while a machine sleeps.
        """
        return max(now.monotonic - self.monotonic, now.wall - self.wall)
