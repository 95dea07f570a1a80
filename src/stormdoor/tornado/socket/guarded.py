"""The socket of one guarded connection, and of handlers that decode their messages themselves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, cast

from tornado import gen
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import BINARY, TEXT
from stormdoor.core.handshake import Handshake
from stormdoor.core.in_band import encode_renewed
from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import Refused
from stormdoor.guard.message_types import MessageTypes, TypeRefused, is_offence
from stormdoor.guard.pause import FENCED_CONTROL, PauseReading
from stormdoor.tornado.fast import FastProtocol
from stormdoor.tornado.handshake_state import release_handshake_state
from stormdoor.tornado.socket import handshake as steps
from stormdoor.tornado.socket.facts import InFront
from stormdoor.tornado.socket.output import SocketOutput
from stormdoor.tornado.tornado_protocol import TornadoProtocol

__all__ = ["GuardedSocket", "RawSocket", "TypedSocket", "route_groups"]


class GuardedSocket(SocketOutput):
    """The guard's object of one connection. The handler's class and both protocols delegate to it.

    Facts about Tornado that it depends on; `tests/tornado/test_tornado_facts.py` checks each:
    `prepare()` runs before the origin check; `check_origin` is not called for every request; after `close()`
    frames still reach `on_message`; if `open()` raises, `on_close` never runs; if the client disconnects
    during an asynchronous `prepare()`, `on_close` runs before `open()`, and `open()` still runs. No further
    frame is read while the result of `on_message` is awaited, and `params.max_message_size` applies to the
    next one.
    """

    __slots__ = ()

    # -- messages ----------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> Awaitable[Any] | None:
        """Evaluate one message, and let the handler process it. Tornado awaits the result."""
        raise NotImplementedError

    def receive_text(self, text: bytes) -> Awaitable[Any] | None:
        """Evaluate one text message from the fast protocol, as the received UTF-8."""
        handled: Awaitable[Any] | None = self.handler.on_message(text.decode())
        return handled

    def receive_first(self, connection: Connection, message: str | bytes) -> Awaitable[None]:
        """Handle the first message. Tornado reads no further frame until this is done.

        It runs in the context of the handshake, as `on_close` does, so that the handler can leave a context
        manager that its `prepare` has entered.
        """
        protocol = self.handler.ws_connection
        answer = self.complete_first(connection, message)
        if type(protocol) is FastProtocol:
            return protocol.in_context(answer)
        return asyncio.Task(answer, loop=asyncio.get_running_loop(), context=self.contexts[0])

    async def complete_first(self, connection: Connection, message: str | bytes) -> None:
        """Authenticate by the first message, then prepare and open the handler."""
        handler, guard = self.handler, self.guard
        if await guard.first_message.receive(connection, message) is not None:
            return
        _raise_size_limit(handler, steps.size_limit(handler))
        expires_in = connection.expires_in(guard.clock.monotonic())
        self.send(encode_renewed("authenticated", expires_in))
        try:
            prepared = steps.prepare(self, handler)
            if prepared is not None:
                await prepared
            if not connection.open:
                return
            (args, kwargs), self.arguments = self.arguments, None
            opened = steps.open_own(self, handler, *args, **kwargs)
            if opened is not None:
                await opened
            release_handshake_state(handler)
        except (Exception, asyncio.CancelledError):
            self.fail_with(handler)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    # -- control frames ----------------------------------------------------------------------------

    def receive_control(self, hear: Callable[[bytes], Any], data: bytes) -> Any:
        """Charge a ping or pong like a message, and drop its data after the end of the connection."""
        verdict = self._charge_control(data)
        if verdict is False:
            return None
        result = None if verdict is FENCED_CONTROL else hear(data)
        if verdict is True:
            return result
        if result is not None:
            self.start_task(self._await_callback(self.handler, result))
        protocol = self.handler.ws_connection
        if isinstance(protocol, TornadoProtocol):
            protocol.pause = verdict.seconds  # it does not await the result of `on_ping`
            return None
        return self.pause(verdict)

    def _charge_control(self, data: bytes) -> bool | PauseReading:
        connection = self.connection
        if connection is None:
            return False
        if connection.awaiting_authentication:
            self.guard.first_message.receive_control(connection)
            return False
        return self.guard.inbound.receive_control(connection, len(data))

    def pause(self, pause: PauseReading, message: str | bytes = "") -> Awaitable[None]:
        """Return the result of a message handler that pauses reading.

        The fast protocol takes the `PauseReading` itself, Tornado's own an awaitable.
        """
        if type(self.handler.ws_connection) is FastProtocol:
            return cast("Awaitable[None]", pause)
        return self.pause_tornado(pause, message)

    # -- the rest of the sink ----------------------------------------------------------------------

    def handshake(self) -> Handshake:
        """See `Sink`."""
        return self.kept_handshake or self.facts.parser.parse(self.handler.request)

    def expiring(self, seconds: float) -> None:
        """See `Sink`. Call the handler's `on_credential_expiring(seconds)`, if it has one."""
        handler = self.handler
        tell = getattr(handler, "on_credential_expiring", None)
        if tell is None:
            return
        try:
            told = tell(seconds)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            self.fail_with(handler)
            return
        if told is not None:
            self.start_task(self._await_callback(handler, told))

    async def _await_callback(self, handler: WebSocketHandler, told: Awaitable[None]) -> None:
        try:
            await gen.convert_yielded(told)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            self.fail_with(handler)

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside the messages."""
        if self.tasks is None:
            self.tasks = set()
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def fail_with(self, handler: WebSocketHandler) -> None:
        """Log the handler's exception, which is being handled, and close."""
        handler.log_exception(*sys.exc_info())
        self.fail()

    # -- the interface to the protocols ------------------------------------------------------------

    def switch(self, handler: WebSocketHandler, answer: Mapping[str, str]) -> bool:
        """See `ProtocolSocket`."""
        return steps.switch(self, handler, answer)

    def wait_for_lease(self) -> None:
        """See `ProtocolSocket`."""
        if self.connection is not None:
            self.guard.fence.hold(self.connection)

    def count_buffered(self, size: int) -> None:
        """See `ProtocolSocket`."""
        if self.connection is not None:
            self.guard.buffers.keep(self.connection, size)

    def record_abort(self, code: int, reason: str) -> None:
        """See `ProtocolSocket`."""
        connection = self.connection
        if connection is None or connection.state is State.ENDED:
            return
        if code == 1009:
            setting = steps.size_setting(self, self.handler)
            why = Refusal(Denial.MESSAGE_TOO_LARGE, f"{reason}: {setting}")
        else:
            why = Refusal(Denial.INVALID_MESSAGE, f"{code}: {reason}")
        connection.sink = None  # the protocol tells the client itself
        self.guard.registry.end(connection, why)


