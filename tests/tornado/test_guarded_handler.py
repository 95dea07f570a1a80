"""`GuardedHandler` on a real server, with every feature of Tornado's handler."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from msgspec import Meta
from tornado import gen
from tornado.websocket import WebSocketClosedError

from stormdoor import (
    Command,
    ConfigurationError,
    Guard,
    GuardedHandler,
    PolicySet,
    Principal,
    Reply,
    action,
    permit,
    public,
    require,
    role,
)
from tests.guard.fakes import Tokens, authentication, events, make_guard, settle
from tests.support.clock import FakeClock
from tests.tornado.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Served,
    Wire,
    connect,
    log_lines,
    request,
    serving,
    settled,
    until,
)

ALICE = ("Authorization", "Bearer alice")
CAROL = ("Authorization", "Bearer carol")


def door(**options: Any) -> Guard:
    """A guard for an application on this machine."""
    return make_guard(**{"insecure_allow_any_host": True, **options})


class Say(Command, tag="say"):
    text: Annotated[str, Meta(max_length=50)]


class Wait(Command, tag="wait"):
    pass


class Fail(Command, tag="fail"):
    how: str = "raise"


class Kick(Command, tag="kick"):
    pass


class Old(Command, tag="old", tag_field="action"):
    pass


class Said(Reply, tag="said"):
    text: str
    who: str


gates: dict[str, asyncio.Event] = {}


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:say")
    def say(self, command: Say) -> Said:
        assert isinstance(self.current_user, Principal)
        return Said(text=command.text, who=self.current_user.id)

    @action("chat:kick")
    async def kick(self, command: Kick) -> dict[str, str]:
        return {"type": "kicked"}

    @action("chat:say")
    async def wait(self, command: Wait) -> Said:
        gates["reached"].set()
        await gates["go"].wait()
        return Said(text="waited", who=self.principal.id)

    @action("chat:say")
    def fail(self, command: Fail) -> Any:
        match command.how:
            case "raise":
                raise RuntimeError("secret of the application")
            case "async":
                return self._raise_later()
            case "future":
                return self._raise_in_a_future()
            case "unencodable":
                return object()
            case "nothing":
                return None
            case "future value":
                return self._give_in_a_future()
            case "send":
                self.send(Said(text="one", who="x"))
                self.send({"type": "two"})
                return {"type": "three", "id": "mine"}
            case "gone":
                self.close(4000, "bye")
                self.write_message("into the void")
        return None

    async def _raise_later(self) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("secret of the application")

    @gen.coroutine
    def _raise_in_a_future(self) -> Any:
        yield gen.moment
        raise RuntimeError("secret of the application")

    @gen.coroutine
    def _give_in_a_future(self) -> Any:
        yield gen.moment
        return {"type": "future"}


async def test_a_command_is_carried_out_and_answered() -> None:
    """A command is executed, and answered with its id, if it has one."""
    async with serving([("/ws", Chat)], door()) as at, await connect(at.port, "/ws", ALICE) as ws:
        said = {"type": "said", "text": "hi", "who": "alice"}
        assert await ws.ask({"type": "say", "text": "hi"}) == said
        for id in ("a", 7, 0, "", "x" * 64):
            assert await ws.ask({"type": "say", "text": "hi", "id": id}) == {**said, "id": id}


async def test_refused_messages_are_answered_with_cause_and_id() -> None:
    """Refused messages are answered with cause and id, and the connection stays open."""
    async with serving([("/ws", Chat)], door()) as at, await connect(at.port, "/ws", ALICE) as ws:
        error = {"type": "error", "error": "invalid"}
        assert await ws.ask("nonsense") == error
        assert await ws.ask({"type": "nonsense", "id": 7}) == {**error, "id": 7}
        assert await ws.ask({"type": "say", "id": "x"}) == {**error, "id": "x"}
        assert await ws.ask(b"\x00") == error
        assert await ws.ask({"type": "kick", "id": 7}) == {
            "type": "error",
            "error": "forbidden",
            "id": 7,
        }
        large = await ws.ask({"type": "say", "text": "x" * 70_000})
        assert large == {"type": "error", "error": "too-large"}
        assert (await ws.ask({"type": "say", "text": "hi"}))["text"] == "hi"


async def test_a_flood_is_answered_and_then_closed() -> None:
    """`rate-limited` with the id, and after `limits.offences` of them 1008."""
    limits = {"messages_per_connection": "2/h burst 2", "offences": 3}
    async with serving([("/ws", Chat)], door(limits=limits)) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            for _ in range(2):
                assert (await ws.ask({"type": "say", "text": "hi"}))["type"] == "said"
            for _ in range(3):
                answer = await ws.ask({"type": "say", "text": "hi", "id": 7})
                assert answer == {"type": "error", "error": "rate-limited", "id": 7}
            ws.send({"type": "say", "text": "hi", "id": 7})
            frame = await ws.receive()
            assert (frame.opcode, frame.code) == (CLOSE, 1008)


FAILURES = ["raise", "async", "future", "unencodable"]


@pytest.mark.parametrize("how", FAILURES)
async def test_an_action_that_raises_closes_and_tells_nothing(how: str) -> None:
    """1011, the log has the traceback, the trail has the end, the client has neither."""
    guard = door()
    with log_lines("stormdoor.handler") as lines:
        async with serving([("/ws", Chat)], guard) as at:
            async with await connect(at.port, "/ws", ALICE) as ws:
                ws.send({"type": "fail", "how": how})
                frame = await ws.receive()
                assert (frame.opcode, frame.code) == (CLOSE, 1011)
                assert b"secret" not in frame.payload
                assert len(guard.registry) == 0
                [*_, event] = await events(guard)
                assert (event.name, event.cause) == ("connection_closed", "internal")
    [line] = lines
    assert "Chat raised on a Fail" in line
    assert "Traceback" in line


async def test_what_an_action_may_return() -> None:
    """Nothing, anything that msgspec encodes, with an id of its own, and later."""
    async with serving([("/ws", Chat)], door()) as at, await connect(at.port, "/ws", ALICE) as ws:
        ws.send({"type": "fail", "how": "nothing", "id": 1})
        answer = await ws.ask({"type": "fail", "how": "future value", "id": 2})
        assert answer == {"type": "future", "id": 2}
        ws.send({"type": "fail", "how": "send", "id": 3})
        assert [await ws.json() for _ in range(3)] == [
            {"type": "said", "text": "one", "who": "x"},
            {"type": "two"},
            {"type": "three", "id": "mine"},
        ]


async def test_an_action_that_speaks_to_somebody_who_left_is_no_error() -> None:
    """The client decides when it leaves: it must not be able to fill the log."""
    guard = door()
    with log_lines("stormdoor.handler", "tornado.application") as lines:
        async with serving([("/ws", Chat)], guard) as at:
            async with await connect(at.port, "/ws", ALICE) as ws:
                ws.send({"type": "fail", "how": "gone"})
                assert await ws.close_code() == 4000
            await until(lambda: len(guard.registry) == 0)
    assert lines == []


async def test_an_action_that_waits_is_answered_only_if_it_still_may_be() -> None:
    """The credential expires while the action waits: nothing goes out any more."""
    clock = FakeClock()
    tokens = Tokens({"alice": authentication("alice", expires_at=clock.now() + 10)})
    for seconds, code in ((9, None), (10, 3000)):
        gates.update(reached=asyncio.Event(), go=asyncio.Event())
        guard = make_guard(tokens, clock=clock, insecure_allow_any_host=True)
        async with serving([("/ws", Chat)], guard) as at:
            async with await connect(at.port, "/ws", ALICE) as ws:
                ws.send({"type": "wait"})
                await gates["reached"].wait()
                clock.advance(seconds)
                gates["go"].set()
                frame = await ws.receive()
                if code is None:
                    assert frame.opcode == TEXT
                else:
                    assert (frame.opcode, frame.code) == (CLOSE, code)
        tokens.known["alice"] = authentication("alice", expires_at=clock.now() + 10)


async def test_a_revocation_during_an_action_keeps_its_answer_back() -> None:
    """The gate is shut in both directions."""
    guard = door()
    gates.update(reached=asyncio.Event(), go=asyncio.Event())
    async with serving([("/ws", Chat)], guard) as at, await connect(at.port, "/ws", ALICE) as ws:
        from stormdoor import Target

        ws.send({"type": "wait"})
        await gates["reached"].wait()
        assert (await guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 1
        gates["go"].set()
        frame = await ws.receive()
        assert (frame.opcode, frame.code) == (CLOSE, 3000)


async def test_current_user_is_who_it_is_now() -> None:
    """`current_user` follows a role change at the next message, and the handler cannot set it."""
    seen: list[Any] = []

    class Seen(GuardedHandler):
        permission = "chat:connect"

        def prepare(self) -> None:
            seen.append(self.current_user)
            self.current_user = "root"
            seen.append(self.current_user)

        def get_current_user(self) -> str:
            return "root"

        def on_message(self, message: str | bytes) -> None:
            seen.append(self.current_user)
            self.write_message("ok")

    guard = await settle(door())
    async with serving([("/ws", Seen)], guard) as at, await connect(at.port, "/ws", CAROL) as ws:
        ws.send("x")
        await ws.text()
        await guard.admin.grant_role("carol", "moderator")
        ws.send("x")
        await ws.text()
    roles = [one.roles for one in seen]
    assert roles == [{"member"}] * 3 + [{"member", "moderator"}]
    assert {one.id for one in seen} == {"carol"}


async def test_a_handler_asks_for_a_permission_with_defaults() -> None:
    """`may` takes no resource and the present time; a condition sees a login that has grown old."""
    answers: list[bool] = []

    class Reports(GuardedHandler):
        permission = "feed:connect"

        def on_message(self, message: str | bytes) -> None:
            may = self.connection.may
            answers.extend([may("feed:report"), may("feed:edit"), may("feed:read")])
            self.write_message("ok")

    clock = FakeClock()
    recent = require(fresh="5min")
    policies = PolicySet(
        [role("member", "feed:connect", "feed:read"), permit("feed:report", when=recent)]
    )
    guard = await settle(door(clock=clock, policies=policies))
    async with (
        serving([("/ws", Reports)], guard) as at,
        await connect(at.port, "/ws", ALICE) as ws,
    ):
        for seconds in (0.0, 301.0):
            clock.advance(seconds)
            ws.send("x")
            await ws.text()
    assert answers == [True, False, True, False, False, True]


# -- raw messages -----------------------------------------------------------------------------------


class Echo(GuardedHandler):
    permission = "chat:connect"

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message, binary=isinstance(message, bytes))


RAW: list[str | bytes] = ["text", "", "\U0001f600\x00", b"\x00\xff\xfe", b"", "x" * 65_536]


@pytest.mark.parametrize("message", RAW, ids=repr)
async def test_raw_messages_come_untouched(message: str | bytes) -> None:
    """Bytes as bytes, text as text."""
    async with serving([("/ws", Echo)], door()) as at, await connect(at.port, "/ws", ALICE) as ws:
        ws.send(message)
        frame = await ws.receive()
        assert frame.opcode == (BINARY if isinstance(message, bytes) else TEXT)
        assert frame.payload == (message if isinstance(message, bytes) else message.encode())


async def test_fragments_are_one_message_with_pings_in_between() -> None:
    """Tornado puts them together; the door sees one message."""
    async with serving([("/ws", Echo)], door()) as at, await connect(at.port, "/ws", ALICE) as ws:
        ws.frame(TEXT, b"he", final=False)
        ws.frame(PING, b"?")
        ws.frame(CONTINUATION, b"ll", final=False)
        ws.frame(CONTINUATION, b"o")
        pong, message = await ws.receive(), await ws.receive()
        assert (pong.opcode, pong.payload) == (PONG, b"?")
        assert message.text == "hello"


async def test_a_raw_handler_has_one_permission_for_all_messages() -> None:
    """Its own, or that of the endpoint; a refusal is a close, since the door speaks no other's protocol."""

    class Strict(Echo):
        message_permission = "chat:kick"

    guard = await settle(door())
    async with serving([("/ws", Strict)], guard) as at:
        async with await connect(at.port, "/ws", CAROL) as ws:
            ws.send("x")
            assert await ws.close_code() == 3003
        await guard.admin.grant_role("carol", "moderator")
        async with await connect(at.port, "/ws", CAROL) as ws:
            ws.send("x")
            assert await ws.text() == "x"


