"""Tests on each kind of loop that the fast protocol knows."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

__all__ = ["LOOPS", "on_each_loop"]

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
try:
    import uvloop
except ImportError:  # an extra
    pass
else:
    LOOPS["uvloop"] = uvloop.new_event_loop

_LIMIT = 60.0


def on_each_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    """Run an `async def` test without arguments on asyncio's loop, and on uvloop's."""

    @pytest.mark.parametrize("loop", LOOPS)
    @functools.wraps(test)
    def run(loop: str) -> None:
        async def limited() -> None:
            async with asyncio.timeout(_LIMIT):
                await test()

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(limited())

    del run.__wrapped__  # pytest would read its signature
    return run
