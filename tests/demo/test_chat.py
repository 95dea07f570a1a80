"""`/ws/chat`: admission, permissions of each role, and the messages that the others receive."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stormdoor import Guard
from stormdoor.demo.rooms import Rooms, Said
from tests.demo.running import Running
from tests.demo.visitor import heard, told
from tests.tornado.wire import BINARY, TEXT, Wire

pytestmark = pytest.mark.sampled(3)

_numbers = iter(range(10**9))


@pytest.fixture
def room() -> str:
    """Return the name of a new room."""
    return f"room-{next(_numbers)}"


@contextlib.asynccontextmanager
async def inside(demo: Running, room: str, *names: str) -> AsyncIterator[list[Wire]]:
    """Principals who have joined a room, one after the other, and have heard of each other."""
    async with contextlib.AsyncExitStack() as stack:
        wires = []
        for name in names:
            wire = await stack.enter_async_context(await (await demo.visit(name)).open())
            joined = await wire.ask({"type": "join", "room": room, "id": name})
            assert joined["type"] == "joined", joined
            wires.append(wire)
        for wire in wires:
            await heard(wire)
        yield wires


def error(cause: str, **more: Any) -> dict[str, Any]:
    """Return the error message for a cause."""
    return {"type": "error", "error": cause, **more}


# -- the handshake -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "bob", "mia", "ada"])
async def test_who_has_a_role_gets_in(name: str, demo: Running) -> None:
    """Members, moderators and administrators chat."""
    visitor = await demo.visit(name)
    since = await demo.mark()
    async with await visitor.open() as wire:
        assert (await wire.ask({"type": "join", "room": "lobby"}))["type"] == "joined"
    opened = await demo.recorded("connection_opened", since=since, principal=name)
    assert (opened["endpoint"], opened["permission"]) == ("/ws/chat", "chat:connect")
    assert (opened["kind"], opened["address"]) == ("session", visitor.address)
    await demo.recorded("connection_closed", since=since, connection=opened["connection"])


async def test_who_has_no_role_does_not(demo: Running) -> None:
    """A principal without a role can log in, but gets 403 for the socket, and the trail names it."""
    eve = await demo.visit("eve")
    since = await demo.mark()
    assert await eve.refused() == 403
    entry = await demo.recorded("authz_fail", since=since, endpoint="/ws/chat")
    assert (entry["principal"], entry["cause"]) == ("eve", "forbidden")


async def test_the_sensor_does_not(demo: Running) -> None:
    """The sensor's key is valid, but does not permit the chat."""
    async with await demo.visitor().with_key(demo.sensor_key, "/ws/chat") as wire:
        assert wire.status == 403


async def test_every_kind_of_credential(demo: Running) -> None:
    """Cookie, ticket, token in a header or in a subprotocol; the secret is never echoed."""
    alice = await demo.visit("alice")
    token = await alice.token()
    program = demo.visitor()
    async with await alice.open() as wire:
        assert wire.header("Sec-WebSocket-Protocol") is None
    async with await program.with_ticket(await alice.ticket(), origin=alice.origin) as wire:
        assert (wire.status, wire.header("Sec-WebSocket-Protocol")) == (101, "stormdoor.v1")
    async with await program.with_key(token, "/ws/chat") as wire:
        assert wire.status == 101
    offers = ("stormdoor.v1", f"stormdoor.bearer.{token}")
    async with await program.handshake(offers=offers) as wire:
        assert (wire.status, wire.header("Sec-WebSocket-Protocol")) == (101, "stormdoor.v1")
    for others in ([], ["other"]):
        async with await program.handshake(offers=[offers[1], *others]) as wire:
            assert (wire.status, wire.header("Sec-WebSocket-Protocol")) == (101, None)


async def test_two_credentials_are_refused(demo: Running) -> None:
    """Two credentials get 400, except a session cookie with a ticket of that session."""
    alice, bob = await demo.visit("alice"), await demo.visit("bob")
    token = ("Authorization", f"Bearer {await bob.token()}")
    key = ("X-API-Key", demo.sensor_key)
    assert await alice.refused("/ws/chat", token) == 400
    assert await alice.refused("/ws/chat", key) == 400
    assert await demo.visitor().refused("/ws/chat", token, key, origin=None) == 400
    async with await alice.with_ticket(await alice.ticket()) as wire:
        assert wire.status == 101
    async with await alice.with_ticket(await bob.ticket()) as wire:
        assert wire.status == 400


