"""A time limit around work that mostly does not wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from stormdoor.guard.timeout import run_with_timeout


async def test_what_does_not_wait_sets_no_timer() -> None:
    """The common case costs no trip around the loop and no timer."""
    loop = asyncio.get_running_loop()
    timers: list[object] = []
    real = loop.call_at

    def call_at(*arguments: Any, **named: Any) -> asyncio.TimerHandle:
        timers.append(arguments)
        return real(*arguments, **named)

    loop.call_at = call_at  # type: ignore[method-assign, assignment]

    async def work() -> str:
        return "done"

    assert await run_with_timeout(10.0, work()) == "done"
    assert timers == []


async def test_what_waits_goes_on_in_the_same_task() -> None:
    """Futures, sleeps and inner limits work as they do under `await`."""
    begun = asyncio.current_task()

    async def work() -> list[object]:
        async with asyncio.timeout(30.0):
            await asyncio.sleep(0)
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, "set")
            return [await future, asyncio.current_task()]

    assert await run_with_timeout(10.0, work()) == ["set", begun]


async def test_what_waits_too_long_is_cancelled() -> None:
    """The limit ends it, and it sees the cancellation."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        await run_with_timeout(0.001, work())
    assert seen == ["cancelled"]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after a wait"])
async def test_an_error_comes_through(late: bool) -> None:
    """`run_with_timeout` raises the error of its coroutine."""

    async def work() -> None:
        if late:
            await asyncio.sleep(0)
        raise LookupError("no")

    with pytest.raises(LookupError):
        await run_with_timeout(10.0, work())


async def test_a_cancelled_task_cancels_the_work() -> None:
    """A client that leaves ends what is done for it."""
    seen: list[str] = []
    waiting = asyncio.Event()

    async def work() -> None:
        try:
            waiting.set()
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("over")

    task = asyncio.create_task(run_with_timeout(10.0, work()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["over"]


async def test_what_is_no_coroutine_is_awaited() -> None:
    """An authenticator may return a Future."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 1)
    assert await run_with_timeout(10.0, future) == 1


async def test_it_may_suppress_its_cancellation() -> None:
    """If the work suppresses its cancellation, its result is returned, as under `await`."""

    def work() -> Coroutine[Any, Any, str]:
        async def stubborn() -> str:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return "stayed"
            return "never"

        return stubborn()

    task = asyncio.create_task(run_with_timeout(10.0, work()))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "stayed"


async def test_waits_with_equal_limits_share_a_timer() -> None:
    """Each has its whole time, and the limits of those that are over end nothing."""
    loop = asyncio.get_running_loop()
    timers: list[float] = []
    real = loop.call_at

    def call_at(when: float, *arguments: Any, **named: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return real(when, *arguments, **named)

    loop.call_at = call_at  # type: ignore[method-assign, assignment]
    futures = [loop.create_future() for _ in range(20)]

    async def work(number: int) -> int:
        await futures[number]
        return number

    waits = [asyncio.create_task(run_with_timeout(30.0, work(n))) for n in range(20)]
    await asyncio.sleep(0)
    for future in futures:
        future.set_result(None)
    assert await asyncio.gather(*waits) == list(range(20))
    assert len(timers) == 1


async def test_a_later_wait_outlasts_an_earlier_one() -> None:
    """The shared timer ends the first wait at its time, then waits for the second."""
    loop = asyncio.get_running_loop()

    async def forever() -> None:
        await loop.create_future()

    ends: list[float] = []

    async def wait() -> None:
        began = loop.time()
        with pytest.raises(TimeoutError):
            await run_with_timeout(0.2, forever())
        ends.append(loop.time() - began)
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
        await asyncio.sleep(0)

    first = asyncio.create_task(wait())
    await asyncio.sleep(0.1)
    await asyncio.gather(first, wait())
    assert min(ends) >= 0.2 - 0.001


async def test_a_cancellation_in_the_same_moment_stays_one() -> None:
    """A task that its owner has cancelled, too, raises CancelledError, not TimeoutError."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            task.cancel()
            raise

    task = asyncio.create_task(run_with_timeout(0.001, work()))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
