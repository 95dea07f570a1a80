"""Classes that give handshakes, messages and pages spans, for a guard with a tracing system alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

from tornado.web import RequestHandler

from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import Allowed, Refused
from stormdoor.guard.pause import PauseReading
from stormdoor.guard.tracing import MessageSpan, SpanContext, Tracing
from stormdoor.tornado.pages import GuardedPage
from stormdoor.tornado.route_pattern import route_pattern
from stormdoor.tornado.sentry_mixin import SentryRouteMixin, sentry_is_used
from stormdoor.tornado.socket.commands import CommandSocket
from stormdoor.tornado.socket.facts import HandlerFacts
from stormdoor.tornado.socket.guarded import GuardedSocket

__all__ = [
    "TracedCommands",
    "TracedDecisionMixin",
    "TracedMessages",
    "TracedPage",
    "TracedSocket",
    "decision_mixins",
    "page_class",
    "traced_socket",
]


def decision_mixins(tracing: Tracing | None) -> tuple[type[RequestHandler], ...]:
    """Return the mixins in front of a class that decides about requests; none if nothing traces it."""
    sentry = (SentryRouteMixin,) if sentry_is_used() else ()
    return sentry if tracing is None else (*sentry, TracedDecisionMixin)


def traced_socket(kind: type[GuardedSocket], tracing: Tracing | None) -> type[GuardedSocket]:
    """Return a kind of sockets with spans; `kind` itself if nothing traces it."""
    if tracing is None:
        return kind
    traced: type[GuardedSocket] = TracedSocket
    if tracing.traces_messages:
        traced = TracedCommands if issubclass(kind, CommandSocket) else TracedMessages
    return type(f"Traced{kind.__name__}", (traced, kind), {"__slots__": ()})


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
        """Decide about the request inside of its span, see `stormdoor.tornado.socket.handshake.decide`."""
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


class TracedSocket(GuardedSocket):
    """Gives the decision about a handshake a span, also if the credential comes in the first message."""

    __slots__ = ("message_span",)

    def __init__(self, facts: HandlerFacts) -> None:
        super().__init__(facts)
        self.message_span: MessageSpan | None = None

    async def complete_first(self, connection: Connection, message: str | bytes) -> None:
        """See `GuardedSocket`."""
        handler = self.handler
        span = handler._door_handshake_span  # noqa: SLF001 - of `TracedDecisionMixin`
        with _tracing(handler).first_message(span, _route(handler)):
            await super().complete_first(connection, message)


class TracedMessages(TracedSocket):
    """The same, with spans of messages."""

    __slots__ = ()

    def receive(self, message: str | bytes) -> Awaitable[Any] | None:
        """See `GuardedSocket`."""
        return self.trace(super().receive, message)

    def trace(self, receive: Callable[[Any], Any], message: str | bytes) -> Awaitable[Any] | None:
        """Let `receive` process the message, with a span if it is one of the sample."""
        handler, connection = self.handler, self.connection
        span: MessageSpan | None = None
        if (
            connection is not None
            and connection.open
            and not connection.awaiting_authentication
            and (tracing := _tracing(handler)).samples_message()
        ):
            handshake = handler._door_handshake_span  # noqa: SLF001 - of `TracedDecisionMixin`
            permission = self.facts.message_permission or ""
            span = tracing.message(connection, permission, handshake, _route(handler))
        result: Awaitable[Any] | None
        if span is None:
            result = receive(message)
            return result
        self.message_span = span
        try:
            with span:
                result = receive(message)
        except BaseException:
            span.end_after(None)
            raise
        finally:
            self.message_span = None
        if type(result) is PauseReading:  # the fast protocol takes it itself
            span.end_after(None)
            return cast("Awaitable[Any]", result)
        return span.end_after(result)

    def pause(self, pause: PauseReading, message: str | bytes = "") -> Awaitable[None]:
        """See `GuardedSocket`."""
        if self.message_span is not None and pause.again:
            self.message_span.paused()
        return super().pause(pause, message)


class TracedCommands(TracedMessages, CommandSocket):
    """The same, for a handler with commands."""

    __slots__ = ()

    def receive_text(self, text: bytes) -> Awaitable[None] | None:
        """See `CommandSocket`."""
        return self.trace(super().receive_text, text)

    def run_action(
        self, connection: Connection, outcome: Any, message: str | bytes
    ) -> Awaitable[None] | None:
        """See `CommandSocket`."""
        span = self.message_span
        if span is not None and not isinstance(outcome, Refused) and isinstance(outcome, tuple):
            allowed: Allowed = outcome
            span.acts(allowed[0].name, allowed[0].permission)
        return super().run_action(connection, outcome, message)
