"""A guarded application under OpenTelemetry, and the spans that it has made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from stormdoor import Command, Guard, GuardedHandler, action
from stormdoor.otel import instrument
from tests.guard.fakes import make_guard
from tests.tornado.wire import Served, serving

__all__ = ["ALICE", "ROUTES", "Spans", "attributes", "served"]

ALICE = ("Authorization", "Bearer alice")
CLIENT_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = ("traceparent", f"00-{CLIENT_TRACE}-00f067aa0ba902b7-01")


class Say(Command, tag="say"):
    text: str


class Kick(Command, tag="kick"):
    pass


class Wait(Command, tag="wait"):
    pass


class Fail(Command, tag="fail"):
    pass


class Chat(GuardedHandler):
    """Has commands."""

    permission = "chat:connect"

    @action("chat:say")
    def say(self, command: Say) -> dict[str, str]:
        """Answer, inside of a span of the application."""
        with trace.get_tracer("application").start_as_current_span("said"):
            return {"type": "said", "text": command.text}

    @action("chat:kick")
    def kick(self, command: Kick) -> None:
        """Needs a role that alice does not have."""

    @action("chat:say")
    async def wait(self, command: Wait) -> dict[str, str]:
        """Answer later: the span of the application begins after a wait."""
        await asyncio.sleep(0)
        spans = self.application.settings["spans"]
        with spans.provider.get_tracer("application").start_as_current_span("waited"):
            await asyncio.sleep(0)
        return {"type": "waited"}

    @action("chat:say")
    async def fail(self, command: Fail) -> None:
        """Raise after a wait."""
        await asyncio.sleep(0)
        raise RuntimeError("a failure of the handler")


class Late(Chat):
    """Takes the credential in the first message."""

    first_message = True


class Echo(WebSocketHandler):
    """Decodes its messages itself."""

    async def on_message(self, message: str | bytes) -> None:
        """Answer, after a wait."""
        await asyncio.sleep(0)
        await self.write_message(message)


class Refusing(WebSocketHandler):
    """Refuses by itself."""

    def prepare(self) -> None:
        """Refuse."""
        raise HTTPError(418)


ROUTES: list[Any] = [
    (r"/room/([\w-]+)", Chat),
    (r"/late", Late),
    (r"/echo", Echo),
    (r"/refusing", Refusing),
]


class Spans:
    """A provider of tracers that keeps the spans that have ended."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def all(self) -> Sequence[ReadableSpan]:
        """Return all spans that have ended."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the spans of that name that have ended."""
        return [one for one in self.all() if one.name == name]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes without the prefix of stormdoor."""
    found = span.attributes or {}
    return {name.removeprefix("stormdoor."): value for name, value in found.items()}


@asynccontextmanager
async def served(
    spans: Spans, *, ratio: float = 0.0, guard: Guard | None = None, **options: Any
) -> AsyncIterator[Served]:
    """Serve the handlers behind an instrumented guard."""
    guard = guard or make_guard(insecure_allow_any_host=True, **options)
    instrument(guard, tracer_provider=spans.provider, message_ratio=ratio)
    routes = {r"/echo": "chat:connect", r"/refusing": "chat:connect"}
    async with serving(ROUTES, guard, permissions=routes, spans=spans) as running:
        yield running
