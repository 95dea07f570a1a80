"""The door itself: a class put in front of a handler class, so that nothing of the handler runs first.

`protect` makes, for each WebSocket handler class `H`, a class `H` that inherits from a door and from the
original. The door comes first in the method resolution order: it decides before `prepare`, drops messages
before `on_message`, and ends the connection when anything at all goes wrong. The handler is not changed.

Facts about Tornado that this file is built around; `tests/tornado/test_tornado_facts.py` keeps each:
`prepare()` runs before the origin check; `check_origin` is not called for every request; after `close()`
frames still reach `on_message`; if `open()` raises, `on_close` never runs; if the client leaves during an
asynchronous `prepare()`, `on_close` runs before `open()`, and `open()` runs all the same.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from asyncio import Future
from collections.abc import Awaitable, Coroutine
from typing import Any, ClassVar

from msgspec import UNSET
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor.config.guard import Guard
from stormdoor.core.credential import SUBPROTOCOL
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.message import Command, encode_error, encode_reply
from stormdoor.core.principal import Principal
from stormdoor.guard.actions import Actions
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.inbound import Refused
from stormdoor.guard.outbound import Backlog
from stormdoor.tornado.translate import Translator


__all__ = ["CommandDoor", "DeclaringDoor", "Door", "RawDoor"]

_log = logging.getLogger("stormdoor.door")

_SECRET_PREFIX = "stormdoor."


def _task(coroutine: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run `coroutine`; None if it is done already, else what Tornado is to wait for."""
    if sys.version_info >= (3, 12):
        # A coroutine that never waits then costs no trip around the loop.
        task = asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
        return None if task.done() and task.exception() is None else task
    else:
        return coroutine


