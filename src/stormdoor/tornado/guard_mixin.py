"""Mixins in front of a handler class: the guard decides about each message before the handler gets it.

For each WebSocket handler class `H`, `protect` makes a class `H` that inherits from a `GuardMixin`, from the
original `H` and from `OutboundMixin`. `GuardMixin` is first in the method resolution order: it decides before
`prepare`, drops messages before `on_message`, and ends the connection on any error. The handler is not
changed. Each name that the mixins add begins with `_door_`, a prefix that no handler may use.

Facts about Tornado that this file depends on; `tests/tornado/test_tornado_facts.py` checks each:
`prepare()` runs before the origin check; `check_origin` is not called for every request; after `close()`
frames still reach `on_message`; if `open()` raises, `on_close` never runs; if the client disconnects during
an asynchronous `prepare()`, `on_close` runs before `open()`, and `open()` still runs. No further frame is
read while the result of `on_message` is awaited, and `params.max_message_size` applies to the next one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, ClassVar, cast

from tornado import gen
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.in_band import encode_renewed
from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import Refused
from stormdoor.guard.pause import FENCED_CONTROL, PauseReading
from stormdoor.tornado.fast import FastProtocol
from stormdoor.tornado.handshake_mixin import HandshakeMixin
from stormdoor.tornado.handshake_state import release_handshake_state
from stormdoor.tornado.tornado_protocol import TornadoProtocol

__all__ = ["GuardMixin", "RawGuardMixin"]


class GuardMixin(HandshakeMixin):
    """Base class of the mixins in front of a guarded handler. `protect` uses its subclasses only."""

    _door_tasks: set[asyncio.Task[None]] | None = None
    """Running tasks of the connection, since the event loop keeps only weak references to tasks."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the application's hook: the class that `protect` makes is not a class of the application."""

    def _door_receive_text(self, text: bytes) -> Awaitable[Any] | None:
        """Handle one text message from the fast protocol, as the received UTF-8."""
        return self.on_message(text.decode())

    def _door_record_abort(self, code: int, reason: str) -> None:
        """Record that the protocol closes with `code`: the client broke RFC 6455 or a limit of size."""
        connection = self._door_admitted
        if connection is None or connection.state is State.ENDED:
            return
        if code == 1009:
            why = Refusal(Denial.MESSAGE_TOO_LARGE, f"{reason}: {self._door_size_setting()}")
        else:
            why = Refusal(Denial.INVALID_MESSAGE, f"{code}: {reason}")
        connection.sink = None  # the protocol tells the client itself
        self._door_guard.registry.end(connection, why)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an error of the handler, unless it only wrote to a connection that the guard has ended.

        A logout, a revocation or a deadline may take effect at any time, without the handler's knowledge.
        """
        connection = self._door_admitted
        if connection is None:
            RequestHandler.log_exception(self, typ, value, tb)
        elif not isinstance(value, WebSocketClosedError) or connection.closed_by is None:
            super().log_exception(typ, value, tb)

    def _door_receive_first(self, connection: Connection, message: str | bytes) -> Awaitable[None]:
        """Handle the first message. Tornado reads no further frame until this is done.

        It runs in the context of the handshake, as `on_close` does, so that the handler can leave a context
        manager that its `prepare` has entered.
        """
        protocol = self.ws_connection
        answer = self._door_complete_first(connection, message)
        if type(protocol) is FastProtocol:
            return protocol.in_context(answer)
        return asyncio.Task(
            answer, loop=asyncio.get_running_loop(), context=self._door_first_contexts[0]
        )

    async def _door_complete_first(self, connection: Connection, message: str | bytes) -> None:
        guard = self._door_guard
        if await guard.first_message.receive(connection, message) is not None:
            return
        self._door_raise_size_limit()
        expires_in = connection.expires_in(guard.clock.monotonic())
        self._door_send(encode_renewed("authenticated", expires_in))
        try:
            prepared = self._door_prepare()
            if prepared is not None:
                await prepared
            if not connection.open:
                return
            args, kwargs = vars(self).pop("_door_open_arguments")
            opened = self._door_open(*args, **kwargs)
            if opened is not None:
                await opened
            release_handshake_state(self)
        except (Exception, asyncio.CancelledError):
            self.log_exception(*sys.exc_info())
            self._door_fail()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    def _door_raise_size_limit(self) -> None:
        """Raise the size limit for messages to that of authenticated clients."""
        protocol: Any = self.ws_connection
        size = self.max_message_size
        if protocol is not None and hasattr(protocol, "params"):
            protocol.params.max_message_size = size
            decompressor = getattr(protocol, "_decompressor", None)
            if decompressor is not None:
                decompressor._max_message_size = size  # noqa: SLF001 - there is no other way

    def _door_handshake(self) -> Handshake:
        return self._door_kept_handshake or self._door_parser.parse(self.request)

    def _door_expiring(self, seconds: float) -> None:
        """Call the handler's `on_credential_expiring(seconds)`, if it has one."""
        tell = getattr(self, "on_credential_expiring", None)
        if tell is None:
            return
        try:
            told = tell(seconds)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            self.log_exception(*sys.exc_info())
            self._door_fail()
            return
        if told is not None:
            self._door_start_task(self._door_await_callback(told))

    async def _door_await_callback(self, told: Awaitable[None]) -> None:
        try:
            await gen.convert_yielded(told)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            self.log_exception(*sys.exc_info())
            self._door_fail()

    def _door_start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._door_tasks is None:
            self._door_tasks = set()
        task = asyncio.get_running_loop().create_task(coroutine)
        self._door_tasks.add(task)
        task.add_done_callback(self._door_tasks.discard)

    def on_ping(self, data: bytes) -> Any:
        """Charge a ping like a message, and drop its data after the end of the connection."""
        return self._door_receive_control(super().on_ping, data)

    def on_pong(self, data: bytes) -> Any:
        """Charge a pong like a message. The handler's `on_ping` and `on_pong` may be coroutines."""
        return self._door_receive_control(super().on_pong, data)

    def _door_receive_control(self, hear: Callable[[bytes], Any], data: bytes) -> Any:
        verdict = self._door_charge_control(data)
        if verdict is False:
            return None
        result = None if verdict is FENCED_CONTROL else hear(data)
        if verdict is True:
            return result
        if result is not None:
            self._door_start_task(self._door_await_callback(result))
        protocol = self.ws_connection
        if isinstance(protocol, TornadoProtocol):
            protocol.pause = verdict.seconds  # it does not await the result of `on_ping`
            return None
        return self._door_pause(verdict)

    def _door_pause(self, pause: PauseReading, message: str | bytes = "") -> Awaitable[None]:
        """Return the result of a message handler that pauses reading.

        The fast protocol takes the `PauseReading` itself, Tornado's own an awaitable.
        """
        if type(self.ws_connection) is FastProtocol:
            return cast("Awaitable[None]", pause)
        return self._door_pause_tornado(pause, message)

    def _door_charge_control(self, data: bytes) -> bool | PauseReading:
        connection = self._door_admitted
        if connection is None:
            return False
        if connection.awaiting_authentication:
            self._door_guard.first_message.receive_control(connection)
            return False
        return self._door_guard.inbound.receive_control(connection, len(data))

    def on_close(self) -> None:
        """End the connection, which either side has closed."""
        self._door_end()
        if self._door_handler_opened:
            super().on_close()

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """End the connection after the last frame."""
        try:
            super().on_ws_connection_close(close_code, close_reason)
        finally:
            self._door_end()

    def on_connection_close(self) -> None:
        """End the connection: the client disconnected, perhaps before it was open."""
        self._door_disconnected = True
        if self._door_admitted is None:
            WebSocketHandler.on_connection_close(self)
            return
        try:
            super().on_connection_close()
        finally:
            self._door_end()

    def _door_count_buffered(self, size: int) -> None:
        """Called by the protocol with the bytes that it keeps in memory for the connection."""
        connection = self._door_admitted
        if connection is not None:
            self._door_guard.buffers.keep(connection, size)


