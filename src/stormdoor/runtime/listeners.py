"""Listening sockets of several processes on one port (SO_REUSEPORT)."""

from __future__ import annotations

import socket
from typing import Self

__all__ = ["SharedPort"]

_BACKLOG = 1024


class SharedPort:
    """One address on which each worker has a listening socket of its own; the kernel distributes the clients.

    `with SharedPort(...)` reserves the port until the end, so that no other user's program can take it while
    a worker restarts.

    Args:
        host: Name or address.
        port: The port; 0 for any.

    Attributes:
        port: The port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self.port = port
        self._reserved: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Reserve the port.

        Raises:
            OSError: The port is in use, or the address is not one of this machine.
        """
        # With SO_REUSEPORT, a second server on the port would share the clients of the first one.
        for sock in self._bind(reuse_port=False):
            sock.close()
        self._reserved = self._bind(reuse_port=True)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._reserved:
            sock.close()

    def listen(self) -> list[socket.socket]:
        """Return listening sockets for one more worker."""
        sockets = self._bind(reuse_port=True)
        for sock in sockets:
            sock.listen(_BACKLOG)
        return sockets

    def _bind(self, *, reuse_port: bool) -> list[socket.socket]:
        found = socket.getaddrinfo(
            self._host or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        sockets: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                sock = socket.socket(family, kind, protocol)
                sockets.append(sock)
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if reuse_port:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((address[0], self.port, *address[2:]))
                self.port = sock.getsockname()[1]
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        return sockets
