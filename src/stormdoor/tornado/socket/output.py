"""The output of a guarded connection, and its end."""

from __future__ import annotations

import asyncio
import struct
from asyncio import Future
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from tornado.escape import json_encode
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import BINARY, TEXT, Prepared
from stormdoor.core.handshake import Handshake
from stormdoor.guard.connection import Connection
from stormdoor.guard.expiry import expired
from stormdoor.guard.message_types import MessageTypes
from stormdoor.guard.pause import PauseReading
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.fast import FastProtocol
from stormdoor.tornado.send_queue import SendQueue
from stormdoor.tornado.socket.facts import HandlerFacts
from stormdoor.tornado.tornado_protocol import TornadoProtocol

__all__ = ["SocketOutput"]


class SocketOutput:
    """The output of one connection. It is `stormdoor.guard.connection.Sink`, too.

    The guard's own messages bypass overrides of the handler.

    Args:
        facts: The facts about the guarded class.

    Attributes:
        guard: The guard that decides.
        connection: The guard's connection, once the handshake is admitted.
        handler: The handler, from the admission until Tornado has reported the end.
        contexts: The context of the task that makes the handshake, and a copy of it from before.
        arguments: The arguments of the route until `initialize`, later those of `open`.
        kept_handshake: The facts of the handshake, if they cannot be parsed again.
        disconnected: Whether the client has closed its connection.
        opened: Whether the handler's own `open` was called.
        tasks: Running tasks, since the event loop keeps only weak references to tasks.
        types: Decides about messages by their types.
        speaks_binary: Whether the connection speaks MessagePack; None until its first message.
    """

    __slots__ = (
        "_pausing",
        "_queue",
        "arguments",
        "connection",
        "contexts",
        "disconnected",
        "facts",
        "guard",
        "handler",
        "kept_handshake",
        "opened",
        "speaks_binary",
        "tasks",
        "types",
    )

    answers_errors: ClassVar[bool] = False
    """Whether refused messages are answered in stormdoor's protocol."""

    def __init__(self, facts: HandlerFacts) -> None:
        self.facts = facts
        self.guard = facts.guard
        self.connection: Connection | None = None
        self.handler: Any = None
        self.contexts: Any = None
        self.arguments: Any = None
        self.kept_handshake: Handshake | None = None
        self.disconnected = self.opened = False
        self.tasks: set[asyncio.Task[None]] | None = None
        self.types: MessageTypes | None = None
        self.speaks_binary: bool | None = None
        self._queue: SendQueue | None = None
        self._pausing: Future[None] | None = None
        """The awaitable that pauses Tornado's own protocol; the fast one has its own."""

    # -- output of the handler ---------------------------------------------------------------------

    def write_message(
        self,
        handler: WebSocketHandler,
        message: bytes | str | Mapping[str, Any],
        binary: bool,  # noqa: FBT001 - as in Tornado
    ) -> Future[None]:
        """Send a message, if the connection is open and its reader keeps up.

        Raises:
            WebSocketClosedError: It is not open: never was, ended, expired or revoked.
        """
        connection, now = self.check_open()
        # As in Tornado, but checked here, because queued data is counted in bytes.
        if not isinstance(message, bytes):
            if isinstance(message, dict):
                message = json_encode(message)
            message = message.encode()  # type: ignore[union-attr]  # as in Tornado
        protocol = handler.ws_connection
        if type(protocol) is FastProtocol:
            self.post(connection, message, now, BINARY if binary else TEXT)
            return protocol.written()
        return self._write(handler, connection, message, binary, now)

    def check_open(self) -> tuple[Connection, float]:
        """Return the connection and monotonic seconds, if output is allowed now.

        INVARIANT: after its deadline nothing is sent, even before the next tick.

        Raises:
            WebSocketClosedError: It is not open, or its deadline has passed.
        """
        connection, guard = self.connection, self.guard
        if connection is None or not connection.open:
            raise WebSocketClosedError
        now = guard.clock.monotonic()
        if connection.is_expired(guard.clock.now(), now):
            guard.registry.end(connection, expired(connection, guard.limits, now))
            raise WebSocketClosedError
        return connection, now

    def _write(
        self,
        handler: WebSocketHandler,
        connection: Connection,
        message: bytes,
        binary: bool,  # noqa: FBT001 - as in Tornado
        now: float,
    ) -> Future[None]:
        """Write with Tornado's own protocol after a check of the deadline (monotonic seconds)."""
        queue = self._queue
        if queue is None:
            queue = self._queue = SendQueue(connection.limits.outbound_bytes)
        size = len(message)
        if not queue.fits(size):
            _end_slow_client(self.guard, connection)
        written = WebSocketHandler.write_message(handler, message, binary)
        queue.add(size, written, now)
        connection.look_soon()
        self.guard.statistics.delivered += 1
        return written

    def post(
        self,
        connection: Connection,
        message: bytes | Prepared,
        now: float,
        opcode: int = TEXT,
    ) -> None:
        """Write to an open connection after a check of its deadline (monotonic seconds), without a Future.

        Raises:
            WebSocketClosedError: The connection is closing, or was closed now because its client does not
                read.
        """
        handler = self.handler
        protocol = handler.ws_connection
        if type(protocol) is not FastProtocol:
            payload = message.payload if isinstance(message, Prepared) else message
            self._write(handler, connection, payload, opcode == BINARY, now)
            if isinstance(message, Prepared) and message.again is not None:
                check = getattr(protocol, "stream_check", None)
                if check is not None:
                    check.mark(message.again)
            return
        bound = connection.limits.outbound_bytes
        if isinstance(message, Prepared):
            taken = protocol.post_prepared(message, now, bound)
            if message.opcode == TEXT:
                connection.writer = protocol  # from the second broadcast on
        else:
            taken = protocol.post(message, now, bound, opcode)
        if not taken:
            _end_slow_client(self.guard, connection)
        self.guard.statistics.delivered += 1

    def send(self, payload: bytes | Prepared) -> bool:
        """Send a message of the guard. False if it was not queued."""
        try:
            connection, now = self.check_open()
            self.post(connection, payload, now)
        except WebSocketClosedError:
            return False
        return True

    # -- the end -----------------------------------------------------------------------------------

    def close(self, handler: WebSocketHandler, code: int | None, reason: str | None) -> None:
        """Close, as the application asked. The state changes first, because frames still arrive later."""
        if self.connection is not None:
            self.guard.registry.end(self.connection, code=code or 1000)
        self.resume_reading()
        try:
            WebSocketHandler.close(handler, code, reason)
        except (struct.error, ValueError):
            # A code or reason that no frame can contain. The connection has ended for the guard, so it must
            # end for the client as well.
            WebSocketHandler.close(handler, 1011)
            raise

    def fail(self) -> None:
        """End the connection after an exception of the handler, and record it."""
        if self.connection is not None:
            why = Refusal(Denial.INTERNAL, "the handler raised; see the log")
            self.guard.registry.end(self.connection, why)

    def end(self, code: int | None) -> None:
        """End the connection, with the close code of the client."""
        # INVARIANT: the quota is freed, even if an override of the handler does not call `super()`.
        connection = self.connection
        if connection is not None:
            if connection.state is not State.ENDED:
                self.guard.registry.end(connection, code=code or 1006)
            self.guard.buffers.keep(connection, 0)
        if self._queue is not None:
            self._queue.abandon()

    def leave(self, code: int | None) -> None:
        """End the connection, and leave the handler: Tornado has reported the end to it."""
        self.end(code)
        self.handler = None  # else the two would be freed only by the garbage collector

    # -- pauses of Tornado's own protocol ----------------------------------------------------------

    async def pause_tornado(self, pause: PauseReading, message: str | bytes) -> None:
        """Pause reading on Tornado's own protocol."""
        loop = asyncio.get_running_loop()
        handler = self.handler
        protocol: Any = handler.ws_connection
        counted = protocol if pause.again and isinstance(protocol, TornadoProtocol) else None
        self._pausing = holding = loop.create_future()
        timer = loop.call_later(pause.seconds, self.resume_reading)
        if counted is not None:
            counted.set_paused(len(message))
        try:
            await holding
        finally:
            timer.cancel()
            if counted is not None:
                counted.set_paused(0)
        if hasattr(protocol, "_received_pong"):
            # The client's pong may be among the unread data.
            protocol._received_pong = True  # noqa: SLF001 - Tornado has no other way
        if pause.again:
            result = handler.on_message(message)
            if result is not None:
                await result

    def resume_reading(self) -> None:
        """Continue reading after the pause, or at the end of the connection."""
        holding, self._pausing = self._pausing, None
        if holding is not None and not holding.done():
            holding.set_result(None)

    # -- the sink of the guard ---------------------------------------------------------------------

    def deliver(self, payload: bytes | str | Prepared) -> bool:
        """See `Sink`."""
        return self.send(payload.encode() if isinstance(payload, str) else payload)

    def shut(self, code: int, reason: str) -> None:
        """See `Sink`."""
        protocol = self.handler.ws_connection
        self.resume_reading()
        # Before the 101 there is no socket to close: the handshake is refused instead.
        if protocol is not None and getattr(protocol, "stream", None) is not None:
            WebSocketHandler.close(self.handler, code, reason)

    def withdraw(self) -> None:
        """See `Sink`."""
        if (protocol := _protocol_of(self.handler)) is not None:
            protocol.withdraw()

    def drop(self) -> None:
        """See `Sink`."""
        if (protocol := _protocol_of(self.handler)) is not None:
            protocol.drop()

    def resume(self) -> None:
        """See `Sink`."""
        if (protocol := _protocol_of(self.handler)) is not None:
            protocol.resume()
        self.resume_reading()

    def stalled(self) -> float | None:
        """See `Sink`."""
        protocol = self.handler.ws_connection
        if type(protocol) is FastProtocol:
            return protocol.stalled_since()
        if (
            isinstance(protocol, TornadoProtocol)
            and protocol.stream_check
            and protocol.stream_check.held
        ):
            return self.guard.clock.monotonic()  # the server does not write
        return None if self._queue is None else self._queue.stalled_since()

    def sent_at(self) -> float:
        """See `Sink`."""
        protocol = self.handler.ws_connection
        if type(protocol) is FastProtocol:
            return protocol.sent_at
        return 0.0 if self._queue is None else self._queue.last_at


def _end_slow_client(guard: Guard, connection: Connection) -> NoReturn:
    limit = connection.limits.setting("outbound_bytes")
    guard.registry.end(connection, Refusal(Denial.SLOW_CONSUMER, f"{limit} wait for it"))
    raise WebSocketClosedError


def _protocol_of(handler: WebSocketHandler) -> FastProtocol | TornadoProtocol | None:
    """Return the protocol of a connection, unless the application brought another one."""
    protocol: object = handler.ws_connection
    return protocol if isinstance(protocol, FastProtocol | TornadoProtocol) else None
