"""The thin subclass of a guarded handler: it delegates to the `GuardedSocket` of its connection.

For each WebSocket handler class `H`, `protect` makes a class `H` that inherits from `HandlerCalls`, from the
classes of the application, and from `HandlerOutput`. Tornado's calls come to `HandlerCalls` first. The
handler's calls of `super()` come to `HandlerOutput`, directly above Tornado's class. The handler is not
changed. Each name that they add begins with `_door_`, a prefix that no handler may use.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from asyncio import Future
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, ClassVar

from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.principal import Principal
from stormdoor.guard.connection import Connection
from stormdoor.tornado.answers import fresh_headers
from stormdoor.tornado.handshake_state import AFTER_HANDSHAKE, CREATED_ON_ACCESS, CreatedOnAccess
from stormdoor.tornado.socket import handshake
from stormdoor.tornado.socket.facts import HandlerFacts, InFront
from stormdoor.tornado.socket.guarded import GuardedSocket

__all__ = [
    "CURRENT_USER",
    "HANDLER_CLASS",
    "HandlerCalls",
    "HandlerOutput",
    "connection_of",
    "make_get",
]


def connection_of(handler: RequestHandler) -> Connection | None:
    """Return the connection of a guarded handler; None if `protect` has not guarded it.

    A `GuardedHandler` has it as `self.connection`. For the handler of an HTTP transport, it is the connection
    of its session.
    """
    socket = getattr(handler, "_door_socket", None)
    if isinstance(socket, GuardedSocket):
        return socket.connection
    connection = getattr(handler, "_door_admitted", None)
    return connection if isinstance(connection, Connection) else None


HANDLER_CLASS = property(lambda handler: handler._door_handler)  # noqa: SLF001 - of a guarded handler
"""`__class__` of guarded handlers: the application, and tools that name its endpoints and routes, see an
instance of the application's own class."""


def _principal(handler: RequestHandler) -> Principal | None:
    connection = connection_of(handler)
    return None if connection is None else connection.principal


CURRENT_USER = property(_principal, lambda _handler, _value: None)
"""`current_user` of a `GuardedHandler`: the principal. A value is ignored: only the guard determines it."""


