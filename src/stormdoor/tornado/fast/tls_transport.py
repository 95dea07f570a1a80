"""A transport of asyncio's kind on a socket that speaks TLS already.

Neither asyncio's transports nor uvloop's can take over a TLS connection that somebody else has begun: they
do their own handshake, in memory. Tornado does it on the socket, and there the connection stays. So here is
what is missing: the socket, read and written when the loop says that it is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import ssl
import struct
import termios

__all__ = ["TlsTransport"]

_RECORD = 16 * 1024
"""Bytes of the largest record of TLS: OpenSSL gives one at a time."""
_AT_ONCE = 256 * 1024
"""Bytes after which the others have their turn, as with asyncio's transports."""
_NOTHING = bytes(struct.calcsize("i"))
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)


class TlsTransport(asyncio.Transport):
    """As `asyncio.Transport`, as far as the fast protocol needs it.

    Args:
        loop: That tells when the socket is ready.
        sock: Its handshake is over, and it does not block.
        protocol: Hears of everything. `connection_made` is left to whoever makes this.
    """

    __slots__ = (
        "_again",
        "_closing",
        "_eof",
        "_loop",
        "_number",
        "_out",
        "_paused",
        "_protocol",
        "_read_waits",
        "_sock",
        "_watching",
        "_write_waits",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: ssl.SSLSocket, protocol: asyncio.Protocol
    ) -> None:
        super().__init__()
        self._loop = loop
        self._sock = sock
        self._number = sock.fileno()
        self._protocol = protocol
        self._out = bytearray()
        self._again = 0
        """Bytes of a write that OpenSSL wants to see again as it was."""
        self._closing = self._eof = self._paused = self._watching = False
        self._read_waits = False
        """Whether OpenSSL has something to say before it reads on (a key is changed)."""
        self._write_waits = False
        """Whether it must hear something before it writes on."""
        self._read_on()

    def _read_on(self) -> None:
        self._loop.add_reader(self._number, self._readable)
        if self._sock.pending():
            # What OpenSSL has read already, no loop will tell of.
            self._loop.call_soon(self._readable)

    # -- in ----------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        if not self._paused and not self._closing:
            self._paused = True
            self._loop.remove_reader(self._number)

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        if self._paused and not self._closing:
            self._paused = False
            self._read_on()

    def _readable(self) -> None:
        if self._paused or self._closing:
            return
        if self._write_waits:
            self._write_waits = False
            self._writable()
        parts: list[bytes] = []
        size, ended = 0, False
        try:
            while size < _AT_ONCE:
                part = self._sock.recv(_RECORD)
                if not part:
                    ended = True
                    break
                parts.append(part)
                size += len(part)
                if not self._more():
                    break
            else:
                self._loop.call_soon(self._readable)
        except _NOT_NOW:
            pass
        except ssl.SSLWantWriteError:
            self._read_waits = True
            self._watch(True)
        except OSError as error:
            self._break(error)
            return
        if parts:
            self._protocol.data_received(parts[0] if len(parts) == 1 else b"".join(parts))
        if ended and not self._closing:
            self._ended()

    def _more(self) -> bool:
        """Whether there is more to be read. To ask costs a third of what trying in vain does."""
        if self._sock.pending():
            return True
        return fcntl.ioctl(self._number, termios.FIONREAD, _NOTHING) != _NOTHING

    def _ended(self) -> None:
        if self._protocol.eof_received():
            self._paused = True  # and nobody will want to read on
            self._loop.remove_reader(self._number)
        else:
            self.close()

    # -- out ---------------------------------------------------------------------------------------

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The protocol hears of whatever the kernel does not take."""

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`."""
        return len(self._out)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        if self._closing or self._eof or not data:
            return
        if self._out:
            self._out += data
            return
        self._out += data
        self._send()
        if self._out:
            self._watch(not self._write_waits)
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

    def _send(self) -> bool:
        """Hand over as much as the kernel takes. False if the connection is broken."""
        out = self._out
        try:
            while out:
                size = self._again or min(len(out), _AT_ONCE)
                self._again = size
                with memoryview(out) as whole, whole[:size] as part:
                    taken = self._sock.send(part)
                self._again = 0
                del out[:taken]
        except ssl.SSLWantReadError:
            self._write_waits = True
            self._watch(False)
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
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
        if not self._out:
            return
        if not self._send() or self._out:
            return
        self._watch(False)
        self._protocol.resume_writing()
        if self._closing:
            self._loop.call_soon(self._lose, None)
        elif self._eof:
            self._shut()

    def _watch(self, wanted: bool) -> None:  # noqa: FBT001 - called in this file only
        """Whether to hear when the socket can be written."""
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
            self._loop.remove_reader(self._number)
            if not self._out:
                self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._break(None)

    def _break(self, error: OSError | None) -> None:
        """Not a byte more."""
        if self._sock.fileno() < 0:
            return
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._number)
        self._watch(False)
        self._eof = True
        self._out = bytearray()
        self._loop.call_soon(self._lose, error)

    def _shut(self) -> None:
        """Say that nothing more comes."""
        with contextlib.suppress(OSError, ValueError):
            self._sock.unwrap()  # it sends its word, and does not wait for the other's
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _lose(self, error: OSError | None) -> None:
        if self._sock.fileno() < 0:
            return
        if not self._eof:
            with contextlib.suppress(OSError, ValueError):
                self._sock.unwrap()
        self._watch(False)
        self._sock.close()
        self._protocol.connection_lost(error)
