"""Those who wait equally long: one timer for all of them, and they do not all have their turn at once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from stormdoor.guard.registry import SLICE_SECONDS

__all__ = ["EqualWaits"]

_log = logging.getLogger("stormdoor")

_EARLY = 0.001
"""Seconds by which a timer of uvloop may come too early."""

Waiting = TypeVar("Waiting")


class EqualWaits(Generic[Waiting]):
    """A queue: whoever came first is first.

    Ten thousand connections that were opened in one moment are to be pinged in one moment, and those
    that were revoked together are to be cut off together. A timer for each would weigh more, and the loop
    would serve nobody else until the last of them had its turn.

    Args:
        loop: Whose time counts.
        seconds: How long each of them waits.
        over: What is done with each then.
    """

    __slots__ = ("_loop", "_over", "_seconds", "_timer", "_until")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, over: Callable[[Waiting], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._over = over
        self._until: OrderedDict[Waiting, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def add(self, one: Waiting) -> None:
        """Let it wait from now on."""
        self._until.pop(one, None)
        self._until[one] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def drop(self, one: Waiting) -> None:
        """It waits no longer. Nothing is done with it."""
        self._until.pop(one, None)

    def _look(self) -> None:
        self._timer = None
        loop, until = self._loop, self._until
        begun = loop.time()
        while until:
            one = next(iter(until))
            if until[one] > begun + _EARLY:
                self._timer = loop.call_at(until[one], self._look)
                return
            del until[one]
            try:
                self._over(one)
            except Exception:  # noqa: BLE001 - the others wait for this one
                _log.exception("a connection whose time was up has failed")
            if until and loop.time() - begun >= SLICE_SECONDS:
                self._timer = loop.call_soon(self._look)
                return
