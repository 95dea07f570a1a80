"""The transport of a socket that speaks TLS already.

Neither asyncio's transports nor uvloop's can take over a TLS connection that somebody else has begun: they
do their own handshake, in memory. Tornado does it on the socket, and there the connection stays. So here is
what is missing: the socket, read and written when the loop says that it is ready, and OpenSSL that may want
to write before it reads on, and the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ssl
import struct
import termios

from stormdoor.tornado.fast.socket_transport import NOT_NOW, SocketTransport

__all__ = ["TlsTransport"]

_RECORD = 16 * 1024
"""Bytes of the largest record of TLS: OpenSSL gives one at a time."""
_AT_ONCE = 256 * 1024
"""Bytes after which the others have their turn, as with asyncio's transports."""
_NOTHING = bytes(struct.calcsize("i"))


class TlsTransport(SocketTransport):
    """As `SocketTransport`.

    Args:
        loop: Likewise.
        sock: Its handshake is over, and it does not block.
        protocol: Likewise.
    """

    __slots__ = ("_again", "_read_waits", "_tls", "_write_waits")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: ssl.SSLSocket, protocol: asyncio.Protocol
    ) -> None:
        self._tls = sock
        self._again = 0
        """Bytes of a write that OpenSSL wants to see again as it was."""
        self._read_waits = False
        """Whether OpenSSL has something to say before it reads on (a key is changed)."""
        self._write_waits = False
        """Whether it must hear something before it writes on."""
        super().__init__(loop, sock, protocol)

    def _read_on(self) -> None:
        super()._read_on()
        if self._tls.pending():
            # What OpenSSL has read already, no loop will tell of.
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
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing more is read
                self._fail(error)
        if ended and not self._closing:
            self._ended()

    def _more(self) -> bool:
        """Whether there is more to be read. To ask costs a third of what trying in vain does."""
        if self._tls.pending():
            return True
        return fcntl.ioctl(self._number, termios.FIONREAD, _NOTHING) != _NOTHING

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        if self._closing or self._eof or not data:
            return
        waits = bool(self._out)
        self._out += data
        if waits:
            return
        self._send()
        if self._out:
            self._watch(not self._write_waits)
            self._protocol.pause_writing()

    def _send(self) -> bool:
        out = self._out
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
            self._tls.unwrap()  # it sends its word, and does not wait for the other's

    def _lose(self) -> None:
        if not self._eof and self._tls.fileno() >= 0:
            self._unwrap()
        super()._lose()
