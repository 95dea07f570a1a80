"""Spans of handshakes and messages, on a real server with the SDK of OpenTelemetry."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from tornado.web import Application, RequestHandler

from stormdoor import (
    ConfigurationError,
    PolicySet,
    Transport,
    forbid,
    login_routes,
    protect,
    public,
    role,
)
from stormdoor.guard.connection import Connection
from stormdoor.otel import instrument
from stormdoor.otel.tracing import OpenTelemetryTracing
from stormdoor.ports import SystemClock
from stormdoor.runtime.measurements import measure
from stormdoor.tornado.traced import TracedDecisionMixin, TracedMessages
from tests.guard.fakes import FakeStore, make_guard
from tests.otel.served import ALICE, CLIENT_TRACE, TRACEPARENT, Echo, Spans, attributes, served
from tests.tornado.transports.plain_http import ALICE as ALICE_OF_DOOR
from tests.tornado.transports.plain_http import make_door, send
from tests.tornado.transports.test_declared import Wrap, begin
from tests.tornado.transports.test_declared import application as declared_application
from tests.tornado.wire import Wire, connect, log_lines, request, serving, settled

BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "tornado"])


@pytest.fixture(autouse=True)
def no_error() -> Iterator[None]:
    """OpenTelemetry logs an error where a context is left in another one than it was entered in."""
    with log_lines("opentelemetry") as lines:
        yield
    assert lines == []


async def leave(wire: Wire) -> None:
    """Close, and let the server see it."""
    await wire.close()
    await wire.hang_up()
    await settled()


def links(span: ReadableSpan) -> list[tuple[int, int]]:
    """The spans that a span refers to."""
    return [(one.context.trace_id, one.context.span_id) for one in span.links]


@BOTH
async def test_an_admitted_handshake(fast: bool) -> None:
    """A trace of its own, with the route, the kind of credential, the permission and the policy."""
    spans = Spans()
    async with served(spans, fast=fast) as running:
        wire = await connect(running.port, "/room/secret-room?x=1", ALICE, TRACEPARENT)
        wire.send('{"type": "say", "text": "hello"}')
        assert (await wire.json())["text"] == "hello"
        await leave(wire)
    (span,) = spans.all()
    assert (span.name, span.kind) == (r"handshake /room/([\w-]+)", SpanKind.SERVER)
    assert span.parent is None
    assert span.status.status_code is StatusCode.UNSET
    assert attributes(span) == {
        "http.route": r"/room/([\w-]+)",
        "decision": "admitted",
        "kind": "token",
        "permission": "chat:connect",
        "policies": ("role:member",),
    }


@BOTH
async def test_a_refused_handshake(fast: bool) -> None:
    """With the cause, and the status of the answer."""
    spans = Spans()
    async with served(spans, fast=fast) as running:
        for headers in (
            [],
            [("Authorization", "Bearer mallory")],
            [ALICE, ("Origin", "https://e.example")],
        ):
            wire = await request(running.port, "/echo", *headers)
            await wire.hang_up()
    found = [attributes(one) for one in spans.all()]
    assert [(one["cause"], one["http.response.status_code"]) for one in found] == [
        ("no-credential", 401),
        ("bad-credential", 401),
        ("origin-not-allowed", 403),
    ]
    assert {one["decision"] for one in found} == {"refused"}
    assert {one.name for one in spans.all()} == {"handshake /echo"}
    assert {one.status.status_code for one in spans.all()} == {StatusCode.UNSET}


async def test_a_policy_that_refuses_is_named() -> None:
    """And the kind of the credential that was accepted before."""
    policies = PolicySet([role("member", "chat:*"), forbid("chat:connect", id="night")])
    spans = Spans()
    async with served(spans, policies=policies) as running:
        wire = await request(running.port, "/echo", ALICE)
        assert wire.status == 403
        await wire.hang_up()
    (span,) = spans.all()
    assert attributes(span) == {
        "http.route": "/echo",
        "decision": "refused",
        "cause": "forbidden",
        "policies": ("night",),
        "kind": "token",
        "permission": "chat:connect",
        "http.response.status_code": 403,
    }


async def test_an_error_of_the_server_is_an_error_of_the_span() -> None:
    """As the conventions of OpenTelemetry say of servers: 5xx only."""
    spans, store = Spans(), FakeStore()
    async with served(spans, store=store) as running:
        store.down = True
        await running.application.settings["stormdoor_guard"].tick()
        wire = await request(running.port, "/echo", ALICE)
        assert wire.status == 503
        await wire.hang_up()
        store.down = False
    (span,) = spans.all()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "unavailable"
    assert attributes(span)["http.response.status_code"] == 503


async def test_the_trace_of_the_client_is_a_link() -> None:
    """A client chooses its trace context, before it is authenticated: it cannot choose the trace here."""
    spans = Spans()
    async with served(spans) as running:
        for headers in ([ALICE, TRACEPARENT], [ALICE], [ALICE, ("traceparent", "00-broken")]):
            await leave(await connect(running.port, "/echo", *headers))
    linked, alone, broken = spans.all()
    assert links(linked) == [(int(CLIENT_TRACE, 16), 0x00F067AA0BA902B7)]
    assert linked.context.trace_id != int(CLIENT_TRACE, 16)
    assert links(alone) == links(broken) == []


async def test_a_client_cannot_have_itself_sampled() -> None:
    """Its flag `sampled` does not count: the sampler decides."""
    spans = Spans(ALWAYS_OFF)
    async with served(spans, ratio=1.0) as running:
        wire = await connect(running.port, "/echo", ALICE, TRACEPARENT)
        wire.send("hello")
        assert await wire.text() == "hello"
        await leave(wire)
    assert not spans.all()


@BOTH
async def test_no_span_holds_what_the_trail_calls_personal(fast: bool) -> None:
    """No principal, address, user agent, connection, path or credential, in any field of any span."""
    spans = Spans()
    async with served(spans, ratio=1.0, fast=fast) as running:
        agent = ("User-Agent", "agent-of-alice")
        for path, *headers in (
            ("/room/room-of-alice?token=token-of-alice", ALICE, agent),
            ("/room/room-of-alice", ("Authorization", "Bearer token-of-mallory"), agent),
            ("/room/room-of-alice", ALICE, ("Origin", "https://evil.example")),
        ):
            wire = await request(running.port, path, *headers)
            if wire.status == 101:
                wire.send('{"type": "kick"}')
                await wire.receive()
                wire.send('{"type": "say", "text": "text of alice"}')
                await wire.receive()
                await leave(wire)
            else:
                await wire.hang_up()
    text = "".join(one.to_json() for one in spans.all())
    assert len(spans.all()) == 5
    for secret in ("alice", "mallory", "evil", "127.0.0.1"):
        assert secret not in text


@BOTH
async def test_a_first_message_has_a_span(fast: bool) -> None:
    """The handshake is deferred; the span of the decision refers to it."""
    spans = Spans()
    async with served(spans, fast=fast) as running:
        for token, answer in (("alice", True), ("mallory", False)):
            wire = await connect(running.port, "/late")
            wire.send(json.dumps({"type": "stormdoor.authenticate", "token": token}))
            if answer:
                await wire.receive()
                await leave(wire)
            else:
                assert await wire.close() == 3000
                await wire.hang_up()
    handshakes, firsts = spans.named("handshake /late"), spans.named("first message /late")
    assert [attributes(one)["decision"] for one in handshakes] == ["deferred", "deferred"]
    assert [attributes(one)["decision"] for one in firsts] == ["admitted", "refused"]
    assert attributes(firsts[0])["kind"] == "token"
    assert attributes(firsts[1])["cause"] == "bad-credential"
    for handshake, first in zip(handshakes, firsts, strict=True):
        assert links(first) == [(handshake.context.trace_id, handshake.context.span_id)]


@BOTH
async def test_messages_of_commands(fast: bool) -> None:
    """With the action, its permission, and the decision; a span of the application is inside."""
    spans = Spans()
    async with served(spans, ratio=1.0, fast=fast) as running:
        wire = await connect(running.port, "/room/r1", ALICE)
        for message in ('{"type": "wait"}', '{"type": "kick"}', "?"):
            wire.send(message)
            await wire.receive()
        await leave(wire)
    (handshake,) = spans.named(r"handshake /room/([\w-]+)")
    allowed, forbidden, invalid = spans.named(r"message /room/([\w-]+)")
    assert attributes(allowed) == {
        "http.route": r"/room/([\w-]+)",
        "kind": "token",
        "decision": "allowed",
        "action": "wait",
        "permission": "chat:say",
        "policies": ("role:member",),
    }
    assert attributes(forbidden) == {
        "http.route": r"/room/([\w-]+)",
        "kind": "token",
        "decision": "refused",
        "cause": "forbidden",
        "permission": "chat:kick",
    }
    assert attributes(invalid)["cause"] == "invalid-message"
    for span in (allowed, forbidden, invalid):
        assert span.parent is None
        assert links(span) == [(handshake.context.trace_id, handshake.context.span_id)]
    (waited,) = spans.named("waited")
    assert waited.parent is not None
    assert waited.parent.span_id == allowed.context.span_id
    # It ends when the action is done.
    assert waited.end_time is not None
    assert allowed.end_time is not None
    assert waited.end_time <= allowed.end_time


@BOTH
async def test_messages_of_a_handler_with_its_own_protocol(fast: bool) -> None:
    """The permission is that of the handler. The span ends when its coroutine has ended."""
    spans = Spans()
    async with served(spans, ratio=1.0, fast=fast) as running:
        wire = await connect(running.port, "/echo", ALICE)
        wire.send("hello")
        assert await wire.text() == "hello"
        await leave(wire)
    (span,) = spans.named("message /echo")
    assert attributes(span)["decision"] == "allowed"
    assert attributes(span)["permission"] == "chat:connect"


@BOTH
async def test_a_message_that_comes_too_fast_is_held(fast: bool) -> None:
    """It waits, and is evaluated again: the second span says that it was allowed."""
    spans = Spans()
    limits, clock = {"messages_per_connection": "5/s burst 1"}, SystemClock()
    async with served(spans, ratio=1.0, fast=fast, limits=limits, clock=clock) as running:
        wire = await connect(running.port, "/echo", ALICE)
        for text in ("one", "two"):
            wire.send(text)
        assert [await wire.text(), await wire.text()] == ["one", "two"]
        await leave(wire)
    decisions = [attributes(one)["decision"] for one in spans.named("message /echo")]
    assert decisions[:2] == ["allowed", "held"]
    assert decisions[-1] == "allowed"


@BOTH
async def test_a_failure_of_an_action_ends_its_span(fast: bool) -> None:
    """The span of the message ends, and nothing of it is left current."""
    spans = Spans()
    with log_lines("stormdoor.handler"):
        async with served(spans, ratio=1.0, fast=fast) as running:
            wire = await connect(running.port, "/room/r1", ALICE)
            wire.send('{"type": "fail"}')
            assert await wire.close() == 1011
            await wire.hang_up()
    (span,) = spans.named(r"message /room/([\w-]+)")
    assert attributes(span)["action"] == "fail"
    assert not get_current_span().get_span_context().is_valid


async def test_only_a_sample_of_the_messages_has_spans() -> None:
    """The choice comes before any work: no span is begun, and no route is looked for."""
    spans = Spans()
    guard = make_guard(insecure_allow_any_host=True)
    async with served(spans, ratio=0.5, guard=guard) as running:
        numbers = iter([0.4, 0.6, 0.5, 0.0])
        tracing: Any = guard.tracing
        tracing._chance = lambda: next(numbers)
        begun: list[Connection] = []
        message = tracing.message

        def noted(connection: Connection, *rest: Any) -> Any:
            begun.append(connection)
            return message(connection, *rest)

        tracing.message = noted
        wire = await connect(running.port, "/echo", ALICE)
        for _ in range(4):
            wire.send("hello")
            await wire.receive()
        await leave(wire)
    assert len(spans.named("message /echo")) == len(begun) == 2


@pytest.mark.parametrize("ratio", [None, 0.0, 1.0])
async def test_what_is_off_has_no_code(ratio: float | None) -> None:
    """Without OpenTelemetry, and without spans of messages, the class has no mixin for them."""
    guard = make_guard(insecure_allow_any_host=True)
    if ratio is not None:
        instrument(guard, tracer_provider=Spans().provider, message_ratio=ratio)
    from stormdoor.guard.endpoint import Endpoint
    from stormdoor.tornado.guarded_class import guarded_class
    from stormdoor.tornado.handshake_parser import HandshakeParser
    from tests.otel.served import Chat

    made = guarded_class(
        Chat, Endpoint("Chat", "chat:connect"), guard, HandshakeParser.for_guard(guard)
    )
    assert issubclass(made, TracedDecisionMixin) is (ratio is not None)
    assert issubclass(made._door_facts.socket, TracedMessages) is (ratio == 1.0)
    assert (guard.trail.listener is None) is (ratio is None)


def test_wrong_options_are_refused() -> None:
    """A ratio that is no share, and a second call."""
    guard = make_guard()
    with pytest.raises(ConfigurationError, match="message_ratio"):
        instrument(guard, message_ratio=1.5)
    instrument(guard)
    assert isinstance(guard.tracing, OpenTelemetryTracing)
    with pytest.raises(ConfigurationError, match="already"):
        instrument(guard)


def test_after_protect_it_is_too_late() -> None:
    """The classes of the handlers are made without spans then: the error says so."""
    guard = make_guard()
    protect(Application([("/echo", Echo)]), guard, "chat:connect")
    with pytest.raises(ConfigurationError, match="before protect"):
        instrument(guard)


def test_without_the_api_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application does not start, rather than run without the traces that it was told to make."""
    for name in [
        one for one in sys.modules if one.startswith(("opentelemetry", "stormdoor.otel."))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"stormdoor\[otel\]"):
        instrument(make_guard())