@pytest.mark.parametrize("size", [65_536, 65_537])
async def test_a_raw_message_that_is_too_large_is_cut_off(size: int) -> None:
    """1009, by Tornado, before it has been read."""
    guard = door(limits={"message_bytes": 65_536})
    async with serving([("/ws", Echo)], guard) as at, await connect(at.port, "/ws", ALICE) as ws:
        ws.send(b"x" * size)
        frame = await ws.receive()
        if size == 65_536:
            assert len(frame.payload) == size
        else:
            assert (frame.opcode, frame.code) == (CLOSE, 1009)


# -- what Tornado's handler offers ------------------------------------------------------------------


class Offers(GuardedHandler):
    permission = "chat:connect"
    told: ClassVar[list[Any]] = []

    def initialize(self, greeting: str = "hello") -> None:
        self.greeting = greeting

    async def open(self, *args: str, **kwargs: str) -> None:
        await asyncio.sleep(0)
        self.told.append((self.greeting, args, kwargs, self.get_argument("q", None)))
        await self.write_message("opened")

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        self.told.append(subprotocols)
        return "chat" if "chat" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        if message == "ping":
            self.ping(b"data")
        elif message == "reason":
            self.close(4001, "because")

    def on_ping(self, data: bytes) -> None:
        self.told.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.told.append(("pong", data))

    def on_close(self) -> None:
        self.told.append(("close", self.close_code, self.close_reason))


