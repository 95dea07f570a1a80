"""Queues that all connections of one event loop share: sockets to close, equal time-outs, and writes.

Each has a time budget for one iteration of the loop, so that thousands of connections that close, time out or
get a broadcast in the same moment delay no other client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, Protocol, TypeVar

from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS

__all__ = [
    "CoalescedConnection",
    "DeferredQueue",
    "FixedTimeoutQueue",
    "WriteCoalescer",
    "write_coalescer",
]

_log = logging.getLogger("stormdoor.protocol")

_EARLY = 0.001
"""Seconds by which a timer of uvloop may come too early."""
_FLUSH_SECONDS = 0.01
"""Time budget for writes in one iteration."""
_STEP = 64
_NAME = "_stormdoor_write_coalescer"

Waiting = TypeVar("Waiting")


class DeferredQueue:
    """A queue of jobs, first in, first out.

    Closing a socket takes as long as handling a message. With one callback for each of ten thousand clients
    that disconnect, the loop would close hundreds of sockets before it serves another client.

    Args:
        loop: The event loop.
        writes_wait: Returns whether connections wait to be flushed. Meanwhile the jobs get a tenth of their
            time: the close frames of a revocation are sent before sockets are closed.
    """

    __slots__ = ("_loop", "_waiting", "_writes_wait")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, writes_wait: Callable[[], bool] = lambda: False
    ) -> None:
        self._loop = loop
        self._writes_wait = writes_wait
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
        seconds = CLOSE_BUDGET_SECONDS
        if self._writes_wait():
            seconds /= 10
        try:
            self._run_some(self._loop.time() + seconds)
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


class FixedTimeoutQueue(Generic[Waiting]):
    """Calls a function for each element after one fixed time-out, in the order of the additions.

    Ten thousand connections that were opened in one moment are due for a ping in one moment; connections
    that were revoked together time out together. A timer for each would cost more memory, and the loop
    would serve no other client until it has handled the last of them.

    Args:
        loop: Event loop with the clock.
        seconds: The time-out.
        on_timeout: Called with each element after its time-out.
    """

    __slots__ = ("_loop", "_on_timeout", "_seconds", "_timer", "_until")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, on_timeout: Callable[[Waiting], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._on_timeout = on_timeout
        self._until: OrderedDict[Waiting, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def add(self, one: Waiting) -> None:
        """Add an element at the end."""
        self._until.pop(one, None)
        self._until[one] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._run_due)

    def drop(self, one: Waiting) -> None:
        """Remove an element before its time-out. `on_timeout` is not called."""
        self._until.pop(one, None)

    def _run_due(self) -> None:
        self._timer = None
        loop, until = self._loop, self._until
        begun = loop.time()
        while until:
            one = next(iter(until))
            if until[one] > begun + _EARLY:
                self._timer = loop.call_at(until[one], self._run_due)
                return
            del until[one]
            try:
                self._on_timeout(one)
            except Exception:  # noqa: BLE001 - the others wait for this one
                _log.exception("the time-out of a connection has failed")
            if until and loop.time() - begun >= CLOSE_BUDGET_SECONDS:
                self._timer = loop.call_soon(self._run_due)
                return


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
        self._loop = loop
        self._timeouts: dict[tuple[float, Callable[[Any], None]], FixedTimeoutQueue[Any]] = {}
        self._waiting: list[CoalescedConnection] = []
        self.close_queue = DeferredQueue(loop, lambda: bool(self._waiting))
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
        end = loop.time() + _FLUSH_SECONDS
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
