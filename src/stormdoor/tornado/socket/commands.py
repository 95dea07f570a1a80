"""Sockets of handlers with commands: each message is decoded, decided and answered."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Awaitable, Coroutine
from typing import Any, ClassVar, assert_never

from msgspec import Struct
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.binary import MalformedBinary, Packed, first_message_text, pack_reply, repack
from stormdoor.core.frame import BINARY, Prepared
from stormdoor.core.in_band import Prove, Refresh, encode_expiring, encode_renewed
from stormdoor.core.message import Command, encode_error, encode_reply
from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import Allowed, Refused
from stormdoor.guard.pause import PauseReading
from stormdoor.tornado.socket.guarded import GuardedSocket

__all__ = ["BinarySocket", "CommandSocket"]

_log = logging.getLogger("stormdoor.handler")


def _task(coroutine: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run `coroutine`; None if it is done already, else the object that Tornado must await."""
    if sys.version_info >= (3, 12):
        # A coroutine that never waits then needs no further iteration of the event loop.
        task = asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
        return None if task.done() and task.exception() is None else task
    return coroutine


class CommandSocket(GuardedSocket):
    """Socket of a handler with commands as messages."""

    __slots__ = ()

    answers_errors: ClassVar[bool] = True

    def receive(self, message: str | bytes) -> Awaitable[None] | None:
        """Evaluate one message, run its action, send the answer."""
        connection = self.connection
        if connection is None:
            return None
        actions: Any = self.facts.actions
        outcome = self.guard.inbound.receive(connection, message, actions)
        if outcome is None:
            if connection.awaiting_authentication:
                return self.receive_first(connection, message)
            return None
        return self.run_action(connection, outcome, message)

    def receive_text(self, text: bytes) -> Awaitable[None] | None:
        """Evaluate a text message in UTF-8, which is decoded once, into the command."""
        connection: Any = self.connection
        actions: Any = self.facts.actions
        outcome = self.guard.inbound.receive_text(connection, text, actions)
        if outcome is None:
            if connection.awaiting_authentication:
                return self.receive_first(connection, text.decode())
            return None
        return self.run_action(connection, outcome, text)

    def run_action(
        self,
        connection: Connection,
        outcome: Allowed | Refused | PauseReading | Refresh | Prove,
        message: str | bytes,
    ) -> Awaitable[None] | None:
        """Act on the verdict about a message."""
        match outcome:
            case (action, command):
                try:
                    result = action.method(self.handler, command)
                except Exception as error:  # noqa: BLE001 - an action may raise anything
                    self._fail_action(command, error)
                    return None
                if result is None:
                    return None
                # A `Reply` first: it is by far the most frequent, and the cheapest test.
                if not isinstance(result, Struct) and inspect.isawaitable(result):
                    return _task(self._await_action(result, command))
                self.reply(result, command)
            case PauseReading():
                return self.pause(outcome, message)
            case Refused():
                self._answer(outcome)
                if outcome.pause and not outcome.fatal:
                    return self.pause(PauseReading(outcome.pause, again=False))
            case Refresh() | Prove():
                # Beside the messages: they continue with the old credential, until the new one has been
                # verified.
                self.start_task(self._renew(connection, outcome))
            case _:
                assert_never(outcome)
        return None

    async def _renew(self, connection: Connection, command: Refresh | Prove) -> None:
        guard = self.guard
        if isinstance(command, Refresh):
            refusal = await guard.refresh(connection, command.token)
        else:
            refusal = await guard.prove(connection, command.totp)
        if refusal is None:
            expires_in = connection.expires_in(guard.clock.monotonic())
            self.send(encode_renewed("refreshed", expires_in, command.id))
        else:
            self._answer(Refused(refusal, command.id, fatal=not connection.open))

    def expiring(self, seconds: float) -> None:
        """See `Sink`."""
        self.send(encode_expiring(int(seconds)))
        super().expiring(seconds)

    async def _await_action(self, result: Awaitable[Any], command: Command) -> None:
        try:
            reply = await result
        except Exception as error:  # noqa: BLE001 - an action may raise anything
            self._fail_action(command, error)
            return
        except BaseException:
            self.fail()
            raise
        if reply is not None:
            self.reply(reply, command, waited=True)

    def reply(self, reply: object, command: Command, *, waited: bool = False) -> None:
        """Send the answer of an action."""
        try:
            payload = encode_reply(reply, command.id)
        except Exception as error:  # noqa: BLE001 - an action may raise anything
            self._fail_action(command, error)
            return
        if waited:
            self.send(payload)
            return
        connection = self.connection
        # The message was allowed a moment ago: at `last_message` nothing had expired.
        if connection is not None and connection.open:
            try:  # noqa: SIM105 - the hot path: `suppress` would cost as much as a check
                self.post(connection, payload, connection.last_message)
            except WebSocketClosedError:
                pass

    def _fail_action(self, command: Command, error: Exception) -> None:
        """Log an exception of the application and close (1011), without details for the client."""
        connection = self.connection
        if isinstance(error, WebSocketClosedError) and connection and not connection.open:
            return  # it wrote to a client that had disconnected
        _log.error("%s raised on a %s", self.facts.name, type(command).__name__, exc_info=error)
        self.fail()

    def _answer(self, refused: Refused) -> None:
        if refused.fatal:
            return
        more: dict[str, object] = {}
        if refused.refusal.retry_after is not None:
            more["retry_after"] = refused.refusal.retry_after
        if refused.refusal.needs is not None:
            more["needs"] = refused.refusal.needs.on_the_wire()
        self.send(encode_error(refused.refusal.answer.error, refused.id, **more))


