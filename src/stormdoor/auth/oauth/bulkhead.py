"""Limit the concurrent calls to an endpoint that may be slow or down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stormdoor.auth.managed_resource import BreakerState
from stormdoor.auth.oauth.breaker import Breaker
from stormdoor.auth.oauth.client import Unanswered
from stormdoor.errors import ConfigurationError

__all__ = ["Bulkhead"]

_log = logging.getLogger("stormdoor.oauth")

T = TypeVar("T")


class Bulkhead:
    """Limits concurrent calls, and refuses them while the endpoint fails.

    Args:
        breaker: Decides whether a request is allowed.
        monotonic: Function that returns monotonic seconds.
        parallel: Number of concurrent calls.
        waiting: Number of further calls that may wait.

    Attributes:
        most: Number of calls that may run or wait.

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
        self.most = parallel + waiting
        self._breaker = breaker
        self._monotonic = monotonic
        self._places = asyncio.Semaphore(parallel)

    def state(self, issuer: str, question: str) -> BreakerState:
        """Return the state of its breaker, for operators."""
        return BreakerState(issuer, question, not self._breaker.closed, self._breaker.openings)

    def refusal(self) -> Unanswered | None:
        """Return the refusal of a call that must not be sent now; None if it may be."""
        return self._open() if self._breaker.wait(self._monotonic()) > 0.0 else None

    async def run(self, call: Callable[[], Awaitable[T | Unanswered]]) -> T | Unanswered:
        """Return the answer of a call when it is its turn.

        Args:
            call: Function that makes the call. Its `Unanswered`, and every exception, counts as a failure.
        """
        async with self._places:
            # Checked again: it may have opened while this call waited for its turn.
            if not self._breaker.enter(self._monotonic()):
                return self._open()
            was_closed = self._breaker.closed
            try:
                answer = await call()
            except asyncio.CancelledError:
                self._breaker.abandoned()
                raise
            except Exception:  # noqa: BLE001 - fail closed on any error of a library
                _log.exception("asking the provider failed")
                answer = Unanswered("an unforeseen error; see the log")
            if isinstance(answer, Unanswered):
                self._breaker.failed(self._monotonic())
                if was_closed and not self._breaker.closed:
                    _log.error("the provider is left alone for a while: %s", answer.reason)
            else:
                self._breaker.succeeded()
                if not was_closed:
                    _log.warning("the provider answers again")
            return answer

    def _open(self) -> Unanswered:
        return Unanswered(
            "the provider did not answer lately, and is left alone",
            self._breaker.retry_after(self._monotonic()),
        )
