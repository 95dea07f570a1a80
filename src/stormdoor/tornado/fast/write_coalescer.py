"""Combine the writes of one iteration of the loop: one system call for many frames."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

from stormdoor.tornado.fast.deferred_queue import DeferredQueue
from stormdoor.tornado.fast.fixed_timeout_queue import FixedTimeoutQueue

__all__ = ["CoalescedConnection", "WriteCoalescer", "write_coalescer"]

_log = logging.getLogger("stormdoor")

_SECONDS = 0.01
"""Time budget for writes in one iteration."""
_STEP = 64
_NAME = "_stormdoor_write_coalescer"


class CoalescedConnection(Protocol):
    """Interface of a connection with unsent data."""

    def flush(self) -> None:
        """Write to the kernel."""
        ...

    def close_at_shutdown(self) -> None:
        """Close, because the loop is about to end."""
        ...


class WriteCoalescer:
    """The open connections of an event loop, and those to be flushed at the end of the iteration.

    Attributes:
        connections: Open connections. When the loop shuts down, as in `asyncio.run`, they are closed.
        close_queue: Sockets to be closed.
    """

    __slots__ = ("_keeper", "_loop", "_timeouts", "_waiting", "close_queue", "connections")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.connections: set[CoalescedConnection] = set()
        self.close_queue = DeferredQueue(loop)
        self._loop = loop
        self._timeouts: dict[tuple[float, Callable[[Any], None]], FixedTimeoutQueue[Any]] = {}
        self._waiting: list[CoalescedConnection] = []
        # Tornado's protocol has a task for each connection, which is cancelled then. Here there is none.
        self._keeper = _until_shutdown(self.connections, self.close_queue)
        with contextlib.suppress(StopIteration):
            self._keeper.__anext__().send(None)

    def add(self, one: CoalescedConnection) -> None:
        """Flush `one` at the end of this iteration."""
        waiting = self._waiting
        if not waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        waiting.append(one)

    def timeout_queue(
        self, seconds: float, on_timeout: Callable[[Any], None]
    ) -> FixedTimeoutQueue[Any]:
        """Return the queue for this time-out, which calls `on_timeout` for each element."""
        found = self._timeouts.get((seconds, on_timeout))
        if found is None:
            found = self._timeouts[seconds, on_timeout] = FixedTimeoutQueue(
                self._loop, seconds, on_timeout
            )
        return found

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        end = loop.time() + _SECONDS
        for number, one in enumerate(waiting, start=1):
            try:
                one.flush()
            except Exception:  # noqa: BLE001 - the other connections are flushed too
                _log.exception("the output of a connection is lost")
            if number % _STEP == 0 and number < len(waiting) and loop.time() >= end:
                # After a broadcast to thousands: first the connections that were served before.
                later = self._waiting
                self._waiting = waiting[number:]
                self._waiting += later
                loop.call_soon(self._flush)
                return


async def _until_shutdown(
    connections: set[CoalescedConnection], close_queue: DeferredQueue
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for one in list(connections):
            one.close_at_shutdown()
        close_queue.finish()  # there may be no other iteration


def write_coalescer(loop: asyncio.AbstractEventLoop) -> WriteCoalescer:
    """Return the coalescer of `loop`, which is running."""
    # Stored in the loop itself, and released with it: a table of loops would keep them alive.
    found = getattr(loop, _NAME, None)
    if not isinstance(found, WriteCoalescer):
        found = WriteCoalescer(loop)
        setattr(loop, _NAME, found)
    return found
