"""A time limit that costs nothing where nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

__all__ = ["within"]

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T]) -> T:
    """What `work` returns, if it does so within `seconds`.

    The first step of `work` is taken at once. Most often it is the only one: the answer was remembered, or
    the store looked it up without waiting. Then no timer is set and no other task comes in between.

    Raises:
        TimeoutError: It took longer. It has been cancelled.
    """
    # By its type first: to ask an abstract class costs as much as all the rest of this.
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
    """Go on with a coroutine that has been begun by hand and waits."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation is for `work` to see
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
