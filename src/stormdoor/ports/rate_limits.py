"""Limits on handshakes, logins and other attempts, which all nodes of an installation may share."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from stormdoor.core.bucket import Rate

__all__ = ["LoginDelays", "RateLimit", "RateLimits", "answered"]

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


class LoginDelays(Protocol):
    """Delays after failed logins with a password.

    Futures and failures are as for `RateLimit`. `stormdoor.core.backoff` is the reference of the rules.
    """

    def familiar(self, account: str, address: str) -> bool:
        """Return whether this process knows that `address` has logged in to `account` before."""
        ...

    def remember(self, account: str, address: str) -> None:
        """Note in this process that an address has logged in to the account."""
        ...

    def wait(self, account: str, address: str, now: float) -> float | Future[float]:
        """Return the seconds until `address` may try `account` again; 0.0 if it may now."""
        ...

    def attempt(self, account: str, address: str, now: float) -> float | Future[float]:
        """Ask for an attempt, and charge it as a failure in the same step if it is allowed.

        INVARIANT: simultaneous guesses on all nodes are all charged.

        Returns:
            0.0 if the attempt may continue. Else the seconds to wait; then nothing was charged.
        """
        ...

    def refund(self, account: str, address: str) -> None:
        """Refund the charge of an attempt that was never verified. It may take effect later."""
        ...

    def succeeded(self, account: str, address: str) -> None:
        """Clear the failures of the address, which is familiar from now on. It may take effect later."""
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

    def login_delays(self) -> LoginDelays:
        """Return the delays after failed logins. All calls, on any node, share the failures."""
        ...


async def answered(answer: _T | Awaitable[_T]) -> _T:
    """Return an answer of a limit, and wait for it if it is not there yet."""
    return await answer if isinstance(answer, Awaitable) else answer
