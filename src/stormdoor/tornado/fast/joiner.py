"""Joins what is written in one turn of the loop: one system call for many frames."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from weakref import WeakValueDictionary

__all__ = ["Joined", "Joiner", "joiner"]

_log = logging.getLogger("stormdoor")

_SECONDS = 0.01
"""How long the loop may be kept by writing alone."""
_STEP = 64


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

    __slots__ = ("__weakref__", "_waiting", "loop")

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
        end = self.loop.time() + _SECONDS
        for number, one in enumerate(waiting, start=1):
            try:
                one.flush()
            except Exception:  # noqa: BLE001 - one connection must not keep what is said to the others
                _log.exception("what was said on a connection is lost")
            if number % _STEP == 0 and number < len(waiting) and self.loop.time() >= end:
                # After a broadcast to thousands: first those who had their turn before.
                later = self._waiting
                self._waiting = waiting[number:]
                self._waiting += later
                self.loop.call_soon(self._flush)
                return


# A joiner holds its loop, and its connections hold it: with the last of them it goes, and the loop with it.
_joiners: WeakValueDictionary[int, Joiner] = WeakValueDictionary()


def joiner(loop: asyncio.AbstractEventLoop) -> Joiner:
    """The joiner of `loop`."""
    found = _joiners.get(id(loop))
    if found is None:
        found = _joiners[id(loop)] = Joiner(loop)
    return found
