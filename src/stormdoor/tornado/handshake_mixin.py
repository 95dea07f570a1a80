"""The handshake of a guarded handler, from its request to the open socket or to the refusal.

Tornado calls these methods in this order: `clear`, `initialize`, `_execute`, `prepare` (the guard decides),
`get`, `finish` (the 101), `on_finish`, `open`. `guard_mixin` and `command_mixin` continue with messages.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, ClassVar

from tornado.web import Finish, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.connection import State
from stormdoor.core.credential import SUBPROTOCOL
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Principal
from stormdoor.guard.connection import Connection
from stormdoor.tornado.answer_check import admit_socket
from stormdoor.tornado.answers import (
    ANSWERING,
    finish_refusal,
    switch_protocols,
    write_refusal,
)
from stormdoor.tornado.client_left import end_with_client
from stormdoor.tornado.fast import FastProtocol, fits_request
from stormdoor.tornado.handshake_parser import HandshakeParser, find_malformed, is_upgrade
from stormdoor.tornado.handshake_state import release_handshake_state
from stormdoor.tornado.outbound_mixin import HandlerSink, OutboundMixin
from stormdoor.tornado.stream_check import StreamCheck
from stormdoor.tornado.tornado_protocol import TornadoProtocol

__all__ = ["HANDLER_CLASS", "DeclaredHandlerMixin", "HandshakeMixin"]

_LEAST_CUT_OFF = 128 * 1024
_SECRET_PREFIX = "stormdoor."  # noqa: S105 - of subprotocols that carry one


def _handler_class(handler: Any) -> Any:
    return handler._door_handler  # noqa: SLF001 - of a guarded handler


HANDLER_CLASS = property(_handler_class)
"""`__class__` of guarded handlers: the application, and tools that name its endpoints and routes, see an
instance of the application's own class."""


