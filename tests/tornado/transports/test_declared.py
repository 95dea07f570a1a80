"""Transports that the application declares by hand, such as a page that polls a socket's class."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor import (
    ConfigurationError,
    MalformedRequest,
    StartupRefused,
    Target,
    Transport,
    protect,
)
from tests.tornado.transports.plain_http import (
    ALICE,
    ALICE_AGAIN,
    BOB,
    EVE,
    make_door,
    send,
)
from tests.tornado.wire import connect, log_lines, request, serving, until

CONNECT = "chat:connect"


class Socket(WebSocketHandler):
    """The socket: each client has a list of messages."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Wrap(RequestHandler):
    """The same over HTTP, as visdom's `/socket_wrap`: GET begins, POST speaks and asks."""

    def initialize(self, sessions: dict[str, list[str]]) -> None:
        self.sessions = sessions

    def get(self) -> None:
        id = f"session{len(self.sessions)}"
        self.sessions[id] = []
        self.write({"success": True, "sid": id})

    def post(self) -> None:
        asked = json.loads(self.request.body)
        session = self.sessions.get(asked.get("sid"))
        if session is None:
            self.write({"success": False})
            return
        if "say" in asked:
            session.append(asked["say"])
        self.write({"success": True, "messages": session})


def application() -> tuple[Application, dict[str, list[str]]]:
    """Make the application; its sessions."""
    sessions: dict[str, list[str]] = {}
    routes: list[Any] = [("/ws", Socket), ("/wrap", Wrap, {"sessions": sessions})]
    return Application(routes, websocket_ping_interval=20), sessions


async def begin(port: int, *headers: tuple[str, str]) -> str:
    """Begin a session; its id."""
    answer = await send(port, "GET", "/wrap", *headers)
    assert answer.status == 200, answer.body
    id = json.loads(answer.body)["sid"]
    assert isinstance(id, str)
    return id


async def say(port: int, id: object, text: str, *headers: tuple[str, str]) -> tuple[int, bytes]:
    """Say something in a session; the status and the answer."""
    body = json.dumps({"sid": id, "say": text}).encode()
    answer = await send(port, "POST", "/wrap", *headers, body=body)
    return answer.status, answer.body


async def test_unguarded_beside_a_guarded_socket() -> None:
    """The attack: `protect` guards the socket, and the page beside it does the same without a credential."""
    app, sessions = application()
    guard = make_door()
    with log_lines("stormdoor") as lines:
        protect(app, guard, CONNECT)
    assert not [
        one for one in lines if "/wrap" in one
    ]  # nothing in it says that it belongs to the socket
    async with serving(app, guard) as at:
        async with await request(at.port) as ws:
            assert ws.status == 401
        id = await begin(at.port)
        assert (await say(at.port, id, "hi"))[0] == 200
    assert sessions == {id: ["hi"]}


@pytest.mark.parametrize("key", [Wrap, "/wrap"])
async def test_a_declared_transport(key: Any) -> None:
    """By class or by path: who may connect, and one owner for each session."""
    app, sessions = application()
    guard = make_door()
    protect(app, guard, CONNECT, transports={key: Transport.by_json("sid")})
    async with serving(app, guard) as at:
        for headers, status in (([], 401), ([EVE], 403)):
            assert (await send(at.port, "GET", "/wrap", *headers)).status == status
            assert (await say(at.port, "session0", "hi", *headers))[0] == status
        id = await begin(at.port, ALICE)
        assert await say(at.port, id, "hi", ALICE) == (
            200,
            b'{"success": true, "messages": ["hi"]}',
        )
        for headers, status in (([BOB], 403), ([ALICE_AGAIN], 403), ([], 401)):
            assert (await say(at.port, id, "stolen", *headers))[0] == status
        assert (await say(at.port, "invented", "hi", ALICE))[0] == 403
    assert sessions == {id: ["hi"]}