class HandlerCalls(InFront, WebSocketHandler):
    """Delegates the calls of Tornado, before any method of the handler runs."""

    _door_facts: ClassVar[HandlerFacts]
    _door_is_guarded: ClassVar[bool] = True
    _door_socket = CreatedOnAccess(handshake.new_socket)
    """The `GuardedSocket` of the connection."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the application's hook: the class that `protect` makes is not a class of the application."""

    # -- the handshake, in the order of Tornado's calls --------------------------------------------

    def initialize(self, **kwargs: Any) -> None:
        """Keep the arguments of the route until the handshake is admitted."""
        self._door_socket.arguments = kwargs

    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        """Create the task as Tornado does, in a known context, which the handler keeps."""
        context = contextvars.copy_context()
        self._door_socket.contexts = (context, context.copy())
        executed: Any = context.run(super()._execute, *args, **kwargs)
        if not asyncio.iscoroutine(executed):
            return executed  # the handler's `_execute` is not a native coroutine
        return asyncio.Task(executed, loop=asyncio.get_running_loop(), context=context)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the page of an error: Tornado's, if the handler was not initialized."""
        if self._door_socket.connection is None:
            RequestHandler.write_error(self, status_code, **kwargs)
        else:
            super().write_error(status_code, **kwargs)

    prepare = handshake.decide
    get_websocket_protocol = handshake.new_protocol
    check_origin = handshake.check_origin
    select_subprotocol = handshake.select_subprotocol
    max_message_size = property(handshake.size_limit)
    on_finish = handshake.end_unless_switched
    open = handshake.open_socket

    # -- messages ----------------------------------------------------------------------------------

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Let the socket evaluate one message."""
        result: Awaitable[None] | None = self._door_socket.receive(message)
        return result

    def on_ping(self, data: bytes) -> Any:
        """Charge a ping like a message, and drop its data after the end of the connection."""
        return self._door_socket.receive_control(super().on_ping, data)

    def on_pong(self, data: bytes) -> Any:
        """Charge a pong like a message. The handler's `on_ping` and `on_pong` may be coroutines."""
        return self._door_socket.receive_control(super().on_pong, data)

    # -- the end -----------------------------------------------------------------------------------

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an error of the handler, unless it only wrote to a connection that the guard has ended.

        A logout, a revocation or a deadline may take effect at any time, without the handler's knowledge.
        """
        connection = self._door_socket.connection
        if connection is None:
            RequestHandler.log_exception(self, typ, value, tb)
        elif not isinstance(value, WebSocketClosedError) or connection.closed_by is None:
            super().log_exception(typ, value, tb)

    def on_close(self) -> None:
        """End the connection, which either side has closed."""
        self._door_socket.end(self.close_code)
        if self._door_socket.opened:
            super().on_close()

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """End the connection after the last frame."""
        try:
            super().on_ws_connection_close(close_code, close_reason)
        finally:
            self._door_socket.leave(self.close_code)

    def on_connection_close(self) -> None:
        """End the connection: the client disconnected, perhaps before it was open."""
        socket = self._door_socket
        socket.disconnected = True
        if socket.connection is None:
            WebSocketHandler.on_connection_close(self)
            return
        try:
            super().on_connection_close()
        finally:
            socket.leave(self.close_code)


class HandlerOutput(WebSocketHandler):
    """Delegates the calls of the handler to Tornado, directly above Tornado's class.

    An override of the application, such as `write_message`, runs first and comes here by its `super()`.
    """

    # The usual values after a handshake, in the class to save memory: see `release_handshake_state`.
    locals().update(AFTER_HANDSHAKE)
    locals().update({name: CreatedOnAccess(make) for name, make in CREATED_ON_ACCESS.items()})

    _door_facts: ClassVar[HandlerFacts]
    _door_socket: Any
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
                else fresh_headers(self._door_facts.guard.clock.now())
            )
        return self._door_headers

    @_headers.setter
    def _headers(self, headers: HTTPHeaders) -> None:
        self._door_headers = headers

    def clear(self) -> None:
        """Start the answer again, as Tornado does, with a date that is formatted once a second."""
        if self._door_headers is not None:
            self._door_headers = None  # others are created on access
        self.set_default_headers()
        self._write_buffer = []
        self._status_code = 200
        self._reason = "OK"

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """End the answer: the 101 in one system call."""
        if chunk is None and self._status_code == 101 and handshake.switch(self._door_socket, self):
            done: Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        return super().finish(chunk)

    def get_current_user(self) -> Any:
        """Return the principal; None at a public endpoint, and before the first message authenticates it.

        A handler that has a `get_current_user` of its own keeps it.
        """
        connection = self._door_socket.connection
        if (
            connection is None
            or connection.awaiting_authentication
            or self._door_facts.endpoint.public is not None
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
            if "get_current_user" not in self._door_facts.own:
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
        written: Future[None] = self._door_socket.write_message(self, message, binary)
        return written

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping. Its data count as a message.

        Raises:
            WebSocketClosedError: As for `write_message`.
        """
        self._door_socket.check_open()
        super().ping(data)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close, as the application asked."""
        self._door_socket.close(self, code, reason)


def make_get(handler: type[WebSocketHandler], *, overrides: bool) -> Callable[..., Any]:
    """Return `get` of a guarded class, with the name of the handler's `get`, which tracing tools show.

    Args:
        handler: The application's class.
        overrides: Whether it has a `get` of its own.
    """

    async def get(self: Any, *args: Any, **kwargs: Any) -> None:
        """Do the work of Tornado's `get`, without the checks that were made already."""
        await handshake.get(self, *args, **kwargs)

    if overrides:
        return functools.update_wrapper(get, handler.get)
    get.__module__, get.__qualname__ = handler.__module__, f"{handler.__qualname__}.get"
    return get