async def test_path_arguments_kwargs_and_the_query() -> None:
    """As without a door."""
    Offers.told.clear()
    routes = [("/a/(.*)/(.*)", Offers), ("/b/(?P<room>.*)", Offers, {"greeting": "hi"})]
    async with serving(routes, door()) as at:
        for path in ("/a/x%20y/z", "/b/lobby?q=1"):
            async with await connect(at.port, path, ALICE) as ws:
                assert await ws.text() == "opened"
    told = [one for one in Offers.told if isinstance(one, tuple) and len(one) == 4]
    assert told == [("hello", ("x y", "z"), {}, None), ("hi", (), {"room": "lobby"}, "1")]


SUBPROTOCOLS: list[tuple[str, list[str], str | None]] = [
    ("", [], None),
    ("chat", ["chat"], "chat"),
    ("other", ["other"], None),
    ("stormdoor.v1", [], "stormdoor.v1"),
    ("stormdoor.v1, stormdoor.bearer.alice", [], "stormdoor.v1"),
    ("stormdoor.bearer.alice", [], None),
    ("stormdoor.ticket.abc, chat, stormdoor.v1", ["chat"], "chat"),
]


@pytest.mark.parametrize(("offer", "seen", "answered"), SUBPROTOCOLS)
async def test_subprotocols_and_no_secret_among_them(
    offer: str, seen: list[str], answered: str | None
) -> None:
    """The handler chooses among what is not stormdoor's; a token is neither shown nor echoed."""
    Offers.told.clear()
    headers = [("Sec-WebSocket-Protocol", offer)] if offer else []
    guard = door()
    # Public, so that the credential in the offer need not be a good one.
    application = [("/ws", type("Open", (Offers,), {"permission": public("a test of offers")}))]
    async with serving(application, guard) as at:
        async with await connect(at.port, "/ws", *headers) as ws:
            assert ws.header("Sec-WebSocket-Protocol") == answered
            await ws.text()
    assert seen in Offers.told


