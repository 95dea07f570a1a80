"""`protect` inside a loader that catches every exception: nothing is served unguarded."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httputil import (
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import PathMatches, Router, Rule
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import ConfigurationError, Guard, protect, public
from tests.guard.fakes import make_guard
from tests.tornado.wire import Ended, Wire, connect, log_lines, request, serving, until

ALICE = ("Authorization", "Bearer alice")
CONNECT = "chat:connect"


class Echo(WebSocketHandler):
    """An existing handler."""

    heard: list[str | bytes]

    def on_message(self, message: str | bytes) -> Any:
        return self.write_message(message)


class Page(RequestHandler):
    def get(self) -> None:
        self.write("page")


def door() -> Guard:
    """A guard for an application on this machine."""
    return make_guard(insecure_allow_any_host=True)


def no_guard() -> Guard:
    """Plug-in function that makes a guard with an invalid configuration."""
    return Guard(origins="https://app.example")


def load(extension: Callable[[], object]) -> None:
    """Load a plug-in as Jupyter's and Dask's loaders do: log what it raises, and go on."""
    try:
        extension()
    except Exception:
        logging.getLogger("host").exception("the extension could not be loaded")


class ByHand(Router):
    """A router that chooses a class which stands in no table."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        return self.application.get_handler_delegate(request, Echo)


def host() -> Application:
    """An application with a socket in each place where one can be."""
    nested = Application([("/nested/ws", Echo)])
    application = Application(
        [("/ws", Echo), Rule(PathMatches("/nested.*"), nested), ("/page", Page)]
    )
    application.add_handlers(".*", [Rule(PathMatches("/hand"), ByHand(application))])
    return application


PATHS = ["/ws", "/nested/ws", "/hand", "/late"]

FAILURES: list[tuple[str, Callable[[Application], object], str]] = [
    ("an undeclared handler", lambda app: protect(app, door()), "StartupRefused"),
    ("a guard with a mistake", lambda app: protect(app, no_guard, CONNECT), "ConfigurationError"),
    (
        "a function that returns no guard",
        lambda app: protect(app, lambda: None, CONNECT),  # type: ignore[arg-type, return-value]
        "must return a Guard, not NoneType",
    ),
    (
        "a permission that is not well formed",
        lambda app: protect(app, door(), "not well formed"),
        "PolicyError",
    ),
]


@pytest.mark.parametrize(
    ("extension", "cause"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
async def test_a_loader_that_goes_on(
    extension: Callable[[Application], object], cause: str
) -> None:
    """Unguarded: 101. After a call of `protect` that failed: 503 for every socket; pages are served."""
    application = host()
    async with serving(application) as at:
        application.add_handlers(".*", [("/late", Echo)])
        for path in PATHS:
            async with await connect(at.port, path) as ws:
                ws.send("let me in")
                assert await ws.text() == "let me in"
        with log_lines("stormdoor", level=logging.ERROR) as lines:
            load(lambda: extension(application))
        assert any("answers 503" in line and cause in line for line in lines), lines
        for path in PATHS:
            for headers in ([], [ALICE]):
                async with await request(at.port, path, *headers) as ws:
                    assert (ws.status, ws.header("Retry-After")) == (503, "5"), path
        application.add_handlers(".*", [("/later", Echo)])
        async with await request(at.port, "/later") as ws:
            assert ws.status == 503
        async with await request(at.port, "/page", upgrade=False) as http:
            assert http.body == b"page"


async def test_another_try_opens_it() -> None:
    """The operator mends the mistake, and the host loads the plug-in again."""
    application, guard = host(), door()
    load(lambda: protect(application, guard))
    protect(application, lambda: guard, CONNECT)
    async with serving(application, guard) as at:
        for path in PATHS[:-1]:
            async with await request(at.port, path) as ws:
                assert ws.status == 401
            async with await connect(at.port, path, ALICE):
                pass


async def test_a_call_too_many_changes_nothing() -> None:
    """A second `protect` is a mistake, and the first guard goes on."""
    application, guard = host(), door()
    protect(application, guard, CONNECT)
    with log_lines("stormdoor", level=logging.ERROR) as lines:
        load(lambda: protect(application, no_guard))
    assert lines == []
    async with serving(application, guard) as at:
        async with await connect(at.port, "/ws", ALICE):
            pass


async def test_an_application_around_a_guarded_one() -> None:
    """The outer one answers 503; the inner one keeps its guard."""
    inner, guard = Application([("/in/ws", Echo)]), door()
    protect(inner, guard, CONNECT)
    outer = Application([("/ws", Echo), Rule(PathMatches("/in.*"), inner)])
    load(lambda: protect(outer, door(), CONNECT))
    async with serving(outer) as at:
        for path in ("/ws", "/in/ws"):
            async with await request(at.port, path, ALICE) as ws:
                assert ws.status == 503
    async with serving(inner, guard) as at:
        async with await connect(at.port, "/in/ws", ALICE):
            pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError])
async def test_every_exception_at_the_start_closes_the_door(error: type[BaseException]) -> None:
    """The door stays closed after any exception at the start, not only a `ConfigurationError`."""

    def interrupted() -> Guard:
        raise error

    application = host()
    with pytest.raises(error):
        protect(application, interrupted, CONNECT)
    async with serving(application) as at:
        async with await request(at.port) as ws:
            assert ws.status == 503


async def test_a_body_is_not_waited_for() -> None:
    """503 comes after the headers, also to a method that has a body."""
    application = Application([("/ws", Echo)], xsrf_cookies=True)
    load(lambda: protect(application, door()))
    async with serving(application) as at:
        length = ("Content-Length", "1000000")
        async with await request(at.port, "/ws", length, method="POST", upgrade=False) as http:
            assert http.status == 503


