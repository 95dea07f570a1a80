"""Bounds of a probe: connections, connections per second, and time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

__all__ = ["Budget", "BudgetSpent"]


_GRACE = 0.5
"""Seconds."""


class BudgetSpent(Exception):
    """No connection and no second is left. What was found until then is reported."""


@dataclass(slots=True)
class Budget:
    """The connections and the time that are left.

    Args:
        connections: How many may be made in all.
        per_second: How fast they may follow each other.
        seconds: How long all of it may take.
        used: How many were made.
        answers_close: The server has answered each close frame until now; another one is not waited for.
    """

    connections: int = 300
    per_second: float = 20.0
    seconds: float = 60.0
    used: int = 0
    answers_close: bool = True
    _next: float = 0.0
    _end: float = field(default=0.0)

    async def spend(self) -> None:
        """Wait until another connection may be made.

        Raises:
            BudgetSpent: None may.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._end = self._end or now + self.seconds
        wait = max(self._next - now, 0.0)
        if self.used >= self.connections or now + wait >= self._end:
            raise BudgetSpent
        self.used += 1
        self._next = now + wait + 1 / self.per_second
        await asyncio.sleep(wait)

    @property
    def over(self) -> bool:
        """Return True if no time is left."""
        return self.left() <= 0

    def grace(self) -> float:
        """Seconds that what was begun may still take: what is left, and a little to end in order."""
        return self.left() + _GRACE

    def left(self) -> float:
        """Seconds that are left."""
        return (
            max(self._end - asyncio.get_running_loop().time(), 0.0) if self._end else self.seconds
        )