# -- rooms -------------------------------------------------------------------------------------------


async def test_joining(demo: Running, room: str) -> None:
    """`joined` names the room, the new member and all members, and the others receive it too."""
    async with (
        inside(demo, room, "alice") as [alice],
        await (await demo.visit("mia")).open() as mia,
    ):
        joined = await mia.ask({"type": "join", "room": room, "id": 7})
        members = ["alice", "mia"]
        expected = {"type": "joined", "room": room, "principal": "mia", "members": members}
        assert joined == {**expected, "id": 7}
        assert await heard(alice) == [expected]
        again = await mia.ask({"type": "join", "room": room})
        assert again == expected
        assert await heard(alice) == []


async def test_said_reaches_its_room(demo: Running, room: str) -> None:
    """`said` names the room, the speaker and the time, and only the room receives it, once."""
    async with (
        inside(demo, room, "alice", "mia") as [alice, mia],
        inside(demo, "lobby", "ada") as [outside],
    ):
        said = await alice.ask({"type": "say", "room": room, "text": "hello", "id": "first"})
        at = said.pop("at")
        assert at == pytest.approx(time.time(), abs=30)
        expected = {"type": "said", "room": room, "from": "alice", "text": "hello"}
        assert said == {**expected, "id": "first"}
        assert await heard(mia) == [{**expected, "at": at}]
        assert await heard(outside) == []
        assert await heard(alice) == []


async def test_the_messages_come_with_the_join(demo: Running, room: str) -> None:
    """A principal that joins gets the messages in order, without ids; the other members do not."""
    async with inside(demo, room, "alice") as [alice]:
        said = []
        for number, text in enumerate(("one", "two")):
            answer = await alice.ask({"type": "say", "room": room, "text": text, "id": number})
            said.append({name: part for name, part in answer.items() if name != "id"})
        async with await (await demo.visit("bob")).open() as bob:
            joined = await bob.ask({"type": "join", "room": room})
            assert joined["history"] == said
            [told_of_it] = await heard(alice)
            assert "history" not in told_of_it


def test_a_room_keeps_fifty_messages() -> None:
    """More messages, and more rooms than 200, displace the oldest; the first rooms stay."""
    guard = Guard(production=False)
    rooms = Rooms(guard.channels)

    def say(name: str, text: str) -> None:
        rooms._topics[name] = rooms.topic(name)  # a room with a member
        rooms.remember(Said(room=name, sender="alice", text=text, at=1.0))

    for number in range(52):
        say("lobby", str(number))
    assert [one.text for one in rooms.history("lobby")] == [str(number) for number in range(2, 52)]
    for number in range(201):
        say(f"room-{number}", "x")
    assert len(rooms.history("lobby")) == 50
    assert rooms.history("room-0") == []
    assert len(rooms.history("room-1")) == len(rooms.history("room-200")) == 1


async def test_the_messages_outlive_the_members(demo: Running, room: str) -> None:
    """A reload of the only member's page ends the room for a moment; its messages stay."""
    async with inside(demo, room, "alice") as [alice]:
        await alice.ask({"type": "say", "room": room, "text": "before the reload"})
    async with await (await demo.visit("alice")).open() as again:
        joined = await again.ask({"type": "join", "room": room})
        assert joined["members"] == ["alice"]
        assert [one["text"] for one in joined["history"]] == ["before the reload"]


async def test_a_room_without_members_keeps_nothing(demo: Running, room: str) -> None:
    """A member may write into a room that does not exist; nothing of it is kept."""
    async with inside(demo, "lobby", "alice") as [alice]:
        await alice.ask({"type": "say", "room": room, "text": "nothing hears this"})
        assert "history" not in await alice.ask({"type": "join", "room": room})


