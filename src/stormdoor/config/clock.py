"""The machine's clock."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """See `stormdoor.ports.Clock`."""

    # Bound once: the hot path asks for the time without a call of Python in between.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
