"""Joins what is written in one turn of the loop: one system call for many frames."""

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
"""How long the loop may be kept by writing alone."""
_STEP = 64
_NAME = "_stormdoor_joiner"


class Joined(Protocol):
    """A connection that may have something to write."""

    def flush(self) -> None:
        """Hand it to the kernel."""
        ...

    def leave(self) -> None:
        """The loop is about to end: hang up."""
        ...


class Joiner:
    """The connections of one loop: who is there, who waits, who has something to write at the end of a turn.

    Attributes:
        live: Those that are there. When the loop shuts down, as `asyncio.run` does it, they hang up.
        partings: The sockets that are to be closed.
    """

    __slots__ = ("_keeper", "_loop", "_waiting", "_waits", "live", "partings")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.live: set[Joined] = set()
        self.partings = Turns(loop)
        self._loop = loop
        self._waits: dict[tuple[float, Callable[[Any], None]], EqualWaits[Any]] = {}
        self._waiting: list[Joined] = []
        # With Tornado's protocol a task for each connection is cancelled then. Here there is none.
        self._keeper = _until_shutdown(self.live, self.partings)
        with contextlib.suppress(StopIteration):
            self._keeper.__anext__().send(None)

    def add(self, one: Joined) -> None:
        """Flush `one` when this turn is over."""
        waiting = self._waiting
        if not waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        waiting.append(one)

    def waits(self, seconds: float, over: Callable[[Any], None]) -> EqualWaits[Any]:
        """Those who wait for so many seconds, and then `over` is done with each."""
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
                # After a broadcast to thousands: first those who had their turn before.
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
        partings.finish()  # there may be no other turn


def joiner(loop: asyncio.AbstractEventLoop) -> Joiner:
    """The joiner of `loop`, which is running."""
    # Kept at the loop itself, with which it goes: a table of loops would keep them, for it refers to its own.
    found = getattr(loop, _NAME, None)
    if not isinstance(found, Joiner):
        found = Joiner(loop)
        setattr(loop, _NAME, found)
    return found
