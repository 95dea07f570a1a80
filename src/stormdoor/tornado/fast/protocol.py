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
from collections.abc import Awaitable, Coroutine, Mapping
from types import CoroutineType
from typing import Any, Protocol, cast

from tornado import gen
from tornado.concurrent import future_add_done_callback
from tornado.iostream import IOStream
from tornado.log import gen_log
from tornado.util import _websocket_mask
from tornado.websocket import (
    WebSocketHandler,
    _default_max_message_size,
)

from stormdoor.core.deflate import Agreement, Deflater, Inflater, agree
from stormdoor.core.frame import (
    BINARY,
    CLOSE,
    FINAL,
    PING,
    TEXT,
    close_payload,
    xor_mask,
)
from stormdoor.core.frame_reader import FrameReader, Violation
from stormdoor.tornado.fast.equal_waits import EqualWaits
from stormdoor.tornado.fast.handover import hand_over
from stormdoor.tornado.fast.hold import Hold
from stormdoor.tornado.fast.pings import Pinging
from stormdoor.tornado.fast.taken_stream import TakenStream

__all__ = ["FastHandler", "FastProtocol"]

# Tornado's extension module is the fastest by far. Without it, its substitute is the slowest.
_mask = _websocket_mask if _websocket_mask.__module__ == "tornado.speedups" else xor_mask

_TURN = 256
"""Frames of one connection, or KiB, after which the others have their turn."""
_CLOSE_SECONDS = 5.0
"""What Tornado waits for the client's close frame, and what its last bytes may take."""
_MOST_LAST_WORDS = 64 * 1024
"""Unsent bytes that `drop` leaves to the transport; with more the connection is cut off."""
_LINGER_SECONDS = 2.0
"""How long a client that broke a rule has to read why."""
_LINGER_BYTES = 256 * 1024
"""How much more of what a client sends is read and thrown away, after the server has closed."""


class FastHandler(Protocol):
    """What the protocol asks of a handler, beside what Tornado's asks."""

    def _door_take(self, text: bytes) -> Awaitable[Any] | None:
        """One text message, which is UTF-8. What is returned is awaited before anything else is read.

        A `Hold` may be returned as well, here and by `on_message`.
        """
        ...

    def _door_keeps(self, size: int) -> None:
        """Called with the bytes that are kept in memory for the connection."""
        ...

    def _door_cut_off(self, code: int, reason: str) -> None:
        """The client broke a rule, and the protocol closes with this code."""
        ...

    def _door_switch(self, answer: Mapping[str, str]) -> bool:
        """Write the 101 with these headers among others; False if they have to be set, and it be finished."""
        ...

    def _door_contexts(self) -> tuple[contextvars.Context, contextvars.Context]:
        """Return the context of the task that makes the handshake, and a copy of it from before."""
        ...


def _holds_the_same(context: contextvars.Context, before: contextvars.Context) -> bool:
    """Return whether all variables have the same values as `before`: identical, not equal objects."""
    return len(context) == len(before) and all(
        before.get(variable, before) is value for variable, value in context.items()
    )


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