async def test_leaving(demo: Running, room: str) -> None:
    """A client that leaves or disconnects receives nothing more, and the others are told."""
    async with inside(demo, room, "alice", "bob", "ada") as [alice, bob, ada]:
        left = await bob.ask({"type": "leave", "room": room, "id": 1})
        assert left == {"type": "left", "room": room, "principal": "bob", "id": 1}
        assert await heard(alice) == [{"type": "left", "room": room, "principal": "bob"}]
        await ada.close()
        assert await told(alice, "left") == {"type": "left", "room": room, "principal": "ada"}
        await alice.ask({"type": "say", "room": room, "text": "alone"})
        assert await heard(bob) == []


async def test_two_sockets_of_one_principal(demo: Running, room: str) -> None:
    """Each hears what the other says; the principal is there until the last one leaves."""
    async with inside(demo, room, "mia", "alice", "alice") as [mia, first, second]:
        await first.ask({"type": "say", "room": room, "text": "hello"})
        assert [message["text"] for message in await heard(second)] == ["hello"]
        await heard(mia)
        await first.ask({"type": "leave", "room": room})
        assert await heard(mia) == []
        await second.ask({"type": "leave", "room": room})
        assert [message["type"] for message in await heard(mia)] == ["left"]


# -- moderators --------------------------------------------------------------------------------------


async def test_kicking(demo: Running) -> None:
    """A moderator of a room removes a member; the member and the room receive `kicked`, and no `left`."""
    async with inside(demo, "ops", "alice", "bob", "mia") as [alice, bob, mia]:
        kicked = await mia.ask({"type": "kick", "room": "ops", "principal": "bob", "id": "k"})
        expected = {"type": "kicked", "room": "ops", "principal": "bob", "by": "mia"}
        assert kicked == {**expected, "id": "k"}
        assert await heard(alice) == [expected]
        assert await heard(bob) == [expected]
        await alice.ask({"type": "say", "room": "ops", "text": "peace"})
        assert await heard(bob) == []
        await bob.close()
        assert [message["type"] for message in await heard(mia)] == ["said"]


async def test_who_was_kicked_is_silent(demo: Running) -> None:
    """A removed member cannot speak in the room until it joins again; it can speak in other rooms."""
    async with inside(demo, "ops", "mia", "bob") as [mia, bob]:
        await mia.ask({"type": "kick", "room": "ops", "principal": "bob"})
        await heard(bob)
        since = await demo.mark()
        say = {"type": "say", "room": "ops", "text": "I am still here", "id": 1}
        assert await bob.ask(say) == error("forbidden", id=1)
        assert await heard(mia) == []
        entry = await demo.recorded("authz_fail", since=since, principal="bob")
        assert entry["policies"] == ["not-after-a-kick"]
        assert (await bob.ask({**say, "room": "lobby"}))["type"] == "said"
        assert (await bob.ask({"type": "join", "room": "ops"}))["type"] == "joined"
        assert (await bob.ask(say))["type"] == "said"
        assert [message["type"] for message in await heard(mia)] == ["joined", "said"]


@pytest.mark.parametrize("name", ["alice", "bob", "ada"])
async def test_only_moderators_kick(name: str, demo: Running, room: str) -> None:
    """Members and administrators cannot remove a user from any room, not even themselves."""
    async with inside(demo, room, "mia", name) as [mia, wire]:
        since = await demo.mark()
        for where, whom in ((room, "mia"), ("lobby", "mia"), (room, name)):
            kick = {"type": "kick", "room": where, "principal": whom, "id": where}
            assert await wire.ask(kick) == error("forbidden", id=where)
        assert await heard(mia) == []
        entry = await demo.recorded("authz_fail", since=since, principal=name)
        assert (entry["permission"], entry["cause"]) == ("chat:kick", "forbidden")


async def test_a_moderator_kicks_in_its_rooms_only(demo: Running, room: str) -> None:
    """A moderator removes users only from rooms that it has joined or is assigned to."""
    async with (
        inside(demo, room, "alice") as [alice],
        await (await demo.visit("mia")).open() as mia,
    ):
        kick = {"type": "kick", "room": room, "principal": "alice", "id": 1}
        assert await mia.ask(kick) == error("forbidden", id=1)
        assert await heard(alice) == []
        await mia.ask({"type": "join", "room": room})
        assert (await mia.ask(kick))["type"] == "kicked"


