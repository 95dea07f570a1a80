"""The machine's clock."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """See `stormdoor.ports.Clock`."""

    # Bound once: the hot path reads the time without a further Python call.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
