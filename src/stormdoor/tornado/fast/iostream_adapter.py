"""Replacement of `ws_connection.stream` after the socket has moved to a transport."""

from __future__ import annotations

import socket
from typing import Any

from tornado.ioloop import IOLoop

from stormdoor.tornado.fast.outgoing import Outgoing

__all__ = ["IOStreamAdapter"]


class IOStreamAdapter:
    """The part of Tornado's `IOStream` that handlers of open WebSockets use.

    Created at its first use, so that an idle connection has none.

    Args:
        sock: The socket.
        output: The protocol of its connection.
    """

    __slots__ = ("_output", "socket")

    def __init__(self, sock: socket.socket, output: Outgoing) -> None:
        self.socket = sock
        self._output = output

    @property
    def io_loop(self) -> IOLoop:
        """The loop."""
        return IOLoop.current()

    def closed(self) -> bool:
        """Return whether the socket is closed, or closing."""
        return self._output._closed()  # noqa: SLF001 - the two are one

    def close(self, exc_info: object = False) -> None:  # noqa: FBT002 - Tornado's signature
        """Close the socket at once."""
        self._output._abort()  # noqa: SLF001 - the two are one

    def write(self, data: bytes) -> Any:
        """Write bytes unchanged; the Future is done when the kernel has taken them."""
        return self._output._write_raw(bytes(data))  # noqa: SLF001 - the two are one

    def writing(self) -> bool:
        """Return whether data waits to be written."""
        return self._output.waiting() > 0

    def fileno(self) -> int:
        """Return the file descriptor of the socket."""
        return self.socket.fileno()

    def set_nodelay(self, value: bool) -> None:  # noqa: FBT001 - Tornado's signature
        """Send small frames at once, or let the kernel combine them."""
        if not self.closed() and self.socket.family in (socket.AF_INET, socket.AF_INET6):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(value))
