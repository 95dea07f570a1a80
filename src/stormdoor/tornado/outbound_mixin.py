"""The outbound mixin of a guarded handler, directly above Tornado's class.

`protect` puts it behind all classes of the application. Their overrides of `write_message` or `close` run
first, and come here when they call `super()`.
"""

from __future__ import annotations

import asyncio
import struct
from asyncio import Future
from typing import Any, ClassVar, NoReturn

from tornado.escape import json_encode
from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import BINARY, TEXT, Prepared
from stormdoor.core.handshake import Handshake
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.expiry import expired
from stormdoor.guard.pause import PauseReading
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answers import fresh_headers
from stormdoor.tornado.fast import FastProtocol
from stormdoor.tornado.handshake_state import AFTER_HANDSHAKE, CREATED_ON_ACCESS, CreatedOnAccess
from stormdoor.tornado.send_queue import SendQueue
from stormdoor.tornado.tornado_protocol import TornadoProtocol

__all__ = ["HandlerSink", "OutboundMixin", "connection_of"]


def connection_of(handler: RequestHandler) -> Connection | None:
    """Return the connection of a guarded handler; None if `protect` has not guarded it.

    A `GuardedHandler` has it as `self.connection`. For the handler of an HTTP transport, it is the connection
    of its session.
    """
    connection = getattr(handler, "_door_admitted", None)
    return connection if isinstance(connection, Connection) else None


