"""The fast protocol: Tornado's interface, on a transport of the loop, with a frame reader of its own.

After Tornado's handshake the socket moves from Tornado's `IOStream` to a transport of asyncio or uvloop.
After that, a message needs no Task, no Future and no further iteration of the loop. All frames of one read
are handled one after the other, and their answers are sent in one write. An idle connection has no Task
either.

`tests/tornado/test_fast_protocol.py` and Tornado's own tests, which run on it, check the facts that this
depends on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import struct
import sys
from asyncio import Future
from collections.abc import Awaitable, Coroutine, Mapping
from types import CoroutineType
from typing import Any, Protocol, cast

from tornado import gen
from tornado.concurrent import future_add_done_callback
from tornado.iostream import IOStream
from tornado.log import gen_log
from tornado.websocket import (
    WebSocketHandler,
    _default_max_message_size,
)

from stormdoor.core.deflate import Agreement, Deflater, Inflater, agree
from stormdoor.core.frame import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    close_frame,
)
from stormdoor.core.frame_reader import FrameReader, Violation
from stormdoor.guard.pause import PauseReading
from stormdoor.tornado.fast.compat import unmask
from stormdoor.tornado.fast.first_step import start
from stormdoor.tornado.fast.iostream_adapter import IOStreamAdapter
from stormdoor.tornado.fast.loop_queues import FixedTimeoutQueue
from stormdoor.tornado.fast.outgoing import Outgoing
from stormdoor.tornado.fast.socket_transport import SocketTransport, detach_socket
from stormdoor.tornado.fast.tls_transport import TlsTransport

__all__ = ["FastProtocol", "ProtocolSocket"]

_FRAMES_AT_ONCE = 256
"""Number of frames of one connection, or KiB, after which other connections are served."""
_CLOSE_SECONDS = 5.0
"""Time-out for the client's close frame, as in Tornado, and for its last bytes."""
_LINGER_SECONDS = 2.0
"""Time for a client that violated the protocol to read the reason."""
_LINGER_BYTES = 256 * 1024
"""Bytes from a client that are read and dropped after the server has closed."""


class ProtocolSocket(Protocol):
    """Interface of the guard's object of a connection to this protocol."""

    contexts: Any
    """The context of the task that makes the handshake, and a copy from before the handshake."""

    def receive_text(self, text: bytes) -> Awaitable[Any] | None:
        """Handle one text message in UTF-8. The result is awaited before anything else is read.

        A `PauseReading` may be returned as well, here and by `on_message`.
        """
        ...

    def count_buffered(self, size: int) -> None:
        """Called with the bytes that are kept in memory for the connection."""
        ...

    def wait_for_lease(self) -> None:
        """Called when output must wait for a renewal of the lease, after which `resume` is called."""
        ...

    def record_abort(self, code: int, reason: str) -> None:
        """Called when the protocol closes with this code, because the client violated the protocol."""
        ...

    def switch(self, handler: WebSocketHandler, answer: Mapping[str, str]) -> bool:
        """Write the 101 with these headers among others; False if the caller must set them and finish."""
        ...


def _holds_the_same(context: contextvars.Context, before: contextvars.Context) -> bool:
    """Return whether each context variable has the identical value as in `before`."""
    return len(context) == len(before) and all(
        before.get(variable, before) is value for variable, value in context.items()
    )


class _Params:
    """`params` of Tornado's protocol, created at each access: idle connections need no memory for it."""

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