class HandshakeMixin(OutboundMixin):
    """Decide about the handshake before any method of the handler runs, and answer it."""

    _door_limits: ClassVar[AppliedLimits]
    """The limits of its endpoint."""
    _door_parser: ClassVar[HandshakeParser]
    """Parses requests into handshakes."""
    _door_fast: ClassVar[bool] = False
    """Whether the fast protocol may replace Tornado's."""
    _door_answers: ClassVar[bool] = True
    """Whether code of the handler runs between the request and the 101."""
    _door_answers_errors: ClassVar[bool] = False
    """Whether refused messages are answered in stormdoor's protocol."""
    _door_is_guarded: ClassVar[bool] = True

    _door_disconnected = False
    _door_kwargs: dict[str, Any]
    _door_first_contexts: tuple[contextvars.Context, contextvars.Context]
    _door_kept_handshake: Handshake | None = None
    _door_handler_opened = False
    _door_open_arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    # -- the decision ------------------------------------------------------------------------------

    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        """Create the task as Tornado does, in a known context, which the handler keeps."""
        context = contextvars.copy_context()
        self._door_first_contexts = (context, context.copy())
        executed: Any = context.run(super()._execute, *args, **kwargs)
        if not asyncio.iscoroutine(executed):
            return executed  # the handler's `_execute` is not a native coroutine
        return asyncio.Task(executed, loop=asyncio.get_running_loop(), context=context)

    def _door_contexts(self) -> tuple[contextvars.Context, contextvars.Context]:
        """Return the context of the task that makes the handshake, and a copy of it from before."""
        contexts: tuple[contextvars.Context, contextvars.Context] = vars(self).pop(
            "_door_first_contexts"
        )
        return contexts

    def initialize(self, **kwargs: Any) -> None:
        """Keep the arguments of the route until the handshake is admitted."""
        self._door_kwargs = kwargs

    async def prepare(self) -> None:
        """Decide about the handshake, and only then let the handler process the request."""
        malformed = find_malformed(self.request)
        handshake = self._door_parser.parse(self.request)
        guard = self._door_guard
        outcome: Connection | Refusal
        if malformed is None and (guard.running or await guard.ready()):
            outcome = await guard.admission.admit(
                handshake, self._door_endpoint, partial(end_with_client, self)
            )
        else:
            outcome = (
                Refusal(Denial.MALFORMED, malformed)
                if malformed
                else Refusal(Denial.UNAVAILABLE, "the store does not answer", retry_after=5)
            )
            permission = self._door_endpoint.permission or ""
            outcome = guard.admission.refused(handshake, outcome, permission=permission)
        if isinstance(outcome, Refusal):
            self._door_refuse(outcome)
            return
        self._door_admitted = outcome
        outcome.sink = HandlerSink(self)
        if guard.credentials.exclusive_headers or handshake.peer_certificate is not None:
            # Headers that only a proxy may send were removed from the request, and the certificate is lost
            # with the socket, which moves to the WebSocket. A refresh needs both again.
            self._door_kept_handshake = handshake
        try:
            self._door_stop_if_ended(outcome)
            self._door_initialize(vars(self).pop("_door_kwargs"))
            if outcome.awaiting_authentication:
                return  # its `prepare` runs after the first message
            prepared = self._door_prepare()
            if prepared is not None:
                await prepared
            self._door_stop_if_ended(outcome)
        except BaseException:
            guard.registry.end(outcome)
            raise

    def _door_initialize(self, arguments: Mapping[str, Any]) -> None:
        """Call the handler's own `initialize`."""
        super().initialize(**arguments)

    def _door_prepare(self) -> Awaitable[None] | None:
        """Call the handler's own `prepare`."""
        return super().prepare()

    def _door_stop_if_ended(self, connection: Connection) -> None:
        """Stop if, during a wait, the client disconnected or its credential was revoked."""
        if self._door_disconnected:
            self._door_guard.registry.end(connection, code=1006)
        if connection.state is State.ENDED and not self._finished:
            self._door_refuse(connection.closed_by or Refusal(Denial.ENDED, "it has ended"))
            raise Finish

    def _door_refuse(self, refusal: Refusal) -> None:
        """Refuse the handshake: a status and a generic line, without the handler and without a 101."""
        if "clear" not in self._door_own and write_refusal(
            self, refusal, self._door_guard.clock.now()
        ):
            return
        finish_refusal(self, refusal)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the page of an error: Tornado's, if the handler was not initialized."""
        if self._door_admitted is None:
            RequestHandler.write_error(self, status_code, **kwargs)
        else:
            super().write_error(status_code, **kwargs)

    def clear(self) -> None:
        """Start the answer again, as Tornado does, with a date that is formatted once a second."""
        if "clear" in self._door_own:
            super().clear()
            return
        if self._door_headers is not None:
            self._door_headers = None  # others are created on access
        self.set_default_headers()
        self._write_buffer = []
        self._status_code = 200
        self._reason = "OK"

    # -- the protocol ------------------------------------------------------------------------------

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Do the work of Tornado's `get`, without the checks that were made already."""
        if self._door_admitted is None:
            self._door_refuse_undecided()
            return
        protocol = None if "get" in self._door_own else self._door_protocol()
        if not await self._door_is_fresh():
            return
        if protocol is None:
            if self._door_endpoint.public is not None:
                admit_socket(self.request.connection)
            # As in Tornado: a `get` need not be a coroutine, and one with `@authenticated` may return
            # nothing.
            result: Any = super().get(*args, **kwargs)
            if result is not None:
                await result
            return
        self.open_args, self.open_kwargs = args, kwargs
        self.ws_connection = protocol
        await protocol.accept_connection(self)

    def _door_refuse_undecided(self) -> None:
        """Refuse the handshake: an `_execute` of the handler's own has not called `prepare`."""
        if self._finished:
            return
        why = Refusal(
            Denial.INTERNAL,
            f"{type(self).__qualname__}._execute has not called prepare(), where the guard "
            "decides; let it call super()._execute()",
        )
        handshake = self._door_parser.parse(self.request)
        permission = self._door_endpoint.permission or ""
        self._door_refuse(self._door_guard.admission.refused(handshake, why, permission=permission))

    async def _door_is_fresh(self) -> bool:
        """Refuse the handshake if the lease has lapsed since its admission, for example during `prepare`.

        If a `prepare` has blocked the event loop, the handshake waits for the next beat.
        """
        connection, guard = self._door_admitted, self._door_guard
        if connection is None or connection.monotonic() < connection.lease.until:
            return True
        why = await guard.waits.until_renewed(connection.lease, partial(end_with_client, self))
        if why is not None:
            guard.registry.end(connection, why)
        self._door_stop_if_ended(connection)
        return not self._finished

    def _door_protocol(self) -> FastProtocol | None:
        """Return the fast protocol, if the handshake is valid and its origin was accepted."""
        values = self.request.headers.get_list
        if (
            self._door_admitted is None
            or "check_origin" in self._door_own
            or self._door_endpoint.public is not None
            or ",".join(values("Upgrade")).lower() != "websocket"
            or not is_upgrade(",".join(values("Connection")).lower())
            # Tornado requires an Origin with it, and calls an overridden check.
            or (values("Sec-Fetch-Site") and not values("Origin"))
        ):
            return None
        protocol = self.get_websocket_protocol()
        return protocol if type(protocol) is FastProtocol else None

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Return the fast protocol if it fits, else the handler's or Tornado's own.

        None, which Tornado answers with 426, for versions other than 13. Tornado 6.5 would accept the drafts
        7 and 8, in which clients send their origin in another header.
        """
        if self.request.headers.get_list("Sec-WebSocket-Version") != ["13"]:
            return None
        if self._door_admitted is not None:
            admit_socket(self.request.connection)
        if self._door_fast and fits_request(self.request):
            return FastProtocol(
                self,
                max_message_size=self.max_message_size,
                ping_interval=self.ping_interval,
                ping_timeout=self.ping_timeout,
                compression=self.get_compression_options(),
            )
        protocol = super().get_websocket_protocol()
        if type(protocol) is WebSocketProtocol13:
            protocol.__class__ = TornadoProtocol
        return protocol

    def check_origin(self, origin: str) -> bool:
        """Repeat the result: the guard checked the origin exactly, before anything else.

        A check of the handler's own is used beside it. For a public endpoint it is the only one.
        """
        if "check_origin" in self._door_own:
            return bool(super().check_origin(origin))
        if self._door_endpoint.public is not None:
            origins = self._door_guard.handshake_policy.origins
            return origins.allows(origin) or bool(super().check_origin(origin))
        return self._door_admitted is not None

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Let the handler choose among the client's offers, except those that contain secrets."""
        offered = [one for one in subprotocols if not one.startswith(_SECRET_PREFIX)]
        chosen = super().select_subprotocol(offered)
        if chosen is not None:
            return chosen
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    @property
    def max_message_size(self) -> int:
        """Bytes after which Tornado itself aborts a message (1009).

        A size that the handler or the application sets applies if it is the smaller one. If the handler has
        its own protocol, that size also has priority over the default.
        """
        connection = self._door_admitted
        if connection is not None and connection.awaiting_authentication:
            # A little more than is read, so that a larger message gets an ordinary refusal.
            return 2 * self._door_guard.limits.first_message_bytes
        limits = self._door_limits
        limit = limits.message_bytes
        if self._door_answers_errors:
            # A command that is too long is answered and recorded; only one far beyond is aborted.
            limit = max(4 * limit, _LEAST_CUT_OFF)
        if "max_message_size" in self._door_own or "websocket_max_message_size" in self.settings:
            own = super().max_message_size
            # The application knows its protocol better than the default does.
            return own if limits.own_protocol and not limits.message_bytes_set else min(own, limit)
        return limit

    def _door_size_setting(self) -> str:
        """The setting that `max_message_size` comes from, and its value."""
        connection = self._door_admitted
        if connection is not None and connection.awaiting_authentication:
            return f"limits.first_message_bytes = {self._door_guard.limits.first_message_bytes}"
        size = self.max_message_size
        if "max_message_size" in self._door_own and super().max_message_size == size:
            return f"max_message_size = {size} of the handler"
        if self.settings.get("websocket_max_message_size") == size:
            return f"websocket_max_message_size = {size} of the application"
        return self._door_limits.setting("message_bytes")

    # -- the 101, and the open socket --------------------------------------------------------------

    def _door_switch_protocols(self, answer: Mapping[str, str]) -> bool:
        """Write the whole 101 with these headers at once; False if the caller must set them."""
        return self._door_own.isdisjoint(ANSWERING) and switch_protocols(
            self, self._door_headers, self._door_guard.clock.now(), answer
        )

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """End the answer: the 101 in one system call."""
        if (
            chunk is None
            and self._status_code == 101
            and self._door_own.isdisjoint(ANSWERING)
            and switch_protocols(self, self._door_headers, self._door_guard.clock.now())
        ):
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        return super().finish(chunk)

    def on_finish(self) -> None:
        """End the connection if the answer that was sent is not the 101.

        The handler's own `on_finish` runs only if the handshake was admitted, since it may need attributes
        that `initialize` sets.
        """
        if self._door_admitted is None:
            return
        if self.get_status() != 101:
            self._door_end()
        try:
            super().on_finish()
        except BaseException:
            # Tornado would neither open the connection nor report its end.
            self._door_fail()
            raise

    def open(self, *args: Any, **kwargs: Any) -> Awaitable[None] | None:
        """Mark the connection as open after the 101, unless it was ended meanwhile."""
        connection = self._door_admitted
        if connection is None:
            WebSocketHandler.close(self, 1011)
            return None
        if connection.awaiting_authentication and connection.state is State.PENDING:
            self._door_check_stream(connection)
            self._door_open_arguments = (args, kwargs)
            return None
        if not self._door_guard.registry.opened(connection):
            why = connection.closed_by
            code, text = (why.answer.close_code, why.close_reason) if why else (1011, "")
            WebSocketHandler.close(self, code, text)
            return None
        self._door_check_stream(connection)
        try:
            opened = self._door_open(*args, **kwargs)
        except BaseException:
            self._door_fail()
            raise
        if opened is not None:
            return self._door_finish_open(opened)
        release_handshake_state(self)
        return None

    def _door_check_stream(self, connection: Connection) -> None:
        """Check each `send()` of Tornado's own protocol; the fast one does so itself."""
        protocol: Any = self.ws_connection
        if isinstance(protocol, TornadoProtocol) and protocol.stream_check is None:
            protocol.stream_check = StreamCheck(
                protocol.stream, connection, self._door_wait_for_lease
            )

    def _door_open(self, *args: Any, **kwargs: Any) -> Awaitable[None] | None:
        """Call the handler's own `open`."""
        self._door_handler_opened = True
        return super().open(*args, **kwargs)

    async def _door_finish_open(self, opened: Awaitable[None]) -> None:
        try:
            await opened
        except BaseException:
            self._door_fail()
            raise
        release_handshake_state(self)

    # -- the end -----------------------------------------------------------------------------------

    def _door_fail(self) -> None:
        """End the connection after an exception of the handler, and record it."""
        if self._door_admitted is not None:
            self._door_guard.registry.end(
                self._door_admitted, Refusal(Denial.INTERNAL, "the handler raised; see the log")
            )

    def _door_end(self) -> None:
        # INVARIANT: the quota is freed, even if an override of the handler does not call `super()`.
        connection = self._door_admitted
        if connection is not None and connection.state is not State.ENDED:
            self._door_guard.registry.end(connection, code=self.close_code or 1006)
        if connection is not None:
            self._door_guard.buffers.keep(connection, 0)
        if self._door_send_queue is not None:
            self._door_send_queue.abandon()


class DeclaredHandlerMixin(HandshakeMixin):
    """Mixin in front of a `GuardedHandler`: `current_user` is the principal, with its present roles."""

    connection: Connection

    def _door_prepare(self) -> Awaitable[None] | None:
        if self._door_admitted is not None:
            self.connection = self._door_admitted
        return super()._door_prepare()

    @property
    def current_user(self) -> Principal | None:
        """The principal of the connection."""
        return None if self._door_admitted is None else self._door_admitted.principal

    @current_user.setter
    def current_user(self, value: object) -> None:
        """Ignored: only the guard determines the principal."""
