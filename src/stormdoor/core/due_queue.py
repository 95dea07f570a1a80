"""Queue of names by the time at which each is due: the cost of a tick is that of the names that are due."""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush

__all__ = ["DueQueue"]

_SPARE = 1_000
"""Entries without effect that a short queue may have."""


class DueQueue:
    """Names, each due at one time. Times are of one clock, in seconds.

    A time that moves leaves an entry without effect in the heap. The heap is made anew before most of its
    entries are such ones, so names that were forgotten take no memory for long.
    """

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def put(self, name: str, at: float) -> None:
        """Let `name` be due at `at` instead of any earlier or later time; at infinity, never."""
        if self._due.get(name) == at:
            return
        if at == math.inf:
            self.forget(name)
            return
        self._due[name] = at
        heappush(self._heap, (at, name))
        if len(self._heap) > 2 * len(self._due) + _SPARE:
            self._heap = [(at, name) for name, at in self._due.items()]
            heapify(self._heap)

    def forget(self, name: str) -> None:
        """Remove `name`. It may be unknown."""
        self._due.pop(name, None)

    def take(self, now: float) -> list[str]:
        """Remove the names that are due at `now`, and return them in the order of their times."""
        heap, due, found = self._heap, self._due, list[str]()
        while heap and heap[0][0] <= now:
            at, name = heappop(heap)
            if due.get(name) == at:
                del due[name]
                found.append(name)
        return found
