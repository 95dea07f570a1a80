"""The socket changes hands: from Tornado's stream to a transport of the loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from tornado.iostream import IOStream, StreamClosedError

from stormdoor.tornado.fast.tls_transport import TlsTransport

__all__ = ["hand_over"]


async def hand_over(
    stream: IOStream, protocol: asyncio.Protocol, feed: Callable[[bytes], None]
) -> socket.socket | None:
    """Move the socket of a stream to a transport of `protocol`.

    Args:
        stream: It has no socket afterwards.
        protocol: Hears of its transport by `connection_made`, once or twice.
        feed: Takes what Tornado has read already.

    Returns:
        The socket; None if the connection is lost.
    """
    try:
        while stream.writing():  # the 101 goes first
            await stream.write(b"")
    except StreamClosedError:
        pass
    if stream.closed():
        return None
    feed(bytes(stream._read_buffer))  # noqa: SLF001 - see `suitable`
    # The stream lets go of everything in the way that it knows, but for the socket itself.
    sock = stream.socket
    stream.close_fd = _keep_open  # type: ignore[method-assign]
    stream.close()
    loop: Any = asyncio.get_running_loop()
    if isinstance(sock, ssl.SSLSocket):
        protocol.connection_made(TlsTransport(loop, sock, protocol))
        return sock
    make = getattr(loop, "_make_socket_transport", None)
    try:
        if make is None:
            await loop.connect_accepted_socket(lambda: protocol, sock)
        else:
            # asyncio's own loop: the same transport, without two trips around the loop until it is there.
            protocol.connection_made(make(sock, protocol))
    except OSError:
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise
    return sock


def _keep_open() -> None:
    """In place of `close_fd` of a stream: its socket goes on."""
