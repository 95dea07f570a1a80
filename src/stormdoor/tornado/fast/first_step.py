"""Start a coroutine at once, in a task that is used again if the coroutine never waits.

Python 3.12 has eager tasks. Before, a task begins in the next iteration of the event loop, which is a good
part of the cost of a message. So each loop has one spare `asyncio.Task`, which waits. A coroutine runs its
first step here, with the spare as the current task. If it waits, the spare continues it, so all that it has
asked of `asyncio.current_task()` stays true. If it does not, the spare is used again, unless it was seen: a
reference, a callback, a cancellation or a name is left. Then it ends with the result of the coroutine, as its
own task would.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import weakref
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any

__all__ = ["start"]

_NAME = "_stormdoor_spare_task"

_Cancelled = asyncio.CancelledError | None


def start(
    work: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
) -> asyncio.Future[Any] | None:
    """Run the first step of `work`, in a copy of the present context.

    Returns:
        The task that continues it; None if `work` is done, with its exception raised here. On Python 3.12 and
        later a task in each case.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    # Stored in the loop itself, and released with it: a table of loops would keep them alive.
    spare: _Spare | None = getattr(loop, _NAME, None)
    if spare is not None and spare.usable():
        return spare.run(work)
    if spare is None or spare.taken or spare.task.done():
        setattr(loop, _NAME, _Spare(loop))
    return loop.create_task(work)


class _Spare:
    """One task that waits for a coroutine to continue.

    Args:
        loop: The event loop.

    Attributes:
        task: The task.
        taken: Whether it has left the wait.
    """

    __slots__ = ("_idle", "_loop", "_name", "_references", "_rest", "taken", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle = loop.create_future()
        self._rest: Callable[[_Cancelled], Awaitable[Any]] | None = None
        """Continues the coroutine; its argument is a cancellation of the task before it continues."""
        self._references = (0, 0)
        """References and weak references to the task before a coroutine runs; 0 before it waits."""
        self.taken = False
        # In a context of its own, since it may wait longer than the connection lasts.
        task: Any = asyncio.Task(self._wait(), loop=loop, context=contextvars.Context())
        task._log_destroy_pending = False  # noqa: SLF001 - it waits until the loop ends
        self.task = task
        self._name = self.task.get_name()

    def usable(self) -> bool:
        """Return whether the task waits, and no other task runs."""
        if (
            self._idle.done()
            or self.task._fut_waiter is None  # noqa: SLF001 - it has not begun to wait
            or asyncio.current_task(self._loop) is not None
            or self._loop.get_task_factory() is not None
        ):
            return False
        self._references = self._count()
        return True

    def _count(self) -> tuple[int, int]:
        return sys.getrefcount(self.task), weakref.getweakrefcount(self.task)

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Future[Any] | None:
        """Run the first step of `work`: see `start`."""
        context = contextvars.copy_context()
        _enter_task(self._loop, self.task)
        try:
            waits_for = context.run(work.send, None)
        except StopIteration as stop:
            _leave_task(self._loop, self.task)
            if self._is_seen():
                self._leave_wait(partial(_finish, stop.value, None))
            return None
        except BaseException as error:
            _leave_task(self._loop, self.task)
            if self._is_seen():
                self.task.add_done_callback(_retrieve)
                self._leave_wait(partial(_finish, None, error))
            raise
        _leave_task(self._loop, self.task)
        self._leave_wait(partial(_go_on, context, work, waits_for))
        return self.task  # type: ignore[no-any-return]

    def _is_seen(self) -> bool:
        """Return whether the coroutine that is done has left a trace of the task, or in it."""
        task = self.task
        references, weak = self._count()
        return (
            (references - 1, weak) != self._references
            or self._idle.done()  # it was cancelled
            or task.cancelling() > 0
            or bool(task._callbacks)  # noqa: SLF001 - there is no other way to see them
            or task.get_name() != self._name
        )

    def _leave_wait(self, rest: Callable[[_Cancelled], Awaitable[Any]]) -> None:
        self.taken, self._rest = True, rest
        self.task._log_destroy_pending = True  # noqa: SLF001 - it is the task of the coroutine now
        if not self._idle.done():
            self._idle.set_result(None)

    async def _wait(self) -> Any:
        cancelled: _Cancelled = None
        try:
            await self._idle
        except asyncio.CancelledError as error:
            cancelled = error
            if self._rest is None:
                raise
        if self._rest is not None:
            return await self._rest(cancelled)
        return None


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception, which was raised by `start` as well."""
    if not task.cancelled():
        task.exception()


async def _finish(value: Any, error: BaseException | None, cancelled: _Cancelled) -> Any:
    """End the task as a task of its own would have ended, for those that have seen it."""
    if cancelled is not None:
        raise cancelled
    if error is not None:
        raise error
    return value


@coroutine
def _go_on(
    context: contextvars.Context,
    work: Coroutine[Any, Any, Any],
    waits_for: Any,
    cancelled: _Cancelled,
) -> Generator[Any, Any, Any]:
    """Continue a coroutine that was started by hand, in its context."""
    step: Callable[[Any], Any]
    while True:
        try:
            error, cancelled = cancelled, None
            if error is not None and (waits_for is None or not waits_for.cancel(*error.args)):
                raise error
            step, argument = work.send, (yield waits_for)
        except BaseException as thrown:  # noqa: BLE001 - `work` must see a cancellation
            step, argument = work.throw, thrown
        try:
            waits_for = context.run(step, argument)
        except StopIteration as stop:
            return stop.value
