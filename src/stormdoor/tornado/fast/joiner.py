"""Joins what is written in one turn of the loop: one system call for many frames."""

from __future__ import annotations

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

__all__ = ["Joined", "Joiner", "joiner"]


class Joined(Protocol):
    """Has something to write."""

    def flush(self) -> None:
        """Hand it to the kernel."""
        ...


class Joiner:
    """Everybody who has something to write at the end of this turn of one loop.

    Args:
        loop: Which.
    """

    __slots__ = ("_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: list[Joined] = []

    def add(self, one: Joined) -> None:
        """Flush `one` when this turn is over."""
        waiting = self._waiting
        if not waiting:
            self.loop.call_soon(self._flush)
        waiting.append(one)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.flush()


_joiners: WeakKeyDictionary[asyncio.AbstractEventLoop, Joiner] = WeakKeyDictionary()


def joiner(loop: asyncio.AbstractEventLoop) -> Joiner:
    """The joiner of `loop`."""
    found = _joiners.get(loop)
    if found is None:
        found = _joiners[loop] = Joiner(loop)
    return found
