"""The front of Tornado's own server: of `app.listen`, and of each `HTTPServer` of an application.

`protect` lets Tornado make a `FrontedServer` for each `HTTPServer`. `stormdoor run` attaches a front to a
server that is about to listen, whenever it was made. A server class of the application's own stays as it is.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tornado.httpserver import HTTPServer

from stormdoor.guard.tcp_connections import TcpConnection
from stormdoor.tornado.fast.compat import fits_tornado
from stormdoor.tornado.front.front import Front, can_serve

__all__ = ["FrontedServer", "attach_front", "put_front_before_new_servers"]

_BATCH = 4
"""Connections served in one iteration of the loop. Open sockets are served in between."""
_UNIX = "127.0.0.1"  # a Unix socket has no address; its clients are on this machine


def put_front_before_new_servers() -> None:
    """Let each `HTTPServer` that Tornado makes from now on have a front, unless a program has set a class."""
    made, options = HTTPServer._save_configuration()  # noqa: SLF001 - there is no other way to see it
    if made in (None, HTTPServer):
        HTTPServer.configure(FrontedServer, **(options or {}))


def attach_front(server: HTTPServer) -> None:
    """Put a front before a server that does not accept connections yet.

    Args:
        server: The server. One of another class than Tornado's stays as it is.
    """
    usual = type(server) in (HTTPServer, FrontedServer)
    if usual and fits_tornado() and "_handle_connection" not in vars(server):
        setattr(server, "_handle_connection", _Accepting(server).accept)  # noqa: B010 - a method


class FrontedServer(HTTPServer):
    """Tornado's server with a front, for applications that are guarded when a connection arrives."""

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on these sockets; see Tornado."""
        attach_front(self)
        super().add_sockets(sockets)


class _Accepting:
    """Accepts connections instead of `_handle_connection` of a server, and counts those of the front.

    Args:
        server: The server.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self._let_tornado_serve: Callable[[socket.socket, Any], None] = server._handle_connection  # noqa: SLF001 - see `compat`
        self._front: Front | None = None
        self._closing: dict[object, _Closing] = {}
        """By connection."""
        self._arrived: deque[tuple[socket.socket, Any]] = deque()
        """Connections that a further iteration of the loop serves."""
        self._begun = 0
        """Connections served in this iteration."""

    def accept(self, sock: socket.socket, address: Any) -> None:
        """Serve a connection. Called by Tornado, up to 128 times in one iteration of the loop."""
        if self._begun == 0:
            asyncio.get_running_loop().call_soon(self._go_on)
        if self._arrived or self._begun >= _BATCH:
            self._arrived.append((sock, address))
            self._add(sock, sock.close)
            return
        self._begun += 1
        self._serve(sock, address)

    def _go_on(self) -> None:
        """Serve the next connections."""
        self._begun = min(_BATCH, len(self._arrived))
        if self._begun:
            asyncio.get_running_loop().call_soon(self._go_on)
        for _ in range(self._begun):
            sock, address = self._arrived.popleft()
            self.forget(sock)
            if sock.fileno() >= 0:
                self._serve(sock, address)

    def _serve(self, sock: socket.socket, address: Any) -> None:
        server = self._server
        if not can_serve(server):
            self._let_tornado_serve(sock, address)
            return
        front = self._front
        if front is None or front.application is not server.request_callback:
            front = self._front = Front(server, self, None)
        peer = str(address[0]) if isinstance(address, tuple) and address else _UNIX
        front.accept(sock, address, peer, peer, proxy=False)

    # -- connections that Tornado's server closes with its own ------------------------------------------

    def count(self, one: object, tcp: TcpConnection) -> None:
        """Let `close_all_connections` close a connection."""
        self._add(one, tcp.close)

    def _add(self, one: object, close: Callable[[], None]) -> None:
        closing = self._closing[one] = _Closing(self, one, close)
        self._server._connections.add(closing)  # noqa: SLF001 - see `compat`

    def forget(self, one: object) -> None:
        """Leave it to the front; safe to call twice."""
        closing = self._closing.pop(one, None)
        self._server._connections.discard(closing)  # noqa: SLF001 - see `compat`


class _Closing:
    """A connection of the front, as Tornado's server closes one."""

    def __init__(self, accepting: _Accepting, one: object, close: Callable[[], None]) -> None:
        self._accepting, self._one, self._close = accepting, one, close

    async def close(self) -> None:
        """Close it."""
        self._accepting.forget(self._one)
        self._close()
