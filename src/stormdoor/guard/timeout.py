"""Await a coroutine with a time limit. No timer is set if the coroutine does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

__all__ = [
    "ANSWER_SECONDS",
    "NEEDS_TASK",
    "continue_in_task",
    "need_task",
    "run_with_timeout",
]

ANSWER_SECONDS = 1.0
"""Longest wait in seconds for the store, when the state of open connections depends on the answer."""

T = TypeVar("T")

NEEDS_TASK: object = object()
"""Yielded by a coroutine that was started without a Task and is about to wait; see `continue_in_task`."""

_NAME = "_stormdoor_time_limits"


@coroutine
def need_task() -> Generator[object, None, None]:
    """Go on in a Task: at once in one, else when `continue_in_task` runs."""
    if asyncio.current_task() is None:
        yield NEEDS_TASK


async def continue_in_task(work: Coroutine[Any, Any, T], waits_for: object) -> T:
    """Continue, in the Task of the caller, a coroutine that was started by hand with `send(None)`.

    Args:
        work: The coroutine.
        waits_for: The first object that it has yielded.
    """
    if waits_for is NEEDS_TASK:
        try:
            waits_for = work.send(None)
        except StopIteration as stop:
            value: T = stop.value
            return value
    return await _go_on(work, waits_for)


async def run_with_timeout(seconds: float, work: Awaitable[T]) -> T:
    """Return the result of `work` if it is ready within `seconds`.

    The first step of `work` runs immediately. If it completes the work, because the result was cached or the
    store did not wait, no timer is set and no other task runs in between.

    Raises:
        TimeoutError: It took longer, and was cancelled.
    """
    # By its type first: an `isinstance` check of an abstract class would cost as much as all the rest.
    if type(work) is not CoroutineType and not isinstance(work, Coroutine):
        await need_task()
        async with asyncio.timeout(seconds):
            return await work
    try:
        waits_for = work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    await need_task()
    limits = _limits(seconds)
    wait = _Wait(asyncio.current_task())  # type: ignore[arg-type]  # it has one now
    limits.begin(wait)
    try:
        return await continue_in_task(work, waits_for)
    except asyncio.CancelledError as error:
        # As in `asyncio.timeout`: another cancellation comes first.
        if wait.cancelled and wait.task.cancelling() <= wait.cancelling + 1:
            raise TimeoutError from error
        raise
    finally:
        limits.end(wait)


class _Wait:
    """A task that waits for its work."""

    __slots__ = ("cancelled", "cancelling", "task")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.cancelling = task.cancelling()
        self.cancelled = False


class _TimeLimits:
    """Waits with equal time limits. They share a timer, which costs more than all else of a wait.

    Args:
        loop: The event loop.
        seconds: The time limit.
    """

    __slots__ = ("_loop", "_seconds", "_timer", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        # In the order in which they end.
        self._waiting: dict[_Wait, float] = {}

    def begin(self, wait: _Wait) -> None:
        """Cancel the task of `wait` after the time limit."""
        self._waiting[wait] = until = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(until, self._check)

    def end(self, wait: _Wait) -> None:
        """Note that `wait` is over."""
        if wait.cancelled:
            wait.task.uncancel()
        else:
            del self._waiting[wait]

    def _check(self) -> None:
        self._timer = None
        while self._waiting:
            wait, until = next(iter(self._waiting.items()))
            if until > self._loop.time():
                self._timer = self._loop.call_at(until, self._check)
                return
            del self._waiting[wait]
            wait.cancelled = True
            wait.task.cancel()
        del _all_limits(self._loop)[self._seconds]


def _all_limits(loop: asyncio.AbstractEventLoop) -> dict[float, _TimeLimits]:
    # Stored in the loop itself, and released with it: a table of loops would keep them alive.
    found: dict[float, _TimeLimits] | None = getattr(loop, _NAME, None)
    if found is None:
        found = {}
        setattr(loop, _NAME, found)
    return found


def _limits(seconds: float) -> _TimeLimits:
    loop = asyncio.get_running_loop()
    limits = _all_limits(loop)
    if (found := limits.get(seconds)) is None:
        found = limits[seconds] = _TimeLimits(loop, seconds)
    return found


@coroutine
def _go_on(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Continue a coroutine that was started by hand and waits."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 - `work` must see a cancellation
            step = work.throw
            argument: Any = error
        else:
            step = work.send  # type: ignore[assignment]
            argument = sent
        try:
            waits_for = step(argument)
        except StopIteration as stop:
            value: T = stop.value
            return value
