"""Mixins that give handshakes, messages and pages spans, for a guard with a tracing system alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

from tornado.web import RequestHandler

from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import Allowed, Refused
from stormdoor.guard.pause import PauseReading
from stormdoor.guard.tracing import MessageSpan, SpanContext, Tracing
from stormdoor.tornado.command_mixin import CommandGuardMixin
from stormdoor.tornado.guard_mixin import GuardMixin, RawGuardMixin
from stormdoor.tornado.pages import GuardedPage
from stormdoor.tornado.route_pattern import route_pattern
from stormdoor.tornado.sentry_mixin import SentryRouteMixin, sentry_is_used

__all__ = [
    "TracedCommandMixin",
    "TracedDecisionMixin",
    "TracedHandshakeMixin",
    "TracedPage",
    "TracedRawMixin",
    "decision_mixins",
    "page_class",
    "socket_mixins",
]


def decision_mixins(tracing: Tracing | None) -> tuple[type[RequestHandler], ...]:
    """Return the mixins in front of a class that decides about requests; none if nothing traces it."""
    sentry = (SentryRouteMixin,) if sentry_is_used() else ()
    return sentry if tracing is None else (*sentry, TracedDecisionMixin)


def socket_mixins(tracing: Tracing | None, *, raw: bool) -> tuple[type[RequestHandler], ...]:
    """Return the same for a WebSocket.

    Args:
        tracing: The tracing system of the guard.
        raw: True if the handler decodes its messages itself.
    """
    if tracing is None:
        return decision_mixins(None)
    of_messages = TracedRawMixin if raw else TracedCommandMixin
    traced = of_messages if tracing.traces_messages else TracedHandshakeMixin
    return (*decision_mixins(None), traced)


def page_class(tracing: Tracing | None) -> type[GuardedPage]:
    """Return the class in front of the handler of a page."""
    return GuardedPage if tracing is None else TracedPage


def _tracing(handler: Any) -> Tracing:
    tracing: Tracing = handler._door_guard.tracing  # noqa: SLF001 - of a guarded handler
    return tracing


def _route(handler: RequestHandler) -> Callable[[], str]:
    return lambda: route_pattern(handler.application, handler.request)


class TracedDecisionMixin(RequestHandler):
    """Gives the decision about a request a span, also that of an HTTP transport."""

    _door_undecided: ClassVar[str] = "continued"
    """The decision about a further request of a transport session, which the trail does not record."""
    _door_handshake_span: SpanContext = None

    async def prepare(self) -> None:
        """Decide about the request inside of its span, see `HandshakeMixin.prepare`."""
        headers, undecided = self.request.headers, self._door_undecided
        with _tracing(self).handshake(headers, _route(self), undecided) as span:
            self._door_handshake_span = span
            prepared = super().prepare()
            if prepared is not None:
                await prepared


class TracedPage(GuardedPage):
    """Gives the decision about a request to a page a span, unless the page is public."""

    async def _door_admits(self, declared: str | None) -> bool:
        with _tracing(self).page(self.request.headers, _route(self)) as note:
            self._door_note_allowed = note
            return await super()._door_admits(declared)


class TracedHandshakeMixin(TracedDecisionMixin, GuardMixin):
    """The same for a WebSocket, also if the credential comes in the first message."""

    _door_undecided: ClassVar[str] = "deferred"
    _door_message_span: MessageSpan | None = None

    async def _door_complete_first(self, connection: Connection, message: str | bytes) -> None:
        with _tracing(self).first_message(self._door_handshake_span, _route(self)):
            await super()._door_complete_first(connection, message)

    def _door_trace(
        self, receive: Callable[[Any], Any], message: str | bytes, permission: str
    ) -> Awaitable[Any] | None:
        """Let `receive` process the message, with a span if it is one of the sample."""
        tracing, connection = _tracing(self), self._door_admitted
        span: MessageSpan | None = None
        if (
            connection is not None
            and not connection.awaiting_authentication
            and tracing.samples_message()
        ):
            handshake = self._door_handshake_span
            span = tracing.message(connection, permission, handshake, _route(self))
        result: Awaitable[Any] | None
        if span is None:
            result = receive(message)
            return result
        self._door_message_span = span
        try:
            with span:
                result = receive(message)
        except BaseException:
            span.end_after(None)
            raise
        finally:
            self._door_message_span = None
        if type(result) is PauseReading:  # the fast protocol takes it itself
            span.end_after(None)
            return cast("Awaitable[Any]", result)
        return span.end_after(result)

    def _door_pause(self, pause: PauseReading, message: str | bytes = "") -> Awaitable[None]:
        if self._door_message_span is not None and pause.again:
            self._door_message_span.paused()
        return super()._door_pause(pause, message)


class TracedRawMixin(TracedHandshakeMixin, RawGuardMixin):
    """The same, with spans of messages, for a handler that decodes its messages itself."""

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Deliver the message or drop it, see `RawGuardMixin.on_message`."""
        return self._door_trace(super().on_message, message, self._door_message_permission or "")


class TracedCommandMixin(TracedHandshakeMixin, CommandGuardMixin):
    """The same, with spans of messages, for a handler with commands."""

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Evaluate one message, see `CommandGuardMixin.on_message`."""
        return self._door_trace(super().on_message, message, "")

    def _door_receive_text(self, text: bytes) -> Awaitable[None] | None:
        return self._door_trace(super()._door_receive_text, text, "")

    def _door_run_action(
        self, connection: Connection, outcome: Any, message: str | bytes
    ) -> Awaitable[None] | None:
        span = self._door_message_span
        if span is not None and not isinstance(outcome, Refused) and isinstance(outcome, tuple):
            allowed: Allowed = outcome
            span.acts(allowed[0].name, allowed[0].permission)
        return super()._door_run_action(connection, outcome, message)
