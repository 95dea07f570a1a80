"""Time, injected."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> float:
        """Unix seconds; may be set back or forth."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; from an arbitrary start."""
        ...
