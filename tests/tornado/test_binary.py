"""Commands in MessagePack on a real server: the same decisions as in JSON, on both protocols."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import (
    Command,
    ConfigurationError,
    Guard,
    GuardedHandler,
    Line,
    Reply,
    Topic,
    action,
)
from stormdoor.core.revocation import Target
from stormdoor.tornado.declare import Encoding
from tests.guard.fakes import events, make_guard, settle
from tests.tornado.wire import BINARY, CLOSE, TEXT, Wire, connect, serving

ALICE = ("Authorization", "Bearer alice")
MSGPACK = ("Sec-WebSocket-Protocol", "msgpack")
pack = msgspec.msgpack.encode
NEWS = Topic("news", "chat:say")


class Say(Command, tag="say"):
    text: Line
    amount: float = 0.0
    more: Any = None
    data: bytes = b""


class Kick(Command, tag="kick"):
    pass


class Push(Command, tag="push"):
    pass


class Fail(Command, tag="fail"):
    how: str


class Said(Reply, tag="said"):
    text: str
    data: bytes = b""


seen: list[Command] = []


class Chat(GuardedHandler):
    permission = "chat:connect"
    encodings: ClassVar[tuple[Encoding, ...]] = ("msgpack",)

    @action[Say]("chat:say", resource=lambda say: ("room", say.text))
    def say(self, command: Say) -> Said:
        seen.append(command)
        return Said(text=command.text, data=command.data)

    @action("chat:kick")
    def kick(self, command: Kick) -> None:
        seen.append(command)

    @action("chat:say")
    async def push(self, command: Push) -> dict[str, Any]:
        self.send(Said(text="pushed", data=b"\xff"))
        channels = self.application.settings["stormdoor_guard"].channels
        channels.subscribe(self.connection, NEWS)
        channels.publish(NEWS, {"news": 1})
        return {"type": "done"}

    @action("chat:say")
    def fail(self, command: Fail) -> Any:
        if command.how == "raise":
            raise RuntimeError("secret of the application")
        return object()


class Both(Chat):
    encodings = ("json", "msgpack")


class Json(Chat):
    encodings = ("json",)


class Late(Chat):
    first_message = True


@pytest.fixture(params=[True, False], ids=["fast", "tornado"])
def guard(request: pytest.FixtureRequest) -> Guard:
    """A guard for this machine, on each of the two protocols."""
    seen.clear()
    return make_guard(insecure_allow_any_host=True, fast=request.param)


@asynccontextmanager
async def chat(guard: Guard, path: str = "/chat", *headers: tuple[str, str]) -> AsyncIterator[Wire]:
    """A connection of alice. The server ends with it."""
    async with open_server(guard) as port, await connect(port, path, ALICE, *headers) as ws:
        yield ws


@asynccontextmanager
async def open_server(guard: Guard) -> AsyncIterator[int]:
    """The handlers behind the guard."""
    routes: list[Any] = [("/chat", Chat), ("/both", Both), ("/json", Json), ("/late", Late)]
    async with serving(routes, guard) as at:
        yield at.port


async def ask(ws: Wire, message: Any) -> Any:
    """Send a message in MessagePack, or bytes as they are, and read the answer."""
    ws.send(message if isinstance(message, bytes) else pack(message))
    frame = await ws.receive()
    assert frame.opcode == BINARY, frame
    return msgspec.msgpack.decode(frame.payload)


async def test_commands_and_replies(guard: Guard) -> None:
    """A command is decoded into its type, and the reply has its id and its bytes."""
    async with chat(guard) as ws:
        said = {"type": "said", "text": "hi", "data": b"\x00\xff"}
        assert await ask(ws, {"type": "say", "text": "hi", "data": b"\x00\xff"}) == said
        assert (await ask(ws, {"type": "say", "text": "hi", "id": 7}))["id"] == 7
        assert (await ask(ws, {"type": "say", "text": "hi", "id": "x"}))["id"] == "x"


async def test_messages_of_the_server_are_binary(guard: Guard) -> None:
    """Pushes and broadcasts come in the encoding of the connection; a push keeps its bytes."""
    async with chat(guard) as ws:
        pushed = await ask(ws, {"type": "push"})
        assert pushed == {"type": "said", "text": "pushed", "data": b"\xff"}
        for expected in ({"news": 1}, {"type": "done"}):
            frame = await ws.receive()
            assert (frame.opcode, msgspec.msgpack.decode(frame.payload)) == (BINARY, expected)


async def test_refusals_are_answered(guard: Guard) -> None:
    """With the cause, without details, and with the id: as in JSON. The connection goes on."""
    async with chat(guard) as ws:
        invalid = {"type": "error", "error": "invalid"}
        assert await ask(ws, {"type": "zzz", "id": 7}) == {**invalid, "id": 7}
        assert await ask(ws, {"type": "say", "id": "x"}) == {**invalid, "id": "x"}
        assert await ask(ws, {"type": "say", "text": "\x1b[2J"}) == invalid
        assert await ask(ws, {"type": "kick", "id": 7}) == {
            "type": "error",
            "error": "forbidden",
            "id": 7,
        }
        large = await ask(ws, {"type": "say", "text": "a", "data": b"x" * 70_000})
        assert large == {"type": "error", "error": "too-large"}
        assert (await ask(ws, {"type": "say", "text": "hi"}))["text"] == "hi"
    assert [type(one) for one in seen] == [Say]


ATTACKS: dict[str, bytes] = {
    "a name twice": b"\x83\xa4type\xa3say\xa4text\xa1a\xa4text\xa1b",
    "the tag twice": b"\x83\xa4type\xa3say\xa4text\xa1a\xa4type\xa4kick",
    "NaN": pack({"type": "say", "text": "a", "amount": math.nan}),
    "infinity": pack({"type": "say", "text": "a", "amount": math.inf}),
    "an extension": b"\x83\xa4type\xa3say\xa4text\xa1a\xa4more\xd4\x05a",
    "a time": b"\x83\xa4type\xa3say\xa4text\xa1a\xa4more\xd6\xff\x00\x00\x00\x01",
    "a bomb of depth": b"\x83\xa4type\xa3say\xa4text\xa1a\xa4more" + b"\x91" * 10_000 + b"\xc0",
    "17 levels": b"\x83\xa4type\xa3say\xa4text\xa1a\xa4more" + b"\x91" * 17 + b"\xc0",
    "an unknown field": pack({"type": "say", "text": "a", "admin": True}),
    "binary data as text": b"\x82\xa4type\xa3say\xa4text\xc4\x01a",
    "a number as text": pack({"type": "say", "text": 1}),
    "a list": pack(["say", "a"]),
}
MALFORMED: dict[str, bytes] = {
    "an empty message": b"",
    "half a message": pack({"type": "say", "text": "a"})[:-1],
    "two messages": pack({"type": "say", "text": "a"}) * 2,
    "an unknown token": b"\xc1",
    "a list of four thousand million": b"\xdd\xff\xff\xff\xff",
    "a text of four thousand million": b"\x82\xa4type\xa3say\xa4text\xdb\xff\xff\xff\xffa",
    "a text that is not UTF-8": b"\x82\xa4type\xa3say\xa4text\xa1\xff",
    "JSON in a binary frame": b'{"type": "say", "text": "a"}',
}


@pytest.mark.parametrize("case", ATTACKS)
async def test_attacks_are_refused(guard: Guard, case: str) -> None:
    """The answer is *invalid*, and no action runs."""
    async with chat(guard) as ws:
        answer = await ask(ws, ATTACKS[case])
        assert (answer["type"], answer["error"]) == ("error", "invalid")
        assert (await ask(ws, {"type": "say", "text": "hi"}))["text"] == "hi"
    assert len(seen) == 1


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_messages_close(guard: Guard, case: str) -> None:
    """Data that are no MessagePack end the connection with 1007, and a record."""
    async with chat(guard) as ws:
        ws.send(MALFORMED[case])
        frame = await ws.receive()
        assert (frame.opcode, frame.code) == (CLOSE, 1007)
        assert b"malformed MessagePack" in frame.payload
        ends = [one for one in await events(guard) if one.cause == "invalid-message"]
        assert any("1007: malformed MessagePack" in one.detail for one in ends)
    assert not seen


async def test_a_text_frame_on_a_binary_connection_closes(guard: Guard) -> None:
    """JSON is not a second way into the same action: 1003."""
    async with chat(guard) as ws:
        ws.send({"type": "say", "text": "hi"})
        frame = await ws.receive()
        assert (frame.opcode, frame.code) == (CLOSE, 1003)
    assert not seen


async def test_a_binary_frame_on_a_json_connection_is_refused(guard: Guard) -> None:
    """Neither on a handler for JSON, nor where the client has not selected MessagePack."""
    async with open_server(guard) as port:
        for path in ("/json", "/both"):
            async with await connect(port, path, ALICE) as ws:
                ws.send(pack({"type": "say", "text": "hi"}))
                frame = await ws.receive()
                assert (frame.opcode, msgspec.json.decode(frame.payload)) == (
                    TEXT,
                    {"type": "error", "error": "invalid"},
                )
                ws.send({"type": "say", "text": "hi"})
                assert msgspec.json.decode((await ws.receive()).payload)["text"] == "hi"
    assert len(seen) == 2


async def test_the_subprotocol_selects_the_encoding(guard: Guard) -> None:
    """A client that offers `msgpack` gets it, where the handler speaks it."""
    offered = ("Sec-WebSocket-Protocol", "other, msgpack")
    async with open_server(guard) as port:
        async with await connect(port, "/both", ALICE, offered) as ws:
            assert ws.header("Sec-WebSocket-Protocol") == "msgpack"
            assert (await ask(ws, {"type": "say", "text": "hi"}))["text"] == "hi"
            ws.send("{}")
            assert (await ws.receive()).code == 1003
        async with await connect(port, "/json", ALICE, offered) as ws:
            assert ws.header("Sec-WebSocket-Protocol") is None
            assert (await ws.ask({"type": "kick"}))["error"] == "forbidden"
        async with await connect(port, "/chat", ALICE, MSGPACK) as ws:
            assert ws.header("Sec-WebSocket-Protocol") == "msgpack"


async def test_a_flood_is_refused_as_in_json() -> None:
    """Rates and the limit of offences count for binary messages."""
    guard = make_guard(
        insecure_allow_any_host=True,
        limits={"messages_per_connection": "5/min burst 5", "offences": 3, "hold_seconds": 0.0},
    )
    async with chat(guard) as ws:
        for _ in range(12):
            ws.send(pack({"type": "say", "text": "hi"}))
        errors, code = [], None
        while code is None:
            frame = await ws.receive()
            if frame.opcode == CLOSE:
                code = frame.code
            else:
                errors.append(msgspec.msgpack.decode(frame.payload).get("error"))
    assert code == 1008
    assert "rate-limited" in errors
    assert errors.count(None) <= 6


@pytest.mark.parametrize("how", ["raise", "unencodable"])
async def test_an_action_that_fails_closes(guard: Guard, how: str) -> None:
    """1011, without a word about the error."""
    async with chat(guard) as ws:
        ws.send(pack({"type": "fail", "how": how}))
        frame = await ws.receive()
        assert (frame.opcode, frame.code) == (CLOSE, 1011)
        assert b"secret" not in frame.payload


async def test_refresh_and_first_message(guard: Guard) -> None:
    """The commands of the guard are MessagePack as well."""
    guard = await settle(guard)
    async with open_server(guard) as port, await connect(port, "/late") as ws:
        answer = await ask(ws, {"type": "stormdoor.authenticate", "token": "alice"})
        assert answer["type"] == "stormdoor.authenticated"
        assert (await ask(ws, {"type": "say", "text": "hi"}))["text"] == "hi"
        answer = await ask(ws, {"type": "stormdoor.refresh", "token": "alice", "id": 3})
        assert (answer["type"], answer["id"]) == ("stormdoor.refreshed", 3)
        answer = await ask(ws, {"type": "stormdoor.refresh", "token": "nobody", "id": 4})
        assert (answer["error"], answer["id"]) == ("unauthenticated", 4)
        assert (await guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 1
        assert await ws.close_code() == 3000


@pytest.mark.parametrize("first", [b"\xc1", pack({"type": "say", "text": "hi"}), "{}"])
async def test_other_first_messages(guard: Guard, first: str | bytes) -> None:
    """An unauthenticated client reaches no action with its first message."""
    async with open_server(guard) as port, await connect(port, "/late") as ws:
        ws.send(first)
        assert await ws.close_code() in {1003, 3000}
    assert not seen


def test_encodings_that_do_not_exist() -> None:
    """A misspelt encoding is refused when the class is made."""
    with pytest.raises(ConfigurationError, match="write encodings"):
        type("Odd", (Chat,), {"encodings": ("cbor",)})


# -- the same in plain code -------------------------------------------------------------------------


class Plain(WebSocketHandler):
    """A handler as it is written without a guard: decode, check, act."""

    done: list[Any] = []  # noqa: RUF012 - of this test

    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        raw = message.encode() if isinstance(message, str) else message
        command = msgspec.msgpack.decode(raw)
        if command["type"] == "say" and len(command["text"]) < 1000:
            self.done.append(command)
        self.write_message("ok")


@pytest.mark.parametrize(
    "case", ["a name twice", "NaN", "an extension", "a time", "17 levels", "an unknown field"]
)
async def test_plain_code_lets_attacks_in(case: str) -> None:
    """The attacks are real: each reaches the application where no guard stands before it."""
    Plain.done.clear()
    server = HTTPServer(Application([("/ws", Plain)]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        async with await connect(sockets[0].getsockname()[1], "/ws") as ws:
            ws.send(ATTACKS[case])
            assert await ws.text() == "ok"
    finally:
        server.stop()
    assert len(Plain.done) == 1
