"""A queue of time-outs of the same length. It needs one timer, and handles them in small batches."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS

__all__ = ["FixedTimeoutQueue"]

_log = logging.getLogger("stormdoor")

_EARLY = 0.001
"""Seconds by which a timer of uvloop may fire too early."""

Waiting = TypeVar("Waiting")


class FixedTimeoutQueue(Generic[Waiting]):
    """A queue, first in, first out.

    Ten thousand connections that were opened in one moment are due for a ping in one moment; connections
    that were revoked together time out together. A timer for each would cost more memory, and the loop
    would serve no other client until it has handled the last of them.

    Args:
        loop: Event loop with the clock.
        seconds: The time-out.
        on_timeout: Called with each element after its time-out.
    """

    __slots__ = ("_loop", "_on_timeout", "_seconds", "_timer", "_until")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, on_timeout: Callable[[Waiting], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._on_timeout = on_timeout
        self._until: OrderedDict[Waiting, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def add(self, one: Waiting) -> None:
        """Add an element at the end."""
        self._until.pop(one, None)
        self._until[one] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._run_due)

    def drop(self, one: Waiting) -> None:
        """Remove an element before its time-out. `on_timeout` is not called."""
        self._until.pop(one, None)

    def _run_due(self) -> None:
        self._timer = None
        loop, until = self._loop, self._until
        begun = loop.time()
        while until:
            one = next(iter(until))
            if until[one] > begun + _EARLY:
                self._timer = loop.call_at(until[one], self._run_due)
                return
            del until[one]
            try:
                self._on_timeout(one)
            except Exception:  # noqa: BLE001 - the others wait for this one
                _log.exception("the time-out of a connection has failed")
            if until and loop.time() - begun >= CLOSE_BUDGET_SECONDS:
                self._timer = loop.call_soon(self._run_due)
                return
