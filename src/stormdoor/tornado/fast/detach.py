"""Move a socket from Tornado's stream to a transport of the event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from stormdoor.tornado.fast.socket_transport import SocketTransport
from stormdoor.tornado.fast.tls_transport import TlsTransport

__all__ = ["detach_socket", "fits_request"]


def _fits_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this is a loop of asyncio or uvloop, with transports that can take over a socket."""
    return (
        isinstance(loop, asyncio.SelectorEventLoop)
        or type(loop).__module__.split(".")[0] == "uvloop"
    )


def fits_request(request: HTTPServerRequest) -> bool:
    """Return whether the connection of `request` can move: TCP, TLS or a Unix socket, and a known loop."""
    stream = getattr(request.connection, "stream", None)
    return type(stream) in (IOStream, SSLIOStream) and _fits_loop(asyncio.get_running_loop())


async def detach_socket(
    stream: IOStream, protocol: asyncio.Protocol, feed: Callable[[bytes], None]
) -> socket.socket | None:
    """Move the socket of a stream to a transport of `protocol`.

    Args:
        stream: Tornado's stream; it has no socket afterwards.
        protocol: Gets its transport by `connection_made`.
        feed: Called with the bytes that Tornado has read already.

    Returns:
        The socket; None if the connection is lost.
    """
    try:
        while stream.writing():  # the 101 is sent first
            await stream.write(b"")
    except StreamClosedError:
        pass
    if stream.closed():
        return None
    feed(bytes(stream._read_buffer))  # noqa: SLF001 - see `compat`
    loop, sock = asyncio.get_running_loop(), stream.socket
    try:
        if isinstance(sock, ssl.SSLSocket) or isinstance(loop, asyncio.SelectorEventLoop):
            protocol.connection_made(_replace_stream(stream, sock, loop, protocol))
        else:
            # uvloop's own transport is faster than any in Python, but cannot continue TLS that was begun
            # elsewhere.
            _release_stream(stream)
            await loop.connect_accepted_socket(lambda: protocol, sock)
    except OSError:
        _close(stream, sock)
        return None
    except BaseException:
        _close(stream, sock)
        raise
    return sock


def _replace_stream(
    stream: IOStream,
    sock: socket.socket,
    loop: asyncio.AbstractEventLoop,
    protocol: asyncio.Protocol,
) -> SocketTransport:
    """Replace the stream by a transport of our own.

    Its reader replaces the stream's reader in the loop's selector, without a removal and a registration.
    """
    try:  # noqa: SIM105 - at each handshake, and `suppress` costs more than the call
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # a Unix socket has no such option
    if isinstance(sock, ssl.SSLSocket):
        transport: SocketTransport = TlsTransport(loop, sock, protocol)
    else:
        transport = SocketTransport(loop, sock, protocol)
    # INVARIANT: Tornado's loop no longer knows the reader, or it would remove the transport's reader.
    io_loop: Any = stream.io_loop
    io_loop.readers.discard(sock.fileno())
    _release_stream(stream)
    return transport


def _release_stream(stream: IOStream) -> None:
    """Release everything of the stream in the documented way, except the socket itself."""
    stream.close_fd = _keep_open  # type: ignore[method-assign]
    stream.close()


def _close(stream: IOStream, sock: socket.socket) -> None:
    stream.close()
    sock.close()


def _keep_open() -> None:
    """Replaces `close_fd` of a stream: its socket stays open."""