async def test_a_handler_that_refuses_by_itself() -> None:
    """The guard has admitted the client: that is its decision."""
    spans = Spans()
    async with served(spans) as running:
        wire = await request(running.port, "/refusing", ALICE)
        assert wire.status == 418
        await wire.hang_up()
    (span,) = spans.all()
    assert attributes(span)["decision"] == "admitted"


async def test_requests_of_an_http_transport() -> None:
    """Each request is decided, so each has a span: the one that begins a session, and a refused one."""
    spans, (application, _) = Spans(), declared_application()
    guard = make_door()
    instrument(guard, tracer_provider=spans.provider)
    transports: Any = {Wrap: Transport.by_json("sid")}
    protect(application, guard, "chat:connect", transports=transports)
    async with serving(application, guard) as running:
        id = await begin(running.port, ALICE_OF_DOOR)
        body = json.dumps({"sid": id, "say": "hello"}).encode()
        answer = await send(running.port, "POST", "/wrap", ALICE_OF_DOOR, body=body)
        assert answer.status == 200
        answer = await send(running.port, "GET", "/wrap")
        assert answer.status == 401
    admitted, continued, denied = spans.all()
    assert {one.name for one in spans.all()} == {"handshake /wrap"}
    assert attributes(admitted)["decision"] == "admitted"
    assert attributes(continued)["decision"] == "continued"
    assert attributes(denied)["cause"] == "no-credential"