class FastProtocol(Outgoing):
    """The WebSocket protocol of one connection, which is also the asyncio protocol of its transport.

    Args:
        handler: A guarded handler.
        guarded: The guard's object of the connection.
        max_message_size: Bytes of the largest message.
        ping_interval: As in Tornado.
        ping_timeout: As in Tornado.
        compression: As `get_compression_options` of Tornado.
    """

    __slots__ = (
        "_after_close",
        "_begun",
        "_busy",
        "_close_timeout",
        "_compression",
        "_context",
        "_ended",
        "_entered",
        "_eof",
        "_guarded",
        "_pause_timer",
        "_paused_message",
        "_reader",
        "_selected_subprotocol",
        "_socket",
        "_task",
        "close_code",
        "close_reason",
        "handler",
    )

    def __init__(
        self,
        handler: WebSocketHandler,
        guarded: ProtocolSocket,
        *,
        max_message_size: int = _default_max_message_size,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        compression: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(ping_interval, ping_timeout)
        self.handler = handler
        self._guarded = guarded
        self._connection = getattr(guarded, "connection", None)
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._reader = FrameReader(max_message_size, mask=unmask)
        self._compression = compression
        self._selected_subprotocol: str | None = None
        self._socket: socket.socket | None = None
        self._begun = self._busy = self._eof = False
        self._task: Future[Any] | None = None
        """The awaited task: the event loop itself keeps no strong reference to it."""
        self._pause_timer: asyncio.TimerHandle | None = None
        self._paused_message: tuple[int, bytes] | None = None
        """The message that is passed to the handler again after a `PauseReading`."""
        self._context: contextvars.Context | None = None
        """Context in which the handler runs: that of the handshake's task, as on Tornado's protocol."""
        self._ended: Future[None] | None = None
        """Future that the task awaits, if it must last as long as the connection."""
        self._entered = False
        """True if the handshake has changed the context, so that the handler's task must run in it."""
        self._after_close = 0
        self._close_timeout: FixedTimeoutQueue[FastProtocol] | None = None

    # -- what Tornado's has ------------------------------------------------------------------------

    @property
    def params(self) -> Any:  # type: ignore[override]
        """Return a view in which `max_message_size` may be changed while the connection is open."""
        return _Params(self)

    @property
    def stream(self) -> Any:  # type: ignore[override]
        """Return the stream; None before the socket was moved."""
        if self._socket is None or (self._transport is None and not self._lost):
            return None
        return IOStreamAdapter(self._socket, self)

    def set_nodelay(self, x: bool) -> None:  # noqa: FBT001 - Tornado's signature
        """Pass the option on to the stream before the move.

        asyncio sets TCP_NODELAY for every transport, and the frames of an iteration are joined.
        """
        if self.stream is not None:
            self.stream.set_nodelay(x)

    # -- the handshake -----------------------------------------------------------------------------

    async def _accept_connection(self, handler: WebSocketHandler) -> None:
        """Accept the connection as Tornado does, but choose the compression strictly, and move the socket."""
        values = handler.request.headers.get_list
        answer = self.negotiate(
            values("Sec-WebSocket-Key")[0],
            ",".join(values("Sec-WebSocket-Protocol")),
            ",".join(values("Sec-WebSocket-Extensions")),
        )
        handler.set_status(101)
        if not self._guarded.switch(handler, answer):
            handler.clear_header("Content-Type")
            for name, value in answer.items():
                handler.set_header(name, value)
            handler.finish()
        await self._take_over(handler._detach_stream())  # noqa: SLF001 - see `compat`
        if not self._lost:
            self.start_pinging()
        try:
            opened = handler.open(*handler.open_args, **handler.open_kwargs)
            if opened is not None:
                await opened
        except Exception:  # noqa: BLE001 - a handler may raise anything
            self.fail_to_open()
            return
        self.begin()
        if self._ended is not None:
            await self._ended

    def negotiate(self, key: str, offers: str, extensions: str) -> dict[str, str]:
        """Choose the subprotocol and the compression. Returns the headers of the 101 of this protocol.

        Args:
            key: Sec-WebSocket-Key of the client.
            offers: The offered subprotocols.
            extensions: The offered extensions.
        """
        offered = [one.strip() for one in offers.split(",")] if offers else []
        handler: Any = self.handler
        chosen = handler.select_subprotocol(offered)
        self._selected_subprotocol = chosen
        agreement = self._agree(extensions)
        # With the spelling of Tornado's answers.
        answer = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-Websocket-Accept": self.compute_accept_value(key),
        }
        if chosen:
            if chosen not in offered:
                raise AssertionError("select_subprotocol chose what the client did not offer")
            answer["Sec-Websocket-Protocol"] = chosen
        if agreement is not None:
            answer["Sec-Websocket-Extensions"] = agreement.answer
        return answer

    def attach(self, sock: socket.socket) -> None:
        """Serve a socket on which the 101 was sent.

        Raises:
            OSError: The loop cannot watch the socket.
        """
        self._socket = sock
        self.connection_made(SocketTransport(self._loop, sock, self))

    def fail_to_open(self) -> None:
        """Close after an exception of the handler's `open`, which is being handled.

        As in Tornado: for a connection that was never open, no method of the handler is called at its end.
        """
        self.handler.log_exception(*sys.exc_info())
        self._finished = True
        self._abort()

    def _handle_websocket_headers(self, handler: WebSocketHandler) -> None:
        """Check the headers that were not checked before, as Tornado does: `prepare` has checked the key.

        Raises:
            ValueError: A header is missing.
        """
        values = handler.request.headers.get_list
        if not (any(values("Host")) and values("Sec-WebSocket-Key")):
            raise ValueError("Missing/Invalid WebSocket headers")

    def _agree(self, offers: str) -> Agreement | None:
        agreement = None
        if self._compression is not None and offers:
            agreement = agree(offers)
        if agreement is not None:
            self._deflater = Deflater(agreement, self._compression or {})
            self._reader = FrameReader(
                self._reader.limit, mask=unmask, inflater=Inflater(agreement)
            )
        return agreement

    async def _take_over(self, stream: IOStream) -> None:
        """Move the socket to a transport, with the bytes that Tornado has read already."""
        try:
            self._socket = await detach_socket(stream, self, self._reader.feed, TlsTransport)
        except BaseException:
            self._notify_closed()
            raise
        if self._socket is None:
            self._lost = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop with the transport."""
        if self._transport is not None or self._lost:
            return  # TCP_NODELAY was set before
        self._transport = cast(SocketTransport, transport)
        self._coalescer.connections.add(self)

    def begin(self) -> None:
        """Start delivery: the handler's `open` has run."""
        self._begun = True
        if self._lost:
            self._notify_closed()
            return
        (self._context, before), self._guarded.contexts = self._guarded.contexts, None
        if not _holds_the_same(self._context, before):
            # Usually tracing has entered a context manager. It exits when the task ends, which on Tornado's
            # protocol is when the connection ends. Without one, an idle connection needs no task.
            self._entered = True
            self._ended = self._loop.create_future()
        if self._reader.waiting or self._eof or self._paused:
            self._busy = True
            self._loop.call_soon(
                self._continue
            )  # the task runs in the context now, which no other code may enter

    # -- reading -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse the received bytes. While a handler is running, buffer them and pause reading."""
        if self.server_terminated:
            self._after_close += len(data)
            if self._after_close > _LINGER_BYTES + self._reader.limit:
                self._abort()  # its client continues a flood
                return
        if self._finished:
            return
        self._reader.feed(data)
        if self._busy or not self._begun:
            # Bytes that were read already are kept; the rest waits in the kernel, and then at the client.
            self._pause()
            return
        if self.server_terminated:
            # Usually the answer to a close frame. When ten thousand are closed, their answers arrive in
            # bursts, and handling them later delays no other client.
            self._busy = True
            self._coalescer.timeout_queue(0.0, FastProtocol._continue).add(self)
            return
        self._context.run(self._handle_frames)  # type: ignore[union-attr]

    def _pause(self) -> None:
        if not self._paused and not self._closed():
            self._paused = True
            self._transport.pause_reading()  # type: ignore[union-attr]
            self._account()

    def _continue(self) -> None:
        """Continue reading after a handler has finished."""
        self._busy = False
        self._task = None
        if self._lost:
            self._notify_closed()
            return
        if not self._finished:
            self._context.run(self._handle_frames)  # type: ignore[union-attr]
        if self._busy or self._closed():
            return
        if self._eof:
            self._transport.close()  # type: ignore[union-attr]
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()  # type: ignore[union-attr]

    def _handle_frames(self) -> None:
        """Handle the received frames, up to the budget of one iteration; then write once."""
        self._handling = True
        try:
            self._read()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - as Tornado's `_run_callback`
            self.handler.log_exception(*sys.exc_info())
            self._abort()
        finally:
            self._handling = False
            if self._out or self._writes is not None:
                self.flush()

    def _read(self) -> None:
        following, take = self._reader.next, self._guarded.receive_text
        handler: Any = self.handler
        left = _FRAMES_AT_ONCE
        frame, self._paused_message = self._paused_message or following(), None
        while frame is not None:
            opcode, payload = frame
            if opcode == CLOSE:
                self._closed_by_client(payload)
                return
            if (
                not self.server_terminated
            ):  # INVARIANT: nothing is delivered after the end of the connection
                if opcode == TEXT:
                    result = take(payload)
                elif opcode == BINARY:
                    result = handler.on_message(payload)
                elif opcode == PING:
                    self._send_pong(payload)
                    result = handler.on_ping(payload)
                    if result is not None and type(result) is not PauseReading:
                        # As in Tornado, it does not await the handler.
                        future_add_done_callback(
                            gen.convert_yielded(result), self._check_result_in_context
                        )
                        result = None
                else:
                    self._received_pong = True
                    result = handler.on_pong(payload)
                if result is not None and self._pauses(result, frame):
                    return
            left -= 1 + (len(payload) >> 10)
            if left <= 0:
                self._busy = True
                self._loop.call_soon(self._continue)
                return
            frame = following()
        if self._kept or self._reader.unfinished:
            self._account()
            self._reader.unfinished = False
            violation = self._reader.violation
            if violation is not None and not self._finished:
                self._fail(violation)

    def _account(self, more: int = 0) -> None:
        """Report to the guard the bytes that are buffered: unfinished, delayed and unsent messages."""
        size = 0
        if not self._finished:
            size = self._reader.kept + more
            if self._paused_message is not None:
                size += len(self._paused_message[1])
            if self._blocked:
                size += self.waiting()
        if size != self._kept:
            self._kept = size
            self._guarded.count_buffered(size)

    def drop(self) -> None:
        """Drop the buffered data, because the server is about to close the connection."""
        self._reader.stop()
        self._paused_message = None
        self.withdraw()
        self._account()

    def _pauses(self, result: Any, frame: tuple[int, bytes]) -> bool:
        """Start to await the result of a handler, if necessary. Returns whether reading must pause."""
        if type(result) is PauseReading:
            if self.server_terminated:
                return False
            self._busy = True
            self._paused_message = frame if result.again else None
            self._account()
            self._pause_timer = self._loop.call_later(result.seconds, self._end_pause)
            return True
        if type(result) is CoroutineType:
            if self._entered:
                self._busy = True
                self._task = asyncio.Task(
                    self._finish(result), loop=self._loop, context=self._context
                )
                return True
            # A coroutine that never waits then needs no further iteration of the event loop.
            result = start(result, self._loop)
            if result is None:
                return self._closed()
        future = gen.convert_yielded(result)
        if future.done():
            self._check_result(future)
            return self._closed()
        self._busy = True
        self._task = future
        future_add_done_callback(future, self._on_awaited)
        return True

    async def _finish(self, waiting: Awaitable[Any]) -> None:
        """Await a handler's result in a task, then handle the data that arrived meanwhile."""
        try:
            await waiting
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a handler may raise anything
            self.handler.log_exception(*sys.exc_info())
            self._abort()
        self._loop.call_soon(
            self._continue
        )  # this task runs in the context, which no other code may enter

    def in_context(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task that continues the handshake, in its context, from the next iteration of the loop."""
        return asyncio.Task(self._watch(coroutine), loop=self._loop, context=self._context)

    async def _watch(self, coroutine: Coroutine[Any, Any, None]) -> None:
        before = contextvars.copy_context()
        try:
            await coroutine
        finally:
            self._entered = self._entered or not _holds_the_same(contextvars.copy_context(), before)

    def resume(self) -> None:
        """Read and write again after a fence."""
        super().resume()
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._end_pause()

    def _wait_for_lease(self) -> None:
        self._guarded.wait_for_lease()

    def _end_pause(self) -> None:
        """Continue after a pause."""
        self._pause_timer = None
        self._continue()

    def _check_result(self, future: Future[Any]) -> None:
        try:
            future.result()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a handler may raise anything
            self.handler.log_exception(*sys.exc_info())
            self._abort()

    def _on_awaited(self, future: Future[Any]) -> None:
        self._check_result_in_context(future)
        self._continue()

    def _check_result_in_context(self, future: Future[Any]) -> None:
        """Run `_check_result` in the context of the handler; called by the loop."""
        if self._context is None:
            self._check_result(future)
        else:
            self._context.run(self._check_result, future)

    def eof_received(self) -> bool:
        """Note that the client has closed its side; data that it sent before is still handled."""
        if self._busy or not self._begun:
            self._eof = True
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the transport: no data is received or sent any more."""
        self._coalescer.connections.discard(self)
        self._lost = True
        self._transport = None
        self._blocked = False
        self._out = []
        self._queued = 0
        self._stop_timers()
        self._settle_writes()
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer, self._busy = None, False
        if self._begun and not self._busy:
            self._notify_closed()

    def _notify_closed(self) -> None:
        """Notify the handler of the end of the connection, once."""
        if self._finished:
            return
        self._finished = True
        self.client_terminated = self.server_terminated = True
        if self._handling or self._context is None:
            self._call_on_close()
        else:
            self._context.run(self._call_on_close)
        self._context = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _call_on_close(self) -> None:
        try:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            self.handler.log_exception(*sys.exc_info())

    # -- the end -----------------------------------------------------------------------------------

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame and wait for the client's; or answer the client's, and close.

        Raises:
            struct.error: `code` is not allowed in a frame.
            ValueError: `reason` is too long for a frame.
        """
        if not self.server_terminated:
            if not self._closed():
                connection = self._connection
                if self._out and connection is not None and not connection.may_send():
                    self._drop_unsent()  # the messages; the close frame itself says nothing
                self._push_close(code, reason)
            self.server_terminated = True
        if self._pause_timer is not None:  # the client's close frame must be read
            self._pause_timer.cancel()
            self._pause_timer = self._loop.call_later(0, self._end_pause)
        self._stop_pinging()
        if self.client_terminated:
            self._hang_up(_CLOSE_SECONDS)
        elif self._close_timeout is None and not self._lost:
            self._abort_in(_CLOSE_SECONDS)

    def _push_close(self, code: int | None, reason: str | None) -> None:
        self._push(close_frame(code, reason))

    def _closed_by_client(self, payload: bytes) -> None:
        self.client_terminated = True
        if payload:
            self.close_code = struct.unpack(">H", payload[:2])[0]
        if len(payload) > 2:
            self.close_reason = payload[2:].decode()
        self.close(self.close_code)
        self._notify_closed()

    def _hang_up(self, seconds: float) -> None:
        """Close the connection when all data is sent, or after `seconds`."""
        self.hand_over()
        self._stop_timers()
        if not self._closed():
            self._transport.close()  # type: ignore[union-attr]
            if self._blocked:
                self._abort_in(seconds)

    def _fail(self, violation: Violation) -> None:
        """Close after a violation of RFC 6455: send the reason, stop reading, wait for the client."""
        gen_log.debug("WebSocket violation: %s", violation.reason)
        said = self.server_terminated
        if not said and not self._closed():
            self._push_close(violation.code, violation.reason)
        self.client_terminated = self.server_terminated = True
        if not said:
            self._guarded.record_abort(violation.code, violation.reason)
        self._stop_timers()
        self.hand_over()
        if not self._closed():
            # If it were closed at once, with unread bytes, the kernel would reset it, and the frame might
            # be lost.
            self._abort_in(_LINGER_SECONDS)
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.write_eof()  # type: ignore[union-attr]
        self._notify_closed()

    def on_connection_close(self) -> None:
        """Release the handler."""
        if not (self.client_terminated and self.server_terminated):
            self._abort()

    def _abort(self) -> None:
        """Abort the connection, after as much of the last frames as the kernel takes."""
        self.client_terminated = self.server_terminated = True
        self._stop_timers()
        self.flush()
        if self._transport is not None:
            self._transport.abort()

    def _stop_timers(self) -> None:
        self._stop_pinging()
        if self._close_timeout is not None:
            self._close_timeout.drop(self)
            self._close_timeout = None

    def _abort_in(self, seconds: float) -> None:
        self._close_timeout = self._coalescer.timeout_queue(seconds, FastProtocol._abort)
        self._close_timeout.add(self)
