"""Accept TCP connections, a few per iteration of the loop; pause when file descriptors run out."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from tornado.ioloop import IOLoop

__all__ = ["Acceptor"]

_log = logging.getLogger("stormdoor.listener")

_BATCH = 4
"""Connections accepted in one iteration; open sockets are served in between."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_SHORTEST, _LONGEST = 0.05, 1.0  # seconds without accepting
_SAID_SECONDS = 60.0


class Acceptor:
    """Accepts connections on one listening socket.

    Args:
        sock: The listening socket, non-blocking.
        accepted: Called with each connection and its address.
        exhausted: Called when no file descriptor is left. It should close a connection.
    """

    def __init__(
        self,
        sock: socket.socket,
        accepted: Callable[[socket.socket, Any], None],
        exhausted: Callable[[], object],
    ) -> None:
        self._sock = sock
        self._accepted = accepted
        self._exhausted = exhausted
        self._loop = IOLoop.current()
        self._stopped = False
        self._pause = 0.0
        self._said = float("-inf")
        self._resuming: object | None = None
        self._loop.add_handler(sock, self._ready, IOLoop.READ)

    def stop(self) -> None:
        """Stop accepting. The socket stays open."""
        self._stopped = True
        if self._resuming is None:
            self._loop.remove_handler(self._sock)
        else:
            self._loop.remove_timeout(self._resuming)

    def _ready(self, _: object, __: int) -> None:
        for _number in range(_BATCH):
            if self._stopped:
                return
            try:
                connection, address = self._sock.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._back_off(error)
                return
            self._pause = 0.0
            self._accepted(connection, address)

    def _back_off(self, error: OSError) -> None:
        """Pause accepting. The listening socket stays readable, so the loop would otherwise spin."""
        self._pause = min(_LONGEST, max(_SHORTEST, 2 * self._pause))
        self._loop.remove_handler(self._sock)
        self._resuming = self._loop.call_later(self._pause, self._resume)
        self._exhausted()
        if self._loop.time() - self._said >= _SAID_SECONDS:
            self._said = self._loop.time()
            _log.error(
                "no connection can be accepted (%s); let the process open more files (ulimit -n, or "
                "LimitNOFILE= of systemd), or lower limits.connections and limits.tcp",
                error.strerror,
            )

    def _resume(self) -> None:
        self._resuming = None
        self._loop.add_handler(self._sock, self._ready, IOLoop.READ)
