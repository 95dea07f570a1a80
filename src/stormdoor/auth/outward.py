"""What a guard does with a part of it that asks others, such as a provider: start, watch, and let go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["BreakerState", "Outward", "Prefetching", "Watched"]


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A circuit breaker as operators see it.

    Attributes:
        issuer: Whom it leaves alone.
        question: What is not asked then: `keys`, `introspection` or `login`.
        opened: Whether it is open: nobody asks but one trial at a time.
        openings: How often it has opened.
    """

    issuer: str
    question: str
    opened: bool
    openings: int


@runtime_checkable
class Outward(Protocol):
    """Holds connections to others."""

    async def close(self) -> None:
        """Let go of them. Safe to call twice."""
        ...


@runtime_checkable
class Prefetching(Protocol):
    """Can ask at the start what the first handshake would ask."""

    async def prefetch(self, now: float) -> None:
        """Ask. Whatever is not answered now is asked by the first who needs it.

        Args:
            now: Unix seconds.
        """
        ...


@runtime_checkable
class Watched(Protocol):
    """Has circuit breakers."""

    def breakers(self) -> Iterable[BreakerState]:
        """How they are at the moment."""
        ...
