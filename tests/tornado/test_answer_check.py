"""No 101 leaves a server unless the guard admitted the connection, or its endpoint is public."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.routing import AnyMatches, PathMatches, Rule, RuleRouter
from tornado.web import Application, FallbackHandler, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from stormdoor import Guard, guarded_server, protect
from stormdoor.tornado import answer_check
from tests.guard.fakes import make_guard
from tests.tornado.wire import Encrypted, log_lines, request, settled

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
ALICE = "Authorization: Bearer alice"
UPGRADE = "Upgrade: websocket"
SAME = "Origin: https://app.example"
OPENED = re.compile(rb"(?is)(?:^|\n)[^\n]{0,4}HTTP/\S*\s+0*101")


class Echo(WebSocketHandler):
    """A socket that no route names."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        opened.append("open")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


opened: list[str] = []
tasks: set[asyncio.Task[None]] = set()


async def nested(handler: Any) -> None:
    """Build a WebSocketHandler for the request, and execute it."""
    handler._auto_finish = False
    await Echo(handler.application, handler.request)._execute([])


async def turned(handler: Any) -> None:
    """Turn into a socket."""
    twin = Echo(handler.application, handler.request)
    handler.__class__ = Echo
    handler.__dict__ |= twin.__dict__
    await WebSocketHandler.get(handler)


async def by_hand(handler: Any) -> None:
    """Use Tornado's protocol without its handler."""
    handler._auto_finish = False
    socket: Any = Echo(handler.application, handler.request)
    socket._transforms, socket.open_args, socket.open_kwargs = [], [], {}
    socket.ws_connection = WebSocketProtocol13(socket, False, _WebSocketParams())
    await socket.ws_connection.accept_connection(socket)


def _head(handler: Any) -> None:
    handler.set_status(101)
    handler.clear_header("Content-Type")
    for line in HEAD.decode().splitlines()[1:4]:
        handler.set_header(*line.split(": "))


async def finished(handler: Any) -> None:
    """Answer 101 with `finish`."""
    _head(handler)
    handler.finish()


async def flushed(handler: Any) -> None:
    """Answer 101 with `flush`, and stay."""
    _head(handler)
    with suppress(StreamClosedError):
        await handler.flush()
    await asyncio.sleep(0.01)


async def started(handler: Any) -> None:
    """Write the head to the connection of the request."""
    handler._auto_finish = False
    headers = HTTPHeaders({"Upgrade": "websocket", "Connection": "Upgrade"})
    handler.request.connection.write_headers(ResponseStartLine("", 101, "Switching"), headers)


async def unframed(handler: Any) -> None:
    """Write the head as a part of a body, without a head before."""
    handler._auto_finish = False
    handler.request.connection.write(HEAD)


async def detached(handler: Any) -> None:
    """Detach, and write the head."""
    await handler.detach().write(HEAD)


async def connection_detached(handler: Any) -> None:
    """Detach the connection of the request, not the handler."""
    handler._auto_finish = False
    await handler.request.connection.detach().write(HEAD)


async def attached(handler: Any) -> None:
    """Write to the stream without detaching it."""
    handler._auto_finish = False
    await handler.request.connection.stream.write(HEAD)


async def later(handler: Any) -> None:
    """Write from a task that outlives the request."""
    stream = handler.detach()

    async def write() -> None:
        await settled()
        await stream.write(HEAD)

    task = asyncio.create_task(write())
    tasks.add(task)
    task.add_done_callback(lambda _: task.exception())


async def after_an_answer(handler: Any) -> None:
    """Answer 200 in full, then 101 on the same connection."""
    stream = handler.request.connection.stream
    handler.finish("done")
    await stream.write(HEAD)


async def after_an_own_answer(handler: Any) -> None:
    """Detach, answer 200 and 101."""
    await handler.detach().write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + HEAD)


async def after_own_chunks(handler: Any) -> None:
    """Detach, answer 200 in chunks, and 101."""
    stream = handler.detach()
    await stream.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    await stream.write(b"0\r\n\r\n" + HEAD)


async def after_no_content(handler: Any) -> None:
    """Answer 204 with a body that is the 101."""
    handler._auto_finish = False
    handler.request.connection.write_headers(
        ResponseStartLine("", 204, "No Content"), HTTPHeaders(), HEAD
    )


def writing(*pieces: Any) -> Callable[[Any], Awaitable[None]]:
    """Return a method that detaches and writes these pieces."""

    async def write(handler: Any) -> None:
        stream = handler.detach()
        for one in pieces:
            await stream.write(one)
            await asyncio.sleep(0)

    return write