class Door(WebSocketHandler):
    """What stands in front of every guarded handler. Never used by itself: see `protect`.

    Attributes:
        guard: The guard that decides.
        endpoint: What was declared about the handler.
        translator: Turns requests into handshakes.
        own_origin_check: Whether the handler brings a `check_origin` of its own.
        own_message_size: Whether the handler or application sets a size of its own.
    """

    guard: ClassVar[Guard]
    endpoint: ClassVar[Endpoint]
    translator: ClassVar[Translator]
    own_origin_check: ClassVar[bool]
    own_message_size: ClassVar[bool]
    behind_a_door: ClassVar[bool] = True

    connection: Connection
    _admitted: Connection | None = None
    _backlog: Backlog | None = None
    _app_opened = False

    # -- the handshake ---------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Decide about the handshake, and only then let the handler see the request."""
        handshake = self.translator.handshake(self.request)
        guard = self.guard
        outcome: Connection | Refusal
        if await guard.ready():
            outcome = await guard.admission.admit(handshake, self.endpoint)
        else:
            outcome = Refusal(Denial.UNAVAILABLE, "the store does not answer", retry_after=5)
        if isinstance(outcome, Refusal):
            self._answer(outcome)
            return
        self._admitted = self.connection = outcome
        outcome.sink = self
        if self._finished or self.request.connection is None:
            # The client left while the store was asked.
            guard.registry.end(outcome)
            return
        try:
            prepared = super().prepare()
            if prepared is not None:
                await prepared
        except BaseException:
            guard.registry.end(outcome)
            raise

    def _answer(self, refusal: Refusal) -> None:
        """Refuse the handshake: a status and a generic line, nothing of the handler, and no 101."""
        answer = refusal.answer
        self.clear()
        self.set_status(answer.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        if refusal.retry_after is not None:
            self.set_header("Retry-After", str(refusal.retry_after))
        if answer.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        # The base class's finish: a handler's own might add what it adds to its pages.
        RequestHandler.finish(self, answer.text + "\n")

    def check_origin(self, origin: str) -> bool:
        """Repeat the verdict: the origin was judged before anything else, and exactly.

        A check of the handler's own stays in force beside it. For a public endpoint it is the only one.
        """
        if self.own_origin_check:
            return bool(super().check_origin(origin))
        if self.endpoint.public is not None:
            return self.guard.entrance.origins.allows(origin) or bool(super().check_origin(origin))
        return self._admitted is not None

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Let the handler choose among what the client offers, never among its secrets."""
        offered = [one for one in subprotocols if not one.startswith(_SECRET_PREFIX)]
        chosen = super().select_subprotocol(offered)
        if chosen is not None:
            return chosen
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    @property
    def max_message_size(self) -> int:
        """Bytes after which Tornado itself cuts a message off (1009)."""
        own = super().max_message_size
        if self.own_message_size:
            return own
        # A command a little too long is answered `too-large`; only far beyond that is it cut off.
        return self.guard.limits.message_bytes * (2 if self.answers_errors else 1)

    answers_errors: ClassVar[bool] = False
    """Whether refused messages are answered in stormdoor's own words."""

    # -- the life --------------------------------------------------------------------------------

    def open(self, *args: Any, **kwargs: Any) -> Awaitable[None] | None:
        """The 101 has been sent: open the gate, unless the connection was ended meanwhile."""
        connection = self._admitted
        if connection is None:
            self.close(1011)
            return None
        if not self.guard.registry.opened(connection):
            why = connection.closed_by
            code, text = (why.answer.close_code, why.answer.text) if why else (1011, "")
            super().close(code, text)
            return None
        self._app_opened = True
        try:
            opened = super().open(*args, **kwargs)
        except BaseException:
            self._fail()
            raise
        return None if opened is None else self._finish_open(opened)

    async def _finish_open(self, opened: Awaitable[None]) -> None:
        try:
            await opened
        except BaseException:
            self._fail()
            raise

    def _fail(self) -> None:
        """The handler raised: the connection is over, and the trail says so."""
        if self._admitted is not None:
            self.guard.registry.end(
                self._admitted, Refusal(Denial.INTERNAL, "the handler raised; see the log")
            )

    def on_close(self) -> None:
        """The connection is over, from whichever side."""
        if self._admitted is not None:
            self.guard.registry.end(self._admitted, code=self.close_code or 1006)
        if self._app_opened:
            super().on_close()

    def on_connection_close(self) -> None:
        """The client left, perhaps before anything was opened."""
        super().on_connection_close()
        if self._admitted is not None:
            self.guard.registry.end(self._admitted, code=1006)

    def on_finish(self) -> None:
        """An answer was sent. If it was not the 101, there will never be a connection."""
        if self._admitted is not None and self.get_status() != 101:
            self.guard.registry.end(self._admitted)
        super().on_finish()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """The application closes: the gate shuts first, since frames still arrive afterwards."""
        if self._admitted is not None:
            self.guard.registry.end(self._admitted, code=code or 1000)
        super().close(code, reason)

    # -- the way out -----------------------------------------------------------------------------

    def write_message(
        self, message: bytes | str | dict[str, Any], binary: bool = False
    ) -> Future[None]:
        """Send a message, if the connection is open and its reader keeps up.

        Raises:
            WebSocketClosedError: It is not open: never was, ended, expired or revoked.
        """
        connection = self._admitted
        if connection is None or not connection.open:
            raise WebSocketClosedError
        now = self.guard.clock.monotonic()
        if now >= connection.deadline:
            self.guard.registry.end(
                connection, Refusal(Denial.EXPIRED, "the credential has expired")
            )
            raise WebSocketClosedError
        size = len(message)
        backlog = self._backlog
        if backlog is None:
            backlog = self._backlog = Backlog(self.guard.limits.outbound_bytes)
        if not backlog.fits(size):
            self.guard.registry.end(
                connection,
                Refusal(
                    Denial.SLOW_CONSUMER,
                    f"limits.outbound_bytes = {self.guard.limits.outbound_bytes} wait for it",
                ),
            )
            raise WebSocketClosedError
        written = super().write_message(message, binary)
        backlog.add(size, written, now)
        self.guard.statistics.delivered += 1
        return written

    def deliver(self, payload: bytes | str) -> bool:
        """See `stormdoor.guard.connection.Sink`."""
        try:
            self.write_message(payload)
        except WebSocketClosedError:
            return False
        return True

    def shut(self, code: int, reason: str) -> None:
        """See `stormdoor.guard.connection.Sink`."""
        super().close(code, reason)

    def stalled(self) -> float | None:
        """See `stormdoor.guard.connection.Sink`."""
        return None if self._backlog is None else self._backlog.stalled_since()


class DeclaringDoor(Door):
    """In front of a `GuardedHandler`: `current_user` is the principal, with the roles as they are now."""

    @property
    def current_user(self) -> Principal | None:
        """The principal of the connection."""
        return None if self._admitted is None else self._admitted.principal

    @current_user.setter
    def current_user(self, value: object) -> None:
        """Ignored: only the guard says who somebody is."""


class RawDoor(Door):
    """In front of a handler that decodes its messages by itself."""

    message_permission: ClassVar[str | None] = None

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Deliver the message untouched, or drop it and close."""
        connection = self._admitted
        if connection is None:
            return None
        verdict = self.guard.inbound.receive_raw(connection, message, self.message_permission)
        if verdict is True:
            try:
                result = super().on_message(message)
            except BaseException:
                self._fail()
                raise
            return None if result is None else self._finish_message(result)
        if isinstance(verdict, Refused):
            # The handler's protocol has no words for a refusal, so the only honest answer is the close.
            self.guard.registry.end(connection, verdict.refusal)
        return None

    async def _finish_message(self, result: Awaitable[None]) -> None:
        try:
            await result
        except BaseException:
            self._fail()
            raise


class CommandDoor(Door):
    """In front of a handler whose messages are commands."""

    actions: ClassVar[Actions]
    answers_errors: ClassVar[bool] = True

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Judge one message, carry it out, answer it."""
        connection = self._admitted
        if connection is None:
            return None
        verdict = self.guard.inbound.receive(connection, message, self.actions)
        if isinstance(verdict, tuple):
            action, command = verdict
            try:
                result = action.method(self, command)
            except Exception:
                self._failed(command)
                return None
            if result is None:
                return None
            if inspect.iscoroutine(result):
                return _task(self._carry_out(result, command))
            self._reply(result, command)
        elif verdict is not None:
            self._answer_refused(verdict)
        return None

    async def _carry_out(self, coroutine: Coroutine[Any, Any, Any], command: Command) -> None:
        try:
            result = await coroutine
        except Exception:
            self._failed(command)
            return
        if result is not None:
            self._reply(result, command)

    def _reply(self, result: object, command: Command) -> None:
        try:
            payload = encode_reply(result, command.id)
        except Exception:
            self._failed(command)
            return
        try:
            self.write_message(payload)
        except WebSocketClosedError:
            pass

    def _failed(self, command: Command) -> None:
        """The application raised: log it, say nothing of it, and close (1011)."""
        _log.exception("%s raised on a %s", type(self).__qualname__, type(command).__name__)
        self._fail()

    def _answer_refused(self, refused: Refused) -> None:
        if not refused.fatal:
            more = {}
            if refused.refusal.retry_after is not None:
                more["retry_after"] = refused.refusal.retry_after
            self.deliver(encode_error(refused.refusal.answer.error, refused.id, **more))
