"""A coroutine that starts before its task: for all that its code can see, it runs in a task of its own."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from stormdoor.tornado.fast import first_step
from stormdoor.tornado.fast.first_step import start
from tests.tornado.loops import LOOPS, on_each_loop

_VARIABLE = contextvars.ContextVar("_VARIABLE", default="outside")
early = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 has eager tasks")


async def run(work: Callable[[], Awaitable[Any]], *, in_task: bool = False) -> Any:
    """Run `work` from a callback of the loop, as the protocol does, with a spare task that waits."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    kept: list[Any] = []

    async def noted() -> None:
        try:
            answer.set_result(await work())
        except BaseException as error:  # noqa: BLE001 - it is raised again
            answer.set_exception(error)

    def begin() -> None:
        kept.append(loop.create_task(noted()) if in_task else start(noted(), loop))

    if not in_task:
        await spare()
    loop.call_soon(begin)
    async with asyncio.timeout(10):
        return await answer


async def spare() -> Any:
    """Return the spare task of the loop, which waits."""
    loop = asyncio.get_running_loop()

    async def nothing() -> None:
        return None

    for _ in range(3):
        loop.call_soon(lambda: start(nothing(), loop))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    found = getattr(loop, first_step._NAME, None)
    return None if found is None else found.task


async def _timeout() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)
    except TimeoutError:
        return f"timed out {asyncio.current_task().cancelling()}"  # type: ignore[union-attr]
    return "not"


async def _timeout_at_once() -> str:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        return "timed out"
    return "not"


async def _group() -> str:
    async with asyncio.TaskGroup() as group:
        one = group.create_task(asyncio.sleep(0, "a"))
        two = group.create_task(asyncio.sleep(0.001, "b"))
    return one.result() + two.result()


async def _group_that_fails() -> str:
    async def fail() -> None:
        raise ValueError("odd")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.sleep(10)
    except ExceptionGroup as errors:
        return str(errors.exceptions)
    return "not"


async def _same_task() -> bool:
    before = asyncio.current_task()
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return before is asyncio.current_task() and before in asyncio.all_tasks()


async def _variables() -> tuple[str, str, str]:
    first = _VARIABLE.get()
    token = _VARIABLE.set("inside")
    await asyncio.sleep(0)
    second = await asyncio.create_task(_read())
    _VARIABLE.reset(token)
    return first, second, _VARIABLE.get()


async def _read() -> str:
    return _VARIABLE.get()


async def _cancels_itself() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel("why")
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        return f"cancelled {error.args} {task.uncancel()}"
    return "not"


async def _cancels_itself_without_a_future() -> str:
    asyncio.current_task().cancel()  # type: ignore[union-attr]
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        return "cancelled"
    return "not"


async def _cancelled_while_it_awaits_a_task() -> list[str]:
    seen = []

    async def inner() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            seen.append("inner")
            raise

    waited = asyncio.create_task(inner())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
    try:
        await waited
    except asyncio.CancelledError:
        seen.append("outer")
    return seen


async def _anyio_scope() -> tuple[bool, str]:
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep(10)
    name = anyio.get_current_task().name
    return scope.cancelled_caught, "named" if name else "unnamed"


async def _anyio_group() -> list[int]:
    found: list[int] = []

    async def add(number: int) -> None:
        await anyio.lowlevel.checkpoint()
        found.append(number)

    async with anyio.create_task_group() as group:
        group.start_soon(add, 1)
        group.start_soon(add, 2)
    return sorted(found)


async def _thread() -> int:
    return await asyncio.to_thread(lambda: 7)


async def _gathers() -> list[int]:
    return list(await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0.001, 2)))


async def _bad_yield() -> str:
    class Bad:
        def __await__(self) -> Any:
            yield 5

    try:
        await Bad()
    except RuntimeError as error:
        return str(error).partition(":")[0]
    return "not"


@pytest.mark.parametrize(
    "work",
    [
        _timeout,
        _timeout_at_once,
        _group,
        _group_that_fails,
        _same_task,
        _variables,
        _cancels_itself,
        _cancels_itself_without_a_future,
        _cancelled_while_it_awaits_a_task,
        _anyio_scope,
        _anyio_group,
        _thread,
        _gathers,
        _bad_yield,
    ],
    ids=lambda work: work.__name__.strip("_"),
)
@pytest.mark.parametrize("loop", LOOPS)
def test_it_behaves_as_in_a_task(work: Callable[[], Awaitable[Any]], loop: str) -> None:
    """The result is that of the same coroutine in a task of its own."""

    async def twice() -> None:
        assert await run(work) == await run(work, in_task=True)
        assert await run(work) == await run(work, in_task=True)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(twice())