@pytest.mark.parametrize("whom", ["bob", "nobody", "mia"])
async def test_who_is_not_there_cannot_be_kicked(whom: str, demo: Running) -> None:
    """Removing a user who is not in the room is answered `invalid`."""
    async with await (await demo.visit("mia")).open() as mia:
        reply = await mia.ask({"type": "kick", "room": "ops", "principal": whom, "id": 1})
        assert (reply["type"], reply["error"], reply["id"]) == ("error", "invalid", 1)


# -- administrators ----------------------------------------------------------------------------------


async def test_announcing(demo: Running, room: str) -> None:
    """Every connected client receives an announcement, in any room or none."""
    async with (
        inside(demo, room, "alice") as [alice],
        await (await demo.visit("mia")).open() as mia,
        await (await demo.visit("ada")).open() as ada,
    ):
        announced = await ada.ask({"type": "announce", "text": "tea is ready", "id": 0})
        at = announced.pop("at")
        expected = {"type": "announced", "from": "ada", "text": "tea is ready"}
        assert announced == {**expected, "id": 0}
        assert await heard(alice) == await heard(mia) == [{**expected, "at": at}]


@pytest.mark.parametrize("name", ["alice", "mia"])
async def test_only_administrators_announce(name: str, demo: Running) -> None:
    """A member and a moderator may not."""
    async with await (await demo.visit(name)).open() as wire:
        reply = await wire.ask({"type": "announce", "text": "mine now", "id": "a"})
        assert reply == error("forbidden", id="a")


# -- errors ------------------------------------------------------------------------------------------

SAY = {"type": "say", "room": "lobby", "text": "x"}

INVALID: dict[str, tuple[Any, Any]] = {
    "no type": ({"room": "lobby", "text": "x", "id": "i"}, "i"),
    "no such type": ({"type": "grant", "id": "i"}, "i"),
    "a type of the server": ({"type": "said", "room": "lobby", "text": "x", "id": "i"}, "i"),
    "a type of the dashboard": ({"type": "reading", "name": "x", "value": 1, "id": "i"}, "i"),
    "no text": ({"type": "say", "room": "lobby", "id": "i"}, "i"),
    "an empty text": ({**SAY, "text": "", "id": "i"}, "i"),
    "a text that is too long": ({**SAY, "text": "x" * 501, "id": "i"}, "i"),
    "a number for a text": ({**SAY, "text": 7, "id": 3}, 3),
    "null for a text": ({**SAY, "text": None, "id": "i"}, "i"),
    "a list for a room": ({**SAY, "room": ["lobby"], "id": "i"}, "i"),
    "a room with a slash": ({**SAY, "room": "../lobby", "id": "i"}, "i"),
    "a room in capitals": ({**SAY, "room": "LOBBY", "id": "i"}, "i"),
    "a room that is too long": ({**SAY, "room": "r" * 33, "id": "i"}, "i"),
    "an unknown field": ({**SAY, "from": "ada", "id": "i"}, "i"),
    "a control character": ({**SAY, "text": "a\x07b", "id": "i"}, "i"),
    "text that runs backwards": ({**SAY, "text": "a\u202eb", "id": "i"}, "i"),
    "half a character": ('{"type":"say","room":"lobby","text":"\\ud800","id":"i"}', None),
    "an id that is a list": ({**SAY, "id": [1]}, None),
    "an id that is too long": ({**SAY, "id": "i" * 65}, None),
    "an id below nothing": ({**SAY, "id": -1}, None),
    "an id that is no whole number": ({**SAY, "id": 1.5}, None),
    "a list": ("[]", None),
    "a number": ("1", None),
    "a string": ('"say"', None),
    "nothing": ("", None),
    "half of it": ('{"type":"say","id":"i"', None),
    "something after it": (json.dumps({**SAY, "id": "i"}) + "{}", None),
    "NaN": ('{"type":"say","room":"lobby","text":NaN,"id":"i"}', None),
    "a zero byte": ('{"type":"say","room":"lobby","text":"\x00","id":"i"}', None),
    "deep": ('{"a":' * 100 + "1" + "}" * 100, None),
    "as deep as it fits": ("[" * 8000 + "]" * 8000, None),
    "bytes": (b'{"type":"join","room":"lobby"}', None),
}