async def test_it_must_be_declared_who_may() -> None:
    """As for a socket."""
    app, _ = application()
    transports: dict[Any, Transport] = {Wrap: Transport.by_json("sid")}
    with pytest.raises(StartupRefused, match="Wrap"):
        protect(app, make_door(), permissions={Socket: CONNECT}, transports=transports)
    guard = make_door()
    permissions: dict[Any, str] = {Socket: CONNECT, Wrap: "chat:kick"}
    protect(app, guard, permissions=permissions, transports=transports)
    async with serving(app, guard) as at:
        assert (await send(at.port, "GET", "/wrap", ALICE)).status == 403


MALFORMED: list[tuple[str, bytes]] = [
    ("a field twice", b'{"sid": "session1", "sid": "session0"}'),
    ("no object", b'["session0"]'),
    ("no JSON", b"{"),
    ("no text", b'{"sid": ["session0"]}'),
    ("empty", b'{"sid": ""}'),
    ("too long", b'{"sid": "' + b"x" * 300 + b'"}'),
    ("another encoding", '{"sid": "session0"}'.encode("utf-16")),
    ("nested too deep", b"[" * 100_000),
]


@pytest.mark.parametrize("body", [one[1] for one in MALFORMED], ids=[one[0] for one in MALFORMED])
async def test_an_id_that_two_readers_may_read_differently(body: bytes) -> None:
    """400, before the handler sees it."""
    app, _ = application()
    guard = make_door()
    protect(app, guard, CONNECT, transports={Wrap: Transport.by_json("sid")})
    async with serving(app, guard) as at:
        await begin(at.port, ALICE)
        await begin(at.port, BOB)
        answer = await send(at.port, "POST", "/wrap", BOB, body=body)
        assert answer.status == 400


async def test_a_revocation_closes_it_where_the_application_says_how() -> None:
    """The function gets the id, and may be a coroutine function."""
    app, sessions = application()

    async def close(id: str) -> None:
        del sessions[id]

    guard = make_door()
    protect(app, guard, CONNECT, transports={Wrap: Transport.by_json("sid", close=close)})
    async with serving(app, guard) as at:
        id = await begin(at.port, ALICE)
        await guard.admin.revoke(Target.PRINCIPAL, "alice", actor="test")
        await until(lambda: not sessions)
        assert (await say(at.port, id, "late", ALICE))[0] == 401


async def test_an_application_whose_close_raises() -> None:
    """The session is over all the same, and the log says what went wrong."""
    app, _ = application()

    def close(id: str) -> None:
        raise OSError("gone")

    guard = make_door()
    protect(app, guard, CONNECT, transports={Wrap: Transport.by_json("sid", close=close)})
    async with serving(app, guard) as at:
        id = await begin(at.port, ALICE)
        with log_lines("stormdoor") as lines:
            await guard.admin.revoke(Target.CREDENTIAL, "credential-of-alice", actor="test")
            await until(lambda: any("could not be closed" in one for one in lines))
        assert (await say(at.port, id, "late", ALICE))[0] == 401


class ByQuery(RequestHandler):
    """Reads the id as `get_argument` does: from the body as well."""

    seen: list[str | None]

    def get(self) -> None:
        self.write({"id": "mine" if self.request.headers["Authorization"] == BOB[1] else "other"})

    def post(self) -> None:
        self.seen.append(self.get_argument("id", None))


async def test_an_argument_of_the_body_does_not_go_before_the_query() -> None:
    """`get_argument` would read it: 400."""

    class Seen(ByQuery):
        seen: list[str | None] = []  # noqa: RUF012 - one class for this test

    app = Application([("/poll", Seen)])
    guard = make_door()
    protect(app, guard, CONNECT, transports={Seen: Transport.by_query("id")})
    form = ("Content-Type", "application/x-www-form-urlencoded")
    async with serving(app, guard) as at:
        await send(at.port, "GET", "/poll", ALICE)
        await send(at.port, "GET", "/poll", BOB)
        answer = await send(at.port, "POST", "/poll?id=mine", BOB, form, body=b"id=other")
        assert answer.status == 400
        assert (await send(at.port, "POST", "/poll?id=other", BOB, form)).status == 403
        assert (await send(at.port, "POST", "/poll?id=mine", BOB, form)).status == 200
    assert Seen.seen == ["mine"]