class Report(RequestHandler):
    """A page of the application. Notes the span that is current while it runs."""

    def get(self, name: str) -> None:
        """Answer."""
        self.application.settings["seen"].append(get_current_span().get_span_context().is_valid)
        self.write(name)


async def test_requests_of_guarded_pages() -> None:
    """Decision, cause, permission and the pattern of the route: no path, query, principal or address."""
    spans, guard = Spans(), make_guard(insecure_allow_any_host=True)
    instrument(guard, tracer_provider=spans.provider)
    seen: list[bool] = []
    routes: list[Any] = [
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
        (r"/report/(\w+)", Report),
    ]
    routes += [("/open/(.*)", Report), ("/admin/(.*)", Report), ("/ws", Echo)]
    application = Application(routes, seen=seen)
    pages: dict[str, Any] = {
        "/open/.*": public("a probe"),
        "/admin/.*": "chat:kick",
        "/.*": "chat:connect",
    }
    protect(application, guard, "chat:connect", pages=pages)
    html = ("Accept", "text/html")
    async with serving(application, guard) as running:
        for path, status, *headers in (
            ("/report/secret?key=secret", 200, ALICE, TRACEPARENT),
            ("/report/secret?key=secret", 401),
            ("/report/secret?key=secret", 303, html),
            ("/report/secret", 403, ALICE, ("Origin", "https://evil.example")),
            ("/admin/secret", 403, ALICE),
            ("/open/secret", 200),
        ):
            async with await request(running.port, path, *headers, upgrade=False) as wire:
                assert wire.status == status
    allowed, refused, led, foreign, forbidden = spans.all()
    for one in spans.all():
        told = f"{one.name} {one.attributes} {one.events} {one.status.description}"
        assert not {"secret", "127.0.0.1", "evil", "Bearer"} & set(re.findall(r"[\w.]+", told)), (
            told
        )
        assert "alice" not in told
    assert (allowed.name, allowed.kind) == (r"page /report/(\w+)", SpanKind.SERVER)
    assert attributes(allowed) == {
        "http.route": r"/report/(\w+)",
        "decision": "allowed",
        "kind": "token",
        "permission": "chat:connect",
        "policies": ("role:member",),
    }
    assert links(allowed) == [(int(CLIENT_TRACE, 16), 0x00F067AA0BA902B7)]
    assert attributes(refused) == attributes(led)
    assert attributes(refused) == {
        "http.route": r"/report/(\w+)",
        "decision": "refused",
        "cause": "no-credential",
        "permission": "chat:connect",
    }
    assert attributes(foreign)["cause"] == "origin-not-allowed"
    assert attributes(forbidden)["cause"] == "forbidden"
    assert attributes(forbidden)["permission"] == "chat:kick"
    assert seen == [False, False], "the handler runs outside of the span"
    (counted,) = (one for one in measure(guard) if one.name == "stormdoor_pages")
    assert counted.samples == (((), 1),)


async def test_pages_that_the_sampler_drops() -> None:
    """They are decided as without OpenTelemetry."""
    spans, guard = Spans(ALWAYS_OFF), make_guard(insecure_allow_any_host=True)
    instrument(guard, tracer_provider=spans.provider)
    application = Application([(r"/report/(\w+)", Report), ("/ws", Echo)], seen=[])
    protect(application, guard, "chat:connect", pages="chat:connect")
    async with serving(application, guard) as running:
        for status, *headers in ((200, ALICE), (401,)):
            async with await request(running.port, "/report/a", *headers, upgrade=False) as wire:
                assert wire.status == status
    assert spans.all() == ()
