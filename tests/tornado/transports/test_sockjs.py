"""A SockJS application: each of its transports is guarded, and each session has one owner."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.web import Application

from stormdoor import Guard, StartupRefused, Target, protect
from tests.guard.fakes import events
from tests.tornado.transports.plain_http import (
    ALICE,
    ALICE_AGAIN,
    BOB,
    EVE,
    library,
    make_door,
    send,
    stream,
    until_cut,
)
from tests.tornado.wire import SERVER, Wire, connect, log_lines, request, serving, until

sockjs = library("sockjs.tornado")

CONNECT = "chat:connect"
ID = "/echo/000/session1"


@dataclass
class Told:
    """Calls that the application received."""

    opened: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def application(told: Told) -> tuple[Application, Any]:
    """Make a SockJS application that answers each message with itself."""

    class Echo(sockjs.SockJSConnection):  # type: ignore[misc, name-defined]
        def on_open(self, info: Any) -> None:
            told.opened.append(info.path)

        def on_message(self, message: str) -> None:
            told.heard.append(message)
            self.send(message)

        def on_close(self) -> None:
            told.closed.append("closed")

    router = sockjs.SockJSRouter(Echo, "/echo")
    return Application(router.urls, websocket_ping_interval=20), router


@contextlib.asynccontextmanager
async def served(
    guard: Guard | None, told: Told | None = None, permission: str | None = CONNECT
) -> AsyncIterator[int]:
    """Serve it; the port."""
    app, router = application(told or Told())
    try:
        async with serving(app, guard, permission) as at:
            yield at.port
    finally:
        router._sessions_cleanup.stop()


async def opened(port: int, path: str = ID, *headers: tuple[str, str]) -> Wire:
    """Begin a session by long polling."""
    answer = await send(port, "POST", f"{path}/xhr", *(headers or [ALICE]))
    assert (answer.status, answer.body) == (200, b"o\n")
    return answer


BEGINNINGS: list[tuple[str, str, str]] = [
    ("xhr", "POST", "/xhr"),
    ("xhr_streaming", "POST", "/xhr_streaming"),
    ("jsonp", "GET", "/jsonp?c=callback"),
    ("eventsource", "GET", "/eventsource"),
    ("htmlfile", "GET", "/htmlfile?c=callback"),
]
NAMES = [one[0] for one in BEGINNINGS]


@pytest.mark.parametrize(("method", "path"), [one[1:] for one in BEGINNINGS], ids=NAMES)
async def test_an_unauthenticated_client(method: str, path: str) -> None:
    """Unguarded: each transport opens a session. Guarded: 401, and 403 without the permission."""
    told = Told()
    async with served(None, told) as port:
        async with await stream(port, method, ID + path) as wire:
            assert wire.status == 200
            await until(lambda: told.opened)
            assert (await send(port, "POST", f"{ID}/xhr_send", body=b'["hi"]')).status == 204
            assert told.heard == ["hi"]
    told = Told()
    async with served(make_door(), told) as port:
        for headers, status in (([], 401), ([EVE], 403)):
            answer = await send(port, method, ID + path, *headers)
            assert answer.status == status
        assert (await send(port, "POST", f"{ID}/xhr_send", body=b'["hi"]')).status == 401
        assert (await send(port, "POST", f"{ID}/jsonp_send", body=b'["hi"]')).status == 401
        assert told == Told()
        async with await stream(port, method, ID + path, ALICE) as wire:
            assert wire.status == 200
            await until(lambda: told.opened)


async def test_both_websockets() -> None:
    """The one of the protocol and the raw one."""
    async with served(make_door()) as port:
        for path, says in (("/echo/0/1/websocket", True), ("/echo/websocket", False)):
            async with await request(port, path) as ws:
                assert ws.status == 401
            async with await connect(port, path, ALICE) as ws:
                if says:
                    assert await ws.text() == "o"
                ws.send('["hi"]' if says else "hi")
                assert await ws.text() == ('a["hi"]' if says else "hi")


async def test_a_conversation() -> None:
    """The owner speaks and listens as ever."""
    told = Told()
    async with served(make_door(), told) as port:
        await opened(port)
        assert (await send(port, "POST", f"{ID}/xhr_send", ALICE, body=b'["hi"]')).status == 204
        answer = await send(port, "POST", f"{ID}/xhr", ALICE)
        assert answer.body == b'a["hi"]\n'
        assert told.heard == ["hi"]


STRANGERS = [("another principal", BOB), ("another credential", ALICE_AGAIN)]


@pytest.mark.parametrize("other", [one[1] for one in STRANGERS], ids=[one[0] for one in STRANGERS])
async def test_a_session_has_one_owner(other: tuple[str, str]) -> None:
    """To know its id is not enough: 403 for polling, sending and the upgrade alike."""
    told = Told()
    async with served(make_door(), told) as port:
        await opened(port)
        for method, path in (
            *[one[1:] for one in BEGINNINGS],
            ("POST", "/xhr_send"),
            ("POST", "/jsonp_send"),
        ):
            answer = await send(port, method, ID + path, other, body=b'["stolen"]')
            assert answer.status == 403, path
            assert (await send(port, method, ID + path, body=b"")).status == 401, path
        async with await request(port, f"{ID}/websocket", other) as ws:
            assert ws.status == 403
        assert told.heard == []
        assert (await send(port, "POST", f"{ID}/xhr_send", ALICE, body=b'["hi"]')).status == 204
        assert (await send(port, "POST", f"{ID}/xhr", ALICE)).body == b'a["hi"]\n'


async def test_unguarded_a_session_has_no_owner() -> None:
    """The attack, without the guard: the id is enough."""
    told = Told()
    async with served(None, told) as port:
        await opened(port)
        assert (await send(port, "POST", f"{ID}/xhr_send", BOB, body=b'["stolen"]')).status == 204
        assert (await send(port, "POST", f"{ID}/xhr", BOB)).body == b'a["stolen"]\n'


async def test_the_id_of_a_websocket_is_taken() -> None:
    """While it is open, no other client polls under its id."""
    async with served(make_door()) as port:
        async with await connect(port, f"{ID}/websocket", ALICE) as ws:
            assert await ws.text() == "o"
            assert (await send(port, "POST", f"{ID}/xhr", BOB)).status == 403


async def test_a_revocation_between_two_requests() -> None:
    """The next request gets 401, and the session is over for the library as well."""
    guard, told = make_door(), Told()
    async with served(guard, told) as port:
        await opened(port)
        await guard.admin.revoke(Target.CREDENTIAL, "credential-of-alice", actor="test")
        await until(lambda: told.closed)
        answer = await send(port, "POST", f"{ID}/xhr_send", ALICE, body=b'["hi"]')
        assert answer.status == 401
        assert (await send(port, "POST", f"{ID}/xhr", BOB)).status == 403
        assert told.heard == []
        assert len(guard.registry) == 0


async def test_an_operator_ends_the_session() -> None:
    """The credential goes on to count: the client may begin another session, and not this one."""
    guard, told = make_door(), Told()
    async with served(guard, told) as port:
        await opened(port)
        [connection] = list(guard.registry)
        await guard.admin.revoke(Target.CONNECTION, connection.id, actor="test")
        await until(lambda: told.closed)
        assert (await send(port, "POST", f"{ID}/xhr", ALICE)).status == 401
        await opened(port, "/echo/000/session2")


@pytest.mark.parametrize("name", ["xhr_streaming", "eventsource", "htmlfile"])
async def test_a_revocation_during_a_stream(name: str) -> None:
    """The answer is cut off, and nothing is sent after it."""
    guard, told = make_door(), Told()
    method, path = {one[0]: one[1:] for one in BEGINNINGS}[name]
    async with served(guard, told) as port:
        async with await stream(port, method, ID + path, ALICE) as wire:
            await until(lambda: told.opened)
            await guard.admin.revoke(Target.PRINCIPAL, "alice", actor="test")
            await until_cut(wire)
        await until(lambda: told.closed)
        assert len(guard.registry) == 0


async def test_a_session_that_the_guard_has_not_seen_begin() -> None:
    """A session from before `protect` belongs to no client."""
    told = Told()
    app, router = application(told)
    guard = make_door()
    async with serving(app) as at:
        await opened(at.port)
        async with await stream(at.port, "POST", "/echo/0/other/xhr_streaming") as wire:
            await until(lambda: len(told.opened) == 2)
            protect(app, guard, CONNECT)
            await until_cut(wire)
        assert (await send(at.port, "POST", f"{ID}/xhr", ALICE)).status == 403
        assert (await send(at.port, "POST", f"{ID}/xhr_send", ALICE, body=b'["a"]')).status == 403
        assert told.heard == []
    router._sessions_cleanup.stop()
    await guard.close()


async def test_after_a_failure_every_transport_answers_503() -> None:
    """Pages answer as ever."""
    app, router = application(Told())
    with pytest.raises(StartupRefused):
        protect(app, make_door())
    async with serving(app) as at:
        for method, path in [one[1:] for one in BEGINNINGS]:
            assert (await send(at.port, method, ID + path, ALICE)).status == 503
        assert (await send(at.port, "POST", f"{ID}/xhr_send", ALICE, body=b'["a"]')).status == 503
        assert (await send(at.port, "GET", "/echo/info")).status == 200
    router._sessions_cleanup.stop()


async def test_transports_need_what_their_socket_needs() -> None:
    """One declaration, for the class of the socket, covers them."""
    app, router = application(Told())
    guard = make_door()
    transports = sockjs.transports
    permissions = {
        transports.WebSocketTransport: CONNECT,
        transports.RawWebSocketTransport: CONNECT,
    }
    protect(app, guard, permissions=permissions)
    async with serving(app, guard) as at:
        await opened(at.port)
        assert (await send(at.port, "POST", f"{ID}/xhr", EVE)).status == 403
    router._sessions_cleanup.stop()


async def test_routes_that_are_added_later() -> None:
    """A second SockJS router, after `protect`."""
    app, router = application(Told())
    guard = make_door()
    protect(app, guard, CONNECT)
    later = sockjs.SockJSRouter(router.get_connection_class(), "/later")
    app.add_handlers(".*", later.urls)
    async with serving(app, guard) as at:
        assert (await send(at.port, "POST", "/later/0/1/xhr")).status == 401
        await opened(at.port, "/later/0/1")
    router._sessions_cleanup.stop()
    later._sessions_cleanup.stop()


async def test_a_foreign_page() -> None:
    """A foreign page gets 403 for its polls, and only listed origins may frame the iframe page."""
    foreign = ("Origin", "https://evil.example")
    ours = ("Origin", "https://app.example")
    async with served(make_door()) as port:
        assert (await send(port, "POST", f"{ID}/xhr", ALICE, foreign)).status == 403
        asks = ("Access-Control-Request-Method", "POST")
        assert (await send(port, "OPTIONS", f"{ID}/xhr", foreign, asks)).status == 403
        answer = await send(port, "OPTIONS", f"{ID}/xhr", ours, asks)
        assert answer.status == 204
        await opened(port, ID, ALICE, ours)
        page = await send(port, "GET", "/echo/iframe.html")
        policy = "frame-ancestors 'self' https://app.example"
        assert (page.status, page.header("Content-Security-Policy")) == (200, policy)


async def test_too_many_messages() -> None:
    """A body counts as a message: 429, and the handler does not see it."""
    told = Told()
    guard = make_door(limits={"messages_per_connection": "4/h burst 4", "hold_seconds": 0})
    async with served(guard, told) as port:
        await opened(port)
        statuses = [
            (await send(port, "POST", f"{ID}/xhr_send", ALICE, body=b'["hi"]')).status
            for _ in range(5)
        ]
        assert statuses == [204, 204, 204, 429, 429]
        assert len(told.heard) == 3


async def test_a_body_that_is_too_large() -> None:
    """It is not read for a client that has not been authenticated."""
    async with served(make_door()) as port:
        length = ("Content-Length", str(100 << 20))
        async with await request(
            port, f"{ID}/xhr_send", length, method="POST", upgrade=False
        ) as wire:
            assert wire.status == (413 if SERVER == "guarded" else 400)


async def test_a_client_that_stays_away() -> None:
    """Its quota comes back after `limits.outbound_seconds`; its id stays refused."""
    guard, told = make_door(limits={"outbound_seconds": 30.0}), Told()
    async with served(guard, told) as port:
        await opened(port)
        assert len(guard.registry) == 1
        guard.clock.advance(29)  # type: ignore[attr-defined]
        await guard.tick()
        assert len(guard.registry) == 1
        guard.clock.advance(2)  # type: ignore[attr-defined]
        await guard.tick()
        assert len(guard.registry) == 0
        await until(lambda: told.closed)
        assert (await send(port, "POST", f"{ID}/xhr", BOB)).status == 403


async def test_polls_do_not_prolong_a_login() -> None:
    """An open page polls for ever; only what its user sends is use (ASVS 7.3.1)."""
    guard = make_door()
    async with served(guard) as port:
        await opened(port)
        [connection] = list(guard.registry)
        before = connection.last_message
        await send(port, "POST", f"{ID}/xhr_send", ALICE, body=b'["hi"]')
        guard.clock.advance(10)  # type: ignore[attr-defined]
        assert (await send(port, "POST", f"{ID}/xhr", ALICE)).body == b'a["hi"]\n'
        assert connection.last_message == before
        await send(port, "POST", f"{ID}/xhr_send", ALICE, body=b'["hi"]')
        assert connection.last_message == before + 10


async def test_the_trail_names_the_stranger() -> None:
    """An operator reads who tried."""
    guard = make_door()
    async with served(guard) as port:
        await opened(port)
        await send(port, "POST", f"{ID}/xhr", BOB)
        [*_, event] = [one for one in await events(guard) if one.cause == "forbidden"]
        assert (event.principal, "another principal" in event.detail) == ("bob", True)


async def test_the_start_up_check_names_the_pages_beside() -> None:
    """They get the same object as the socket, and are not guarded."""
    app, router = application(Told())
    with log_lines("stormdoor") as lines:
        protect(app, make_door(), CONNECT)
    [remark] = [one for one in lines if "HTTP routes beside guarded sockets" in one]
    assert "/echo/info" in remark
    assert "xhr" not in remark
    router._sessions_cleanup.stop()


async def test_the_messages_of_a_session_are_json() -> None:
    """The guard changes nothing in the protocol."""
    async with served(make_door()) as port:
        await opened(port)
        body = json.dumps(["\N{SNOWMAN}"]).encode()
        await send(port, "POST", f"{ID}/xhr_send", ALICE, body=body)
        answer = await send(port, "GET", f"{ID}/jsonp?c=callback", ALICE)
        assert answer.body.decode().startswith("callback(")
