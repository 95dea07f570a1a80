"""Parts of the probes: permitted targets, presented credentials, and the criterion for delivered data."""

import asyncio
import json
from typing import Any

import pytest

from audit_tests.prober.servers import ALICE, Feed, jwt, probed, serving
from stormdoor_audit.prober.budget import Budget, BudgetSpent
from stormdoor_audit.prober.delivered import is_refusal, shape
from stormdoor_audit.prober.engine import CannotProbe, Plan, run
from stormdoor_audit.prober.identity import Identity, mutated
from stormdoor_audit.prober.peer_json import read_json, read_object
from stormdoor_audit.prober.redact import Redactor
from stormdoor_audit.prober.target import NotAllowed, is_named, parse_target
from stormdoor_audit.prober.wire import TEXT, Frame, frame_bytes, message_frame


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1/x", "wss://[::1]/", "http://localhost:8080/a?b=c"]
)
def test_this_machine_may_be_probed(url: str) -> None:
    """Loopback, by address and by name."""
    assert parse_target(url).port


@pytest.mark.parametrize(
    "url",
    [
        "ws://192.0.2.1/x",
        "ws://0.0.0.0/",
        "ftp://127.0.0.1/",
        "/x",
        "ws://a@127.0.0.1/",
        "ws://127.0.0.1:x/",
    ],
)
def test_nothing_else_may(url: str) -> None:
    """Another machine needs to be named; what is no URL is refused."""
    with pytest.raises(NotAllowed):
        parse_target(url)


def test_authorized_host() -> None:
    """A host that is named may be probed, and only that one."""
    assert parse_target("wss://192.0.2.1/x", ["192.0.2.1"]).port == 443
    with pytest.raises(NotAllowed, match=r"--authorized 192\.0\.2\.2"):
        parse_target("wss://192.0.2.2/x", ["192.0.2.1"])


@pytest.mark.parametrize(
    ("named", "ok"),
    [("192.0.2.1:8443", True), ("192.0.2.1:8444", False), ("[2001:db8::1]:8443", False)],
)
def test_authorized_port(named: str, ok: bool) -> None:
    """A host that is named with a port may be probed at that port only."""
    if ok:
        assert parse_target("wss://192.0.2.1:8443/x", [named]).port == 8443
    else:
        with pytest.raises(NotAllowed):
            parse_target("wss://192.0.2.1:8443/x", [named])
    assert is_named("2001:db8::1", 8443, ["[2001:db8::1]:8443"])