@early
@on_each_loop
async def test_what_never_waits_needs_no_task() -> None:
    """Ten coroutines that do not wait are done at once, in one task, each with a context of its own."""
    loop, waiting = asyncio.get_running_loop(), await spare()
    told: list[Any] = []

    async def work() -> None:
        told.append((id(asyncio.current_task()), _VARIABLE.get()))
        _VARIABLE.set("leaked")

    def begin() -> None:
        told.append([start(work(), loop) for _ in range(10)])

    loop.call_soon(begin)
    await asyncio.sleep(0)
    assert told.pop() == [None] * 10
    assert set(told) == {(id(waiting), "outside")}


_KEPT: list[Any] = []
_TABLE: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def _keep(task: asyncio.Task[Any]) -> None:
    _KEPT.append(task)


def _call_back(task: asyncio.Task[Any]) -> None:
    task.add_done_callback(lambda one: _KEPT.append(one.result()))


def _note_weakly(task: asyncio.Task[Any]) -> None:
    _TABLE[task] = 1


@early
@pytest.mark.parametrize(
    "see",
    [_keep, _call_back, _note_weakly, asyncio.Task.cancel, lambda task: task.set_name("mine")],
    ids=["kept", "callback", "weak", "cancelled", "named"],
)
async def test_a_task_that_was_seen_is_not_used_again(see: Callable[[Any], Any]) -> None:
    """A program that keeps the task, or changes it, never sees another coroutine in it; and the task ends."""
    loop, first = asyncio.get_running_loop(), await spare()
    _KEPT.clear()
    later: list[Any] = []

    async def work() -> str:
        see(asyncio.current_task())
        return "done"

    async def other() -> None:
        later.append(asyncio.current_task())

    loop.call_soon(lambda: start(work(), loop))
    await asyncio.sleep(0)
    loop.call_soon(lambda: start(other(), loop))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert later
    assert first not in later
    assert first.done()
    assert first.cancelled() == (see is asyncio.Task.cancel)
    if see is _call_back:
        assert _KEPT == ["done"]
    if see is _keep:
        assert first.result() == "done"


@on_each_loop
async def test_an_exception_is_raised_once() -> None:
    """One of the first step or of a later one reaches the caller, and the spare task serves others."""
    loop = asyncio.get_running_loop()

    async def fail_at_once() -> None:
        raise ValueError("odd")

    async def fail_later() -> None:
        await asyncio.sleep(0)
        raise ValueError("odd")

    for work in (fail_at_once, fail_later):
        await spare()
        found: list[Any] = []

        def begin(work: Any = work, found: list[Any] = found) -> None:
            try:
                found.append(start(work(), loop))
            except ValueError as error:
                found.append(error)

        loop.call_soon(begin)
        await asyncio.sleep(0)
        (one,) = found
        if not isinstance(one, ValueError):
            with pytest.raises(ValueError, match="odd"):
                await one
    assert await run(_same_task)


@early
def test_the_spare_task_delays_no_end_of_the_loop() -> None:
    """`asyncio.run` ends, and a loop that is closed with the spare task writes no error."""
    errors: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        assert await spare() is not None

    asyncio.run(main())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    del loop
    gc.collect()
    assert errors == []


@early
async def test_it_is_left_out_where_a_program_makes_its_tasks() -> None:
    """A task factory, and a task that runs already, get each coroutine as a task of its own."""
    loop, waiting = asyncio.get_running_loop(), await spare()
    seen: list[Any] = []

    async def work() -> None:
        seen.append(asyncio.current_task())

    task = start(work(), loop)
    assert task is not None
    await task
    loop.set_task_factory(
        lambda loop, coroutine, **more: asyncio.Task(coroutine, loop=loop, **more)
    )
    made: list[Any] = []
    loop.call_soon(lambda: made.append(start(work(), loop)))
    await asyncio.sleep(0)
    await made[0]
    loop.set_task_factory(None)
    assert waiting not in seen
    assert len(seen) == 2
