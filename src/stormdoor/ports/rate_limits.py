"""Limits on handshakes and other attempts, which all nodes of an installation may share."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from stormdoor.core.bucket import Rate

__all__ = ["RateLimit", "RateLimits", "answered"]

_T = TypeVar("_T")


class RateLimit(Protocol):
    """One limit: a rate for each key, such as an address.

    A method returns its answer, or a future of it if the answer is on another machine. The guard waits for
    the future before any costly step. `stormdoor.core.bucket` is the reference of the arithmetic.

    No method raises, and neither does its future. While the engine does not answer, the limit counts in this
    process alone. In doubt, a unit counts as spent.
    """

    def spend(self, key: str, now: float, cost: float = 1.0) -> bool | Future[bool]:
        """Take `cost` units of `key`; False if it has none left, and then nothing is taken.

        INVARIANT: simultaneous calls on all nodes never take more units than the rate allows.

        Args:
            key: The key.
            now: Monotonic seconds of this node. An engine that nodes share uses the time of its server.
            cost: Units.

        Returns:
            The answer. The units are taken also if the caller does not wait for the future.
        """
        ...

    def wait(self, key: str, now: float) -> float | Future[float]:
        """Return the seconds until `key` has a unit again; 0.0 if it has one."""
        ...


class RateLimits(Protocol):
    """The limits by name."""

    def limit(self, name: str, rate: Rate) -> RateLimit:
        """Return a limit. Calls with the same name and rate, on any node, share its units.

        Args:
            name: The name of an option of `Limits`, such as `handshakes_per_address`.
            rate: The rate of each key.
        """
        ...


async def answered(answer: _T | Awaitable[_T]) -> _T:
    """Return an answer of a limit, and wait for it if it is not there yet."""
    return await answer if isinstance(answer, Awaitable) else answer
