"""Notice that the wall clock was set, by comparing it with the monotonic clock."""

from __future__ import annotations

import logging

from stormdoor.ports import Clock

__all__ = ["ClockLeaps"]

_log = logging.getLogger("stormdoor.supervisor")

_LEAP_SECONDS = 0.1


class ClockLeaps:
    """Notices that the wall clock was set, or that the machine slept.

    Args:
        clock: Source of both times.

    Attributes:
        set_back_from: The latest time (Unix seconds) that the wall clock showed before it was set back.
    """

    def __init__(self, clock: Clock) -> None:
        self.set_back_from = float("-inf")
        self._ahead = self._least = clock.now() - clock.monotonic()

    def noticed(self, monotonic: float, now: float) -> bool:
        """Return whether the wall clock ran ahead, by steps or slowly, since this returned True before.

        Then a credential may end earlier than its monotonic deadline. A time that was set back is noted.
        """
        ahead, self._ahead = self._ahead, now - monotonic
        self._least = min(self._least, self._ahead)
        leap = self._ahead - ahead
        if leap < -_LEAP_SECONDS:
            self.set_back_from = max(self.set_back_from, now - leap)
            _log.warning(
                "the wall clock was set back by %.1f s. Until it has caught up, a revocation also ends what "
                "was issued in between by others than the store, such as tokens of a provider; if the time "
                "before was wrong, restart this process",
                -leap,
            )
        if self._ahead - self._least <= _LEAP_SECONDS:
            return False
        self._least = self._ahead
        return True
