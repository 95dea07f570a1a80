"""Bound and combine requests to an endpoint that may be slow or down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from stormdoor.auth.managed_resource import BreakerState
from stormdoor.auth.oauth.breaker import Breaker
from stormdoor.auth.oauth.client import Unanswered
from stormdoor.errors import ConfigurationError

__all__ = ["Calls"]

_log = logging.getLogger("stormdoor.oauth")

T = TypeVar("T")


class Calls(Generic[T]):
    """Limits concurrent calls (a bulkhead), combines equal ones, and stops them while the endpoint fails.

    Args:
        breaker: Decides whether a request is allowed.
        monotonic: Function that returns monotonic seconds.
        parallel: Number of concurrent calls.
        waiting: Number of further calls that may wait; beyond it, callers get a refusal with `Retry-After`.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        *,
        breaker: Breaker,
        monotonic: Callable[[], float],
        parallel: int = 16,
        waiting: int = 1000,
    ) -> None:
        if parallel < 1 or waiting < 0:
            raise ConfigurationError(
                f"parallel must be 1 or more and waiting 0 or more, not {parallel} and {waiting}"
            )
        self.breaker = breaker
        self._monotonic = monotonic
        self._bulkhead = asyncio.Semaphore(parallel)
        self._most = parallel + waiting
        self._flying: dict[bytes, asyncio.Task[T | Unanswered]] = {}

    def state(self, issuer: str, question: str) -> BreakerState:
        """Return the state of its breaker, for operators."""
        return BreakerState(issuer, question, not self.breaker.closed, self.breaker.openings)

    def flying(self, key: bytes) -> bool:
        """Return whether an equal call is running."""
        return key in self._flying

    async def ask(
        self, key: bytes, call: Callable[[], Awaitable[T | Unanswered]]
    ) -> T | Unanswered:
        """Return the answer to a call; simultaneous equal calls share it.

        Args:
            key: Key that equal calls have in common.
            call: Function that makes the call. Its `Unanswered`, and every exception, counts as a failure.
        """
        flying = self._flying.get(key)
        if flying is None:
            if len(self._flying) >= self._most:
                return Unanswered("too many questions are waiting", 1)
            if self.breaker.wait(self._monotonic()) > 0.0:
                return self._open()
            flying = asyncio.get_running_loop().create_task(self._call(call))
            self._flying[key] = flying
            flying.add_done_callback(lambda _: self._flying.pop(key, None))
        try:
            # A caller that gives up must not cancel the call of the others.
            return await asyncio.shield(flying)
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if asking is None or asking.cancelling() or not flying.cancelled():
                raise
            return Unanswered(
                "the guard is closing and sends no more requests"
            )  # `close` cancelled the call

    async def _call(self, call: Callable[[], Awaitable[T | Unanswered]]) -> T | Unanswered:
        async with self._bulkhead:
            # Checked again: it may have opened while this call waited for its turn.
            if not self.breaker.enter(self._monotonic()):
                return self._open()
            was_closed = self.breaker.closed
            try:
                answer = await call()
            except asyncio.CancelledError:
                self.breaker.abandoned()
                raise
            except Exception:  # noqa: BLE001 - fail closed on any error of a library
                _log.exception("asking the provider failed")
                answer = Unanswered("an unforeseen error; see the log")
            if isinstance(answer, Unanswered):
                self.breaker.failed(self._monotonic())
                if was_closed and not self.breaker.closed:
                    _log.error("the provider is left alone for a while: %s", answer.reason)
            else:
                self.breaker.succeeded()
                if not was_closed:
                    _log.warning("the provider answers again")
            return answer

    def _open(self) -> Unanswered:
        return Unanswered(
            "the provider did not answer lately, and is left alone",
            self.breaker.retry_after(self._monotonic()),
        )

    async def close(self) -> None:
        """Cancel every call. Waiting callers get a refusal."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
