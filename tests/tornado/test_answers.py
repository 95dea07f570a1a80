"""The answers to handshakes that are written in one go, beside those that Tornado itself writes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import pytest
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, protect
from stormdoor.guard.endpoint import Public
from stormdoor.tornado import answers
from stormdoor.tornado.socket import handshake
from tests.guard.fakes import make_guard
from tests.support.references import without_reference
from tests.tornado.wire import http_server

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
BEARER = "Authorization: Bearer alice\r\n"


class Plain(WebSocketHandler):
    """A handler without special methods."""


class Headers(WebSocketHandler):
    """Adds to the answer what applications add."""

    def prepare(self) -> None:
        self.set_header("X-Version", "7")
        self.add_header("X-Many", "one")
        self.add_header("X-Many", "two")
        self.set_header("Content-Language", "en")

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None


class Cookies(WebSocketHandler):
    """Sets a cookie."""

    def prepare(self) -> None:
        self.set_cookie("seen", "yes")


class Everywhere(WebSocketHandler):
    """Has a header in every answer."""

    def set_default_headers(self) -> None:
        self.set_header("X-Frame-Options", "DENY")


class Finishing(WebSocketHandler):
    """Adds to every answer at its end."""

    def finish(self, chunk: Any = None) -> Any:
        self.set_header("X-Finished", "yes")
        return super().finish(chunk)


class Flushing(WebSocketHandler):
    """Adds to every answer when it goes out."""

    def flush(self, include_footers: bool = False) -> Any:
        self.set_header("X-Flushed", "yes")
        return super().flush(include_footers)


class Setting(WebSocketHandler):
    """Has something to add whenever a header is set."""

    def set_header(self, name: str, value: Any) -> None:
        super().set_header(name, value)
        super().set_header("X-Set", "yes")


class Getting(WebSocketHandler):
    """Adds to the answers of its `get`."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        self.set_header("X-Got", "yes")
        await super().get(*args, **kwargs)


class Clearing(WebSocketHandler):
    """Adds to every answer when it begins."""

    def clear(self) -> None:
        super().clear()
        self.set_header("X-Cleared", "yes")