class OutboundMixin(WebSocketHandler):
    """Checks all output of a guarded handler.

    Its names begin with `_door_`, so that they cannot collide with those of the handler in front of it.
    """

    # The usual values after a handshake, in the class to save memory: see `release_handshake_state`.
    locals().update(AFTER_HANDSHAKE)
    locals().update({name: CreatedOnAccess(make) for name, make in CREATED_ON_ACCESS.items()})

    _door_guard: ClassVar[Guard]
    _door_endpoint: ClassVar[Endpoint]
    """The declared endpoint of the handler."""
    _door_own: ClassVar[frozenset[str]]
    """Names of the methods that the handler overrides, among those of `guarded_class`."""

    _door_admitted: Connection | None = None
    _door_send_queue: SendQueue | None = None
    _door_pausing: Future[None] | None = None
    """The awaitable that pauses Tornado's own protocol; the fast one has its own."""
    _door_headers: HTTPHeaders | None = None
    """The headers of the answer, if they were accessed."""

    @property
    def _headers(self) -> HTTPHeaders:
        """Headers of the answer, which Tornado keeps here; created on access."""
        if self._door_headers is None:
            self._door_headers = (
                # Headers of an answer that was sent are not kept.
                HTTPHeaders()
                if self._headers_written
                else fresh_headers(self._door_guard.clock.now())
            )
        return self._door_headers

    @_headers.setter
    def _headers(self, headers: HTTPHeaders) -> None:
        self._door_headers = headers

    def get_current_user(self) -> Any:
        """Return the principal; None at a public endpoint, and before the first message authenticates it.

        A handler that has a `get_current_user` of its own keeps it.
        """
        connection = self._door_admitted
        if (
            connection is None
            or connection.awaiting_authentication
            or self._door_endpoint.public is not None
        ):
            return None
        return connection.principal

    @property
    def current_user(self) -> Any:
        """The result of `get_current_user`, with the present roles of the principal.

        As in Tornado, a value is kept if the application has set it, or if it comes from the application's
        own `get_current_user`.
        """
        if not hasattr(self, "_current_user"):
            user = self.get_current_user()
            if "get_current_user" not in self._door_own:
                return user
            self._current_user = user
        return self._current_user

    @current_user.setter
    def current_user(self, value: Any) -> None:
        self._current_user = value

    def write_message(
        self,
        message: bytes | str | dict[str, Any],
        binary: bool = False,  # noqa: FBT001, FBT002 - Tornado's signature
    ) -> Future[None]:
        """Send a message, if the connection is open and its reader keeps up.

        Raises:
            WebSocketClosedError: It is not open: never was, ended, expired or revoked.
        """
        connection = self._door_admitted
        if connection is None or not connection.open:
            raise WebSocketClosedError
        now = self._door_check_deadline(connection)
        # As in Tornado, but checked here, because queued data is counted in bytes.
        if not isinstance(message, bytes):
            if isinstance(message, dict):
                message = json_encode(message)
            message = message.encode()
        return self._door_write(connection, message, binary, now)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping. Its data count as a message.

        Raises:
            WebSocketClosedError: As for `write_message`.
        """
        connection = self._door_admitted
        if connection is None or not connection.open:
            raise WebSocketClosedError
        self._door_check_deadline(connection)
        super().ping(data)

    def _door_check_deadline(self, connection: Connection) -> float:
        """Return monotonic seconds. INVARIANT: after its deadline nothing is sent, even before the next tick.

        Raises:
            WebSocketClosedError: Its deadline has passed.
        """
        clock = self._door_guard.clock
        now = clock.monotonic()
        if connection.is_expired(clock.now(), now):
            guard = self._door_guard
            guard.registry.end(connection, expired(connection, guard.limits, now))
            raise WebSocketClosedError
        return now

    async def _door_pause_tornado(self, pause: PauseReading, message: str | bytes) -> None:
        """Pause reading on Tornado's own protocol."""
        loop = asyncio.get_running_loop()
        protocol: Any = self.ws_connection
        counted = protocol if pause.again and isinstance(protocol, TornadoProtocol) else None
        self._door_pausing = holding = loop.create_future()
        timer = loop.call_later(pause.seconds, self._door_resume_reading)
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
            result = self.on_message(message)
            if result is not None:
                await result

    def _door_resume_reading(self) -> None:
        """Continue reading after the pause, or at the end of the connection."""
        holding, self._door_pausing = self._door_pausing, None
        if holding is not None and not holding.done():
            holding.set_result(None)

    def _door_wait_for_lease(self) -> None:
        """Have the sink continue after the next renewal of the lease."""
        if self._door_admitted is not None:
            self._door_guard.fence.hold(self._door_admitted)

    def _door_expiring(self, seconds: float) -> None:
        """Tell the client, or the handler, that the connection ends in so many seconds."""

    def _door_handshake(self) -> Handshake:
        """Return the facts of the handshake again."""
        raise NotImplementedError

    def _door_write(
        self,
        connection: Connection,
        message: bytes,
        binary: bool,  # noqa: FBT001 - as in Tornado
        now: float,
    ) -> Future[None]:
        """Write to an open connection after a check of its deadline (monotonic seconds)."""
        protocol = self.ws_connection
        if type(protocol) is FastProtocol:
            self._door_post(connection, message, now, BINARY if binary else TEXT)
            return protocol.written()
        guard = self._door_guard
        queue = self._door_send_queue
        if queue is None:
            queue = self._door_send_queue = SendQueue(connection.limits.outbound_bytes)
        size = len(message)
        if not queue.fits(size):
            self._door_too_slow(connection)
        written = super().write_message(message, binary)
        queue.add(size, written, now)
        connection.look_soon()
        guard.statistics.delivered += 1
        return written

    def _door_post(
        self,
        connection: Connection,
        message: bytes | Prepared,
        now: float,
        opcode: int = TEXT,
    ) -> None:
        """Write to an open connection, as `_door_write`, without a Future.

        Raises:
            WebSocketClosedError: The connection is closing, or was closed now because its client does not
                read.
        """
        protocol = self.ws_connection
        guard = self._door_guard
        if type(protocol) is not FastProtocol:
            payload = message.payload if isinstance(message, Prepared) else message
            self._door_write(connection, payload, opcode == BINARY, now)
            if isinstance(message, Prepared) and message.again is not None:
                check = getattr(protocol, "stream_check", None)
                if check is not None:
                    check.mark(message.again)
            return
        bound = connection.limits.outbound_bytes
        if isinstance(message, Prepared):
            taken = protocol.post_prepared(message, now, bound)
        else:
            taken = protocol.post(message, now, bound, opcode)
        if not taken:
            self._door_too_slow(connection)
        guard.statistics.delivered += 1

    def _door_too_slow(self, connection: Connection) -> NoReturn:
        guard = self._door_guard
        guard.registry.end(
            connection,
            Refusal(
                Denial.SLOW_CONSUMER,
                f"{connection.limits.setting('outbound_bytes')} wait for it",
            ),
        )
        raise WebSocketClosedError

    def _door_send(self, payload: bytes | Prepared) -> bool:
        """Send a message of the guard, without overrides of the handler. False if it was not queued."""
        connection = self._door_admitted
        if connection is None or not connection.open:
            return False
        try:
            self._door_post(connection, payload, self._door_check_deadline(connection))
        except WebSocketClosedError:
            return False
        return True

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close, as the application asked. The state changes first, because frames still arrive later."""
        if self._door_admitted is not None:
            self._door_guard.registry.end(self._door_admitted, code=code or 1000)
        self._door_resume_reading()
        try:
            super().close(code, reason)
        except (struct.error, ValueError):
            # A code or reason that no frame can contain. The connection has ended for the guard, so it must
            # end for the client as well.
            super().close(1011)
            raise


class HandlerSink:
    """`stormdoor.guard.connection.Sink` for one handler.

    A separate object, because a handler may have methods of these names. The guard's own messages bypass
    overrides of the handler.
    """

    __slots__ = ("_handler",)

    def __init__(self, handler: OutboundMixin) -> None:
        self._handler = handler

    def deliver(self, payload: bytes | str | Prepared) -> bool:
        """See `Sink`."""
        if isinstance(payload, str):
            payload = payload.encode()
        return self._handler._door_send(payload)  # noqa: SLF001 - the two are one

    def shut(self, code: int, reason: str) -> None:
        """See `Sink`."""
        protocol = self._handler.ws_connection
        self._handler._door_resume_reading()  # noqa: SLF001 - the two are one
        # Before the 101 there is no socket to close: the handshake is refused instead.
        if protocol is not None and getattr(protocol, "stream", None) is not None:
            WebSocketHandler.close(self._handler, code, reason)

    def _protocol(self) -> FastProtocol | TornadoProtocol | None:
        """Return the protocol of the connection, unless the application brought another one."""
        protocol: object = self._handler.ws_connection
        return protocol if isinstance(protocol, FastProtocol | TornadoProtocol) else None

    def withdraw(self) -> None:
        """See `Sink`."""
        if (protocol := self._protocol()) is not None:
            protocol.withdraw()

    def drop(self) -> None:
        """See `Sink`."""
        if (protocol := self._protocol()) is not None:
            protocol.drop()

    def resume(self) -> None:
        """See `Sink`."""
        if (protocol := self._protocol()) is not None:
            protocol.resume()
        self._handler._door_resume_reading()  # noqa: SLF001 - the two are one

    def stalled(self) -> float | None:
        """See `Sink`."""
        protocol = self._handler.ws_connection
        if type(protocol) is FastProtocol:
            return protocol.stalled_since()
        if (
            isinstance(protocol, TornadoProtocol)
            and protocol.stream_check
            and protocol.stream_check.held
        ):
            return self._handler._door_guard.clock.monotonic()  # noqa: SLF001 - the server does not write
        queue = self._handler._door_send_queue  # noqa: SLF001 - likewise
        return None if queue is None else queue.stalled_since()

    def sent_at(self) -> float:
        """See `Sink`."""
        protocol = self._handler.ws_connection
        if type(protocol) is FastProtocol:
            return protocol.sent_at
        queue = self._handler._door_send_queue  # noqa: SLF001 - likewise
        return 0.0 if queue is None else queue.last_at

    def expiring(self, seconds: float) -> None:
        """See `Sink`."""
        self._handler._door_expiring(seconds)  # noqa: SLF001 - likewise

    def handshake(self) -> Handshake:
        """See `Sink`."""
        return self._handler._door_handshake()  # noqa: SLF001 - likewise
