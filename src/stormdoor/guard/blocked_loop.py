"""Measure for how long the event loop of this process ran no callback."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from stormdoor.core.lease import Lease
from stormdoor.ports import Clock

__all__ = ["BlockedLoop"]

_PERIOD_SECONDS = 0.1
_LEAST_SECONDS = 0.1
"""A callback that runs so much later than it is due shows that the loop was blocked."""
_LAPSE_SECONDS = 0.3
"""One that runs so much later lets the lease lapse: the next beat comes before any message."""


class BlockedLoop:
    """Notices that the event loop was blocked, the process stopped, or the machine suspended.

    A timer that is late shows it. The loop handles sockets before timers, so code that must know it earlier
    calls `look` itself.

    Args:
        clock: Source of the time. It counts suspension, which the clock of the loop does not.
        lease: The lease of the node. The measurement limits it, so that code which compares only the lease
            sees a block at once.
        on_blocked: Called with the seconds, as soon as the loop runs again.

    Attributes:
        until: Monotonic seconds at which the loop was last seen to run again; minus infinity before.
    """

    def __init__(self, clock: Clock, lease: Lease, on_blocked: Callable[[float], None]) -> None:
        self._clock = clock
        self._lease = lease
        self._on_blocked = on_blocked
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.until = -math.inf

    def start(self) -> None:
        """Begin to measure."""
        self._keep(self._clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(_PERIOD_SECONDS, self._tick)

    def _keep(self, now: float) -> None:
        self._due = now + _PERIOD_SECONDS
        self._lease.keep(now, self._due + _LAPSE_SECONDS)

    def stop(self) -> None:
        """End the measurement."""
        self._due = math.inf
        self._lease.keep(self._clock.monotonic(), math.inf)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Notice a block that has just ended."""
        now = self._clock.monotonic()
        late = now - self._due
        if late >= _LEAST_SECONDS:
            self._keep(now)
            self.until = now
            # The block began at some time of the last period.
            self._on_blocked(late + _PERIOD_SECONDS / 2)

    def _tick(self) -> None:
        self.look()
        self.start()