async def test_compression_is_off_unless_asked_for() -> None:
    """Off: the offer is not taken up, and a compressed frame is an error. On: it is used."""

    class Compressed(Echo):
        compression: ClassVar[dict[str, Any] | None] = {}

    offer = ("Sec-WebSocket-Extensions", "permessage-deflate")
    async with serving([("/off", Echo), ("/on", Compressed)], door()) as at:
        async with await connect(at.port, "/off", ALICE, offer) as ws:
            assert ws.header("Sec-WebSocket-Extensions") is None
            ws.frame(TEXT, b"x", rsv=0x40)
            await ws.ended()
        async with await connect(at.port, "/on", ALICE, offer) as ws:
            assert ws.header("Sec-WebSocket-Extensions") == "permessage-deflate"
            ws.send("x" * 1000)
            frame = await ws.receive()
            assert frame.compressed
            assert len(frame.payload) < 100


async def test_a_compressed_message_counts_by_what_it_becomes() -> None:
    """A bomb is cut off (1009)."""
    import zlib

    class Compressed(Echo):
        compression: ClassVar[dict[str, Any] | None] = {}

    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b"\0" * 20_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate")
    async with serving([("/ws", Compressed)], door()) as at:
        async with await connect(at.port, "/ws", ALICE, offer) as ws:
            ws.frame(BINARY, bomb[:-4], rsv=0x40)
            assert await ws.close_code() == 1009