class FastProtocol(Pinging):
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
        "_compression",
        "_context",
        "_ended",
        "_entered",
        "_eof",
        "_held",
        "_hold",
        "_leaving",
        "_reader",
        "_selected_subprotocol",
        "_socket",
        "_take",
        "_task",
        "close_code",
        "close_reason",
        "handler",
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
        super().__init__(ping_interval, ping_timeout)
        self.handler = handler
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._reader = FrameReader(max_message_size, mask=_mask)
        self._compression = compression
        self._selected_subprotocol: str | None = None
        self._take = cast(FastHandler, handler)._door_take  # noqa: SLF001 - what it is for
        self._socket: socket.socket | None = None
        self._begun = self._busy = self._eof = False
        self._task: Future[Any] | None = None
        """What is waited for: the loop itself holds on to no task."""
        self._hold: asyncio.TimerHandle | None = None
        self._held: tuple[int, bytes] | None = None
        """The message that is to be handed over once more after a `Hold`."""
        self._context: contextvars.Context | None = None
        """Context in which the handler runs: that of the handshake's task, as on Tornado's protocol."""
        self._ended: Future[None] | None = None
        """Future that the task awaits, if it must last as long as the connection."""
        self._entered = False
        """True if the handshake has changed the context, which the handler may have to undo."""
        self._after_close = 0
        self._leaving: EqualWaits[FastProtocol] | None = None

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

    def set_nodelay(self, x: bool) -> None:  # noqa: FBT001 - Tornado's signature
        """On by itself, as for every transport of asyncio; the frames of a turn are joined anyway."""
        if self.stream is not None:
            self.stream.set_nodelay(x)

    # -- the handshake -----------------------------------------------------------------------------

    async def _accept_connection(self, handler: WebSocketHandler) -> None:
        """As Tornado's, but for the offers of compression, and for the socket, which moves."""
        values = handler.request.headers.get_list
        offers = ",".join(values("Sec-WebSocket-Protocol"))
        offered = [one.strip() for one in offers.split(",")] if offers else []
        chosen = handler.select_subprotocol(offered)
        self._selected_subprotocol = chosen
        agreement = self._agree(",".join(values("Sec-WebSocket-Extensions")))
        # In the spelling of Tornado's answers.
        answer = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-Websocket-Accept": self.compute_accept_value(values("Sec-WebSocket-Key")[0]),
        }
        if chosen:
            if chosen not in offered:
                raise AssertionError("select_subprotocol chose what the client did not offer")
            answer["Sec-Websocket-Protocol"] = chosen
        if agreement is not None:
            answer["Sec-Websocket-Extensions"] = agreement.answer
        handler.set_status(101)
        if not cast(FastHandler, handler)._door_switch(answer):  # noqa: SLF001 - what it is for
            handler.clear_header("Content-Type")
            for name, value in answer.items():
                handler.set_header(name, value)
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
        if self._ended is not None:
            await self._ended

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
            self._reader = FrameReader(self._reader.limit, mask=_mask, inflater=Inflater(agreement))
        return agreement

    async def _take_over(self, stream: IOStream) -> None:
        """Move the socket to a transport, with what Tornado has read of it already."""
        try:
            self._socket = await hand_over(stream, self, self._reader.feed)
        except BaseException:
            self._over()
            raise
        if self._socket is None:
            self._lost = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        if self._transport is not None or self._lost:
            return  # so it was
        self._transport = cast(asyncio.Transport, transport)
        self._joiner.live.add(self)
        # Whatever the kernel does not take is worth knowing: see `waiting` and `stalled_since`.
        self._transport.set_write_buffer_limits(high=0)

    def _begin(self) -> None:
        """The handler is open: from here on it hears what the client says."""
        self._begun = True
        if self._lost:
            self._over()
            return
        self._context, before = cast(FastHandler, self.handler)._door_contexts()  # noqa: SLF001 - what it is for
        if not _holds_the_same(self._context, before):
            # Most often tracing has entered a context manager. It is left when the task ends, which on
            # Tornado's protocol is when the connection ends. Otherwise an idle connection needs no task.
            self._entered = True
            self._ended = self._loop.create_future()
        if self._reader.waiting or self._eof or self._paused:
            self._busy = True
            self._loop.call_soon(
                self._go_on
            )  # the task is in the context now, and nothing else may enter it

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
        if self.server_terminated:
            # An answer to a close frame, most often. When ten thousand are closed, their answers come in
            # bursts, and nobody waits for what is done then.
            self._busy = True
            self._joiner.waits(0.0, FastProtocol._go_on).add(self)
            return
        self._context.run(self._work)  # type: ignore[union-attr]

    def _pause(self) -> None:
        if not self._paused and not self._closed():
            self._paused = True
            self._transport.pause_reading()  # type: ignore[union-attr]
            self._account()

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
        frame, self._held = self._held or following(), None
        while frame is not None:
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
                    if result is not None and type(result) is not Hold:
                        # Like Tornado, it does not wait for the handler.
                        future_add_done_callback(gen.convert_yielded(result), self._checked_outside)
                        result = None
                else:
                    self._received_pong = True
                    result = handler.on_pong(payload)
                if result is not None and self._waits(result, frame):
                    return
            left -= 1 + (len(payload) >> 10)
            if left <= 0:
                self._busy = True
                self._loop.call_soon(self._go_on)
                return
            frame = following()
        if self._kept or self._reader.unfinished:
            self._account()
            self._reader.unfinished = False
            violation = self._reader.violation
            if violation is not None and not self._finished:
                self._fail(violation)

    def _account(self, more: int = 0) -> None:
        """Report the bytes in memory to the guard: unfinished, delayed and unsent messages."""
        size = 0
        if not self._finished:
            size = self._reader.kept + more
            if self._held is not None:
                size += len(self._held[1])
            if self._stuck:
                size += self.waiting()
        if size != self._kept:
            self._kept = size
            cast(FastHandler, self.handler)._door_keeps(size)  # noqa: SLF001 - what it is for

    def drop(self) -> None:
        """Drop the data in memory; the server is about to close."""
        self._reader.stop()
        self._held = None
        if self.waiting() > _MOST_LAST_WORDS:
            self._abort()

    def _waits(self, result: Any, frame: tuple[int, bytes]) -> bool:
        """Wait for what a handler returned. Whether nothing else may be read for now."""
        if type(result) is Hold:
            if self.server_terminated:
                return False
            self._busy = True
            self._held = frame if result.again else None
            self._account()
            self._hold = self._loop.call_later(result.seconds, self._let_go)
            return True
        if type(result) is CoroutineType:
            if self._entered:
                self._busy = True
                self._task = asyncio.Task(
                    self._finish(result), loop=self._loop, context=self._context
                )
                return True
            if sys.version_info >= (3, 12):
                # A coroutine that never waits then costs no trip around the loop.
                result = asyncio.Task(result, loop=self._loop, eager_start=True)
            else:
                self._busy = True
                self._task = self._loop.create_task(self._finish(result))
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
        if self._entered:
            self._loop.call_soon(
                self._go_on
            )  # this task is in the context, and nothing else may enter it
        else:
            self._go_on()

    def in_context(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task that goes on with the handshake, in its context, from the next turn of the loop."""
        return asyncio.Task(self._watch(coroutine), loop=self._loop, context=self._context)

    async def _watch(self, coroutine: Coroutine[Any, Any, None]) -> None:
        before = contextvars.copy_context()
        try:
            await coroutine
        finally:
            self._entered = self._entered or not _holds_the_same(contextvars.copy_context(), before)

    def _let_go(self) -> None:
        """A hold is over."""
        self._hold = None
        self._go_on()

    def _checked(self, future: Future[Any]) -> None:
        try:
            future.result()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - whatever a handler raises
            self.handler.log_exception(*sys.exc_info())
            self._abort()

    def _waited(self, future: Future[Any]) -> None:
        self._checked_outside(future)
        self._go_on()

    def _checked_outside(self, future: Future[Any]) -> None:
        """Run `_checked` in the context of the handler; called by the loop."""
        if self._context is None:
            self._checked(future)
        else:
            self._context.run(self._checked, future)

    def eof_received(self) -> bool:
        """The client has hung up. What it sent before still counts."""
        if self._busy or not self._begun:
            self._eof = True
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and nothing more goes in or out."""
        self._joiner.live.discard(self)
        self._lost = True
        self._transport = None
        self._stuck = False
        self._out = []
        self._queued = 0
        self._stop_timers()
        self._settle_writes()
        if self._hold is not None:
            self._hold.cancel()
            self._hold, self._busy = None, False
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
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _tell(self) -> None:
        try:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)
        except Exception:  # noqa: BLE001 - whatever a handler raises
            self.handler.log_exception(*sys.exc_info())

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
        if self._hold is not None:  # the client's close frame is to be read
            self._hold.cancel()
            self._hold = self._loop.call_later(0, self._let_go)
        self._stop_pinging()
        if self.client_terminated:
            self._hang_up(_CLOSE_SECONDS)
        elif self._leaving is None and not self._lost:
            self._leave_in(_CLOSE_SECONDS)

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
                self._leave_in(seconds)

    def _fail(self, violation: Violation) -> None:
        """The client broke a rule: say which, listen no more, and hang up when it has read that."""
        gen_log.debug("WebSocket violation: %s", violation.reason)
        said = self.server_terminated
        if not said and not self._closed():
            self._push_close(violation.code, violation.reason)
        self.client_terminated = self.server_terminated = True
        if not said:
            cast(FastHandler, self.handler)._door_cut_off(violation.code, violation.reason)  # noqa: SLF001 - what it is for
        self._stop_timers()
        self.flush()
        if not self._closed():
            # Closed at once, with bytes unread, the kernel would reset it, and the frame might be lost.
            self._leave_in(_LINGER_SECONDS)
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

    def _stop_timers(self) -> None:
        self._stop_pinging()
        if self._leaving is not None:
            self._leaving.drop(self)
            self._leaving = None

    def _leave_in(self, seconds: float) -> None:
        self._leaving = self._joiner.waits(seconds, FastProtocol._abort)
        self._leaving.add(self)
