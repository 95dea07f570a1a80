"""A transport for a socket with an established TLS session.

Neither asyncio's transports nor uvloop's can take over an established TLS connection: they do their own
handshake, in memory. Tornado does it on the socket, where the TLS session stays. This transport reads and
writes that socket when the loop reports that it is ready. OpenSSL may need to write before it can read, and
vice versa.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ssl
import struct
import termios

from stormdoor.tornado.fast.socket_transport import NOT_NOW, SocketTransport, TransportProtocol

__all__ = ["TlsTransport"]

_RECORD = 16 * 1024
"""Bytes of the largest TLS record: OpenSSL returns one at a time."""
_AT_ONCE = 256 * 1024
"""Bytes after which other connections are served, as with asyncio's transports."""
_NOTHING = bytes(struct.calcsize("i"))


class TlsTransport(SocketTransport):
    """As `SocketTransport`.

    Args:
        loop: Likewise.
        sock: A non-blocking socket after its TLS handshake.
        protocol: Likewise.
    """

    __slots__ = ("_again", "_read_waits", "_tls", "_write_waits")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: ssl.SSLSocket, protocol: TransportProtocol
    ) -> None:
        self._tls = sock
        self._again = 0
        """Bytes of the last write, which OpenSSL requires to be repeated unchanged; 0 for none."""
        self._read_waits = False
        """Whether OpenSSL must write before it can read (during a key update)."""
        self._write_waits = False
        """Whether OpenSSL must read before it can write."""
        super().__init__(loop, sock, protocol)

    def _read_on(self) -> None:
        super()._read_on()
        if self._tls.pending():
            # The loop does not report data that OpenSSL has read already.
            self._loop.call_soon(self._readable)

    def _readable(self) -> None:
        if self._paused:
            return
        if self._write_waits:
            self._write_waits = False
            self._writable()
        parts: list[bytes] = []
        size, ended = 0, False
        try:
            while size < _AT_ONCE:
                part = self._tls.recv(_RECORD)
                if not part:
                    ended = True
                    break
                parts.append(part)
                size += len(part)
                if not self._more():
                    break
            else:
                self._loop.call_soon(self._readable)
        except (*NOT_NOW, ssl.SSLWantReadError):
            pass
        except ssl.SSLWantWriteError:
            self._read_waits = True
            self._watch(True)
        except OSError as error:
            self._break(error)
            return
        if parts:
            try:
                self._protocol.data_received(parts[0] if len(parts) == 1 else b"".join(parts))
            except Exception as error:  # noqa: BLE001 - after any error nothing more is read
                self._fail(error)
        if ended and not self._closing:
            self._ended()

    def _more(self) -> bool:
        """Return whether more data can be read. This costs a third of a failed read."""
        if self._tls.pending():
            return True
        return fcntl.ioctl(self._number, termios.FIONREAD, _NOTHING) != _NOTHING

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        if self._closing or self._eof or not data:
            return
        if self._out:
            self._out += data
            return
        self._out = out = bytearray(data)
        self._send(out)
        if self._out:
            self._watch(not self._write_waits)
            self._protocol.pause_writing()

    def _send(self, out: bytearray) -> bool:
        try:
            while out:
                size = self._again or min(len(out), _AT_ONCE)
                self._again = size
                with memoryview(out) as whole, whole[:size] as part:
                    taken = self._tls.send(part)
                self._again = 0
                del out[:taken]
        except ssl.SSLWantReadError:
            self._write_waits = True
            self._watch(False)
        except (*NOT_NOW, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._break(error)
            return False
        return True

    def _writable(self) -> None:
        self._watch(bool(self._out))
        if self._read_waits:
            self._read_waits = False
            self._readable()
        super()._writable()

    def _shut(self) -> None:
        self._unwrap()
        super()._shut()

    def _unwrap(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()  # it sends its close_notify, and does not wait for the client's

    def _close_now(self) -> None:
        if not self._eof and self._tls.fileno() >= 0:
            self._unwrap()
        super()._close_now()