class BinarySocket(CommandSocket):
    """Socket of a handler that takes MessagePack from all clients, or from those that select it."""

    __slots__ = ()

    def _is_binary(self) -> bool:
        if self.speaks_binary is None:
            self.speaks_binary = bool(self.handler.speaks_msgpack)
        return self.speaks_binary

    def receive(self, message: str | bytes) -> Awaitable[None] | None:
        """Evaluate one message in the encoding of the connection."""
        connection = self.connection
        if connection is None or self.handler is None:
            return None
        if not self._is_binary():
            return super().receive(message)
        if isinstance(message, str):
            self._abort(1003, "this connection takes binary messages")
            return None
        actions: Any = self.facts.binary_actions
        try:
            outcome = self.guard.binary_inbound.receive_text(connection, message, actions)
        except MalformedBinary as error:
            self._abort(1007, f"malformed MessagePack: {error}")
            return None
        if outcome is None:
            if connection.awaiting_authentication:
                return self.receive_first(connection, first_message_text(message))
            return None
        return self.run_action(connection, outcome, message)

    def receive_text(self, text: bytes) -> Awaitable[None] | None:
        """Refuse text of a client that has selected MessagePack."""
        if self._is_binary():
            self._abort(1003, "this connection takes binary messages")
            return None
        return super().receive_text(text)

    def _abort(self, code: int, reason: str) -> None:
        """Record that the client broke the encoding, and close with `code` (RFC 6455 §7.4.1)."""
        self.record_abort(code, reason)
        WebSocketHandler.close(self.handler, code, reason.partition(":")[0])

    def send(self, payload: bytes | Prepared) -> bool:
        """Send a message of the server, in the encoding of the connection."""
        if self.handler is None or not self._is_binary():
            return super().send(payload)
        again = payload.again if isinstance(payload, Prepared) else None
        if not isinstance(payload, Packed):
            payload = repack(payload.payload if isinstance(payload, Prepared) else payload)
        if again is not None:
            payload = Prepared(payload, again, opcode=BINARY)
        try:
            connection, now = self.check_open()
            self.post(connection, payload, now, BINARY)
        except WebSocketClosedError:
            return False
        return True

    def reply(self, reply: object, command: Command, *, waited: bool = False) -> None:
        """Send the answer of an action, in the encoding of the connection."""
        if not self._is_binary():
            super().reply(reply, command, waited=waited)
            return
        try:
            payload = Packed(pack_reply(reply, command.id))
        except Exception as error:  # noqa: BLE001 - an action may raise anything
            self._fail_action(command, error)
            return
        self.send(payload)
