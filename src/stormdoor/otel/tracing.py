"""Spans of handshakes, messages and pages for OpenTelemetry.

The facts come from the entries of the trail. Of these, a span has only the public part without the path: no
principal, no address, no connection and no detail.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Self

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TracerProvider,
    get_current_span,
    get_tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stormdoor.core.denial import ANSWERS, Denial
from stormdoor.core.event import Event
from stormdoor.guard.connection import Connection
from stormdoor.guard.tracing import NoteAllowed, Route
from stormdoor.runtime.guard import Guard

__all__ = ["OpenTelemetryTracing"]

_HEADERS = {"traceparent", "tracestate"}

_observed: ContextVar[_Decision | _Message | None] = ContextVar("stormdoor_span", default=None)
"""The recorded span that the next entry of the trail may be about."""


class OpenTelemetryTracing:
    """The tracing system of one guard, see `stormdoor.guard.tracing.Tracing`.

    Args:
        guard: The guard. Its trail tells the results.
        provider: Source of the tracer; None for the global one.
        message_ratio: Share of the messages that begin a span.
        chance: Returns a number from 0.0 to 1.0 for each message; tests pass their own.
    """

    def __init__(
        self,
        guard: Guard,
        provider: TracerProvider | None,
        message_ratio: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._guard = guard
        self._tracer = get_tracer("stormdoor", tracer_provider=provider)
        self._propagator = TraceContextTextMapPropagator()
        self._ratio = message_ratio
        self._chance = chance
        guard.trail.listener = _note

    @property
    def traces_messages(self) -> bool:
        """True if messages can have spans."""
        return self._ratio > 0.0

    @contextmanager
    def handshake(
        self, headers: Mapping[str, str], route: Route, undecided: str
    ) -> Iterator[SpanContext]:
        """Make the span of a handshake the current one until the handshake is decided."""
        with self._decision("handshake", self._remote(headers), route, undecided) as decision:
            yield decision.context

    @contextmanager
    def page(self, headers: Mapping[str, str], route: Route) -> Iterator[NoteAllowed]:
        """Make the span of a request to a page the current one until it is decided."""
        with self._decision(
            "page", self._remote(headers), route, "dropped", answers=False
        ) as decision:
            yield decision.note_allowed

    def _remote(self, headers: Mapping[str, str]) -> SpanContext:
        # Only these headers are read: the propagator of the application may read others, such as baggage.
        carrier = {name: headers[name] for name in _HEADERS if name in headers}
        return get_current_span(self._propagator.extract(carrier, Context())).get_span_context()

    @contextmanager
    def first_message(self, handshake: SpanContext | None, route: Route) -> Iterator[SpanContext]:
        """Make the span of the decision about a first message the current one until it is decided."""
        with self._decision("first message", handshake, route, "dropped") as decision:
            yield decision.context

    @contextmanager
    def _decision(
        self,
        name: str,
        linked: SpanContext | None,
        route: Route,
        undecided: str,
        *,
        answers: bool = True,
    ) -> Iterator[_Decision]:
        span = self._tracer.start_span(
            name, context=Context(), kind=SpanKind.SERVER, links=_links(linked)
        )
        decision = _Decision(self._guard, span, answers=answers)
        if not span.is_recording():
            yield decision
            return
        _name(span, name, route)
        decision.begin()
        before = _observed.set(decision)
        try:
            yield decision
        finally:
            _observed.reset(before)
            decision.end(undecided)

    def samples_message(self) -> bool:
        """Decide whether the next message has a span."""
        return self._chance() < self._ratio

    def message(
        self,
        connection: Connection,
        permission: str,
        handshake: SpanContext | None,
        route: Route,
    ) -> _Message | None:
        """Return the span of a message, with a link to that of its handshake."""
        span = self._tracer.start_span(
            "message", context=Context(), kind=SpanKind.SERVER, links=_links(handshake)
        )
        if not span.is_recording():
            return None
        _name(span, "message", route)
        return _Message(connection, permission, span, self._guard.clock.now())


def _note(event: Event) -> None:
    """Get each entry of the trail, before similar ones are merged."""
    observed = _observed.get()
    if observed is not None:
        observed.note(event)


def _links(context: SpanContext | None) -> list[Link]:
    return [Link(context)] if context is not None and context.is_valid else []


def _name(span: Span, name: str, route: Route) -> None:
    """Name a recorded span after its route."""
    pattern = route()
    if pattern:
        span.update_name(f"{name} {pattern}")
        span.set_attribute("http.route", pattern)


def _describe(span: Span, event: Event) -> None:
    """Set the attributes that the public part of an entry of the trail has."""
    for name, value in (
        ("cause", event.cause),
        ("policies", event.policies),
        ("kind", event.kind),
        ("permission", event.permission),
    ):
        if value:
            span.set_attribute(f"stormdoor.{name}", value)


def _set_refused(span: Span, event: Event) -> None:
    status = ANSWERS[Denial(event.cause)].status
    _describe(span, event)
    span.set_attribute("stormdoor.decision", "refused")
    if status >= 500:  # as of a server: an error of the client is none of the span
        span.set_status(StatusCode.ERROR, event.cause)


class _Decision:
    """The span of one decision. It is the current span until then, and never while the handler runs.

    Args:
        guard: The guard.
        span: The span.
        answers: Whether a refusal is answered with its status. A page may lead to the login instead.
    """

    def __init__(self, guard: Guard, span: Span, *, answers: bool) -> None:
        self._guard = guard
        self._span = span
        self._answers = answers
        self._token: Token[Context] | None = None

    @property
    def context(self) -> SpanContext:
        """The identity of the span."""
        return self._span.get_span_context()

    def begin(self) -> None:
        """Make the span the current one."""
        self._token = attach(set_span_in_context(self._span, Context()))

    def note(self, event: Event) -> None:
        """Take the decision from the first entry that has one; other entries become events of the span."""
        if self._token is None:
            return
        if event.name == "connection_opened":
            _describe(self._span, event)
            self._span.set_attribute("stormdoor.policies", self._policies(event))
            self.end("admitted")
        elif event.cause and not event.connection:
            _set_refused(self._span, event)
            if self._answers:
                status = ANSWERS[Denial(event.cause)].status
                self._span.set_attribute("http.response.status_code", status)
            self.end("refused")
        else:
            self._span.add_event(event.name)

    def note_allowed(self, kind: str, permission: str, policies: Sequence[str]) -> None:
        """Take the decision about a request that has no entry in the trail."""
        if self._token is None:
            return
        for name, value in (("kind", kind), ("permission", permission), ("policies", policies)):
            self._span.set_attribute(f"stormdoor.{name}", value)
        self.end("allowed")

    def _policies(self, event: Event) -> tuple[str, ...]:
        connection = self._guard.registry.get(event.connection)
        if connection is None or not event.permission:
            return ()
        return connection.decide(event.permission, None, event.time).policy_ids

    def end(self, decision: str) -> None:
        """End the span, unless it has ended."""
        if self._token is None:
            return
        detach(self._token)
        self._token = None
        self._span.set_attribute("stormdoor.decision", decision)
        self._span.end()


class _Message:
    """The span of one message, see `stormdoor.guard.tracing.MessageSpan`."""

    def __init__(self, connection: Connection, permission: str, span: Span, now: float) -> None:
        self._connection = connection
        self._span = span
        self._context = set_span_in_context(span, Context())
        self._decided = self._paused = False
        self._tokens: tuple[Token[Context], Token[Any]] | None = None
        self._permission = permission
        self._now = now
        span.set_attribute("stormdoor.kind", connection.authentication.kind)

    def __enter__(self) -> Self:
        self._tokens = attach(self._context), _observed.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._tokens is not None:
            context, observed = self._tokens
            self._tokens = None
            _observed.reset(observed)
            detach(context)

    def note(self, event: Event) -> None:
        """Take the refusal of this message; entries about others are left out."""
        if (
            self._decided
            or event.connection != self._connection.id
            or event.name == "connection_closed"
            or not event.cause
        ):
            return
        self._decided = True
        _set_refused(self._span, event)

    def paused(self) -> None:
        """Note that the message waits, because it came too fast. It is evaluated again, with another span."""
        self._decided = self._paused = True
        self._span.set_attribute("stormdoor.decision", "held")

    def acts(self, action: str, permission: str) -> None:
        """Note the action of an allowed message, and the permission that it needed."""
        self._span.set_attribute("stormdoor.action", action)
        self._permission = permission

    def end_after(self, result: Awaitable[Any] | None) -> Awaitable[Any] | None:
        """End the span: now, or when `result` is done."""
        if not self._decided:
            self._set_allowed()
        if result is None or self._paused:
            self._span.end()
            return result
        return self._finish(result)

    def _set_allowed(self) -> None:
        connection, permission = self._connection, self._permission
        if not connection.open and connection.closed_by is not None:
            self._span.set_attribute("stormdoor.cause", connection.closed_by.denial.value)
            self._span.set_attribute("stormdoor.decision", "dropped")
            return
        self._span.set_attribute("stormdoor.decision", "allowed")
        if permission:
            self._span.set_attribute("stormdoor.permission", permission)
            decision = connection.decide(permission, None, self._now)
            if decision.allowed:  # else a policy has decided by the resource
                self._span.set_attribute("stormdoor.policies", decision.policy_ids)

    async def _finish(self, result: Awaitable[Any]) -> Any:
        try:
            return await _Current(result, self)
        finally:
            self._span.end()


class _Current:
    """An awaitable that makes a span current while a step of another awaitable runs, and only then.

    So it changes no context of the task that waits, which may be any.
    """

    def __init__(self, result: Awaitable[Any], span: _Message) -> None:
        self._result = result
        self._span = span

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._result.__await__()
        sent: Any = None
        error: BaseException | None = None
        while True:
            try:
                with self._span:
                    waited = steps.send(sent) if error is None else steps.throw(error)
            except StopIteration as done:
                return done.value
            sent = error = None
            try:
                sent = yield waited
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as raised:  # noqa: BLE001 - also a cancellation is for the result
                error = raised