def test_no_name_is_resolved_before_it_is_authorized(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is asked for authorised names and those of this machine, and for no other."""
    asked: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    with pytest.raises(NotAllowed, match=r"--authorized ws\.internal\.example"):
        parse_target("ws://ws.internal.example/feed")
    assert asked == []
    parse_target("ws://ws.internal.example/feed", ["ws.internal.example"])
    parse_target("ws://localhost:8888/feed")
    assert asked == ["ws.internal.example", "localhost"]


async def test_nothing_is_sent_before_every_address_is_allowed() -> None:
    """One address that may not be probed stops all of them."""
    async with serving(Feed) as port:
        with pytest.raises(NotAllowed):
            await run(Plan(urls=(f"ws://127.0.0.1:{port}/ws", "ws://192.0.2.1/")))


async def test_budget() -> None:
    """The number of connections is a limit, and what was not tried is said."""
    budget = Budget(connections=2, per_second=1000)
    await budget.spend()
    await budget.spend()
    with pytest.raises(BudgetSpent):
        await budget.spend()
    async with serving(Feed) as port:
        report = await probed(port, owner=ALICE, connections=6)
    assert report.coverage.connections == 6
    assert any("connections were spent" in one.what for one in report.coverage.unresolved)


@pytest.mark.parametrize(
    ("message", "delivers"),
    [
        ('{"type":"hello"}', False),
        ('{"type":"auth_required","v":1}', False),
        ('{"type":"error","error":"unauthenticated"}', False),
        ('{"error":"no"}', False),
        ('{"message":"Please log in"}', False),
        ("ping", False),
        ('0{"sid":"x","upgrades":[]}', False),
        ("", False),
        ("access denied", False),
        ('{"type":"prices","items":[1]}', True),
        ('["stdout","$ "]', True),
        ('{"jsonrpc":"2.0","id":1,"result":[],"error":null}', True),
        ("oil 71", True),
        (b"\x00", True),
    ],
)
def test_delivered(message: str | bytes, delivers: bool) -> None:
    """Greetings, heartbeats and refusals are no delivery."""
    assert bool(shape(message)) is delivers


def test_shapes_compare_fields_and_not_values() -> None:
    """Another value is the same message; an empty list in place of a full one is another."""
    one = json.dumps({"type": "state", "user": "alice", "items": [{"id": 1}]})
    same = json.dumps({"type": "state", "user": None, "items": [{"id": 22}, {"id": 3}]})
    empty = json.dumps({"type": "state", "user": None, "items": []})
    assert shape(one) == shape(same) != shape(empty)
    assert not is_refusal(one)


def test_greeting_by_name() -> None:
    """It tells the owner from a guest; one without a name is no delivery."""
    alice, bob = ({"type": "hello", "user": user} for user in ("alice", "bob"))
    assert shape(json.dumps(alice)) != shape(json.dumps(bob))
    assert shape(json.dumps({"type": "hello", "user": None})) == ""


async def test_guest_who_is_greeted() -> None:
    """A guest with a name of its own is no finding, beside an owner and without one."""

    class Greets(Feed):
        def prepare(self) -> None:
            """Accept every handshake."""

        def open(self, *args: str, **kwargs: str) -> None:
            self.write_message({"type": "hello", "user": "alice" if self.allowed() else "guest"})

    async with serving(Greets) as port:
        for owner in (None, ALICE):
            assert (await probed(port, owner=owner)).findings == ()


def test_deep_json_is_survived() -> None:
    """A hostile server cannot break the prober with it."""
    assert shape("[" * 100_000).startswith("text [")
    assert not is_refusal("[" * 10_000 + "]" * 10_000)


def test_mutated() -> None:
    """The credential in a text is changed, and what stands around it is not."""
    token = jwt()
    assert mutated(f"Bearer {token}", lambda _: "x") == "Bearer x"
    assert mutated(json.dumps({"type": "auth", "token": token}), lambda _: "x") == (
        '{"type": "auth", "token": "x"}'
    )
    assert mutated("short", lambda _: "x") == "x"


def test_ambient() -> None:
    """Only what a browser sends along for a foreign page, with nothing else needed."""
    assert ALICE.ambient
    assert Identity("a", headers=(("Authorization", "Basic YTpi"),)).ambient
    assert not Identity("a", headers=(("Authorization", f"Bearer {jwt()}"),)).ambient
    assert not Identity("a", cookies=ALICE.cookies, query=(("token", "x"),)).ambient
    secret = '{"op": "auth", "token": "t-71c0"}'
    assert not Identity("a", cookies=ALICE.cookies, first_message=secret).ambient
    assert Identity("a", cookies=ALICE.cookies, first_message='{"op": "hello"}').ambient


def test_redactor() -> None:
    """Secrets, tokens and values of cookies are not shown."""
    redact = Redactor(["hunter2-and-more", "x"])
    assert (
        redact("Cookie: a=b; session=hunter2-and-more")
        == "Cookie: a=<redacted>; session=<redacted>"
    )
    assert redact(f"say hunter2-and-more {jwt()}") == "say <redacted> <token>"


def test_frames() -> None:
    """Lengths of all three kinds, masked; a close frame has its code."""
    for size in (5, 300, 70_000):
        assert len(frame_bytes(TEXT, b"x" * size)) == size + {5: 6, 300: 8, 70_000: 14}[size]
    assert frame_bytes(TEXT, b"hi", mask=False) == b"\x81\x02hi"
    assert Frame(8, b"\x03\xf0gone").code == 1008


async def _answering(data: bytes) -> tuple[asyncio.Server, int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "data", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
)
async def test_no_endpoint(data: bytes) -> None:
    """A server that hangs up, speaks something else or has no such path is no clean endpoint."""
    server, port = await _answering(data)
    async with server:
        with pytest.raises(CannotProbe):
            await probed(port)


async def test_frames_that_are_none() -> None:
    """A 101 followed by rubbish is no WebSocket, and neither open nor guarded."""
    server, port = await _answering(
        b"HTTP/1.1 101 x\r\n\r\n\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    )
    async with server:
        with pytest.raises(CannotProbe, match="breaks RFC 6455: a frame with a mask"):
            await probed(port)


def test_messages_as_bytes() -> None:
    """After `hex:` stand bytes; anything else is text, as it was given."""
    assert message_frame("hex:5a 00")[:2] == bytes([0x82, 0x82])
    assert message_frame("hex")[0] == 0x81
    with pytest.raises(ValueError, match="hexadecimal"):
        message_frame("hex:zz")


def test_json_of_a_peer() -> None:
    """A malformed or endlessly nested text is none; nothing is raised."""
    assert read_json('{"a": [1]}') == read_json(b'{"a": [1]}') == {"a": [1]}
    assert read_json("[" * 100_000) is read_json("no") is read_json(b"\xff\xfe{") is None
    assert read_object("[1]") is read_object("7") is None
    assert read_object('{"a": 1}') == {"a": 1}


def test_text_in_a_binary_message() -> None:
    """Line protocols send greetings and refusals in binary frames; a frame of data may begin anywhere."""
    assert shape(b"MSG prices 1 12\r\n") == shape(b"+OK\r\nMSG prices 1 12\r\n") == "binary"
    assert shape(b"-ERR 'Authorization Violation'\r\n") == shape(b"+OK\r\n") == ""
    assert shape(b'INFO {"server_id":"N1"} \r\n') == shape(b"please log in") == ""
    assert shape(b'{"rows": [1]}') == shape('{"rows": [2]}') != ""
    assert shape(b"\x00\x01binary") == shape(b"root@host:~# ls") == "binary"
    assert shape(b"") == ""