WAYS: dict[str, Callable[[Any], Awaitable[None]]] = {
    "nested": nested,
    "turned": turned,
    "by hand": by_hand,
    "finished": finished,
    "flushed": flushed,
    "started": started,
    "unframed": unframed,
    "detached": detached,
    "connection detached": connection_detached,
    "attached": attached,
    "later": later,
    "after an answer": after_an_answer,
    "after an own answer": after_an_own_answer,
    "after own chunks": after_own_chunks,
    "after no content": after_no_content,
    "byte by byte": writing(*[HEAD[at : at + 1] for at in range(len(HEAD))]),
    "split in the status line": writing(HEAD[:10], HEAD[10:11], HEAD[11:]),
    "blank lines first": writing(b"\r\n\n", b"\r\n" + HEAD),
    "HTTP/1.0": writing(HEAD.replace(b"1.1", b"1.0", 1)),
    "lower case": writing(b"http" + HEAD[4:]),
    "wide": writing(HEAD.replace(b" ", b" \t ", 1)),
    "interim": writing(b"HTTP/1.1 100 Continue\r\n\r\n", HEAD),
    "interim with headers": writing(b"HTTP/1.1 103 Hints\r\nLink: <a>\r", b"\n\r\n" + HEAD),
    "memoryview": writing(memoryview(HEAD)),
    "bytearray": writing(bytearray(HEAD)),
    "zeros": writing(HEAD.replace(b"101", b"0101")),
}
NEEDS_UPGRADE = ("nested", "turned")
"""Ways that Tornado itself refuses without an Upgrade header."""


def becoming(way: Callable[[Any], Awaitable[None]]) -> type[RequestHandler]:
    """Return an HTTP handler that becomes a socket."""

    class Becoming(RequestHandler):
        async def get(self, *_: str) -> None:
            await way(self)

        post = get

        def log_exception(self, *_: Any) -> None:
            """Say nothing."""

    return Becoming


class Plain(RequestHandler):
    """An ordinary page."""

    def get(self) -> None:
        self.write("page")


@asynccontextmanager
async def site(
    served: Any, guard: Guard | None = None, *, limited: bool = False, **options: Any
) -> AsyncIterator[int]:
    """Serve an application, a router or a function; guarded if there is a guard. Yield the port."""
    if guard is not None and isinstance(served, Application):
        protect(served, guard, **options)
    tls = {} if Encrypted.server is None else {"ssl_options": Encrypted.server}
    server = guarded_server(served, guard=guard, **tls) if limited else HTTPServer(served, **tls)
    [sock] = bind_sockets(0, "127.0.0.1")
    server.add_sockets([sock])
    opened.clear()
    try:
        yield sock.getsockname()[1]
    finally:
        server.stop()
        await server.close_all_connections()
        if guard is not None:
            await guard.close()


