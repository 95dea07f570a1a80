"""Time, injected."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> float:
        """Return the present time in Unix seconds. It jumps when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start. They never go back."""
        ...
