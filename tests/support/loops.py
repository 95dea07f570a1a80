"""Event loops of tests: what one leaves open, and a server beside a test that is not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 60.0  # seconds; only a failure takes that long


async def drop_connections() -> None:
    """Abort the connections that the running loop still has, before it is closed under them.

    A test ends when it has seen what it asks for, a peer perhaps in the middle of its close. What a
    closed loop leaves to the garbage collector would be a warning in whichever test runs by then.
    """
    transports = getattr(asyncio.get_running_loop(), "_transports", {})  # uvloop has none
    for transport in list(transports.values()):
        if transport._loop is not None:  # one that is over has none
            transport.abort()
    await asyncio.sleep(0)  # `abort` calls back in the next turn
    await asyncio.sleep(0)


@contextmanager
def in_a_thread(
    serving: Callable[[], AbstractAsyncContextManager[T]],
) -> Iterator[tuple[T, asyncio.AbstractEventLoop]]:
    """Enter what `serving` makes in the loop of a new thread, for the time of the block.

    Yields:
        What it gave, and the loop that it lives in.

    Raises:
        Exception: What was raised on the way in.
    """
    entered: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        try:
            async with serving() as served:
                entered.set_result((served, asyncio.get_running_loop(), leave))
                await leave.wait()
        except Exception as error:
            if entered.done():
                raise
            entered.set_exception(error)
        finally:
            await drop_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        served, loop, leave = entered.result(_PATIENCE)
        try:
            yield served, loop
        finally:
            loop.call_soon_threadsafe(leave.set)
    finally:
        thread.join(_PATIENCE)