class Opaque(HTTPServerConnectionDelegate):
    """Answers requests by itself: here, handshakes of its own making."""

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        class Switch(HTTPMessageDelegate):
            def headers_received(
                self, start_line: RequestStartLine | ResponseStartLine, headers: Any
            ) -> None:
                stream = request_conn.detach()
                written = stream.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                written.add_done_callback(lambda _: stream.close())

        return Switch()


async def test_a_socket_that_cannot_be_guarded() -> None:
    """Unguarded: 101. Guarded: 403, unless it is declared public. After a failure: 503."""
    guard = door()

    def opaque() -> Application:
        return Application([("/ws", Echo), Rule(PathMatches("/opaque"), Opaque())])

    async def status(application: Application, guard: Guard | None = None) -> int:
        async with serving(application, guard) as at:
            async with await request(
                at.port, "/opaque", ALICE, ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
            ) as ws:
                return ws.status

    assert await status(opaque()) == 101
    assert await status(protect(opaque(), guard, CONNECT), guard) == 403
    permissions: dict[Any, Any] = {"/opaque": public("it has a check of its own"), "/ws": CONNECT}
    assert await status(protect(opaque(), guard, permissions=permissions)) == 101
    failed = opaque()
    load(lambda: protect(failed, guard))
    assert await status(failed) == 503


# -- a host that listens before its loader runs -------------------------------------------------------


class Heard(WebSocketHandler):
    """Notes what reaches it."""

    opened: list[Any]
    heard: list[Any]
    begun: list[Any]
    go_on: asyncio.Event

    async def prepare(self) -> None:
        self.begun.append(self)
        if self.request.path == "/slow":
            await self.go_on.wait()

    def open(self) -> None:
        self.opened.append(self)

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(message)


@pytest.fixture
def heard() -> type[Heard]:
    """Return a handler class of its own for each test."""

    class Fresh(Heard):
        opened, heard, begun = [], [], []
        go_on = asyncio.Event()

    return Fresh


async def _ended(ws: Wire) -> None:
    async with asyncio.timeout(60):
        await ws.ended()


@pytest.mark.parametrize("succeeds", [True, False])
async def test_sockets_that_were_opened_before(heard: type[Heard], succeeds: bool) -> None:
    """Sockets that were open before `protect` end, and their messages do not arrive."""
    application = Application([("/ws", heard)])
    async with serving(application) as at, await connect(at.port) as ws:
        ws.send("before")
        await until(lambda: heard.heard == ["before"])
        load(lambda: protect(application, door(), CONNECT if succeeds else None))
        ws.send("after")
        assert await ws.close_code() == 1001
        await _ended(ws)
        assert heard.heard == ["before"]


async def test_a_socket_that_the_application_has_just_closed(heard: type[Heard]) -> None:
    """Tornado delivers its messages for 5 s more: not after `protect`."""
    application = Application([("/ws", heard)])
    async with serving(application) as at, await connect(at.port) as ws:
        await until(lambda: heard.opened)
        heard.opened[0].close()
        ws.send("before")
        await until(lambda: heard.heard == ["before"])
        protect(application, door(), CONNECT)
        ws.send("after")
        await _ended(ws)
        assert heard.heard == ["before"]


async def test_a_handshake_that_was_under_way(heard: type[Heard]) -> None:
    """A handshake that was under way ends without a 101."""
    application = Application([("/slow", heard)])
    async with serving(application) as at:
        async with await request(at.port, "/slow", wait=False) as ws:
            await until(lambda: heard.begun)
            protect(application, door(), CONNECT)
            heard.go_on.set()
            with pytest.raises(Ended):
                await ws.read_answer()
        assert heard.opened == []


async def test_a_request_that_was_read_in_part(heard: type[Heard]) -> None:
    """Its handler was chosen before; it is made when the last byte has come."""
    application = Application([("/ws", heard)])
    routed = asyncio.Event()
    find = application.find_handler

    def find_handler(request: HTTPServerRequest, **kwargs: Any) -> Any:
        routed.set()
        return find(request, **kwargs)

    application.find_handler = find_handler  # type: ignore[method-assign]
    async with serving(application) as at:
        async with await request(at.port, "/ws", ("Content-Length", "2"), wait=False) as ws:
            await routed.wait()
            protect(application, door(), CONNECT)
            ws.raw(b"{}")
            await ws.read_answer()
            assert ws.status == 503
    assert heard.begun == []


async def test_the_garbage_collector_is_asked_only_where_a_server_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything listens no socket can be open, and a look at every object of a process takes long."""
    looked: list[int] = []
    objects = gc.get_objects

    def get_objects() -> list[Any]:
        looked.append(1)
        return objects()

    monkeypatch.setattr(gc, "get_objects", get_objects)
    with pytest.raises(ConfigurationError):
        protect(Application([("/x", Echo)]), no_guard, CONNECT)
    assert not looked
    async with serving(Application([("/x", Echo)])):
        with pytest.raises(ConfigurationError):
            protect(Application([("/x", Echo)]), no_guard, CONNECT)
    assert looked


async def test_sockets_of_other_applications_stay() -> None:
    """Only sockets of the application that is being guarded are closed."""
    other, application = Application([("/ws", Echo)]), Application([("/ws", Echo)])
    async with serving(other) as at, await connect(at.port) as ws:
        protect(application, door(), CONNECT)
        ws.send("still here")
        assert await ws.text() == "still here"


async def test_from_another_thread(heard: type[Heard]) -> None:
    """The sockets end in the loop that they belong to."""
    application = Application([("/ws", heard)])
    async with serving(application) as at, await connect(at.port) as ws:
        await until(lambda: heard.opened)
        await asyncio.to_thread(protect, application, door(), CONNECT)
        assert await ws.close_code() == 1001
        await _ended(ws)
