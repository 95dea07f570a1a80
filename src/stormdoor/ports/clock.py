"""Time, injected; and the clock of this machine."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> float:
        """Return the present time in Unix seconds. It jumps when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start. They never go back."""
        ...


class SystemClock:
    """Clock of this machine."""

    # Bound once: the hot path reads the time without a further Python call.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