async def answer(
    port: int,
    *headers: str,
    method: str = "GET",
    path: str = "/",
    times: int = 1,
    patience: float = 0.05,
) -> bytes:
    """Return the server's bytes for a handshake with these further headers, until it sends no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=Encrypted.client)
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *headers]
    if method == "POST":
        lines.append("Content-Length: 0")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() * times)
    data = b""
    with suppress(TimeoutError, ConnectionError):
        while not OPENED.search(data):
            more = await asyncio.wait_for(reader.read(65536), patience)
            if not more:
                break
            data += more
    writer.close()
    return data


def serve_by(way: Callable[[Any], Awaitable[None]]) -> Callable[[HTTPServerRequest], None]:
    """Return a server function that becomes a socket with the objects of a request."""

    class Served:
        def __init__(self, request: HTTPServerRequest) -> None:
            self.request = request

        def detach(self) -> Any:
            connection: Any = self.request.connection
            return connection.detach()

    def serve(request: HTTPServerRequest) -> None:
        task = asyncio.ensure_future(way(Served(request)))
        tasks.add(task)
        task.add_done_callback(lambda _: task.cancelled() or task.exception())

    return serve


class _Delegate(HTTPServerConnectionDelegate):
    """A server object that calls a function with each request."""

    def __init__(self, serve: Callable[[HTTPServerRequest], None]) -> None:
        self._serve = serve

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        return _Request(self._serve, request_conn)


class _Request(HTTPMessageDelegate):
    def __init__(self, serve: Callable[[HTTPServerRequest], None], connection: Any) -> None:
        self._serve, self._connection = serve, connection

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        self._request = HTTPServerRequest(
            connection=self._connection, start_line=start_line, headers=headers
        )

    def finish(self) -> None:
        self._serve(self._request)


def routes(way: str) -> list[Any]:
    """Return the routes of an application with such a handler, a page and a socket."""
    return [("/", becoming(WAYS[way])), ("/page", Plain), ("/socket", Echo)]


def door(**options: Any) -> Guard:
    """Return a guard for plain HTTP on this machine."""
    return make_guard(insecure_allow_any_host=True, insecure_allow_plaintext=True, **options)


@pytest.mark.parametrize("way", WAYS)
async def test_a_plain_server_opens_it(way: str) -> None:
    """The attack: without a guard, each way answers 101."""
    async with site(Application(routes(way))) as port:
        assert OPENED.search(await answer(port, UPGRADE, patience=30))


SERVERS: dict[str, dict[str, Any]] = {
    "protect": {"permission": "chat:connect"},
    "pages": {"permission": "chat:connect", "pages": "chat:connect"},
    "guarded_server": {"permission": "chat:connect", "limited": True},
}
CLIENTS: tuple[list[str], ...] = (
    [UPGRADE],
    [],
    ["Upgrade: web-socket"],
    [UPGRADE, UPGRADE],
    [UPGRADE, ALICE],
    [ALICE],
)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(one, id=name, marks=[] if name == "protect" else [pytest.mark.extended])
        for name, one in SERVERS.items()
    ],
)
@pytest.mark.parametrize("way", WAYS)
async def test_no_handler_becomes_a_socket(way: str, options: dict[str, Any]) -> None:
    """Not for an unauthenticated client, nor for one with the permission of the page and of other sockets."""
    async with site(Application(routes(way)), door(), **options) as port:
        for headers in CLIENTS:
            assert not OPENED.search(await answer(port, *headers)), headers
        assert not OPENED.search(await answer(port, UPGRADE, ALICE, method="POST"))
        assert not OPENED.search(await answer(port, UPGRADE, ALICE, times=3))
        assert opened == []


PARTS: dict[str, Callable[[Callable[[Any], Awaitable[None]]], Application]] = {
    "a rule with a function": lambda way: Application([Rule(AnyMatches(), serve_by(way))]),
    "a rule with a delegate": lambda way: Application(
        [Rule(AnyMatches(), _Delegate(serve_by(way)))]
    ),
    "a router": lambda way: Application(
        [Rule(PathMatches("/.*"), [Rule(AnyMatches(), becoming(way))])]
    ),
    "a fallback": lambda way: Application(
        [("/", FallbackHandler, {"fallback": serve_by(way)}), ("/socket", Echo)]
    ),
    "a fallback to an application": lambda way: Application(
        [("/", FallbackHandler, {"fallback": Application([("/", becoming(way))])})]
    ),
    "the default handler": lambda way: Application(default_handler_class=becoming(way)),
}


@pytest.mark.parametrize("pages", [None, "chat:connect"], ids=["sockets", "pages"])
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
async def test_no_other_part_of_an_application_does(part: Any, pages: str | None) -> None:
    """A function, a delegate or a router in the application has the same rule."""
    for way in (detached, attached, started):
        async with site(part(way)) as port:
            assert OPENED.search(await answer(port, UPGRADE, patience=30))
        async with site(part(way), door(), permission="chat:connect", pages=pages) as port:
            for headers in CLIENTS:
                assert not OPENED.search(await answer(port, *headers)), headers


@pytest.mark.parametrize("delegate", [False, True])
async def test_nor_a_part_beside_the_application(delegate: bool) -> None:
    """A router in `guarded_server` that leads to functions, beside the guarded application."""
    guard = door()
    target = serve_by(detached)
    router = RuleRouter(
        [
            Rule(PathMatches("/"), _Delegate(target) if delegate else target),
            Rule(AnyMatches(), protect(Application([("/page", Plain)]), guard, "chat:connect")),
        ]
    )
    async with site(router) as port:
        assert OPENED.search(await answer(port, UPGRADE, patience=30))
    async with site(router, guard, limited=True) as port:
        for headers in CLIENTS:
            assert not OPENED.search(await answer(port, *headers)), headers
        assert (await answer(port, "Connection: close", path="/page", patience=1)).endswith(b"page")


async def test_no_handler_does_before_the_guard_is_there() -> None:
    """While `protect` has failed, pages are served; none of them becomes a socket."""
    application = Application(routes("detached"))
    with suppress(Exception):
        protect(application, lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    async with site(application) as port:
        assert (await answer(port, path="/page", patience=1)).endswith(b"page")
        for headers in ([UPGRADE], []):
            assert not OPENED.search(await answer(port, *headers))


async def test_a_request_that_was_under_way_does_not() -> None:
    """Its handler began before `protect` was called."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(handler: Any) -> None:
        begun.set()
        await go_on.wait()
        await detached(handler)

    for guard in (None, door()):
        begun.clear()
        go_on.clear()
        application = Application([("/", becoming(waiting))])
        async with site(application) as port:
            answering = asyncio.create_task(answer(port, UPGRADE, patience=30))
            await begun.wait()
            if guard is not None:
                protect(application, guard, "chat:connect")
            go_on.set()
            assert bool(OPENED.search(await answering)) is (guard is None)


