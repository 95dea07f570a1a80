"""Handlers with an `_execute` of their own, which need not call `prepare`, where the guard decides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor import (
    ConfigurationError,
    Guard,
    PolicySet,
    SessionAuthenticator,
    Transport,
    protect,
    role,
)
from tests.tornado.wire import connect, request, serving

RAN: list[str] = []


@pytest.fixture(autouse=True)
def _ran() -> None:
    RAN.clear()


class Page(RequestHandler):
    """Notes that it ran."""

    def prepare(self) -> None:
        RAN.append("prepare")

    def get(self) -> None:
        RAN.append("get")
        self.write("secret")

    post = get


class Alone(Page):
    """Calls the method by itself, as asynchronous frameworks on Tornado did."""

    async def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        self._transforms = transforms
        RAN.append("execute")
        getattr(self, str(self.request.method).lower())()
        self.finish()


class Before(Page):
    """Does something before Tornado's `_execute`, as decorators for Basic authentication do."""

    def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> Any:
        RAN.append("execute")
        return super()._execute(transforms, *args, **kwargs)


@stream_request_body
class Upload(Before):
    """Reads its body as it arrives."""

    def data_received(self, chunk: bytes) -> None:
        RAN.append("body")


class Failing(Alone):
    """Has a method that fails when the guard calls it first."""

    failed = False

    def set_header(self, name: str, value: Any) -> None:
        if name == "Cache-Control" and not self.failed:
            self.failed = True
            raise ValueError("of the handler")
        super().set_header(name, value)


class Echo(WebSocketHandler):
    """Accepts each page."""

    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        RAN.append("message")
        self.write_message(message)


class OpensAlone(Echo):
    """Opens its socket without `prepare`."""

    async def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        self._transforms = transforms
        await self.get(*args, **kwargs)


class OpensBefore(Echo):
    """Does something before Tornado's `_execute`."""

    async def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        await super()._execute(transforms, *args, **kwargs)
        RAN.append("executed")


ROUTES: list[Any] = [
    ("/alone", Alone),
    ("/before", Before),
    ("/upload", Upload),
    ("/failing", Failing),
    ("/opens-alone", OpensAlone),
    ("/opens-before", OpensBefore),
]


@asynccontextmanager
async def _served(*, guarded: bool) -> AsyncIterator[tuple[int, tuple[str, str]]]:
    """Yield the port, and the cookie of a member."""
    guard = Guard(
        origins=["http://127.0.0.1:1"],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "app:use")]),
    )
    application = Application(ROUTES)
    if not guarded:
        async with serving(application) as at:
            yield at.port, ("Cookie", "")
        return
    protect(application, guard, "app:use", pages="app:use")
    async with serving(application, guard) as at:
        guard.handshake_policy.origins.add([f"http://127.0.0.1:{at.port}"])
        await guard.admin.add_principal("alice", roles=["member"])
        secret = (await guard.sessions.create("alice")).secret
        yield at.port, ("Cookie", f"{guard.sessions.cookie.name}={secret}")


async def _ask(port: int, path: str, *headers: tuple[str, str]) -> int:
    method = "GET"
    if path == "/upload":
        method, headers = "POST", (*headers, ("Content-Length", "0"))
    async with await request(port, path, *headers, method=method, upgrade=False) as wire:
        return wire.status


@pytest.mark.parametrize("path", ["/alone", "/before", "/upload"])
async def test_a_page_is_decided_about_before_it(path: str) -> None:
    """Without a guard, an unauthenticated client reads the page; with it, no code of the page runs."""
    async with _served(guarded=False) as (port, _):
        assert await _ask(port, path) == 200
        plain = list(RAN)
    RAN.clear()
    async with _served(guarded=True) as (port, cookie):
        assert await _ask(port, path) == 401
        assert await _ask(port, path, cookie, ("Origin", "https://evil.example")) == 403
        assert RAN == []
        assert await _ask(port, path, cookie) == 200
        assert plain == RAN


async def test_an_error_during_the_decision_is_answered() -> None:
    """The page gets 500, as an error in `prepare` does, and its code does not run."""
    async with _served(guarded=True) as (port, cookie):
        assert await _ask(port, "/failing") == 500
        assert await _ask(port, "/failing", cookie) == 500
        assert RAN == []


async def test_a_socket_opens_only_after_the_decision() -> None:
    """An `_execute` that skips `prepare` opens no socket; one that does not works."""
    async with _served(guarded=False) as (port, _):
        for path in ("/opens-alone", "/opens-before"):
            async with await connect(port, path) as wire:
                wire.send("unauthenticated")
                assert await wire.text() == "unauthenticated"
    async with _served(guarded=True) as (port, cookie):
        own = ("Origin", f"http://127.0.0.1:{port}")
        several: list[tuple[tuple[str, str], ...]]
        several = [(), (cookie, own), (cookie, ("Origin", "https://evil.example"))]
        for headers in several:
            async with await request(port, "/opens-alone", *headers) as wire:
                assert wire.status == 500
        async with await request(port, "/opens-before") as wire:
            assert wire.status == 401
        RAN.clear()
        async with await request(port, "/opens-before", cookie, own) as wire:
            assert wire.status == 101
            wire.send("member")
            assert await wire.text() == "member"
        assert RAN == ["executed", "message"]


def test_a_transport_with_it_does_not_start() -> None:
    """The guard of a transport decides in `prepare` alone."""
    guard = Guard(origins=["http://127.0.0.1:1"], authenticators=[SessionAuthenticator()])
    application = Application([("/poll", Before), ("/ws", Echo)])
    with pytest.raises(ConfigurationError, match="_execute of its own"):
        protect(application, guard, "app:use", transports={"/poll": Transport.by_query("sid")})