class RawGuardMixin(GuardMixin):
    """Mixin in front of a handler that decodes its messages itself."""

    _door_message_permission: ClassVar[str | None] = None

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Deliver the message unchanged, or drop it and close."""
        connection = self._door_admitted
        if connection is None:
            return None
        guard = self._door_guard
        verdict = guard.inbound.receive_raw(connection, message, self._door_message_permission)
        if isinstance(verdict, PauseReading):
            return self._door_pause(verdict, message)
        if verdict is True:
            try:
                result = super().on_message(message)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - logged and closed below
                self._door_failed()
                return None
            return None if result is None else self._door_finish_message(result)
        if isinstance(verdict, Refused):
            # The guard cannot send a refusal in the handler's protocol, so it closes.
            guard.registry.end(connection, verdict.refusal)
        elif connection.awaiting_authentication:
            return self._door_receive_first(connection, message)
        return None

    async def _door_finish_message(self, result: Awaitable[None]) -> None:
        try:
            # Like Tornado: a coroutine, a Future, or a list or dictionary of them.
            await gen.convert_yielded(result)
        except (Exception, asyncio.CancelledError):
            self._door_failed()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    def _door_failed(self) -> None:
        """Log the handler's exception, and close. If it propagated, `on_close` would not run."""
        self.log_exception(*sys.exc_info())
        self._door_fail()
