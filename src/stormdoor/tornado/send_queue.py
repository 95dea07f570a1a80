"""A limit on the bytes that wait for a client that reads slowly."""

from __future__ import annotations

from asyncio import Future

__all__ = ["SendQueue"]


class SendQueue:
    """Counts the bytes of one connection that have not reached the kernel yet.

    Tornado returns a Future for each write and writes in order. Two of them are enough: the last one (when
    it is done, nothing waits) and a mark (when it is done, all bytes counted up to it have been written).
    An idle connection keeps no Future.

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
            # Bytes that were written after the mark still wait, even without another write.
            self._mark, self._marked, self._marked_at = self._last, self.waiting, self._last_at

    def fits(self, size: int) -> bool:
        """Return whether `size` more bytes may be queued. A message of any size fits into an empty queue."""
        self._settle()
        return self._last is None or self.waiting + size <= self._bound

    def add(self, size: int, written: Future[None], monotonic: float) -> None:
        """Count a write with the Future `written`."""
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
        """Drop the queue at the end of the connection. Failed writes are not logged."""
        if self._last is not None:
            self._last.add_done_callback(_seen)

    def stalled_since(self) -> float | None:
        """Return monotonic seconds since which no byte has been written, or None if none waits."""
        self._settle()
        return None if self._last is None or self._mark is None else self._marked_at


def _seen(written: Future[None]) -> None:
    """Retrieve the exception of a failed write, so that a disconnected client does not fill the log."""
    if not written.cancelled():
        written.exception()
