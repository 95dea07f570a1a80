"""Await a coroutine with a time limit. No timer is set if the coroutine does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

__all__ = ["run_with_timeout"]

T = TypeVar("T")


async def run_with_timeout(seconds: float, work: Awaitable[T]) -> T:
    """Return the result of `work` if it is ready within `seconds`.

    The first step of `work` runs immediately. If it completes the work, because the result was cached or the
    store did not wait, no timer is set and no other task runs in between.

    Raises:
        TimeoutError: It took longer, and was cancelled.
    """
    # By its type first: an `isinstance` check of an abstract class would cost as much as all the rest.
    if type(work) is not CoroutineType and not isinstance(work, Coroutine):
        async with asyncio.timeout(seconds):
            return await work
    try:
        waits_for = work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    async with asyncio.timeout(seconds):
        return await _go_on(work, waits_for)


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