def _raise_size_limit(handler: WebSocketHandler, size: int) -> None:
    """Raise the size limit for messages to that of authenticated clients."""
    protocol: Any = handler.ws_connection
    if protocol is not None and hasattr(protocol, "params"):
        protocol.params.max_message_size = size
        decompressor = getattr(protocol, "_decompressor", None)
        if decompressor is not None:
            decompressor._max_message_size = size  # noqa: SLF001 - there is no other way


class RawSocket(GuardedSocket):
    """Socket of a handler that decodes its messages itself."""

    __slots__ = ()

    def receive(self, message: str | bytes) -> Awaitable[None] | None:
        """Deliver the message unchanged, or drop it and close."""
        connection = self.connection
        if connection is None:
            return None
        verdict = self.guard.inbound.receive_raw(connection, message, self.facts.message_permission)
        if isinstance(verdict, PauseReading):
            return self.pause(verdict, message)
        if verdict is True:
            handler = self.handler
            try:
                result = self.pass_on(handler, message)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - logged and closed below
                # If it propagated, `on_close` would not run.
                self.fail_with(handler)
                return None
            return None if result is None else self._finish_message(handler, result)
        if isinstance(verdict, Refused):
            # The guard cannot send a refusal in the handler's protocol, so it closes.
            self.guard.registry.end(connection, verdict.refusal)
        elif connection.awaiting_authentication:
            return self.receive_first(connection, message)
        return None

    def pass_on(self, handler: WebSocketHandler, message: str | bytes) -> Any:
        """Call the handler's own `on_message`."""
        own: Any = super(InFront, handler)
        return own.on_message(message)

    async def _finish_message(self, handler: WebSocketHandler, result: Awaitable[None]) -> None:
        try:
            # Like Tornado: a coroutine, a Future, or a list or dictionary of them.
            await gen.convert_yielded(result)
        except (Exception, asyncio.CancelledError):
            self.fail_with(handler)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise


def route_groups(handler: Any) -> str:
    """Return the groups of the route, as the handler gets them, joined by slashes."""
    named = [value for _, value in sorted(handler.path_kwargs.items())]
    return "/".join(one for one in (*handler.path_args, *named) if one)


class TypedSocket(RawSocket):
    """The same, if each type of message needs its own permission."""

    __slots__ = ()

    def pass_on(self, handler: WebSocketHandler, message: str | bytes) -> Any:
        """Drop a message before the handler gets it, unless its type is permitted."""
        connection: Any = self.connection
        declared: Any = self.facts.endpoint.messages
        types = self.types
        if types is None:
            types = self.types = MessageTypes(
                declared, handler.selected_subprotocol, route_groups(handler)
            )
        refused = types.check(connection, message, self.guard.clock.now())
        if refused is None:
            types.used_at = connection.last_message
            return super().pass_on(handler, message)
        # Like a refused command, it does not prolong the login.
        connection.forget_use(max(types.used_at, connection.renewed_at))
        self._refuse_type(declared, types, refused)
        return None

    def _refuse_type(self, declared: Any, types: MessageTypes, refused: TypeRefused) -> None:
        if refused.refusal is None:
            return
        connection: Any = self.connection
        guard, refusal = self.guard, refused.refusal
        offence = is_offence(refusal)
        if guard.inbound.reject(
            connection, refusal, permission=refused.permission, offence=offence
        ):
            return
        if refused.fatal or declared.refused == "close":
            guard.registry.end(connection, refusal)
            return
        if declared.answer is None and offence:
            return  # its request is not known
        try:
            for one in types.answers():
                payload, opcode = (one.encode(), TEXT) if isinstance(one, str) else (one, BINARY)
                connection, now = self.check_open()
                self.post(connection, payload, now, opcode)
        except WebSocketClosedError:
            pass  # its client does not read