async def test_pings_both_ways_and_close_reasons() -> None:
    """As without a door."""
    Offers.told.clear()
    guard = door()
    async with serving([("/ws", Offers)], guard) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            await ws.text()
            ws.frame(PING, b"you")
            assert (await ws.receive()).payload == b"you"
            ws.send("ping")
            ping = await ws.receive()
            assert (ping.opcode, ping.payload) == (PING, b"data")
            ws.frame(PONG, ping.payload)
            ws.send("reason")
            frame = await ws.receive()
            assert frame.payload == (4001).to_bytes(2, "big") + b"because"
            ws.frame(CLOSE, frame.payload[:2])
            await ws.ended()
        await until(lambda: len(guard.registry) == 0)
        await until(lambda: ("close", 4001, None) in Offers.told)
    assert ("ping", b"you") in Offers.told
    assert ("pong", b"data") in Offers.told


async def test_nothing_reaches_the_handler_after_its_close() -> None:
    """After its close a handler gets no messages, pings or pongs, which Tornado delivers for 5 s more."""
    told: list[Any] = []

    class Closing(GuardedHandler):
        permission = "chat:connect"

        def on_message(self, message: str | bytes) -> None:
            told.append(message)
            self.close(4000)
            with pytest.raises(WebSocketClosedError):
                self.write_message("after")

        def on_ping(self, data: bytes) -> None:
            told.append(data)

        on_pong = on_ping

    async with serving([("/ws", Closing)], door()) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("one")
            assert await ws.close_code() == 4000
            for frame in (TEXT, BINARY, PING, PONG):
                ws.frame(frame, b"late")
            ws.frame(PING, b"end")
            ws.frame(CLOSE, (4000).to_bytes(2, "big"))
            await ws.ended()
    assert told == ["one"]


async def test_a_guarded_handler_without_a_door_answers_nobody() -> None:
    """A guarded handler without `protect` answers 500, and the log names the missing line."""
    with log_lines("tornado.access", "tornado.general", "tornado.application") as lines:
        async with serving([("/ws", Echo)]) as at:
            async with await request(at.port, "/ws", ALICE) as ws:
                assert ws.status == 500
    assert any("protect(application, guard)" in line for line in lines)


# -- classes that cannot mean what they say ---------------------------------------------------------


