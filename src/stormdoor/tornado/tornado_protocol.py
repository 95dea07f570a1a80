"""Tornado's own protocol for guarded handlers, if the fast one cannot replace it.

The frames are read by the reader of the fast protocol, so both accept and refuse the same bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from asyncio import Future
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.iostream import SSLIOStream, StreamClosedError
from tornado.websocket import WebSocketProtocol13

from stormdoor.core.deflate import Agreement, Inflater, agree
from stormdoor.core.frame import CLOSE
from stormdoor.core.frame_reader import FrameReader, Violation
from stormdoor.guard.pause import PauseReading
from stormdoor.tornado.fast.compat import unmask
from stormdoor.tornado.stream_check import StreamCheck

__all__ = ["TornadoProtocol"]

_PIECE = 64 * 1024
"""Bytes of one read. Smaller amounts of output are not counted as buffered."""
_FRAME_WORK = 256
"""Cost of a frame, beside one for each byte. Other connections may read after a cost of `_PIECE`."""
_LINGER_BYTES = 256 * 1024
"""Bytes from a client that are read and dropped after the server has closed."""


class TornadoProtocol(WebSocketProtocol13):
    """Tornado's protocol with a strict reader of frames.

    If the handler closes, it ends the guard's connection first. So if the connection is still open when this
    protocol closes, the client has violated the protocol.
    """

    handler: Any
    _agreement: Agreement | None = None
    """The negotiated compression."""
    _reader: FrameReader | None = None
    """The reader of frames, from the end of `open` on."""
    _paused_bytes = 0
    """Bytes of the message that exceeded a rate and is evaluated again."""
    _handled_bytes = 0
    """Bytes of the message that the handler has now, if it arrived in pieces."""
    stream_check: StreamCheck | None = None
    """The check before each `send()`, once the connection is open."""
    _has_pong = False
    pause = 0.0
    """Seconds of the pause in reading after this frame."""
    _kept = 0
    _work = 0
    """Cost of the frames since other connections could read."""
    _after_close = 0
    """Bytes that have arrived after the end of the connection."""

    @property
    def _guarded(self) -> Any:
        """The guard's object of the connection."""
        return self.handler._door_socket  # noqa: SLF001 - a guarded handler's own

    async def _receive_frame_loop(self) -> None:
        """Read until the end of the connection, and let other connections read in between."""
        # Tornado has a compressor if it has offered the agreement to the client.
        inflater = Inflater(self._agreement) if self._agreement and self._compressor else None
        self._decompressor = None
        self._reader = FrameReader(0, mask=unmask, inflater=inflater)
        try:
            while not self.client_terminated:
                await self._receive_frame()
                if self._work >= _PIECE:
                    self._work = 0
                    await asyncio.sleep(0)
        except StreamClosedError:
            self._abort()
        finally:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)

    async def _receive_frame(self) -> None:
        """Handle the next message or control frame, or read more bytes."""
        reader: Any = self._reader
        reader.limit = self.params.max_message_size
        frame = reader.next()
        if frame is not None:
            opcode, payload = frame
            self._work += _FRAME_WORK + len(payload)
            # INVARIANT: nothing is delivered after the end of the connection, and no pong is sent.
            if opcode == CLOSE or not self.server_terminated:
                if self._kept:
                    self._handled_bytes = len(payload)
                    self._account()
                handled = self._handle_message(opcode, payload)
                if handled is not None:
                    await handled
                self._handled_bytes = 0
                if self.pause:
                    pause, self.pause = self.pause, 0.0
                    await self._guarded.pause_tornado(PauseReading(pause, again=False), b"")
        elif reader.violation is not None and not self.server_terminated:
            self._fail(reader.violation)
        if self._kept or reader.unfinished:
            reader.unfinished = False
            self._account()
        if frame is None:
            data = await self.stream.read_bytes(_PIECE, partial=True)
            self._wire_bytes_in += len(data)
            self._work += len(data)
            if self.server_terminated:
                self._after_close += len(data)
                if self._after_close > _LINGER_BYTES + reader.limit:
                    raise StreamClosedError  # its client continues a flood
            reader.feed(data)

    def _write_frame(
        self,
        fin: bool,  # noqa: FBT001 - Tornado's signature
        opcode: int,
        data: bytes,
        flags: int = 0,
    ) -> Future[None]:
        written = super()._write_frame(fin, opcode, data, flags)
        if self._waiting_out() > _PIECE:
            self._account()
            written.add_done_callback(self._account)
        return written

    def _waiting_out(self) -> int:
        waiting: Any = self.stream._write_buffer  # noqa: SLF001 - there is no other way to see it
        return 0 if waiting is None else len(waiting)

    def set_paused(self, size: int) -> None:
        """Set the bytes of the paused message to `size`; 0 when there is none."""
        self._paused_bytes = size
        self._account()

    def _account(self, _: object = None) -> None:
        """Report to the guard the bytes that are buffered: unfinished, delayed and unsent messages."""
        size = 0
        if not self.stream.closed() and self._reader is not None:
            size = self._paused_bytes or self._handled_bytes
            size += self._reader.kept + self._waiting_out()
        if size != self._kept:
            self._kept = size
            self._guarded.count_buffered(size)

    @property
    def _received_pong(self) -> bool:
        """Whether Tornado may go on without a pong: behind the fence, no ping is sent."""
        return self._has_pong or (self.stream_check is not None and self.stream_check.held)

    @_received_pong.setter
    def _received_pong(self, received: bool) -> None:
        self._has_pong = received

    def withdraw(self) -> None:
        """Abort the connection if part of its output is unsent; else only the close frame is sent."""
        if self.stream_check is not None:
            self.stream_check.withdraw()

    def resume(self) -> None:
        """Send what waited behind the fence."""
        if self.stream_check is not None:
            self._received_pong = True  # the last ping may have waited
            self.stream_check.resume()

    def drop(self) -> None:
        """Drop the buffered data, because the server is about to close the connection."""
        if self._reader is not None:
            self._reader.stop()
        self.withdraw()

    def _fail(self, violation: Violation) -> None:
        """Close with the code of the violation. Further bytes are dropped until the client has closed, too.

        If the stream were closed at once, with unread bytes, the kernel would reset the connection, and the
        close frame might be lost.
        """
        self._guarded.record_abort(violation.code, violation.reason)
        self.close(violation.code, violation.reason)
        stream = self.stream
        if not (stream.closed() or self._waiting_out() or isinstance(stream, SSLIOStream)):
            with contextlib.suppress(OSError):
                stream.socket.shutdown(socket.SHUT_WR)

    def _parse_extensions_header(self, headers: HTTPHeaders) -> list[tuple[str, dict[str, Any]]]:
        """Return the acceptable offer of compression, as the fast protocol chooses it.

        Tornado takes the first offer and fails if that is not acceptable, or it reads a second offer as a
        parameter of the first. It also skips parameters without a value.
        """
        self._agreement = agree(",".join(headers.get_list("Sec-WebSocket-Extensions")))
        if self._agreement is None:
            return []
        name, *parameters = self._agreement.answer.split("; ")
        pairs = (one.partition("=") for one in parameters)
        return [(name, {key: value or None for key, _, value in pairs})]
