"""Ports for servers that a test starts."""

from __future__ import annotations

import contextlib
import random
import socket

__all__ = ["free_port"]

_PORTS = range(15_000, 32_000)
_CHANCE = random.SystemRandom()  # Hypothesis seeds the other one


def free_port() -> int:
    """Return a free port of this machine.

    It is below the ports that Linux gives to clients and to servers that ask for any: no other connection
    takes it before the server listens.
    """
    for _ in range(100):
        port = _CHANCE.choice(_PORTS)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")