async def exchange(application: Application, request: str) -> tuple[bytes, bool]:
    """The head of the answer and what follows, and whether the server has closed the connection."""
    sockets = bind_sockets(0, "127.0.0.1")
    server = http_server(application)
    server.add_sockets(sockets)
    try:
        reader, writer = await asyncio.open_connection(*sockets[0].getsockname()[:2])
        writer.write(request.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", answer)
        if length is not None:
            answer += await reader.readexactly(int(length[1]))
        if b" 101 " in answer:
            writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
        else:
            writer.write_eof()
        closed = b"Connection: close" in answer
        rest = await reader.read()
        assert b" 101 " in answer or rest == b""
        writer.close()
        return answer, closed
    finally:
        server.stop()
        await server.close_all_connections()


def guarded(
    handler: type[WebSocketHandler], guard: Guard, declared: str | Public = "chat:connect"
) -> Application:
    """An application with `handler` behind `guard`."""
    application = Application([("/ws", handler)], log_function=lambda _: None)
    return protect(application, guard, declared)


def lines(answer: bytes) -> Sequence[bytes]:
    """The lines of the head but the date, sorted; the status line stays where it is."""
    first, *others = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [first, *sorted(one for one in others if not one.startswith(b"Date: "))]


async def both(handler: type[WebSocketHandler], request: str, monkeypatch: Any) -> list[bytes]:
    """The answer in one go, and Tornado's."""
    found = []
    for own in (True, False):
        with monkeypatch.context() as patch:
            if not own:
                patch.setattr("tests.tornado.wire.SERVER", "own")
                patch.setattr(
                    "stormdoor.tornado.socket.handshake.switch_protocols", lambda *_, **__: False
                )
                patch.setattr(
                    "stormdoor.tornado.socket.handshake.write_refusal", lambda *_, **__: False
                )
            guard = make_guard(insecure_allow_any_host=True)
            async with guard:
                found.append((await exchange(guarded(handler, guard), request))[0])
    return found


@pytest.mark.parametrize("handler", [Plain, Headers, Cookies, Everywhere])
async def test_the_101_says_what_tornados_says(
    handler: type[WebSocketHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 101 contains exactly the headers that Tornado sends for this handler."""
    request = f"{HANDSHAKE}{BEARER}Sec-WebSocket-Protocol: chat.v1\r\n\r\n"
    own, tornados = await both(handler, request, monkeypatch)
    assert own.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert lines(own) == lines(tornados)
    assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", own)


@pytest.mark.parametrize("handler", [Plain, Everywhere, Clearing])
async def test_a_refusal_says_what_tornados_says(
    handler: type[WebSocketHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same status, headers and text; but the connection is over, and no server is named."""
    own, tornados = await both(handler, f"{HANDSHAKE}\r\n", monkeypatch)
    assert own.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert without_reference(own.partition(b"\r\n\r\n")[2]) == without_reference(
        tornados.partition(b"\r\n\r\n")[2]
    )
    others = {one.lower() for one in lines(tornados) if not one.startswith(b"Server: ")}
    mine = {one.lower() for one in lines(own)}
    assert others <= mine
    if handler is Plain:
        assert mine - others == {b"connection: close"}


@pytest.mark.parametrize(
    ("handler", "header"),
    [
        (Finishing, b"X-Finished: yes"),
        (Flushing, b"X-Flushed: yes"),
        (Setting, b"X-Set: yes"),
        (Getting, b"X-Got: yes"),
        (Clearing, b"X-Cleared: yes"),
    ],
)
async def test_a_handler_that_brings_its_own_way_is_asked(
    handler: type[WebSocketHandler], header: bytes
) -> None:
    """A handler's overrides of Tornado's answer also run for the 101 of the guard."""
    guard = make_guard(insecure_allow_any_host=True)
    async with guard:
        answer, _ = await exchange(guarded(handler, guard), f"{HANDSHAKE}{BEARER}\r\n")
    assert answer.startswith(b"HTTP/1.1 101")
    assert header in answer


ODD = {
    "as browsers do": ("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
    "no upgrade": ("Upgrade: websocket\r\n", ""),
    "another upgrade": ("Upgrade: websocket", "Upgrade: h2c"),
    "two upgrades": ("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket"),
    "in capitals": ("Upgrade: websocket", "Upgrade: WebSocket"),
    "no connection": ("Connection: Upgrade\r\n", ""),
    "kept alive": ("Connection: Upgrade", "Connection: keep-alive"),
    "no key": ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    "an empty key": ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key:"),
    "no version": ("Sec-WebSocket-Version: 13\r\n", ""),
    "an old version": ("Version: 13", "Version: 8"),
    "two versions": ("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13"),
    "a page without a name": (
        "Sec-WebSocket-Key: ",
        "Sec-Fetch-Site: cross-site\r\nSec-WebSocket-Key: ",
    ),
}
"""Replacements in a valid handshake: old part, new part."""


@pytest.mark.parametrize(("order", "instead"), ODD.values(), ids=ODD)
async def test_an_odd_handshake_is_answered_as_tornado_answers_it(
    order: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake that the shorter way does not cover is answered as Tornado answers it."""
    assert order in HANDSHAKE
    request = f"{HANDSHAKE.replace(order, instead)}{BEARER}\r\n"
    found = []
    for shorter in (True, False):
        with monkeypatch.context() as patch:
            if not shorter:
                patch.setattr(handshake, "_is_ordinary", lambda *_: False)
            guard = make_guard(insecure_allow_any_host=True)
            async with guard:
                found.append(lines((await exchange(guarded(Plain, guard), request))[0]))
    assert found[0] == found[1]
    assert (b" 101 " in found[0][0]) == (
        instead in {"Connection: keep-alive, Upgrade", "Upgrade: WebSocket"}
    )


async def test_what_the_socket_does_not_take_the_stream_writes() -> None:
    """The kernel takes a part of the 101, or nothing: the client gets it whole, and once."""
    guard = make_guard(insecure_allow_any_host=True)
    write, asked = IOStream.write_to_fd, 0

    def slowly(stream: IOStream, data: memoryview) -> int:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise BlockingIOError
        return write(stream, data[:20])

    async with guard:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.tornado.wire.SERVER", "own")  # which has no stream
            patch.setattr(IOStream, "write_to_fd", slowly)
            answer, _ = await exchange(guarded(Plain, guard), f"{HANDSHAKE}{BEARER}\r\n")
    assert asked > 3
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.count(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") == 1


async def test_a_header_cannot_break_out_of_the_101(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a line break to come past every check of Tornado, it would not come past the last one."""

    class Hostile(WebSocketHandler):
        def prepare(self) -> None:
            self._headers._as_list["X-A"] = ["1\r\nSet-Cookie: stolen=1"]

    guard = make_guard(insecure_allow_any_host=True)
    async with guard:
        answer, _ = await exchange(guarded(Hostile, guard), f"{HANDSHAKE}{BEARER}\r\n")
    assert b"stolen" not in answer
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 500"))


async def test_what_is_used_of_tornado_is_there() -> None:
    """The parts beyond its documentation: a newer Tornado that lacks one must not be allowed."""
    connection = HTTP1Connection.__init__.__code__.co_names
    assert "stream" in connection
    headers = answers.fresh_headers(0.0)
    assert sorted(headers.get_all())[:1] == [("Content-Type", "text/html; charset=UTF-8")]
    assert headers["date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    headers.add("Server", "another")
    assert headers.get_list("Server")[1] == "another"
    assert "another" not in answers.fresh_headers(0.0)["Server"]
