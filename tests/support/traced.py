"""A program that serves handlers under a tracing package and prints what the package recorded, as JSON.

    python -m tests.support.traced PACKAGE plain|fast|tornado|no-front [first] [own]

The packages are `opentelemetry`, `sentry` and `sentry-without`. They replace methods of Tornado's for the
whole process, so each run is a process of its own. The server of `no-front` is of a class that has no front.
With `first`, the clients say who they are in their first message. With `own`, stormdoor makes spans, too, and
one more client is refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, protect
from tests.guard.fakes import make_guard
from tests.tornado.wire import OwnServer, connect, request

HELLO = '{"type": "stormdoor.authenticate", "token": "alice"}'


class Room(WebSocketHandler):
    """With a `get` of its own."""

    async def get(self, room: str) -> None:
        """Names its argument, which the name of the route is made of."""
        await super().get(room)

    async def on_message(self, message: str | bytes) -> None:
        """Answers."""
        await asyncio.sleep(0)
        await self.write_message(message)


class Quiet(WebSocketHandler):
    """With no `get` of its own."""

    def on_message(self, message: str | bytes) -> None:
        """Answers."""
        self.write_message(message)


class Failing(WebSocketHandler):
    """Raises on a message."""

    def on_message(self, message: str | bytes) -> None:
        """Raises."""
        raise RuntimeError("a failure of the handler")


class FailingLater(WebSocketHandler):
    """Raises in a coroutine."""

    async def on_message(self, message: str | bytes) -> None:
        """Raises."""
        await asyncio.sleep(0)
        raise RuntimeError("a later failure of the handler")


class Refusing(WebSocketHandler):
    """Refuses by itself."""

    def prepare(self) -> None:
        """Refuses."""
        raise HTTPError(418)


ROUTES: list[Any] = [
    (r"/room/(\w+)", Room),
    (r"/quiet", Quiet),
    (r"/failing", Failing),
    (r"/failing-later", FailingLater),
    (r"/refusing", Refusing),
]


class Errors(logging.Handler):
    """Keeps what is logged at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one."""
        raised = record.exc_info[1] if record.exc_info else None
        self.texts.append(f"{record.name}: {record.getMessage().partition('(')[0]}: {raised!r}")


def opentelemetry(guard: Guard, *, own: bool) -> Any:
    """Instrument Tornado, and return the function that lists what has been recorded."""
    from opentelemetry.instrumentation.tornado import TornadoInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    TornadoInstrumentor().instrument(tracer_provider=provider)
    if own:
        from stormdoor.otel import instrument

        instrument(guard, tracer_provider=provider, message_ratio=1.0)
    return lambda: [
        [one.name, _told(dict(one.attributes or {})), one.status.status_code.name]
        for one in exporter.get_finished_spans()
    ]


def _told(attributes: dict[str, Any]) -> Any:
    """The handler in a span of the package; in one of the guard, the decision, the cause and the status."""
    names = ("stormdoor.decision", "stormdoor.cause", "http.response.status_code")
    return attributes.get("tornado.handler") or [attributes.get(name) for name in names]


def sentry(guard: Guard, *, own: bool) -> Any:
    """The same."""
    import sentry_sdk
    from sentry_sdk.integrations.tornado import TornadoIntegration
    from sentry_sdk.transport import Transport

    events: list[Any] = []

    class Kept(Transport):  # type: ignore[misc]
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json for item in envelope.items if item.payload.json)

    sentry_sdk.init(
        dsn="http://public@127.0.0.1:9/1",
        transport=Kept,
        traces_sample_rate=1.0,
        integrations=[TornadoIntegration()],
        default_integrations=False,
    )
    return lambda: [
        [
            one.get("type", "error"),
            one.get("transaction"),
            one["exception"]["values"][-1]["value"] if "exception" in one else "",
            one.get("transaction_info", {}).get("source"),
        ]
        for one in events
    ]


def sentry_without(guard: Guard, *, own: bool) -> Any:
    """Use Sentry without its integration of Tornado; what is recorded is what the process keeps."""
    import sentry_sdk

    sentry_sdk.init(dsn="http://public@127.0.0.1:9/1", default_integrations=False)
    return lambda: len(sentry_sdk.get_isolation_scope()._event_processors)


async def converse(way: str, guard: Guard, *, first: bool, own: bool) -> None:
    """Serve the handlers and speak to each."""
    application = Application(ROUTES, log_function=lambda _: None)
    if way != "plain":
        protect(
            application, guard, "chat:connect", first_message=[WebSocketHandler] if first else []
        )
    sockets = bind_sockets(0, "127.0.0.1")
    server = (OwnServer if way == "no-front" else HTTPServer)(application)
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    alice = [] if first else [("Authorization", "Bearer alice")]
    async with guard:
        for path in ("/room/r1", "/quiet", "/failing", "/failing-later"):
            async with await connect(port, path, *alice) as wire:
                if first:
                    await wire.ask(HELLO)
                wire.send("hello")
                if path.startswith("/failing"):
                    await wire.ended()
                else:
                    await wire.receive()
                    await wire.close()
        if not first:
            async with await request(port, "/refusing", *alice) as wire:
                assert wire.status == 418
        if own:
            async with await request(port, "/room/r1", ("Authorization", "Bearer mallory")) as wire:
                assert wire.status == 401
        await asyncio.sleep(0.05)
        server.stop()
        await server.close_all_connections()


if __name__ == "__main__":
    package, way, *more = sys.argv[1:]
    errors = Errors()
    logging.getLogger().addHandler(errors)
    guard = make_guard(insecure_allow_any_host=True, fast=way != "tornado")
    own = "own" in more
    packages = {
        "opentelemetry": opentelemetry,
        "sentry": sentry,
        "sentry-without": sentry_without,
    }
    recorded = packages[package](guard, own=own)
    asyncio.run(converse(way, guard, first="first" in more, own=own))
    print(json.dumps({"recorded": recorded(), "errors": errors.texts}))  # noqa: T201 - its answer
