"""A warning before the store runs out of disk space."""

from __future__ import annotations

import logging

from stormdoor.core.trail_budget import DAY_BYTES
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, Space, TrailStore

__all__ = ["LIMIT_BYTES", "StoreSpace"]

_log = logging.getLogger("stormdoor.store")

LIMIT_BYTES = 10 * 1024**3
"""Default limit of the size of the store."""

_NEARLY = 0.8
_FREE_DAYS = 10
"""Days in which unauthenticated clients must not be able to fill the disk."""
_AGAIN_SECONDS = 3600.0


class StoreSpace:
    """Measures the store, and logs an error once an hour while the store is nearly full.

    It refuses nothing: the operator has the last fifth of the limit to act.

    Args:
        store: The store. One without a file, such as that in memory, is not measured.
        clock: Source of the time.
        limit_bytes: The size that the store may reach.
        budget_bytes: See `Trail`.

    Attributes:
        last: The latest measurement; None if there is none.

    Raises:
        ConfigurationError: The limit is not positive.
    """

    def __init__(
        self,
        store: TrailStore,
        clock: Clock,
        limit_bytes: int = LIMIT_BYTES,
        *,
        budget_bytes: int = DAY_BYTES,
    ) -> None:
        if not limit_bytes > 0:
            raise ConfigurationError(f"store_limit_bytes must be greater than 0, not {limit_bytes}")
        self._store = store
        self._clock = clock
        self._free_bytes = _FREE_DAYS * budget_bytes
        self.limit_bytes = limit_bytes
        self.last: Space | None = None
        self._told_at: float | None = None

    @property
    def alarm(self) -> bool:
        """True while the store has four fifths of its limit, or its disk has little room left."""
        space = self.last
        return space is not None and (
            space.used >= _NEARLY * self.limit_bytes
            or (space.free is not None and space.free < self._free_bytes)
        )

    async def measure(self) -> None:
        """Measure the store, and log an error if it is nearly full.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        self.last = space = await self._store.space()
        if space is None or not self.alarm:
            if self._told_at is not None:
                _log.warning("the store has room again")
            self._told_at = None
            return
        now = self._clock.monotonic()
        if self._told_at is not None and now - self._told_at < _AGAIN_SECONDS:
            return
        self._told_at = now
        _log.error(
            "the store has %s of store_limit_bytes = %s, and its disk has %s left: keep fewer days "
            "(trail_days, or stormdoor trail retain), or make room and raise the limit",
            _mib(space.used),
            _mib(self.limit_bytes),
            "an unknown number of bytes" if space.free is None else _mib(space.free),
        )


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB"
