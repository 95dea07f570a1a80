"""The protocol: what Tornado's offers to a handler, on a transport of the loop, with a reader of our own.

After Tornado's handshake the socket moves from Tornado's `IOStream` to a transport of asyncio or uvloop.
From there a message costs no Task, no Future and no trip around the loop: all frames that one read has
brought are judged one after the other, and what is answered goes out in one write. An idle connection has
no Task either.

Facts that this rests on are kept by `tests/tornado/test_fast_protocol.py` and by Tornado's own tests, which
run on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import struct
import sys
from asyncio import Future
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, Protocol, cast

from tornado import gen
from tornado.concurrent import future_add_done_callback
from tornado.escape import json_encode, utf8
from tornado.iostream import IOStream, StreamClosedError
from tornado.log import gen_log
from tornado.util import _websocket_mask
from tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    WebSocketProtocol13,
    _default_max_message_size,
)

from stormdoor.core.deflate import Agreement, Deflater, Inflater, agree
from stormdoor.core.frame import (
    BINARY,
    CLOSE,
    FINAL,
    MOST_CONTROL_BYTES,
    PING,
    PONG,
    TEXT,
    Prepared,
    close_payload,
    head,
    xor_mask,
)
from stormdoor.core.frame_reader import FrameReader, Violation
from stormdoor.tornado.fast.joiner import joiner
from stormdoor.tornado.fast.taken_stream import TakenStream

__all__ = ["FastHandler", "FastProtocol"]

# Tornado's extension module is the fastest by far. Without it, its substitute is the slowest.
_mask = _websocket_mask if _websocket_mask.__module__ == "tornado.speedups" else xor_mask

_TURN = 256
"""Frames of one connection, or KiB, after which the others have their turn."""
_AT_ONCE = 64 * 1024
"""Bytes that are not joined with more, since a write of that size costs what it costs."""
_CLOSE_SECONDS = 5.0
"""What Tornado waits for the client's close frame, and what its last bytes may take."""
_LINGER_SECONDS = 2.0
"""How long a client that broke a rule has to read why."""
_LINGER_BYTES = 256 * 1024
"""How much more of what a client sends is read and thrown away, after the server has closed."""


class FastHandler(Protocol):
    """What the protocol asks of a handler, beside what Tornado's asks."""

    def _door_take(self, text: bytes) -> Awaitable[Any] | None:
        """One text message, which is UTF-8. What is returned is awaited before anything else is read."""
        ...


