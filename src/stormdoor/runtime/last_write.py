"""Repeat a last write before the end of a process, so that a short outage of the store loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stormdoor.errors import StoreUnavailable

__all__ = ["PATIENCE_SECONDS", "repeat_until_stored"]

PATIENCE_SECONDS = 5.0
"""Longest time in seconds for one write, and for an outage of the store before the end."""
_PAUSE_SECONDS = 0.1


async def repeat_until_stored(
    work: Callable[[], Awaitable[object]],
    until: float,
    *,
    between: Callable[[], Awaitable[object]] | None = None,
) -> str:
    """Call `work` until the store takes its writes.

    Args:
        work: The write. It can be repeated, and returns False if the store has not taken all.
        until: Time of the loop after which a failed call is not repeated.
        between: Called before each repetition.

    Returns:
        The error of the last call; "" if the store has taken all.
    """
    loop, error = asyncio.get_running_loop(), f"no answer within {PATIENCE_SECONDS:g} s"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    if await work() is not False:
                        return ""
                    error = "the store does not answer"
                except StoreUnavailable as failure:
                    error = str(failure)
                if loop.time() >= until:
                    return error
                await asyncio.sleep(_PAUSE_SECONDS)
                if between is not None:
                    await between()
    except TimeoutError:
        return error
