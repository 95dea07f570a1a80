"""Answers of guarded pages that take long, such as server-sent events, end with the login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError
from tornado.routing import PathMatches, Rule
from tornado.web import Application, RequestHandler, StaticFileHandler

from stormdoor import Guard, PolicySet, SessionAuthenticator, login_routes, protect, role
from tests.tornado.wire import serving, until

ORIGIN = "http://127.0.0.1"
LARGE = 32 * 1024 * 1024


class Events(RequestHandler):
    """Sends server-sent events until its client is gone."""

    news: asyncio.Queue[str]
    gone: asyncio.Event

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        while True:
            self.write(f"data: {await self.news.get()}\n\n")
            with suppress(StreamClosedError):
                await self.flush()

    def on_connection_close(self) -> None:
        self.gone.set()


class Poll(RequestHandler):
    """Answers when there is news."""

    news: asyncio.Queue[str]

    async def get(self) -> None:
        self.finish(await self.news.get())


class Detached(RequestHandler):
    """Detaches the stream of its page, sends news on it, and notes the bytes of its client."""

    news: asyncio.Queue[str]
    heard: list[bytes]

    async def get(self) -> None:
        stream = self.detach()
        await stream.write(b"HTTP/1.1 200 OK\r\n\r\n")
        listening = asyncio.create_task(self._listen(stream))
        with suppress(StreamClosedError):
            while True:
                await stream.write(f"data: {await self.news.get()}\n\n".encode())
        await listening

    async def _listen(self, stream: Any) -> None:
        with suppress(StreamClosedError):
            while True:
                self.heard.append(await stream.read_bytes(64, partial=True))


class Served(HTTPServerConnectionDelegate):
    """A server object, or a function, that sends news without a handler."""

    def __init__(self, news: asyncio.Queue[str]) -> None:
        self.news = news
        self.tasks: set[asyncio.Task[None]] = set()

    def serve(self, request: HTTPServerRequest) -> None:
        self._begin(request.connection)

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        delegate = HTTPMessageDelegate()
        setattr(delegate, "finish", lambda: self._begin(request_conn))  # noqa: B010 - a method
        return delegate

    def _begin(self, connection: Any) -> None:
        self.tasks.add(asyncio.ensure_future(self._send(connection)))

    async def _send(self, connection: Any) -> None:
        headers = HTTPHeaders({"Content-Type": "text/event-stream"})
        connection.write_headers(ResponseStartLine("", 200, "OK"), headers)
        with suppress(StreamClosedError):
            while True:
                await connection.write(f"data: {await self.news.get()}\n\n".encode())


class Large(RequestHandler):
    """Answers with more than the kernel takes at once, in one call."""

    def get(self) -> None:
        self.finish(b"x" * LARGE)


class LogOut(RequestHandler):
    """A logout of the application itself."""

    guard: Guard

    async def prepare(self) -> None:
        secret = self.get_cookie(self.guard.sessions.cookie.name) or ""
        await self.guard.admin.log_out(secret)

    def post(self) -> None:
        self.finish(b"goodbye" + b"x" * LARGE)

    def get(self) -> None:
        self.redirect("/goodbye")


class _Site:
    def __init__(self) -> None:
        self.guard = Guard(
            origins=[f"{ORIGIN}:1"],
            hosts=["127.0.0.1"],
            authenticators=[SessionAuthenticator()],
            policies=PolicySet([role("member", "app:use")]),
        )
        self.news: asyncio.Queue[str] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.heard: list[bytes] = []
        self.port = 0
        self.secret = ""

    async def open(self, path: str, method: str = "GET") -> asyncio.StreamReader:
        """Send a request with the session of alice, and return the connection."""
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        cookie = f"{self.guard.sessions.cookie.name}={self.secret}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Cookie: {cookie}"]
        self.writer.write("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        return reader


@asynccontextmanager
async def _site(*, guarded: bool = True, files: Path = Path()) -> AsyncIterator[_Site]:
    site = _Site()
    facts: dict[str, Any] = {"news": site.news, "gone": site.gone, "guard": site.guard}
    facts["heard"] = site.heard
    handlers = (Events, Poll, LogOut, Detached, Large)
    routes: list[Any] = [
        (f"/{one.__name__}", type(one.__name__, (one,), facts)) for one in handlers
    ]
    served = Served(site.news)
    routes += [
        Rule(PathMatches("/Function"), served.serve),
        Rule(PathMatches("/Delegate"), served),
        ("/files/(.*)", StaticFileHandler, {"path": str(files)}),
    ]
    routes += login_routes(site.guard, endpoint="/", built_in_pages=True)
    application = Application(routes)
    protect(application, site.guard, "app:use", pages="app:use" if guarded else None)
    async with serving(application, site.guard) as at:
        site.port = at.port
        await site.guard.admin.add_principal("alice", roles=["member"])
        site.secret = (await site.guard.sessions.create("alice")).secret
        yield site
        site.writer.close()


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_stream_of_events_ends_with_the_login(guarded: bool) -> None:
    """Without pages=, the holder of a stolen session reads on after the logout; with it, nothing more."""
    async with _site(guarded=guarded) as site:
        reader = await site.open("/Events")
        site.news.put_nowait("before")
        await asyncio.wait_for(reader.readuntil(b"data: before\n\n"), 30)
        await site.guard.admin.log_out(site.secret)
        site.news.put_nowait("after")
        if guarded:
            assert b"after" not in await asyncio.wait_for(reader.read(), 30)
            await asyncio.wait_for(site.gone.wait(), 30)
        else:
            await asyncio.wait_for(reader.readuntil(b"data: after\n\n"), 30)


@pytest.mark.parametrize("path", ["/Detached", "/Function", "/Delegate"])
@pytest.mark.parametrize("guarded", [False, True])
async def test_a_stream_without_a_handler_ends_with_the_login(path: str, guarded: bool) -> None:
    """A function, a server object, and a page that detaches its stream send nothing after the logout."""
    async with _site(guarded=guarded) as site:
        reader = await site.open(path)
        site.news.put_nowait("before")
        await asyncio.wait_for(reader.readuntil(b"data: before\n\n"), 30)
        await site.guard.admin.log_out(site.secret)
        site.news.put_nowait("after")
        if guarded:
            assert b"after" not in await asyncio.wait_for(reader.read(), 30)
        else:
            await asyncio.wait_for(reader.readuntil(b"data: after\n\n"), 30)


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_detached_page_hears_nothing_after_the_logout(guarded: bool) -> None:
    """The holder of a stolen session sends commands on, also if the page itself sends nothing."""
    async with _site(guarded=guarded) as site:
        reader = await site.open("/Detached")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        site.writer.write(b"before")
        await until(lambda: site.heard == [b"before"])
        await site.guard.admin.log_out(site.secret)
        site.writer.write(b"after")
        if guarded:
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 30) == b""
            assert site.heard == [b"before"]
        else:
            await until(lambda: site.heard == [b"before", b"after"])


@pytest.mark.parametrize("path", ["/Large", "/files/large"])
@pytest.mark.parametrize("guarded", [False, True])
async def test_a_large_answer_ends_with_the_login(path: str, guarded: bool, tmp_path: Path) -> None:
    """The rest of it waits in memory while the client does not read."""
    (tmp_path / "large").write_bytes(b"x" * LARGE)
    async with _site(guarded=guarded, files=tmp_path) as site:
        reader = await site.open(path)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert b" 200 " in head
        await site.guard.admin.log_out(site.secret)
        try:
            received = len(await asyncio.wait_for(reader.readexactly(LARGE), 30))
        except asyncio.IncompleteReadError as error:
            received = len(error.partial)
        assert (received == LARGE) is not guarded


async def test_a_poll_that_waits_answers_nothing_after_the_logout() -> None:
    """Its answer would contain what happened later. It is 401 instead."""
    async with _site() as site:
        reader = await site.open("/Poll")
        await until(lambda: site.guard.statistics.pages == 1)
        await site.guard.admin.log_out(site.secret)
        site.news.put_nowait("after")
        assert (await asyncio.wait_for(reader.readline(), 30)).split()[1] == b"401"
        assert b"after" not in await asyncio.wait_for(reader.read(), 30)


async def test_a_request_that_ends_its_own_login_is_answered() -> None:
    """A logout of the application, or its change of a password, has an answer."""
    for method, status in (("POST", b"200"), ("GET", b"302")):
        async with _site() as site:
            reader = await site.open("/LogOut", method)
            assert (await asyncio.wait_for(reader.readuntil(b"goodbye"), 30)).split()[1] == status
            if method == "POST":  # written at once, and taken by the kernel in pieces
                await asyncio.wait_for(reader.readexactly(LARGE), 30)


async def test_a_stream_ends_when_its_session_expires() -> None:
    """A session has an end of its own, too."""
    async with _site() as site:
        reader = await site.open("/Events")
        site.news.put_nowait("before")
        await asyncio.wait_for(reader.readuntil(b"data: before\n\n"), 30)
        late = site.guard.clock.now() + 10 * 365 * 86_400
        site.guard.clock.now = lambda: late  # type: ignore[method-assign]
        site.news.put_nowait("after")
        assert b"after" not in await asyncio.wait_for(reader.read(), 30)
