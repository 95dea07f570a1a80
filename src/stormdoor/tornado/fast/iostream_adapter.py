"""Replacement of `ws_connection.stream` after the socket has moved to a transport."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from tornado.ioloop import IOLoop

__all__ = ["IOStreamAdapter"]


class IOStreamAdapter:
    """The part of Tornado's `IOStream` that handlers of open WebSockets use.

    Created at its first use, so that an idle connection has none.

    Args:
        sock: The socket.
        closed: Whether it is closed.
        close: Closes it at once.
        write: Writes bytes after all earlier data.
        waiting: Returns the number of bytes that are not written yet.
    """

    __slots__ = ("_close", "_closed", "_waiting", "_write", "socket")

    def __init__(
        self,
        sock: socket.socket,
        *,
        closed: Callable[[], bool],
        close: Callable[[], None],
        write: Callable[[bytes], Any],
        waiting: Callable[[], int],
    ) -> None:
        self.socket = sock
        self._closed = closed
        self._close = close
        self._write = write
        self._waiting = waiting

    @property
    def io_loop(self) -> IOLoop:
        """The loop."""
        return IOLoop.current()

    def closed(self) -> bool:
        """Return whether the socket is closed, or closing."""
        return self._closed()

    def close(self, exc_info: object = False) -> None:  # noqa: FBT002 - Tornado's signature
        """Close the socket at once."""
        self._close()

    def write(self, data: bytes) -> Any:
        """Write bytes unchanged; the Future is done when the kernel has taken them."""
        return self._write(bytes(data))

    def writing(self) -> bool:
        """Return whether data waits to be written."""
        return self._waiting() > 0

    def fileno(self) -> int:
        """Return the file descriptor of the socket."""
        return self.socket.fileno()

    def set_nodelay(self, value: bool) -> None:  # noqa: FBT001 - Tornado's signature
        """Send small frames at once, or let the kernel combine them."""
        if not self._closed() and self.socket.family in (socket.AF_INET, socket.AF_INET6):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(value))
