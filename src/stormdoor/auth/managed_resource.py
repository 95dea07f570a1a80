"""Interfaces of authenticators that send requests, such as to a provider: start, watch, close."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["BreakerState", "ManagedResource", "Prefetching", "Watched"]


@dataclass(frozen=True, slots=True)
class BreakerState:
    """The state of a circuit breaker, for operators.

    Attributes:
        issuer: The provider.
        question: The kind of request: `keys`, `introspection` or `login`.
        opened: Whether it is open: only one trial at a time is sent.
        openings: Number of times it has opened.
    """

    issuer: str
    question: str
    opened: bool
    openings: int


@runtime_checkable
class ManagedResource(Protocol):
    """Holds connections to other servers."""

    async def close(self) -> None:
        """Close them. Safe to call twice."""
        ...


@runtime_checkable
class Prefetching(Protocol):
    """Can send at the start the requests that the first handshake would need."""

    async def prefetch(self, now: float) -> None:
        """Send them. A failed request is repeated at the first use.

        Args:
            now: Unix seconds.
        """
        ...


@runtime_checkable
class Watched(Protocol):
    """Has circuit breakers."""

    def breakers(self) -> Iterable[BreakerState]:
        """Return their present states."""
        ...
