"""Interfaces of authenticators that send requests to other servers, such as an OAuth provider."""

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
        opened: Whether it is open: requests are not sent, except one trial at a time.
        openings: Number of times it has opened.
    """

    issuer: str
    question: str
    opened: bool
    openings: int


@runtime_checkable
class ManagedResource(Protocol):
    """Interface of an object that holds connections to other servers."""

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        ...


@runtime_checkable
class Prefetching(Protocol):
    """Interface of an object that can send the requests of the first handshake when the server starts."""

    async def prefetch(self, now: float) -> None:
        """Send the requests. A failed one is repeated at the first use.

        Args:
            now: Unix seconds.
        """
        ...


@runtime_checkable
class Watched(Protocol):
    """Interface of an object with circuit breakers."""

    def breakers(self) -> Iterable[BreakerState]:
        """Return the present state of each circuit breaker."""
        ...
