"""A transport for the socket of a Tornado stream, and the move of the socket to it.

asyncio's own transport does work that a socket of Tornado does not need: it asks the kernel for the peer,
registers in the selector again, and removes writers that do not exist. That is a twelfth of the cost of a
handshake. This transport replaces the reader that Tornado has registered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from stormdoor.tornado.fast.loop_queues import write_coalescer

__all__ = [
    "NOT_NOW",
    "SocketTransport",
    "TransportProtocol",
    "detach_socket",
    "fits_loop",
    "fits_request",
]

_AT_ONCE = 64 * 1024
"""Bytes of one read. Beyond 128 KiB the C library would map and unmap memory for each read."""
NOT_NOW = (BlockingIOError, InterruptedError)
"""Exceptions of a socket that cannot be read or written at the moment."""


class TransportProtocol(asyncio.Protocol):
    """A protocol that decides whether the data that its transport has buffered may be sent."""

    def may_write(self) -> bool:
        """Return whether buffered data may be sent now. If not, the protocol calls `resume_sending` later."""
        raise NotImplementedError


class SocketTransport(asyncio.Transport):
    """The part of `asyncio.Transport` that the fast protocol needs.

    Args:
        loop: Event loop that watches the socket. The present reader of the socket is replaced.
        sock: Connected socket, non-blocking.
        protocol: Gets all events, never during the call that creates the transport. The creator calls
            `connection_made`.

    Raises:
        OSError: The loop cannot watch the socket.
    """

    __slots__ = (
        "_closing",
        "_eof",
        "_error",
        "_loop",
        "_number",
        "_out",
        "_paused",
        "_protocol",
        "_sock",
        "_watching",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: TransportProtocol
    ) -> None:
        super().__init__()
        self._loop = loop
        self._sock = sock
        self._number = sock.fileno()
        self._protocol = protocol
        self._out: bytearray | None = None
        """The bytes that the kernel has not taken; empty or None if there are none."""
        self._closing = self._eof = self._paused = self._watching = False
        self._error: OSError | None = None
        self._read_on()

    def _read_on(self) -> None:
        self._loop.add_reader(self._number, self._readable)

    # -- in ----------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        if not self._paused and not self._closing:
            self._read_no_more()

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        if self._paused and not self._closing:
            self._paused = False
            self._read_on()

    def _read_no_more(self) -> None:
        if not self._paused:
            self._paused = True
            self._loop.remove_reader(self._number)

    def _readable(self) -> None:
        if self._paused:
            return
        try:
            data = self._sock.recv(_AT_ONCE)
        except NOT_NOW:
            return
        except OSError as error:
            self._break(error)
            return
        if data:
            try:
                self._protocol.data_received(data)
            except Exception as error:  # noqa: BLE001 - after any error nothing more is read
                self._fail(error)
        else:
            self._ended()

    def _fail(self, error: Exception) -> None:
        """Handle an exception of the protocol."""
        self._loop.call_exception_handler(
            {"message": "a protocol failed", "exception": error, "transport": self}
        )
        self._break(None)

    def _ended(self) -> None:
        if self._protocol.eof_received():
            self._read_no_more()  # and no further reads are wanted
        else:
            self.close()

    # -- out ---------------------------------------------------------------------------------------

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`."""
        return len(self._out) if self._out else 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        if self._closing or self._eof or not data:
            return
        if self._out:
            self._out += data
            return
        try:
            taken = self._sock.send(data)
        except NOT_NOW:
            taken = 0
        except OSError as error:
            self._break(error)
            return
        if taken < len(data):
            self._out = bytearray(memoryview(data)[taken:])
            self._watch(True)
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """See `asyncio.WriteTransport`."""
        if not self._eof and not self._closing:
            self._eof = True
            if not self._out:
                self._shut()

    def can_write_eof(self) -> bool:
        """See `asyncio.WriteTransport`."""
        return True

    def _send(self, out: bytearray) -> bool:
        """Send as much of `out` as the kernel takes. False if the connection is broken."""
        try:
            taken = self._sock.send(out)
        except NOT_NOW:
            return True
        except OSError as error:
            self._break(error)
            return False
        del out[:taken]
        return True

    def resume_sending(self) -> None:
        """Continue to send what the kernel did not take, after the protocol had it wait."""
        if self._out and not self._watching:
            self._watch(True)

    def _writable(self) -> None:
        # INVARIANT: the protocol decides before each `send()`, in the same synchronous block.
        if self._out and not self._protocol.may_write():
            self._watch(False)
            return
        if not self._out or not self._send(self._out) or self._out:
            return
        self._watch(False)
        self._protocol.resume_writing()
        if self._closing:
            self._close_later()
        elif self._eof:
            self._shut()

    def _watch(self, wanted: bool) -> None:  # noqa: FBT001 - called by this class and its heirs only
        """Start or stop watching for writability."""
        if wanted and not self._watching:
            self._loop.add_writer(self._number, self._writable)
        elif self._watching and not wanted:
            self._loop.remove_writer(self._number)
        self._watching = wanted

    # -- the end -----------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._closing

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        if not self._closing:
            self._closing = True
            self._read_no_more()
            if not self._out:
                self._close_later()

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._break(None)

    def _break(self, error: OSError | None) -> None:
        """Close without sending further bytes."""
        if self._sock.fileno() < 0:
            return
        self._closing = self._eof = True
        self._read_no_more()
        self._watch(False)
        self._out = None
        self._error = error
        self._close_later()

    def _shut(self) -> None:
        """Close the sending side."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _close_later(self) -> None:
        """Close the socket soon: other sockets may be closed before it."""
        write_coalescer(self._loop).close_queue.add(self._close_now)

    def _close_now(self) -> None:
        if self._sock.fileno() < 0:
            return
        self._watch(False)
        self._sock.close()
        self._protocol.connection_lost(self._error)


def fits_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this is a loop of asyncio or uvloop, with transports that can take over a socket."""
    return (
        isinstance(loop, asyncio.SelectorEventLoop)
        or type(loop).__module__.split(".")[0] == "uvloop"
    )


def fits_request(request: HTTPServerRequest) -> bool:
    """Return whether the connection of `request` can move: TCP, TLS or a Unix socket, and a known loop."""
    stream = getattr(request.connection, "stream", None)
    return type(stream) in (IOStream, SSLIOStream) and fits_loop(asyncio.get_running_loop())


async def detach_socket(
    stream: IOStream,
    protocol: TransportProtocol,
    feed: Callable[[bytes], None],
    encrypted: type[SocketTransport],
) -> socket.socket | None:
    """Move the socket of a stream to a transport of `protocol`.

    Args:
        stream: Tornado's stream; it has no socket afterwards.
        protocol: Gets its transport by `connection_made`.
        feed: Called with the bytes that Tornado has read already.
        encrypted: The class of the transport if the connection uses TLS.

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
        # On uvloop as well: its own transport is no faster, and sends what it has buffered without asking.
        protocol.connection_made(_replace_stream(stream, sock, loop, protocol, encrypted))
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
    protocol: TransportProtocol,
    encrypted: type[SocketTransport],
) -> SocketTransport:
    """Replace the stream by a transport of our own.

    Its reader replaces the stream's reader in the loop's selector, without a removal and a registration.
    """
    try:  # noqa: SIM105 - at each handshake, and `suppress` costs more than the call
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # a Unix socket has no such option
    kind = encrypted if isinstance(sock, ssl.SSLSocket) else SocketTransport
    transport = kind(loop, sock, protocol)
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