async def test_an_admitted_socket_opens_no_other_one() -> None:
    """A WebSocketHandler with a `get` of its own was admitted; the other socket would outlive its logout."""

    class ByGet(Echo):
        async def get(self, *_: str) -> None:
            await detached(self)

    class ByPrepare(Echo):
        async def prepare(self) -> None:
            await detached(self)

    class Passes(ByGet):
        async def get(self, *_: str) -> None:
            await WebSocketHandler.get(self)

    application = Application([("/get", ByGet), ("/prepare", ByPrepare), ("/own", Passes)])
    async with site(application, door(), permission="chat:connect") as port:
        assert OPENED.search(await answer(port, UPGRADE, ALICE, SAME, path="/own", patience=30))
        for path in ("/get", "/prepare", "/prepare"):
            assert not OPENED.search(await answer(port, UPGRADE, ALICE, SAME, path=path))


async def test_ordinary_answers_are_sent_as_before() -> None:
    """Answers of each framing, tunnels that are detached, and text about a handshake."""

    class Text(RequestHandler):
        def get(self) -> None:
            self.finish(HEAD)

        head = get

    class Chunks(RequestHandler):
        async def get(self) -> None:
            for _ in range(3):
                self.write(HEAD)
                await self.flush()

    class Large(RequestHandler):
        def get(self) -> None:
            self.write(b"x" * 10_000_000)

    class Tunnel(RequestHandler):
        async def get(self) -> None:
            stream = self.detach()
            await stream.write(b"HTTP/1.1 200 OK\r\n\r\n" + HEAD)
            stream.close()

    class Raw(RequestHandler):
        async def get(self) -> None:
            stream = self.detach()
            await stream.write(b"SSH-2.0-x\r\n" + HEAD)
            stream.close()

    class Nothing(RequestHandler):
        def get(self) -> None:
            self.set_status(204)

    handlers = (Text, Chunks, Large, Tunnel, Raw, Nothing)
    made = [(f"/{one.__name__}", one) for one in handlers]
    found = []
    for guard in (None, door()):
        async with site(Application(made), guard) as port:
            answers = [await _kept_open(port, f"GET /{one.__name__}") for one in handlers] + [
                await _kept_open(port, "HEAD /Text")
            ]
        found.append([re.sub(rb"Date: [^\r]*", b"", one) for one in answers])
    assert found[0] == found[1]
    assert all(found[1])


async def test_a_handshake_follows_a_page_on_one_connection() -> None:
    """A proxy keeps connections open. The socket works, and nothing of the check is left on its stream."""
    application = Application([("/", Plain), ("/socket", Echo)])
    for options in SERVERS.values():
        async with site(application, door(), **options) as port:
            wire = await request(port, "/", ("Authorization", "Bearer alice"), upgrade=False)
            async with wire:
                assert wire.body == b"page"
                lines = [UPGRADE, "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", ALICE, SAME]
                lines += [f"Host: 127.0.0.1:{port}", "Sec-WebSocket-Version: 13", "", ""]
                wire.raw("\r\n".join(["GET /socket HTTP/1.1", *lines]).encode())
                await wire.read_answer()
                assert wire.status == 101
                wire.send("x")
                assert await wire.text() == "x"
        application = Application([("/", Plain), ("/socket", Echo)])


async def _kept_open(port: int, line: str) -> bytes:
    """Return the answers to two requests on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=Encrypted.client)
    writer.write(
        f"{line} HTTP/1.1\r\nHost: a\r\n\r\n{line} HTTP/1.1\r\nHost: a\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    async with asyncio.timeout(30):
        data = await reader.read(-1)
    writer.close()
    return data


async def test_the_log_names_the_handler_and_the_line_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once, however often a client tries it, and at each path. The client gets 403."""
    monkeypatch.setattr(answer_check, "_logged", {})
    application = Application([("/terminal.*", becoming(detached))])
    async with site(application, door()) as port:
        with log_lines("stormdoor.protect") as lines:
            for path in ("/terminal", "/terminal", "/terminal/2"):
                said = await answer(port, UPGRADE, path=path, patience=30)
                assert said.startswith(b"HTTP/1.1 403 ")
                assert b"permissions" not in said
    [line] = lines
    assert "Becoming" in line
    assert """permissions={'/terminal': "app:use"}""" in line
