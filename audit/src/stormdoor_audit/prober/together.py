"""Several attempts at the same time: a slow server would let few of them follow each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from stormdoor_audit.prober.ask import Conversation

__all__ = ["meeting", "together"]


async def together(*every: Coroutine[Any, Any, Conversation]) -> list[Conversation]:
    """Run all at once, and return the results in order. If one cannot be paid for, all of them are ended.

    Raises:
        BudgetSpent: No connection or no second is left.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in every]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [one.result() for one in tasks]


def meeting(number: int, seconds: float) -> Callable[[], Awaitable[None]]:
    """Return a function that waits until so many callers wait, or one of them is too late.

    Args:
        number: Callers.
        seconds: The longest wait.
    """
    barrier = asyncio.Barrier(number)

    async def wait() -> None:
        with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
            async with asyncio.timeout(seconds):
                await barrier.wait()

    return wait
