"""How much may wait for a client that reads slowly."""

from __future__ import annotations

from asyncio import Future

__all__ = ["Backlog"]


class Backlog:
    """Counts the bytes of one connection that have not reached the kernel yet.

    Tornado gives a Future for each write and writes in order, so it is enough to watch two of them: the
    last one (when it is done, nothing waits) and a mark (when it is done, all that was counted up to it
    has gone). An idle connection keeps nothing.

    Args:
        bound: Bytes that may wait.
    """

    __slots__ = ("_bound", "_last", "_last_at", "_mark", "_marked", "_marked_at", "waiting")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._last: Future[None] | None = None
        self._last_at = 0.0
        self._mark: Future[None] | None = None
        self._marked = 0
        self._marked_at = 0.0
        self.waiting = 0

    def _settle(self) -> None:
        if self._last is None or self._last.done():
            self._last = self._mark = None
            self.waiting = self._marked = 0
        elif self._mark is not None and self._mark.done():
            self.waiting -= self._marked
            # What was written after the mark waits on, even if nothing is written any more.
            self._mark, self._marked, self._marked_at = self._last, self.waiting, self._last_at

    def fits(self, size: int) -> bool:
        """Whether `size` more bytes may be queued. A message of any size fits an empty queue."""
        self._settle()
        return self._last is None or self.waiting + size <= self._bound

    def add(self, size: int, written: Future[None], monotonic: float) -> None:
        """Count a write whose Future is `written`."""
        self.waiting += size
        last = self._last
        self._last, self._last_at = written, monotonic
        if self._mark is None:
            self._mark, self._marked, self._marked_at = written, self.waiting, monotonic
        elif last is not None:
            last.add_done_callback(_seen)

    @property
    def last_at(self) -> float:
        """Monotonic seconds of the last write; 0.0 if there was none."""
        return self._last_at

    def abandon(self) -> None:
        """The connection is over. What was not written never will be, and is nobody's error."""
        if self._last is not None:
            self._last.add_done_callback(_seen)

    def stalled_since(self) -> float | None:
        """Monotonic seconds since which nothing has gone out, or None if nothing waits."""
        self._settle()
        return None if self._last is None or self._mark is None else self._marked_at


def _seen(written: Future[None]) -> None:
    """Take note of a failed write. A client that leaves must not fill the log with its messages."""
    if not written.cancelled():
        written.exception()
