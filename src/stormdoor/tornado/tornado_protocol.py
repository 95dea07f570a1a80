"""Tornado's own protocol for guarded handlers, if the fast one cannot replace it."""

from __future__ import annotations

from asyncio import Future
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

from stormdoor.core.deflate import Agreement, agree
from stormdoor.guard.pause import PauseReading
from stormdoor.tornado.stream_check import StreamCheck

__all__ = ["TornadoProtocol"]

_TOO_LARGE, _PROTOCOL_ERROR = 1009, 1002
_MASKED = 0x80
"""The bit that a client has to set in the second byte of a frame (RFC 6455 §5.1)."""
_PIECE = 64 * 1024
"""Bytes of one read. Smaller amounts are not counted as buffered."""


def _answer(agreement: Agreement) -> HTTPHeaders:
    return HTTPHeaders({"Sec-WebSocket-Extensions": agreement.answer})


class TornadoProtocol(WebSocketProtocol13):
    """Tornado's protocol; it refuses unmasked frames, and records the cause when it ends a connection.

    If the handler closes, it ends the guard's connection first. So if the connection is still open when this
    protocol closes, Tornado is the cause.
    """

    handler: Any
    _at_header = False
    """True if the next read gets the first two bytes of a frame."""
    _arrived = 0
    """Bytes of the frame that is being read."""
    _paused_bytes = 0
    """Bytes of the message that exceeded a rate and is evaluated again."""
    stream_check: StreamCheck | None = None
    """The check before each `send()`, once the connection is open."""
    _has_pong = False
    pause = 0.0
    """Seconds of the pause in reading after this frame."""
    _kept = 0

    async def _read_bytes(self, n: int) -> bytes:
        """Read in pieces, so that received bytes are counted before the frame is complete."""
        if n <= _PIECE:
            read = await super()._read_bytes(n)
            if self._at_header:
                self._at_header = False
                if not read[1] & _MASKED:
                    self._refuse(_PROTOCOL_ERROR, "a frame of a client is not masked")
            return read
        data = bytearray()
        while len(data) < n:
            piece = await self.stream.read_bytes(min(_PIECE, n - len(data)), partial=True)
            data += piece
            self._arrived = len(data)
            self._account()
        self._wire_bytes_in += n
        return bytes(data)

    async def _receive_frame(self) -> None:
        self._at_header = True
        await super()._receive_frame()
        if self.pause:
            pause, self.pause = self.pause, 0.0
            await self.handler._door_pause_tornado(PauseReading(pause, again=False), b"")  # noqa: SLF001 - a guarded handler's own
        self._arrived = 0
        if self._kept or self._fragmented_message_buffer is not None:
            self._account()

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
        if not self.stream.closed():
            fragments = self._fragmented_message_buffer
            size = self._paused_bytes or self._arrived + (
                0 if fragments is None else len(fragments)
            )
            size += self._waiting_out()
        if size != self._kept:
            self._kept = size
            self.handler._door_count_buffered(size)  # noqa: SLF001 - a guarded handler's own

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
        """Drop the buffered data, because the server is about to close. The client gets no reason."""
        if self._kept > _PIECE:
            super()._abort()

    def _refuse(self, code: int, reason: str) -> None:
        """Close with `code`, and read nothing more.

        Raises:
            StreamClosedError: Always; Tornado's loop ends the connection then.
        """
        self.handler._door_record_abort(code, reason)  # noqa: SLF001 - a guarded handler's own
        self.close(code, reason)
        self.client_terminated = True
        raise StreamClosedError

    def _parse_extensions_header(self, headers: HTTPHeaders) -> list[tuple[str, dict[str, str]]]:
        """Return the acceptable offer of compression, as the fast protocol chooses it.

        Tornado takes the first offer and fails if that is not acceptable, or it reads a second offer as a
        parameter of the first.
        """
        agreement = agree(",".join(headers.get_list("Sec-WebSocket-Extensions")))
        return [] if agreement is None else super()._parse_extensions_header(_answer(agreement))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close, and record the cause if the client's message was too large."""
        if code == _TOO_LARGE:
            self.handler._door_record_abort(code, reason or "")  # noqa: SLF001 - a guarded handler's own
        super().close(code, reason)

    def _abort(self) -> None:
        """Cut the connection, and record the cause if the client broke the protocol."""
        stream: Any = self.stream  # None before the handshake
        if stream is not None and not stream.closed() and not self.server_terminated:
            self.handler._door_record_abort(_PROTOCOL_ERROR, "it broke the WebSocket protocol")  # noqa: SLF001 - likewise
        super()._abort()
