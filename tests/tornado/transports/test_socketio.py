"""A Socket.IO application: its polling is guarded as its WebSocket is, and each session has one owner."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.web import Application

from stormdoor import Guard, SessionAuthenticator, Target, connection_of, protect
from tests.guard.fakes import Tokens, authentication, make_guard, settle
from tests.support.clock import FakeClock
from tests.tornado.transports.plain_http import (
    ALICE,
    ALICE_AGAIN,
    BOB,
    EVE,
    library,
    make_door,
    send,
    until_cut,
)
from tests.tornado.wire import connect, log_lines, request, serving, settled, until

socketio = library("socketio")
library("aiohttp")  # its client uses it

CONNECT = "chat:connect"
PATH = "/socket.io/?EIO=4&transport=polling"


def application(told: list[Any]) -> tuple[Application, Any]:
    """Make a Socket.IO application that answers `say` with what was said."""
    server = socketio.AsyncServer(async_mode="tornado", cors_allowed_origins="*")

    async def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
        connection = connection_of(environ["tornado.handler"])
        told.append(("connect", connection.principal.id if connection else None))

    async def disconnect(sid: str, reason: str) -> None:
        told.append(("disconnect",))

    async def say(sid: str, text: str) -> str:
        told.append(("say", text))
        return text.upper()

    for event in (connect, disconnect, say):
        server.on(event.__name__, event)
    handler = socketio.get_tornado_handler(server)
    return Application([("/socket.io/", handler)], websocket_ping_interval=20), server


@contextlib.asynccontextmanager
async def served(guard: Guard | None, told: list[Any] | None = None) -> AsyncIterator[int]:
    """Serve it; the port."""
    app, server = application([] if told is None else told)
    try:
        async with serving(app, guard, CONNECT) as at:
            yield at.port
    finally:
        await server.shutdown()
        await settled()


async def begin(port: int, *headers: tuple[str, str]) -> str:
    """Begin a session by long polling; its id."""
    answer = await send(port, "GET", PATH, *headers)
    assert answer.status == 200, answer.body
    opening = json.loads(answer.body.partition(b"\x1e")[0][1:])
    assert isinstance(opening["sid"], str)
    return f"{PATH}&sid={opening['sid']}"


async def enter(port: int, *headers: tuple[str, str]) -> str:
    """Begin a session and connect to the default namespace; the path of its polls."""
    path = await begin(port, *headers)
    assert (await send(port, "POST", path, *headers, body=b"40")).status == 200
    answer = await send(port, "GET", path, *headers)
    assert answer.body.startswith(b"40")
    return path


async def test_unguarded_the_id_is_enough() -> None:
    """The attack: no credential at all, and a session of another client."""
    told: list[Any] = []
    async with served(None, told) as port:
        path = await enter(port)
        await send(port, "POST", path, BOB, body=b'42["say","stolen"]')
        await until(lambda: ("say", "stolen") in told)


async def test_an_unauthenticated_client() -> None:
    """401 for polling and for the upgrade; 403 without the permission."""
    told: list[Any] = []
    async with served(make_door(), told) as port:
        for headers, status in (([], 401), ([EVE], 403)):
            assert (await send(port, "GET", PATH, *headers)).status == status
            assert (await send(port, "POST", PATH, *headers, body=b"40")).status == status
            path = PATH.replace("polling", "websocket")
            async with await request(port, path, *headers) as ws:
                assert ws.status == status
        assert told == []


async def test_a_conversation() -> None:
    """The owner speaks by POST and hears by GET; the application knows the principal."""
    told: list[Any] = []
    async with served(make_door(), told) as port:
        path = await enter(port, ALICE)
        await send(port, "POST", path, ALICE, body=b'421["say","hi"]')
        assert (await send(port, "GET", path, ALICE)).body == b'431["HI"]'
    assert told[:2] == [("connect", "alice"), ("say", "hi")]


async def test_the_client_of_socketio() -> None:
    """The real client: polling first, then the upgrade, and an answer over the socket."""
    told: list[Any] = []
    guard = make_door()
    async with served(guard, told) as port:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(f"http://127.0.0.1:{port}", headers=dict([ALICE]))
        assert await client.call("say", "hello") == "HELLO"
        assert client.transport() == "websocket"
        await client.disconnect()
        await until(lambda: ("disconnect",) in told)
        await until(lambda: len(guard.registry) == 0)


@pytest.mark.parametrize("other", [BOB, ALICE_AGAIN], ids=["principal", "credential"])
async def test_a_session_has_one_owner(other: tuple[str, str]) -> None:
    """Another principal or credential that knows the session id gets 403, and no credential gets 401."""
    told: list[Any] = []
    async with served(make_door(), told) as port:
        path = await enter(port, ALICE)
        upgrade = path.replace("polling", "websocket")
        for headers, status in (([other], 403), ([], 401)):
            assert (await send(port, "GET", path, *headers)).status == status
            answer = await send(port, "POST", path, *headers, body=b'42["say","stolen"]')
            assert answer.status == status
            async with await request(port, upgrade, *headers) as ws:
                assert ws.status == status
        async with await connect(port, upgrade, ALICE) as ws:
            ws.send("2probe")
            assert await ws.text() == "3probe"
        assert ("say", "stolen") not in told


AMBIGUOUS = [
    ("twice", "&sid={own}&sid={other}"),
    ("twice, the other way round", "&sid={other}&sid={own}"),
    ("written in another way", "&sid={own}&s%69d={other}"),
    ("with an empty one", "&sid=&sid={other}"),
]


@pytest.mark.parametrize("query", [one[1] for one in AMBIGUOUS], ids=[one[0] for one in AMBIGUOUS])
async def test_two_ids_in_one_request(query: str) -> None:
    """The guard does not guess which one the library reads."""
    async with served(make_door()) as port:
        other = (await enter(port, ALICE)).rpartition("=")[2]
        own = (await enter(port, BOB)).rpartition("=")[2]
        path = PATH + query.format(own=own, other=other)
        assert (await send(port, "GET", path, BOB)).status == 400
        async with await request(port, path.replace("polling", "websocket"), BOB) as ws:
            assert ws.status == 400


async def test_an_id_of_the_servers_choice_cannot_be_invented() -> None:
    """403 for a session that has not begun."""
    async with served(make_door()) as port:
        for path in (f"{PATH}&sid=invented", f"{PATH}&sid="):
            answer = await send(port, "GET", path, ALICE)
            assert answer.status in {400, 403}


async def test_an_upgrade_header_that_two_readers_read_differently() -> None:
    """The library would poll; the guard must not take it for a socket without looking at the id."""
    told: list[Any] = []
    async with served(make_door(), told) as port:
        path = await enter(port, ALICE)
        for value in ("websocket, h2c", "h2c, websocket", "WebSocket2"):
            answer = await send(
                port, "GET", path, BOB, ("Upgrade", value), ("Connection", "Upgrade")
            )
            assert answer.status == 403, value


async def test_a_revocation_between_two_polls() -> None:
    """The next request gets 401, and the library has let go of the session."""
    told: list[Any] = []
    guard = make_door()
    async with served(guard, told) as port:
        path = await enter(port, ALICE)
        await guard.admin.revoke(Target.PRINCIPAL, "alice", actor="test")
        await until(lambda: ("disconnect",) in told)
        assert (await send(port, "GET", path, ALICE)).status == 401
        assert (await send(port, "POST", path, ALICE, body=b'42["say","late"]')).status == 401
        assert ("say", "late") not in told


async def test_a_revocation_during_a_poll() -> None:
    """The poll that waits is cut off."""
    told: list[Any] = []
    guard = make_door()
    async with served(guard, told) as port:
        path = await enter(port, ALICE)
        async with await request(port, path, ALICE, upgrade=False, wait=False) as wire:
            [connection] = list(guard.registry)
            await until(lambda: connection.sink is not None and connection.sink.handlers)  # type: ignore[attr-defined]
            await guard.admin.revoke(Target.PRINCIPAL, "alice", actor="test")
            assert await until_cut(wire) == b""
        await until(lambda: ("disconnect",) in told)


async def test_a_revocation_after_the_upgrade() -> None:
    """It ends the socket, and the session with it."""
    told: list[Any] = []
    guard = make_door()
    async with served(guard, told) as port:
        path = await enter(port, ALICE)
        async with await connect(port, path.replace("polling", "websocket"), ALICE) as ws:
            ws.send("2probe")
            assert await ws.text() == "3probe"
            ws.send("5")
            ws.send('42["say","hi"]')
            await until(lambda: ("say", "hi") in told)
            await guard.admin.revoke(Target.PRINCIPAL, "alice", actor="test")
            assert await ws.close_code() == 3000
        await until(lambda: ("disconnect",) in told)
        assert (await send(port, "GET", path, ALICE)).status == 401
        assert len(guard.registry) == 0


async def test_a_page_that_was_closed() -> None:
    """Its client polls no more: the quota comes back without a warning, and the library hears of it."""
    told: list[Any] = []
    clock = FakeClock()
    guard = make_door(clock=clock)
    async with served(guard, told) as port:
        await enter(port, ALICE)
        assert len(guard.registry) == 1
        with log_lines("stormdoor", level=logging.WARNING) as lines:
            clock.advance(31)
            await guard.tick()
            await until(lambda: ("disconnect",) in told)
        assert len(guard.registry) == 0
        assert lines == []


async def test_polls_go_on_after_an_upgrade_that_fails() -> None:
    """A proxy may drop the socket: the owner polls on, and is still the only one who can."""
    guard = make_door()
    async with served(guard) as port:
        path = await enter(port, ALICE)
        async with await connect(port, path.replace("polling", "websocket"), ALICE) as ws:
            ws.send("2probe")
            assert await ws.text() == "3probe"
            assert len(guard.registry) == 1  # the polling request has ended
        await until(lambda: len(guard.registry) == 0)
        assert (await send(port, "POST", path, ALICE, body=b'421["say","hi"]')).status == 200
        assert (await send(port, "POST", path, BOB, body=b'421["say","hi"]')).status == 403


async def test_a_first_message_is_for_sockets_only() -> None:
    """A handshake may go without a credential, which comes in the first message; a poll has none."""
    app, server = application([])
    guard = make_guard(Tokens({"alice": authentication("alice")}), insecure_allow_any_host=True)
    protect(app, guard, CONNECT, first_message=["/socket.io/"])
    async with serving(app, guard) as at:
        assert (await send(at.port, "GET", PATH)).status == 401
        async with await connect(at.port, PATH.replace("polling", "websocket")):
            pass
    await server.shutdown()


async def test_compression_does_not_hide_the_id() -> None:
    """The guard reads the session id from the first answer also if the server would compress it."""
    app, server = application([])
    server.eio.compression_threshold = 1
    guard = make_door()
    async with serving(app, guard, CONNECT) as at:
        path = await begin(at.port, ALICE, ("Accept-Encoding", "gzip"))
        assert (await send(at.port, "POST", path, ALICE, body=b"40")).status == 200
    await server.shutdown()


async def test_jsonp() -> None:
    """The id is in a text in a script."""
    async with served(make_door()) as port:
        answer = await send(port, "GET", f"{PATH}&j=0", ALICE)
        text = json.loads(answer.body.decode().partition("(")[2].rpartition(")")[0])
        path = f"{PATH}&sid={json.loads(text[1:])['sid']}"
        assert (await send(port, "GET", path, BOB)).status == 403
        assert (await send(port, "POST", path, ALICE, body=b"40")).status == 200


async def test_an_application_that_is_guarded_after_sessions_have_begun() -> None:
    """They belong to no client."""
    app, server = application([])
    guard = make_door()
    async with serving(app) as at:
        path = await enter(at.port)
        protect(app, guard, CONNECT)
        assert (await send(at.port, "GET", path, ALICE)).status == 403
    await server.shutdown()
    await guard.close()


# -- pages in a browser -------------------------------------------------------------------------------


PAGES: list[tuple[str, dict[str, str], int]] = [
    ("of the application", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
    (
        "a script of the application",
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"},
        200,
    ),
    ("a navigation", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}, 403),
    ("no mode", {"Sec-Fetch-Site": "same-origin"}, 403),
    ("a subdomain", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ("foreign", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ("typed by the user", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 403),
    ("an old browser, or plain HTTP", {}, 403),
    (
        "foreign, with its origin",
        {
            "Origin": "https://evil.example",
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "cors",
        },
        403,
    ),
    (
        "allowed, with its origin",
        {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        200,
    ),
]


@contextlib.asynccontextmanager
async def with_cookie(**options: Any) -> AsyncIterator[tuple[int, tuple[str, str], Guard]]:
    """Serve it to a browser that has a session cookie; the port, and the cookie."""
    # The port is part of the page's origin, and known only when it listens.
    app, server = application([])
    async with serving(app) as at:
        guard = make_guard(
            SessionAuthenticator(),
            origins=["https://app.example", f"http://127.0.0.1:{at.port}"],
            **options,
        )
        await settle(guard)
        issued = await guard.sessions.create("carol")
        protect(app, guard, CONNECT)
        cookie = ("Cookie", f"{guard.sessions.cookie.name}={issued.secret}")
        yield at.port, cookie, guard
        await guard.close()
    await server.shutdown()


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("headers", "status"), [one[1:] for one in PAGES], ids=[one[0] for one in PAGES]
)
async def test_a_page_polls_with_a_cookie(headers: dict[str, str], status: int) -> None:
    """A same-origin GET has no Origin: what the browser says of the site counts instead."""
    async with with_cookie() as (port, cookie, _):
        answer = await send(port, "GET", PATH, cookie, *headers.items())
        assert answer.status == status


async def test_a_rebound_page_polls_with_a_cookie() -> None:
    """Its browser says `same-origin`, and its Host is not a name of the application."""
    page = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")]
    async with with_cookie() as (port, cookie, _):
        async with await request(
            port, PATH, cookie, *page, host=f"evil.example:{port}", upgrade=False
        ) as wire:
            assert wire.status == 403
    async with with_cookie(insecure_allow_any_host=True, insecure_allow_plaintext=True) as (
        port,
        cookie,
        _,
    ):
        async with await request(
            port, PATH, cookie, *page, host=f"evil.example:{port}", upgrade=False
        ) as wire:
            assert wire.status == 403


async def test_a_development_server_without_these_headers() -> None:
    """`insecure_allow_missing_origin` lets it poll."""
    async with with_cookie(insecure_allow_missing_origin=True) as (port, cookie, _):
        assert (await send(port, "GET", PATH, cookie)).status == 200


async def test_polls_with_a_cookie_do_not_prolong_the_login() -> None:
    """The store still says when the user was seen last, however long the page has polled (ASVS 7.3.1)."""
    page = [("Origin", "https://app.example")]
    clock = FakeClock()
    async with with_cookie(clock=clock) as (port, cookie, guard):
        path = await begin(port, cookie, *page)
        assert (await send(port, "POST", path, cookie, *page, body=b"40")).status == 200
        [connection] = list(guard.registry)
        session_id = connection.authentication.session_id
        assert session_id is not None
        seen = await guard.state.sessions.session(session_id)
        clock.advance(600)
        assert (await send(port, "GET", path, cookie, *page)).body.startswith(b"40")
        assert await guard.state.sessions.session(session_id) == seen
