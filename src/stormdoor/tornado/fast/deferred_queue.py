"""A queue of jobs that may be delayed, with a time budget for each iteration of the loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS

__all__ = ["DeferredQueue"]

_log = logging.getLogger("stormdoor")


class DeferredQueue:
    """A queue of jobs, first in, first out.

    Closing a socket takes as long as handling a message. With one callback for each of ten thousand clients
    that disconnect, the loop would close hundreds of sockets before it serves another client.

    Args:
        loop: The event loop.
    """

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, work: Callable[[], None]) -> None:
        """Add a job, to be run in a later iteration."""
        if not self._waiting:
            self._loop.call_soon(self._run)
        self._waiting.append(work)

    def finish(self) -> None:
        """Run all jobs now, because the loop is about to end."""
        while self._waiting:
            self._run_some(float("inf"))

    def _run(self) -> None:
        try:
            self._run_some(self._loop.time() + CLOSE_BUDGET_SECONDS)
        finally:
            if self._waiting:
                self._loop.call_soon(self._run)

    def _run_some(self, until: float) -> None:
        waiting, time = self._waiting, self._loop.time
        for left in range(len(waiting), 0, -1):
            # It stays in the queue while it runs, so that no second callback is scheduled.
            work = waiting[0]
            try:
                work()
            except Exception:  # noqa: BLE001 - the other jobs run too
                _log.exception("deferred work has failed")
            finally:
                waiting.popleft()
            if left > 1 and time() >= until:
                return