def test_an_action_takes_one_command() -> None:
    """The message says what to write."""

    def no_command(self: Any) -> None:
        """Takes nothing."""

    def not_a_command(self: Any, command: str) -> None:
        """Takes a text."""

    def unknown(self: Any, command: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
        """Takes what cannot be found."""

    methods: list[Any] = [no_command, not_a_command, unknown]
    for method in methods:
        with pytest.raises(ConfigurationError, match="command"):
            type("Bad", (GuardedHandler,), {"do": action("chat:say")(method)})


def test_actions_and_on_message_exclude_each_other() -> None:
    """A class with both actions and `on_message` is refused."""
    with pytest.raises(ConfigurationError, match="both actions and on_message"):
        type("Both", (Chat,), {"on_message": lambda self, message: None})


@pytest.mark.parametrize("name", ["clear", "finish", "get", "ping", "select_subprotocol"])
def test_an_action_does_not_take_the_name_of_a_method_of_tornado(name: str) -> None:
    """Tornado would call it, with other arguments: every handshake would die of it."""

    def method(self: Any, command: Say) -> None:
        """An action."""

    with pytest.raises(ConfigurationError, match="give it another"):
        type("Odd", (GuardedHandler,), {"permission": "a:b", name: action("chat:say")(method)})


def test_two_actions_cannot_take_one_command() -> None:
    """Nor two commands have one tag."""

    def again(self: Any, command: Say) -> None:
        """Takes what `say` takes."""

    with pytest.raises(ConfigurationError, match="two actions take Say"):
        type("Twice", (Chat,), {"again": action("chat:say")(again)})

    class Other(Command, tag="say"):
        pass

    def other(self: Any, command: Other) -> None:
        """Takes what looks like `say`."""

    other.__annotations__["command"] = Other
    with pytest.raises(ConfigurationError, match="cannot be told apart"):
        type("Clash", (Chat,), {"other": action("chat:say")(other)})


def test_an_overridden_action_that_is_not_marked_is_none() -> None:
    """An overriding method without `@action` cannot be called by a message."""

    class Quiet(Chat):
        def say(self, command: Say) -> Said:
            return Said(text="", who="")

    assert Quiet.actions is not None
    assert Say not in Quiet.actions.table


def test_the_tag_field_can_be_another() -> None:
    """The tag field can have another name, for existing protocols."""

    class Handler(GuardedHandler):
        permission = "chat:connect"

        @action("chat:say")
        def old(self, command: Old) -> None:
            """Nothing."""

    assert Handler.actions is not None
    assert Handler.actions.decode('{"action":"old"}') == Old()
    with pytest.raises(msgspec.ValidationError):
        Handler.actions.decode('{"type":"old"}')


# -- what may not happen to one connection because of another ---------------------------------------


async def test_two_sockets_of_one_class_do_not_share_anything() -> None:
    """Bob's socket is bob's while alice speaks."""
    async with serving([("/ws", Chat)], door()) as at:
        wires: list[Wire] = []
        for name in ("alice", "bob", "mia"):
            wires.append(await connect(at.port, "/ws", ("Authorization", f"Bearer {name}")))  # noqa: PERF401 - one after the other
        for ws, name in zip(wires, ("alice", "bob", "mia"), strict=True):
            assert (await ws.ask({"type": "say", "text": "?"}))["who"] == name
        for ws in wires:
            await ws.hang_up()


async def test_messages_wait_for_open() -> None:
    """A frame that came with the handshake is delivered after `open`, not before."""
    order: list[str] = []
    gate = asyncio.Event()

    class Slow(GuardedHandler):
        permission = "chat:connect"

        async def open(self) -> None:
            await gate.wait()
            order.append("open")

        def on_message(self, message: str | bytes) -> None:
            order.append("message")

    guard = door()

    def pending(at: Served) -> bool:
        return len(guard.registry) == 1 and at is not None

    async with serving([("/ws", Slow)], guard) as at, await connect(at.port, "/ws", ALICE) as ws:
        ws.send("early")
        await until(lambda: pending(at))
        await settled()
        gate.set()
        await until(lambda: len(order) == 2)
    assert order == ["open", "message"]
