"""Several attempts at the same time: a slow server would let few of them follow each other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from stormdoor.prober.ask import Conversation

__all__ = ["together"]


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
