"""Mixins in front of a handler with commands: each message is decoded, decided and answered."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Awaitable, Coroutine
from typing import Any, ClassVar, assert_never

from msgspec import Struct
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.core.binary import (
    MalformedBinary,
    Packed,
    first_message_text,
    pack_reply,
    repack,
)
from stormdoor.core.frame import BINARY, Prepared
from stormdoor.core.in_band import Prove, Refresh, encode_expiring, encode_renewed
from stormdoor.core.message import Command, encode_error, encode_reply
from stormdoor.guard.actions import Actions, BinaryActions
from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import Allowed, Refused
from stormdoor.guard.pause import PauseReading
from stormdoor.tornado.guard_mixin import GuardMixin

__all__ = ["BinaryGuardMixin", "CommandGuardMixin"]

_log = logging.getLogger("stormdoor.handler")


def _task(coroutine: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run `coroutine`; None if it is done already, else the object that Tornado must await."""
    if sys.version_info >= (3, 12):
        # A coroutine that never waits then needs no further iteration of the event loop.
        task = asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
        return None if task.done() and task.exception() is None else task
    return coroutine


class CommandGuardMixin(GuardMixin):
    """Mixin in front of a handler with commands as messages."""

    actions: ClassVar[Actions]
    _door_answers_errors: ClassVar[bool] = True

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Evaluate one message, run its action, send the answer."""
        connection = self._door_admitted
        if connection is None:
            return None
        outcome = self._door_guard.inbound.receive(connection, message, self.actions)
        if outcome is None:
            if connection.awaiting_authentication:
                return self._door_receive_first(connection, message)
            return None
        return self._door_run_action(connection, outcome, message)

    def _door_receive_text(self, text: bytes) -> Awaitable[None] | None:
        """Evaluate a text message in UTF-8, which is decoded once, into the command."""
        connection = self._door_admitted
        if connection is None:
            return None
        outcome = self._door_guard.inbound.receive_text(connection, text, self.actions)
        if outcome is None:
            if connection.awaiting_authentication:
                return self._door_receive_first(connection, text.decode())
            return None
        return self._door_run_action(connection, outcome, text)

    def _door_run_action(
        self,
        connection: Connection,
        outcome: Allowed | Refused | PauseReading | Refresh | Prove,
        message: str | bytes,
    ) -> Awaitable[None] | None:
        match outcome:
            case (action, command):
                try:
                    result = action.method(self, command)
                except Exception as error:  # noqa: BLE001 - an action may raise anything
                    self._door_failed(command, error)
                    return None
                if result is None:
                    return None
                # A `Reply` first: it is by far the most frequent, and the cheapest test.
                if not isinstance(result, Struct) and inspect.isawaitable(result):
                    return _task(self._door_await_action(result, command))
                self._door_reply(result, command)
            case PauseReading():
                return self._door_pause(outcome, message)
            case Refused():
                self._door_answer(outcome)
                if outcome.pause and not outcome.fatal:
                    return self._door_pause(PauseReading(outcome.pause, again=False))
            case Refresh() | Prove():
                # Beside the messages: they continue with the old credential, until the new one has been
                # verified.
                self._door_start_task(self._door_renew(connection, outcome))
            case _:
                assert_never(outcome)
        return None

    async def _door_renew(self, connection: Connection, command: Refresh | Prove) -> None:
        guard = self._door_guard
        if isinstance(command, Refresh):
            refusal = await guard.refresh(connection, command.token)
        else:
            refusal = await guard.prove(connection, command.totp)
        if refusal is None:
            expires_in = connection.expires_in(guard.clock.monotonic())
            self._door_send(encode_renewed("refreshed", expires_in, command.id))
        else:
            self._door_answer(Refused(refusal, command.id, fatal=not connection.open))

    def _door_expiring(self, seconds: float) -> None:
        self._door_send(encode_expiring(int(seconds)))
        super()._door_expiring(seconds)

    async def _door_await_action(self, result: Awaitable[Any], command: Command) -> None:
        try:
            reply = await result
        except Exception as error:  # noqa: BLE001 - an action may raise anything
            self._door_failed(command, error)
            return
        except BaseException:
            self._door_fail()
            raise
        if reply is not None:
            self._door_reply(reply, command, waited=True)

    def _door_reply(self, reply: object, command: Command, *, waited: bool = False) -> None:
        try:
            payload = encode_reply(reply, command.id)
        except Exception as error:  # noqa: BLE001 - an action may raise anything
            self._door_failed(command, error)
            return
        if waited:
            self._door_send(payload)
            return
        connection = self._door_admitted
        # The message was allowed a moment ago: at `last_message` nothing had expired.
        if connection is not None and connection.open:
            try:  # noqa: SIM105 - the hot path: `suppress` would cost as much as a check
                self._door_post(connection, payload, connection.last_message)
            except WebSocketClosedError:
                pass

    def _door_failed(self, command: Command, error: Exception) -> None:
        """Log an exception of the application and close (1011), without details for the client."""
        connection = self._door_admitted
        if isinstance(error, WebSocketClosedError) and connection and not connection.open:
            return  # it wrote to a client that had disconnected
        _log.error(
            "%s raised on a %s", type(self).__qualname__, type(command).__name__, exc_info=error
        )
        self._door_fail()

    def _door_answer(self, refused: Refused) -> None:
        if refused.fatal:
            return
        more: dict[str, object] = {}
        if refused.refusal.retry_after is not None:
            more["retry_after"] = refused.refusal.retry_after
        if refused.refusal.needs is not None:
            more["needs"] = refused.refusal.needs.on_the_wire()
        payload = encode_error(refused.refusal.answer.error, refused.id, **more)
        self._door_send(payload)


class BinaryGuardMixin(CommandGuardMixin):
    """Mixin in front of a handler that takes MessagePack from all clients, or from those that select it."""

    _door_actions: ClassVar[BinaryActions]
    _door_binary: bool | None = None
    """True if this connection speaks MessagePack; None until its first message."""
    speaks_msgpack: bool

    def _door_speaks_binary(self) -> bool:
        if self._door_binary is None:
            self._door_binary = self.speaks_msgpack
        return self._door_binary

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Evaluate one message in the encoding of the connection."""
        if not self._door_speaks_binary():
            return super().on_message(message)
        connection = self._door_admitted
        if connection is None:
            return None
        if isinstance(message, str):
            self._door_abort(1003, "this connection takes binary messages")
            return None
        try:
            outcome = self._door_guard.binary_inbound.receive_text(
                connection, message, self._door_actions
            )
        except MalformedBinary as error:
            self._door_abort(1007, f"malformed MessagePack: {error}")
            return None
        if outcome is None:
            if connection.awaiting_authentication:
                return self._door_receive_first(connection, first_message_text(message))
            return None
        return self._door_run_action(connection, outcome, message)

    def _door_receive_text(self, text: bytes) -> Awaitable[None] | None:
        if self._door_speaks_binary():
            self._door_abort(1003, "this connection takes binary messages")
            return None
        return super()._door_receive_text(text)

    def _door_abort(self, code: int, reason: str) -> None:
        """Record that the client broke the encoding, and close with `code` (RFC 6455 §7.4.1)."""
        self._door_record_abort(code, reason)
        WebSocketHandler.close(self, code, reason.partition(":")[0])

    def _door_send(self, payload: bytes | Prepared) -> bool:
        """Send a message of the server, in the encoding of the connection."""
        connection = self._door_admitted
        if connection is None or not self._door_speaks_binary():
            return super()._door_send(payload)
        if not connection.open:
            return False
        again = payload.again if isinstance(payload, Prepared) else None
        if not isinstance(payload, Packed):
            payload = repack(payload.payload if isinstance(payload, Prepared) else payload)
        if again is not None:
            payload = Prepared(payload, again, opcode=BINARY)
        try:
            self._door_post(connection, payload, self._door_check_deadline(connection), BINARY)
        except WebSocketClosedError:
            return False
        return True

    def _door_reply(self, reply: object, command: Command, *, waited: bool = False) -> None:
        if not self._door_speaks_binary():
            super()._door_reply(reply, command, waited=waited)
            return
        try:
            payload = Packed(pack_reply(reply, command.id))
        except Exception as error:  # noqa: BLE001 - an action may raise anything
            self._door_failed(command, error)
            return
        self._door_send(payload)
