"""Requests that met the lapsed lease after the event loop was blocked: they wait for the next beat.

A blocked loop is no fault of the store, which usually answers within milliseconds. Nothing of such a request
is decided before the lease is renewed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.lease import Lease
from stormdoor.guard.freshness import Fence
from stormdoor.guard.pending_connections import PendingConnections
from stormdoor.guard.timeout import need_task
from stormdoor.ports import Clock

__all__ = ["LAPSED", "LeaseWaits", "OnWait"]

LAPSED = Refusal(Denial.UNAVAILABLE, "the lease of this node has lapsed", retry_after=5)
"""The refusal of a request that meets the lapsed lease."""
_LEFT = Refusal(Denial.UNAVAILABLE, "the client disconnected while it waited for the lease")
_WAIT_SECONDS = 1.0
_AT_ONCE = 20
"""Requests that continue in one iteration of the event loop, so that they do not block it in turn."""

OnWait = Callable[[asyncio.Future[bool]], None]
"""Called when a request begins to wait, with a future. It ends the wait: with False, the client has left."""


class LeaseWaits:
    """Lets requests wait until the lease is renewed, for at most one second after the loop was blocked.

    Args:
        fence: Knows whether the store was asked since the loop was blocked.
        pending: Counts and limits the requests that wait.
        clock: Source of the time.
    """

    def __init__(self, *, fence: Fence, pending: PendingConnections, clock: Clock) -> None:
        self._fence = fence
        self._pending = pending
        self._clock = clock
        self._waiting: dict[asyncio.Future[bool], None] = {}
        self._continuing = False
        fence.on_answer = self._continue

    def may_help(self) -> bool:
        """Return whether the lease lapsed while the loop was blocked, and the next beat may renew it."""
        return self._fence.may_still_answer()

    async def until_renewed(self, lease: Lease, on_wait: OnWait | None = None) -> Refusal | None:
        """Wait until `lease` is renewed, unless it is fresh.

        Args:
            lease: The lease of the requested endpoint.
            on_wait: See `OnWait`.

        Returns:
            None if `lease` is fresh. A refusal if a question to the store failed, the second is over, the
            client has disconnected, or too many requests wait.
        """
        if not lease.has_lapsed(self._clock.monotonic()):
            return None
        if not self._fence.may_still_answer() or not self._pending.enter_request():
            return LAPSED
        try:
            return await self._wait(lease, on_wait)
        finally:
            self._pending.leave_request()

    def before_output(self, lease: Lease) -> Coroutine[Any, Any, object] | None:
        """Return the wait for the next beat that output to a client needs; None if it needs none.

        It is not counted: the request has been accepted.
        """
        if not lease.has_lapsed(self._clock.monotonic()) or not self._fence.may_still_answer():
            return None
        return self._wait(lease, None)

    async def _wait(self, lease: Lease, on_wait: OnWait | None) -> Refusal | None:
        while self._fence.may_still_answer():
            blocked_until = self._fence.blocked_until()
            await need_task()
            answer = asyncio.get_running_loop().create_future()
            self._waiting[answer] = None
            if on_wait is not None:
                on_wait(answer)
            try:
                async with asyncio.timeout(_WAIT_SECONDS):
                    if not await answer:
                        return _LEFT
            except TimeoutError:
                if self._fence.blocked_until() == blocked_until:
                    break
            finally:
                self._waiting.pop(answer, None)
            if not lease.has_lapsed(self._clock.monotonic()):
                return None
        return LAPSED

    def _continue(self) -> None:
        """Let requests continue, a few in each iteration: the lease was renewed, or a question failed."""
        if not self._continuing and self._waiting:
            self._continuing = True
            self._continue_some()

    def _continue_some(self) -> None:
        for answer in list(self._waiting)[:_AT_ONCE]:
            del self._waiting[answer]
            if not answer.done():
                answer.set_result(True)
        self._continuing = bool(self._waiting)
        if self._continuing:
            asyncio.get_running_loop().call_soon(self._continue_some)
