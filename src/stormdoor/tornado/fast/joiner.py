"""Combine the writes of one iteration of the loop: one system call for many frames."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

from stormdoor.tornado.fast.equal_waits import EqualWaits
from stormdoor.tornado.fast.turns import Turns

__all__ = ["Joined", "Joiner", "joiner"]

_log = logging.getLogger("stormdoor")

_SECONDS = 0.01
"""Time budget for writes in one iteration."""
_STEP = 64
_NAME = "_stormdoor_joiner"


class Joined(Protocol):
    """A connection with something to write."""

    def flush(self) -> None:
        """Write to the kernel."""
        ...

    def leave(self) -> None:
        """Close, because the loop is about to end."""
        ...


class Joiner:
    """The connections of one loop: open ones, waiting ones, and those to flush at the end of an iteration.

    Attributes:
        live: Open connections. When the loop shuts down, as in `asyncio.run`, they are closed.
        partings: Sockets to be closed.
    """

    __slots__ = ("_keeper", "_loop", "_waiting", "_waits", "live", "partings")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.live: set[Joined] = set()
        self.partings = Turns(loop)
        self._loop = loop
        self._waits: dict[tuple[float, Callable[[Any], None]], EqualWaits[Any]] = {}
        self._waiting: list[Joined] = []
        # Tornado's protocol has a task for each connection, which is cancelled then. Here there is none.
        self._keeper = _until_shutdown(self.live, self.partings)
        with contextlib.suppress(StopIteration):
            self._keeper.__anext__().send(None)

    def add(self, one: Joined) -> None:
        """Flush `one` at the end of this iteration."""
        waiting = self._waiting
        if not waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        waiting.append(one)

    def waits(self, seconds: float, over: Callable[[Any], None]) -> EqualWaits[Any]:
        """Return the queue for this time-out, which calls `over` for each element."""
        found = self._waits.get((seconds, over))
        if found is None:
            found = self._waits[seconds, over] = EqualWaits(self._loop, seconds, over)
        return found

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        end = loop.time() + _SECONDS
        for number, one in enumerate(waiting, start=1):
            try:
                one.flush()
            except Exception:  # noqa: BLE001 - one connection must not keep what is said to the others
                _log.exception("what was said on a connection is lost")
            if number % _STEP == 0 and number < len(waiting) and loop.time() >= end:
                # After a broadcast to thousands: first the connections that were served before.
                later = self._waiting
                self._waiting = waiting[number:]
                self._waiting += later
                loop.call_soon(self._flush)
                return


async def _until_shutdown(live: set[Joined], partings: Turns) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for one in list(live):
            one.leave()
        partings.finish()  # there may be no other iteration


def joiner(loop: asyncio.AbstractEventLoop) -> Joiner:
    """Return the joiner of `loop`, which is running."""
    # Stored in the loop itself, and released with it: a table of loops would keep them alive.
    found = getattr(loop, _NAME, None)
    if not isinstance(found, Joiner):
        found = Joiner(loop)
        setattr(loop, _NAME, found)
    return found