async def test_requests_that_stand_alone() -> None:
    """Each is judged as a handshake is, and counts while it is answered."""

    class Alone(RequestHandler):
        async def post(self) -> None:
            self.write(str(len(guard.registry)))

    app = Application([("/alone", Alone)])
    guard = make_door()
    protect(app, guard, CONNECT, transports={Alone: Transport.none()})
    async with serving(app, guard) as at:
        assert (await send(at.port, "POST", "/alone", body=b"x")).status == 401
        assert (await send(at.port, "POST", "/alone", ALICE, body=b"x")).body == b"1"
        assert len(guard.registry) == 0


async def test_a_path_names_the_session_of_its_socket_too() -> None:
    """`by_path` for a socket and for the polls beside it."""

    class Poll(RequestHandler):
        def post(self, id: str) -> None:
            self.write(id)

    app = Application([("/s/([a-z]+)/ws", Socket), ("/s/([a-z]+)/poll", Poll)])
    guard = make_door()
    transport = Transport.by_path()
    protect(app, guard, CONNECT, transports={"/s/([a-z]+)/(ws|poll)": transport})
    async with serving(app, guard) as at:
        async with await connect(at.port, "/s/room/ws", ALICE):
            assert (await send(at.port, "POST", "/s/room/poll", ALICE, body=b"x")).body == b"room"
            assert (await send(at.port, "POST", "/s/room/poll", BOB, body=b"x")).status == 403
        async with await request(at.port, "/s/room/ws", BOB) as ws:
            assert ws.status == 403


def test_mistakes_in_declarations() -> None:
    """A malformed declaration and one that matches nothing are reported."""
    app, _ = application()
    for transports in ({"/wrap(": Transport.none()}, {Wrap: "sid"}):
        with pytest.raises(ConfigurationError):
            protect(app, make_door(), CONNECT, transports=transports)  # type: ignore[arg-type]
    with log_lines("stormdoor") as lines:
        protect(app, make_door(), CONNECT, transports={"/typo": Transport.none()})
    assert any("transports names /typo, and no route" in one for one in lines)


async def test_a_body_that_streams_cannot_name_the_session() -> None:
    """The guard would decide before it has been read."""

    @stream_request_body
    class Streaming(RequestHandler):
        def data_received(self, chunk: bytes) -> None: ...
        def post(self) -> None: ...

    app = Application([("/stream", Streaming)])
    with pytest.raises(ConfigurationError, match="stream_request_body"):
        protect(app, make_door(), CONNECT, transports={Streaming: Transport.by_json("sid")})


async def test_a_reader_of_ones_own() -> None:
    """Any function of the handler; `MalformedRequest` refuses."""

    def read(handler: RequestHandler) -> str | None:
        values = handler.request.headers.get_list("X-Session")
        if len(values) > 1:
            raise MalformedRequest("two sessions")
        return values[0] if values else None

    class Own(RequestHandler):
        def get(self) -> None:
            self.write("ok")

    app = Application([("/own", Own)])
    guard = make_door()
    protect(app, guard, CONNECT, transports={Own: Transport(session=read)})
    async with serving(app, guard) as at:
        mine = ("X-Session", "a")
        assert (await send(at.port, "GET", "/own", ALICE, mine)).status == 200
        assert (await send(at.port, "GET", "/own", BOB, mine)).status == 403
        assert (await send(at.port, "GET", "/own", BOB, mine, ("X-Session", "b"))).status == 400