class _Params:
    """`params` of Tornado's protocol: a view, so that an idle connection has none of it."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: FastProtocol) -> None:
        self._protocol = protocol

    @property
    def max_message_size(self) -> int:
        return self._protocol._reader.limit  # noqa: SLF001 - the two are one

    @max_message_size.setter
    def max_message_size(self, size: int) -> None:
        self._protocol._reader.limit = size  # noqa: SLF001 - likewise

    @property
    def ping_interval(self) -> float | None:
        return self._protocol._pings[0]  # noqa: SLF001 - likewise

    @property
    def ping_timeout(self) -> float | None:
        return self._protocol._pings[1]  # noqa: SLF001 - likewise

    @property
    def compression_options(self) -> dict[str, Any] | None:
        return self._protocol._compression  # noqa: SLF001 - likewise


class FastProtocol(WebSocketProtocol13, asyncio.Protocol):
    """The protocol of one connection, and of its transport.

    Args:
        handler: A guarded handler.
        max_message_size: Bytes of the largest message.
        ping_interval: As in Tornado.
        ping_timeout: As in Tornado.
        compression: As `get_compression_options` of Tornado.
    """

    __slots__ = (
        "_after_close",
        "_begun",
        "_busy",
        "_close_timer",
        "_compression",
        "_context",
        "_deflater",
        "_eof",
        "_finished",
        "_in_turn",
        "_joiner",
        "_last_at",
        "_lost",
        "_mark",
        "_marked_at",
        "_out",
        "_paused",
        "_pending_pong",
        "_ping_timer",
        "_pings",
        "_pong_future",
        "_queued",
        "_reader",
        "_received_pong",
        "_scheduled",
        "_selected_subprotocol",
        "_sent",
        "_socket",
        "_stuck",
        "_take",
        "_task",
        "_transport",
        "_writes",
        "client_terminated",
        "close_code",
        "close_reason",
        "handler",
        "server_terminated",
    )

    def __init__(
        self,
        handler: WebSocketHandler,
        *,
        max_message_size: int = _default_max_message_size,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        compression: dict[str, Any] | None = None,
    ) -> None:
        # Not those of the base classes: they would make all that this protocol is there to do without.
        self.handler = handler
        self.client_terminated = False
        self.server_terminated = False
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._reader = FrameReader(max_message_size, mask=_mask)
        self._pings = (ping_interval, ping_timeout)
        self._compression = compression
        self._deflater: Deflater | None = None
        self._selected_subprotocol: str | None = None
        self._take = cast(FastHandler, handler)._door_take  # noqa: SLF001 - what it is for
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._joiner = joiner(asyncio.get_running_loop())
        self._begun = self._busy = self._eof = self._lost = self._finished = False
        self._in_turn = self._paused = self._scheduled = self._stuck = False
        self._task: Future[Any] | None = None
        """What is waited for: the loop itself holds on to no task."""
        self._context: contextvars.Context | None = None
        self._after_close = 0
        # What goes out:
        self._out: list[bytes] = []
        self._queued = self._sent = self._mark = 0
        self._last_at = self._marked_at = 0.0
        self._writes: list[Future[None]] | None = None
        self._pong_future: Future[None] | None = None
        self._pending_pong: bytes | None = None
        self._received_pong = False
        self._ping_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    # -- what Tornado's has ------------------------------------------------------------------------

    @property
    def params(self) -> Any:  # type: ignore[override]
        """`max_message_size` may be changed while the connection is open."""
        return _Params(self)

    @property
    def stream(self) -> Any:  # type: ignore[override]
        """None before the socket has been taken over."""
        if self._socket is None or (self._transport is None and not self._lost):
            return None
        return TakenStream(
            self._socket,
            closed=self._closed,
            close=self._abort,
            write=self._write_raw,
            waiting=self.waiting,
        )

    def is_closing(self) -> bool:
        """Whether either side has closed, or the connection is gone."""
        return self.client_terminated or self.server_terminated or self._closed()

    def _closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def set_nodelay(self, x: bool) -> None:  # noqa: FBT001 - Tornado's signature
        """On by itself, as for every transport of asyncio; the frames of a turn are joined anyway."""
        if self.stream is not None:
            self.stream.set_nodelay(x)

    def write_message(
        self,
        message: str | bytes | dict[str, Any],
        binary: bool = False,  # noqa: FBT001, FBT002 - Tornado's signature
    ) -> Future[None]:
        """Send a message. The Future is done when the kernel has it.

        Raises:
            WebSocketClosedError: The connection is closing.
        """
        if isinstance(message, dict):
            message = json_encode(message)
        self.post(utf8(message), self._last_at, sys.maxsize, BINARY if binary else TEXT)
        return self.written()

    def write_ping(self, data: bytes) -> None:
        """Send a ping."""
        self._write_frame(True, PING, data)

    def _write_frame(
        self,
        fin: bool,  # noqa: FBT001 - Tornado's signature
        opcode: int,
        data: bytes,
        flags: int = 0,
    ) -> Future[None]:
        if opcode & 0x8:
            if not fin:
                raise ValueError("control frames may not be fragmented")
            if len(data) > MOST_CONTROL_BYTES:
                raise ValueError("control frame payloads may not exceed 125 bytes")
        first = (FINAL if fin else 0) | opcode | flags
        return self._write_raw(bytes((first,)) + head(opcode, len(data))[1:] + data)

    def _write_raw(self, data: bytes) -> Future[None]:
        if self._finished or self._closed():
            raise StreamClosedError
        self._push(data)
        return self.written()

    # -- the handshake -----------------------------------------------------------------------------

    async def _accept_connection(self, handler: WebSocketHandler) -> None:
        """As Tornado's, but for the offers of compression, and for the socket, which moves."""
        headers = handler.request.headers
        offered = [one.strip() for one in headers.get("Sec-WebSocket-Protocol", "").split(",")]
        chosen = handler.select_subprotocol(offered if offered != [""] else [])
        self._selected_subprotocol = chosen
        if chosen:
            if chosen not in offered:
                raise AssertionError("select_subprotocol chose what the client did not offer")
            handler.set_header("Sec-WebSocket-Protocol", chosen)
        agreement = self._agree(headers.get("Sec-WebSocket-Extensions", ""))
        if agreement is not None:
            handler.set_header("Sec-WebSocket-Extensions", agreement.answer)
        handler.clear_header("Content-Type")
        handler.set_status(101)
        handler.set_header("Upgrade", "websocket")
        handler.set_header("Connection", "Upgrade")
        handler.set_header("Sec-WebSocket-Accept", self._challenge_response(handler))
        handler.finish()
        await self._take_over(handler._detach_stream())  # noqa: SLF001 - see `suitable`
        if not self._lost:
            self.start_pinging()
        try:
            opened = handler.open(*handler.open_args, **handler.open_kwargs)
            if opened is not None:
                await opened
        except Exception:  # noqa: BLE001 - whatever a handler raises
            handler.log_exception(*sys.exc_info())
            # Like Tornado: of a connection that was never open, nobody hears that it is over.
            self._finished = True
            self._abort()
            return
        self._begin()

    def _agree(self, offers: str) -> Agreement | None:
        agreement = None
        if self._compression is not None and offers:
            agreement = agree(offers)
        if agreement is not None:
            self._deflater = Deflater(agreement, self._compression or {})
            self._reader = FrameReader(self._reader.limit, mask=_mask, inflater=Inflater(agreement))
        return agreement

    async def _take_over(self, stream: IOStream) -> None:
        """Move the socket to a transport, with what Tornado has read of it already."""
        try:
            while stream.writing():  # the 101 goes first
                await stream.write(b"")
        except StreamClosedError:
            pass
        if stream.closed():
            self._lost = True
            return
        self._reader.feed(bytes(stream._read_buffer))  # noqa: SLF001 - see `suitable`
        try:
            # A duplicate, so that the stream can let go of its own in the way that it knows.
            sock = stream.socket.dup()
        except OSError:  # no more files may be open
            self._lost = True
            return
        finally:
            stream.close()
        self._socket = sock
        loop: Any = self._joiner.loop
        make = getattr(loop, "_make_socket_transport", None)
        if make is not None:
            # asyncio's own loop: the same transport, without two trips around the loop until it is there.
            self.connection_made(make(sock, self))
            return
        try:
            await loop.connect_accepted_socket(lambda: self, sock)
        except OSError:
            self._lost = True
            sock.close()
        except BaseException:
            sock.close()
            self._over()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        if self._transport is not None or self._lost:
            return  # so it was
        self._transport = cast(asyncio.Transport, transport)
        # Whatever the kernel does not take is worth knowing: see `waiting` and `stalled_since`.
        self._transport.set_write_buffer_limits(high=0)

    def _begin(self) -> None:
        """The handler is open: from here on it hears what the client says."""
        self._begun = True
        # Tornado does all of it in one task, so that what `prepare` and `open` left there is there.
        self._context = contextvars.copy_context()
        if self._lost:
            self._over()
        elif self._reader.waiting or self._eof or self._paused:
            self._go_on()

    # -- reading -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Judge what has arrived; or keep it, if somebody is at work on what came before."""
        if self.server_terminated:
            self._after_close += len(data)
            if self._after_close > _LINGER_BYTES + self._reader.limit:
                self._abort()  # it floods on
                return
        if self._finished:
            return
        self._reader.feed(data)
        if self._busy or not self._begun:
            # What has been read already is kept; the rest waits in the kernel, and then at the client.
            self._pause()
            return
        self._context.run(self._work)  # type: ignore[union-attr]

    def _pause(self) -> None:
        if not self._paused and not self._closed():
            self._paused = True
            self._transport.pause_reading()  # type: ignore[union-attr]

    def _go_on(self) -> None:
        """Somebody is ready for more."""
        self._busy = False
        self._task = None
        if self._lost:
            self._over()
            return
        if not self._finished:
            self._context.run(self._work)  # type: ignore[union-attr]
        if self._busy or self._closed():
            return
        if self._eof:
            self._transport.close()  # type: ignore[union-attr]
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()  # type: ignore[union-attr]

    def _work(self) -> None:
        """Everything that has arrived, up to the turn of the others; then one write."""
        self._in_turn = True
        try:
            self._read()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - as Tornado's `_run_callback`
            self.handler.log_exception(*sys.exc_info())
            self._abort()
        finally:
            self._in_turn = False
            if self._out or self._writes is not None:
                self.flush()

    def _read(self) -> None:
        following, take = self._reader.next, self._take
        handler: Any = self.handler
        left = _TURN
        while (frame := following()) is not None:
            opcode, payload = frame
            if opcode == CLOSE:
                self._closed_by_client(payload)
                return
            if not self.server_terminated:  # INVARIANT: nothing is delivered after the end
                if opcode == TEXT:
                    result = take(payload)
                elif opcode == BINARY:
                    result = handler.on_message(payload)
                elif opcode == PING:
                    self._send_pong(payload)
                    result = handler.on_ping(payload)
                    if result is not None:  # like Tornado: it is not waited for
                        future_add_done_callback(gen.convert_yielded(result), self._checked)
                        result = None
                else:
                    self._received_pong = True
                    result = handler.on_pong(payload)
                if result is not None and self._waits(result):
                    return
            left -= 1 + (len(payload) >> 10)
            if left <= 0:
                self._busy = True
                self._joiner.loop.call_soon(self._go_on)
                return
        violation = self._reader.violation
        if violation is not None and not self._finished:
            self._fail(violation)

    def _waits(self, result: Awaitable[Any]) -> bool:
        """Wait for what a handler returned. Whether nothing else may be read for now."""
        if type(result) is CoroutineType:
            if sys.version_info >= (3, 12):
                # A coroutine that never waits then costs no trip around the loop.
                result = asyncio.Task(result, loop=self._joiner.loop, eager_start=True)
            else:
                self._busy = True
                self._task = self._joiner.loop.create_task(self._finish(result))
                return True
        future = gen.convert_yielded(result)
        if future.done():
            self._checked(future)
            return self._closed()
        self._busy = True
        self._task = future
        future_add_done_callback(future, self._waited)
        return True

    async def _finish(self, waiting: Awaitable[Any]) -> None:
        """What a task of its own does: what a handler returned, and then what has arrived meanwhile."""
        try:
            await waiting
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - whatever a handler raises
            self.handler.log_exception(*sys.exc_info())
            self._abort()
        self._go_on()

    def _checked(self, future: Future[Any]) -> None:
        try:
            future.result()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - whatever a handler raises
            self.handler.log_exception(*sys.exc_info())
            self._abort()

    def _waited(self, future: Future[Any]) -> None:
        self._checked(future)
        self._go_on()

    def eof_received(self) -> bool:
        """The client has hung up. What it sent before still counts."""
        if self._busy or not self._begun:
            self._eof = True
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and nothing more goes in or out."""
        self._lost = True
        self._transport = None
        self._stuck = False
        self._out = []
        self._queued = 0
        self._stop_timers()
        self._settle_writes()
        if self._begun and not self._busy:
            self._over()

    def _over(self) -> None:
        """Tell the handler, once."""
        if self._finished:
            return
        self._finished = True
        self.client_terminated = self.server_terminated = True
        if self._in_turn or self._context is None:
            self._tell()
        else:
            self._context.run(self._tell)
        self._context = None

    def _tell(self) -> None:
        try:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)
        except Exception:  # noqa: BLE001 - whatever a handler raises
            self.handler.log_exception(*sys.exc_info())

    # -- writing -----------------------------------------------------------------------------------

    def post(self, payload: bytes, now: float, bound: int, opcode: int = TEXT) -> bool:
        """Send a message without a Future.

        Args:
            payload: The message.
            now: Monotonic seconds.
            bound: Bytes that may wait for the client.
            opcode: TEXT or BINARY.

        Returns:
            False if that would be too much.

        Raises:
            WebSocketClosedError: The connection is closing.
        """
        if self.client_terminated or self.server_terminated or self._closed():
            raise WebSocketClosedError
        size = len(payload)
        if (self._queued or self._stuck) and not self._takes(size, bound):
            return False
        if self._deflater is None:
            self._out += (head(opcode, size), payload)
        else:
            payload = self._deflater.message(payload)
            size = len(payload)
            self._out += (head(opcode, size, compressed=True), payload)
        self._last_at = now
        self._note(size)
        return True

    def post_prepared(self, prepared: Prepared, now: float, bound: int) -> bool:
        """Send a message that others get as well; otherwise as `post`."""
        if self._deflater is not None:
            return self.post(prepared.payload, now, bound)
        if self.client_terminated or self.server_terminated or self._closed():
            raise WebSocketClosedError
        frame = prepared.frame
        if (self._queued or self._stuck) and not self._takes(len(frame), bound):
            return False
        self._last_at = now
        self._push(frame)
        return True

    def written(self) -> Future[None]:
        """Done when the kernel has all that was sent up to now."""
        future: Future[None] = self._joiner.loop.create_future()
        if self._writes is None:
            self._writes = [future]
        else:
            self._writes.append(future)
        if not self._in_turn and not self._scheduled:
            # It is never done at once: whoever waits for it lets the others have their turn.
            self._scheduled = True
            self._joiner.add(self)
        return future

    def _push(self, data: bytes) -> None:
        self._out.append(data)
        self._note(len(data))

    def _note(self, size: int) -> None:
        queued = self._queued = self._queued + size
        if queued > _AT_ONCE:
            self.flush()
        elif not self._in_turn and not self._scheduled:
            self._scheduled = True
            self._joiner.add(self)

    def flush(self) -> None:
        """Hand what this turn has written to the kernel."""
        self._scheduled = False
        out, transport = self._out, self._transport
        if transport is None or transport.is_closing():
            self._out = []
            self._queued = 0
            return  # what has not been written never will be: see `connection_lost`
        if out:
            self._out = []
            self._queued = 0
            data = b"".join(out)
            self._sent += len(data)
            transport.write(data)
        if self._writes is not None and not self._stuck:
            self._settle_writes()

    def _settle_writes(self) -> None:
        writes, self._writes = self._writes, None
        for future in writes or ():
            if future.done():
                continue
            if self._lost:
                future.set_exception(WebSocketClosedError())
                future.exception()  # whoever does not wait for it need not hear of it
            else:
                future.set_result(None)

    def pause_writing(self) -> None:
        """The kernel does not take everything."""
        self._stuck = True
        self._mark, self._marked_at = self._sent, self._last_at

    def resume_writing(self) -> None:
        """It has taken everything."""
        self._stuck = False
        self._settle_writes()

    def waiting(self) -> int:
        """Bytes that wait for the client."""
        if self._stuck and self._transport is not None:
            return self._queued + self._transport.get_write_buffer_size()
        return self._queued

    def _takes(self, size: int, bound: int) -> bool:
        # A message of any size fits where nothing waits.
        waiting = self.waiting()
        if waiting and waiting + size > bound:
            self.flush()
            waiting = self.waiting()
        return not waiting or waiting + size <= bound

    def stalled_since(self) -> float | None:
        """Monotonic seconds since which nothing has gone out, or None if nothing waits.

        What counts is that all goes out that was written up to a mark, as one message at the least: a client
        that takes a byte now and then is as slow as one that takes none.
        """
        if not self._stuck or self._transport is None:
            return None
        if self._sent - self._transport.get_write_buffer_size() >= self._mark:
            self._mark, self._marked_at = self._sent, self._last_at
        return self._marked_at

    # -- pings -------------------------------------------------------------------------------------

    def _send_pong(self, data: bytes) -> None:
        """Answer a ping. While an answer waits for the client, only the last ping is remembered (§5.5.3)."""
        if self._pong_future is not None and not self._pong_future.done():
            self.flush()
            if not self._pong_future.done():
                self._pending_pong = data
                return
        self._pending_pong = None
        if self.server_terminated:
            return
        try:
            self._pong_future = self._write_frame(True, PONG, data)
        except StreamClosedError:
            self._abort()
            return
        self._pong_future.add_done_callback(self._pong_sent)

    def _pong_sent(self, future: Future[None]) -> None:
        if self._pong_future is future:
            self._pong_future = None
        pending, self._pending_pong = self._pending_pong, None
        if pending is not None and not future.cancelled() and future.exception() is None:
            self._send_pong(pending)

    def start_pinging(self) -> None:
        """Send pings, if that was asked for. A timer each, and no Task."""
        interval = self.ping_interval
        if self._ping_timer is None and interval > 0:
            self._ping_timer = self._joiner.loop.call_later(interval, self._ping)

    def _ping(self) -> None:
        loop = self._joiner.loop
        self._received_pong = False
        with contextlib.suppress(StreamClosedError):
            self.write_ping(b"")
        self._ping_timer = loop.call_later(self.ping_timeout, self._expect_pong, loop.time())

    def _expect_pong(self, pinged: float) -> None:
        self._ping_timer = None
        if self.ping_timeout > 0 and not self._received_pong:
            self.close(reason="ping timed out")
            return
        loop = self._joiner.loop
        wait = max(0.0, pinged + self.ping_interval - loop.time())
        self._ping_timer = loop.call_later(wait, self._ping)

    # -- the end -----------------------------------------------------------------------------------

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame and wait a little for the client's; or answer the client's, and hang up.

        Raises:
            struct.error: `code` cannot stand in a frame.
            ValueError: `reason` is too long for one.
        """
        if not self.server_terminated:
            if not self._closed():
                self._push_close(code, reason)
            self.server_terminated = True
        self._stop_pinging()
        if self.client_terminated:
            self._hang_up(_CLOSE_SECONDS)
        elif self._close_timer is None and not self._lost:
            self._close_timer = self._joiner.loop.call_later(_CLOSE_SECONDS, self._abort)

    def _push_close(self, code: int | None, reason: str | None) -> None:
        payload = close_payload(code, reason)
        self._push(bytes((FINAL | CLOSE, len(payload))) + payload)

    def _closed_by_client(self, payload: bytes) -> None:
        self.client_terminated = True
        if payload:
            self.close_code = struct.unpack(">H", payload[:2])[0]
        if len(payload) > 2:
            self.close_reason = payload[2:].decode()
        self.close(self.close_code)
        self._over()

    def _hang_up(self, seconds: float) -> None:
        """Close the connection when all that was written is out, or after `seconds`."""
        self.flush()
        self._stop_timers()
        if not self._closed():
            self._transport.close()  # type: ignore[union-attr]
            if self._stuck:
                self._close_timer = self._joiner.loop.call_later(seconds, self._abort)

    def _fail(self, violation: Violation) -> None:
        """The client broke a rule: say which, listen no more, and hang up when it has read that."""
        gen_log.debug("WebSocket violation: %s", violation.reason)
        said = self.server_terminated
        if not said and not self._closed():
            self._push_close(violation.code, violation.reason)
        self.client_terminated = self.server_terminated = True
        self._stop_timers()
        self.flush()
        if not self._closed():
            # Closed at once, with bytes unread, the kernel would reset it, and the frame might be lost.
            self._close_timer = self._joiner.loop.call_later(_LINGER_SECONDS, self._abort)
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.write_eof()  # type: ignore[union-attr]
        self._over()

    def on_connection_close(self) -> None:
        """The handler lets go."""
        if not (self.client_terminated and self.server_terminated):
            self._abort()

    def _abort(self) -> None:
        """Cut the connection off, behind what the kernel takes of the last words."""
        self.client_terminated = self.server_terminated = True
        self._stop_timers()
        self.flush()
        if self._transport is not None:
            self._transport.abort()

    def _stop_pinging(self) -> None:
        if self._ping_timer is not None:
            self._ping_timer.cancel()
            self._ping_timer = None

    def _stop_timers(self) -> None:
        self._stop_pinging()
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