@pytest.mark.parametrize("case", INVALID)
async def test_an_invalid_message(case: str, demo: Running) -> None:
    """`invalid`, with the id if one can be read, and without a word about what would be valid."""
    message, id = INVALID[case]
    alice = await demo.visit("alice")
    since = await demo.mark()
    async with await alice.open() as wire:
        reply = await wire.ask(message)
        assert reply == (error("invalid") if id is None else error("invalid", id=id))
        assert (await wire.ask({"type": "join", "room": "lobby"}))["type"] == "joined"
    entry = await demo.recorded("input_validation_fail", since=since, address=alice.address)
    assert (entry["principal"], entry["cause"]) == ("alice", "invalid-message")


@pytest.mark.parametrize("id", [0, 1, 2**53 - 1, "", "a", "x" * 64, "🌩", '"\\', "<b>", None])
async def test_an_id_comes_back(id: Any, demo: Running) -> None:
    """The answer repeats the id of the message unchanged."""
    async with await (await demo.visit("alice")).open() as wire:
        if id is None:
            assert "id" not in await wire.ask({"type": "join", "room": "lobby"})
            return
        assert (await wire.ask({"type": "join", "room": "lobby", "id": id}))["id"] == id
        assert (await wire.ask({"type": "announce", "text": "x", "id": id}))["id"] == id
        assert (await wire.ask({"type": "say", "id": id}))["id"] == id


@pytest.mark.parametrize("size", [16_385, 65_536, 131_072])
async def test_a_message_that_is_too_large(size: int, demo: Running) -> None:
    """`too-large`, recorded, and the conversation goes on."""
    alice = await demo.visit("alice")
    since = await demo.mark()
    async with await alice.open() as wire:
        wire.frame(TEXT, b"x" * size)
        assert await wire.json() == error("too-large")
        assert (await wire.ask({"type": "join", "room": "lobby"}))["type"] == "joined"
    entry = await demo.recorded("input_validation_fail", since=since, address=alice.address)
    assert entry["cause"] == "message-too-large"


async def test_a_message_that_is_far_too_large(demo: Running) -> None:
    """A message that is far too large closes the connection with 1009, unread."""
    async with await (await demo.visit("alice")).open() as wire:
        wire.frame(TEXT, b"x" * 131_073)
        assert await wire.close_code() == 1009


async def test_the_largest_messages_that_may_be(demo: Running) -> None:
    """A text of 500 characters of any script arrives unchanged."""
    async with inside(demo, "random", "alice", "bob") as [alice, bob]:
        for text in ("x" * 500, "🌩" * 500, "\t\n", "<script>alert(1)</script>", "' OR 1=1 --"):
            await alice.ask({"type": "say", "room": "random", "text": text})
            assert [message["text"] for message in await heard(bob)] == [text]


async def test_binary_junk(demo: Running) -> None:
    """Binary garbage is answered with a generic error."""
    async with await (await demo.visit("alice")).open() as wire:
        wire.frame(BINARY, bytes(range(256)))
        assert await wire.json() == error("invalid")


async def test_too_many_messages(demo: Running) -> None:
    """Messages above the limit get `rate-limited`, and a client that continues is closed (1008)."""
    async with await (await demo.visit("bob")).open() as wire:
        for number in range(60):
            wire.send({"type": "say", "room": "random", "text": "flood", "id": number})
        replies = []
        while (frame := await wire.receive()).opcode == TEXT:
            replies.append(json.loads(frame.payload))
        assert frame.code == 1008
    said = [reply for reply in replies if reply["type"] == "said"]
    limited = [reply for reply in replies if reply["type"] == "error"]
    assert 15 <= len(said) <= 25
    assert {reply["error"] for reply in limited} == {"rate-limited"}
    assert len(limited) == 20
    entry = await demo.recorded("connection_closed", cause="message-rate")
    assert entry["principal"] == "bob"
