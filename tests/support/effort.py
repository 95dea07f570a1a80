"""Measurement of a call's cost that does not depend on the load of the machine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

__all__ = ["await_costs_less", "costs_less"]

# One of them counts the work alone: the collector of garbage may run in another, or a cache be cold.
_TRIES = 5


def costs_less(seconds: float, work: Callable[[], object]) -> bool:
    """Return whether the best of a few calls takes less than `seconds` of this thread's processor time.

    `work` keeps nothing from one try to the next.
    """
    for _ in range(_TRIES):
        begun = time.thread_time()
        work()
        if time.thread_time() - begun < seconds:
            return True
    return False


async def await_costs_less(seconds: float, work: Callable[[], Awaitable[object]]) -> bool:
    """The same of what is awaited; threads that work for it count as well."""
    for _ in range(_TRIES):
        begun = time.process_time()
        await work()
        if time.process_time() - begun < seconds:
            return True
    return False
