"""`/ws/dashboard` and `/metrics`: who sees what of the server, and what the sensor may send."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.running import Running
from tests.demo.visitor import heard, told
from tests.tornado.wire import TEXT, Wire

DASHBOARD = "/ws/dashboard"
_PATIENCE = 60.0  # only a failure takes that long


async def listened(wire: Wire, *conditions: Callable[[dict[str, Any]], bool]) -> list[Any]:
    """Receive messages until each condition has been true for one. Returns all of them."""
    messages: list[Any] = []
    missing = list(conditions)
    async with asyncio.timeout(_PATIENCE):
        while missing:
            frame = await wire.receive()
            if frame.opcode == TEXT:
                messages.append(json.loads(frame.payload))
                missing = [one for one in missing if not one(messages[-1])]
    return messages


def of(kind: str, **parts: Any) -> Callable[[dict[str, Any]], bool]:
    """Return a test for messages of that type with these parts."""
    return lambda message: {"type": kind, **parts}.items() <= message.items()


def every(*kinds: str) -> list[Callable[[dict[str, Any]], bool]]:
    """A message of each type."""
    return [of(kind) for kind in kinds]


# -- the handshake -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "bob", "eve"])
async def test_members_are_refused_at_the_handshake(name: str, demo: Running) -> None:
    """A member gets 403 at the handshake with each credential, and the trail records it."""
    visitor = await demo.visit(name)
    ticket, token = await visitor.ticket(DASHBOARD), await visitor.token()
    since = await demo.mark()
    assert await visitor.refused(DASHBOARD) == 403
    other = demo.visitor()
    async with await other.with_ticket(ticket, DASHBOARD, origin=visitor.origin) as wire:
        assert wire.status == 403
    async with await demo.visitor().with_key(token) as wire:
        assert wire.status == 403
    for kind in ("session", "ticket", "jwt"):
        entry = await demo.recorded("authz_fail", since=since, kind=kind, principal=name)
        assert (entry["endpoint"], entry["permission"]) == (DASHBOARD, "dashboard:connect")


@pytest.mark.parametrize("name", ["mia", "ada"])
async def test_moderators_and_administrators_get_in(name: str, demo: Running) -> None:
    """Moderators and administrators connect with the cookie, a ticket or a token."""
    visitor = await demo.visit(name)
    async with await visitor.open(DASHBOARD):
        pass
    async with await visitor.with_ticket(await visitor.ticket(DASHBOARD), DASHBOARD) as wire:
        assert wire.status == 101
    async with await demo.visitor().with_key(await visitor.token()) as wire:
        assert wire.status == 101


# -- what is heard -----------------------------------------------------------------------------------


async def test_an_administrator_sees_everything(demo: Running) -> None:
    """Rooms, connections, figures, events and readings, as they really are."""
    ada, alice = await demo.visit("ada"), await demo.visit("alice")
    async with (
        await alice.open() as chat,
        await ada.open(DASHBOARD) as wire,
        await demo.visitor().with_key(demo.sensor_key) as sensor,
    ):
        await chat.ask({"type": "join", "room": "ops"})
        await alice.refused(DASHBOARD)
        sensor.send({"type": "reading", "name": "boiler", "value": 70.5})
        messages = await listened(
            wire,
            of("reading"),
            of("event", event="authz_fail", principal="alice", cause="forbidden"),
            lambda message: of("stats", connections=3)(message) and bool(message["refusals"]),
            lambda message: of("connections")(message) and len(message["connections"]) == 3,
            lambda message: (
                of("rooms")(message) and {"name": "ops", "members": ["alice"]} in message["rooms"]
            ),
        )
    [reading] = [message for message in messages if message["type"] == "reading"]
    assert reading.pop("at") == pytest.approx(time.time(), abs=30)
    assert reading == {"type": "reading", "name": "boiler", "value": 70.5, "from": "sensor"}
    stats = [message for message in messages if message["type"] == "stats"][-1]
    assert stats["at"] == pytest.approx(time.time(), abs=30)
    assert stats["refusals"]["forbidden"] >= 1
    assert stats["memory_mib"] > 10
    listed = next(
        message["connections"]
        for message in messages
        if message["type"] == "connections" and len(message["connections"]) == 3
    )
    assert {(one["principal"], one["endpoint"], one["credential"]) for one in listed} == {
        ("ada", DASHBOARD, "session"),
        ("alice", "/ws/chat", "session"),
        ("sensor", DASHBOARD, "api-key"),
    }
    assert {one["address"] for one in listed} >= {ada.address, alice.address}


async def test_whoever_comes_later_sees_what_was(demo: Running) -> None:
    """The latest events of the trail are there at once, each of them once, and in order."""
    first, second = await demo.visit("ada"), await demo.visit("ada")
    stranger = demo.visitor()
    async with await first.open(DASHBOARD) as wire:
        await stranger.refused(DASHBOARD)
        await listened(wire, of("event", cause="no-credential"))
        async with await second.open(DASHBOARD) as later:
            events = [one for one in await heard(later) if one["type"] == "event"]
            assert "no-credential" in {event["cause"] for event in events}
            events += [one for one in await listened(later, of("stats")) if one["type"] == "event"]
            numbers = [event["seq"] for event in events]
            assert numbers == sorted(set(numbers))


async def test_messages_are_counted(demo: Running) -> None:
    """Messages per second rise while a client speaks, and fall afterwards."""
    ada, alice = await demo.visit("ada"), await demo.visit("alice")
    async with await alice.open() as chat, await ada.open(DASHBOARD) as wire:
        await listened(wire, of("stats", messages_per_second=0.0))
        for _ in range(10):
            await chat.ask({"type": "join", "room": "lobby"})
        await listened(wire, lambda message: message.get("messages_per_second", 0.0) > 1.0)
        await listened(wire, of("stats", messages_per_second=0.0))


async def test_a_moderator_sees_the_rooms_only(demo: Running) -> None:
    """While an administrator hears figures, events and readings, a moderator hears of rooms."""
    mia, ada, alice = [await demo.visit(name) for name in ("mia", "ada", "alice")]
    async with (
        await mia.open(DASHBOARD) as rooms,
        await ada.open(DASHBOARD) as everything,
        await alice.open() as chat,
        await demo.visitor().with_key(demo.sensor_key) as sensor,
    ):
        await chat.ask({"type": "join", "room": "random"})
        sensor.send({"type": "reading", "name": "boiler", "value": 1})
        await listened(everything, *every("rooms", "connections", "stats", "reading", "event"))
        messages = await heard(rooms)
        while not any(message["rooms"] for message in messages if message["type"] == "rooms"):
            messages += await heard(rooms)
        assert {message["type"] for message in messages} == {"rooms"}
        names = {room["name"] for room in messages[-1]["rooms"]}
        assert names >= {"lobby", "ops", "random"}


async def test_rooms_follow_the_chat(demo: Running) -> None:
    """The next update lists members that join or leave; an empty room of a member is removed."""
    mia, bob = await demo.visit("mia"), await demo.visit("bob")

    def shows(room: str, members: list[str] | None) -> Callable[[dict[str, Any]], bool]:
        def shown(message: dict[str, Any]) -> bool:
            rooms = {one["name"]: one["members"] for one in message.get("rooms", [])}
            return message["type"] == "rooms" and rooms.get(room) == members

        return shown

    async with await mia.open(DASHBOARD) as wire:
        async with await bob.open() as chat:
            await chat.ask({"type": "join", "room": "cellar"})
            await listened(wire, shows("cellar", ["bob"]))
        await listened(wire, shows("cellar", None))


# -- what is sent ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_the_sensor_hears_nothing(header: str, demo: Running) -> None:
    """The sensor receives only errors of its messages: no welcome, figures or readings."""
    value = f"Bearer {demo.sensor_key}" if header == "Authorization" else demo.sensor_key
    ada = await demo.visit("ada")
    async with (
        await ada.open(DASHBOARD) as wire,
        await demo.visitor().open(DASHBOARD, (header, value), origin=None) as sensor,
    ):
        sensor.send({"type": "reading", "name": header, "value": 1e3, "id": 1})
        await listened(wire, *every("reading", "stats", "connections"))
        assert await heard(sensor) == []


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ({"type": "say", "room": "lobby", "text": "x"}, "invalid"),
        ({"type": "join", "room": "lobby"}, "invalid"),
        ({"type": "announce", "text": "x"}, "invalid"),
        ({"type": "kick", "room": "lobby", "principal": "alice"}, "invalid"),
        ({"type": "subscribe", "topic": "stats"}, "invalid"),
        ({"type": "reading", "name": "x"}, "invalid"),
        ({"type": "reading", "name": "", "value": 1}, "invalid"),
        ({"type": "reading", "name": "<b>", "value": 1}, "invalid"),
        ({"type": "reading", "name": "x" * 65, "value": 1}, "invalid"),
        ({"type": "reading", "name": "x", "value": "1"}, "invalid"),
        ({"type": "reading", "name": "x", "value": 1e16}, "invalid"),
        ('{"type":"reading","name":"x","value":1e999,"id":9}', "invalid"),
        ('{"type":"reading","name":"x","value":NaN}', "invalid"),
        ({"type": "reading", "name": "x", "value": None}, "invalid"),
        ({"type": "reading", "name": "x", "value": 1, "from": "ada"}, "invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else None,
)
async def test_the_sensor_may_send_readings_and_nothing_else(
    message: Any, cause: str, demo: Running
) -> None:
    """The sensor may send readings with a name and a number; other messages are refused."""
    async with await demo.visitor().with_key(demo.sensor_key) as sensor:
        reply = await sensor.ask(message)
        assert (reply["type"], reply["error"]) == ("error", cause)
        sensor.send({"type": "reading", "name": "x", "value": -1})
        assert await heard(sensor) == []


@pytest.mark.parametrize("name", ["mia", "ada"])
async def test_people_send_no_readings(name: str, demo: Running) -> None:
    """Only a device can send readings; a moderator and an administrator cannot."""
    ada = await demo.visit("ada")
    async with (
        await ada.open(DASHBOARD) as wire,
        await (await demo.visit(name)).open(DASHBOARD) as person,
    ):
        person.send({"type": "reading", "name": "forged", "value": 1, "id": "r"})
        reply = await told(person, "error")
        assert reply == {"type": "error", "error": "forbidden", "id": "r"}
        await listened(wire, of("stats"))
        assert "forged" not in json.dumps(await heard(wire))


async def test_a_flood_of_readings_is_slowed(demo: Running) -> None:
    """Beyond forty at once readings wait, then are `rate-limited`, and then the device is closed (1008)."""
    async with await demo.visitor().with_key(demo.sensor_key) as sensor:
        for number in range(200):
            sensor.send({"type": "reading", "name": "x", "value": number})
        assert await sensor.close_code() == 1008


async def test_the_key_counts_from_nowhere_else(demo: Running) -> None:
    """The key is refused in a query, a cookie or a subprotocol, and so is a part of it."""
    key = demo.sensor_key
    visitor = demo.visitor()
    assert await visitor.refused(f"{DASHBOARD}?key={key}&access_token={key}", origin=None) == 401
    assert await visitor.twin(**{"__Host-stormdoor": key}).refused(DASHBOARD) == 401
    offers = ("stormdoor.v1", f"stormdoor.bearer.{key}")
    assert await visitor.refused(DASHBOARD, offers=offers) == 401
    for wrong in (key[:-1], key + "a", key[:-1] + ("a" if key[-1] != "a" else "b"), key.upper()):
        async with await visitor.with_key(wrong) as wire:
            assert wire.status == 401, wrong
    assert key not in demo.output


# -- metrics -----------------------------------------------------------------------------------------


async def test_metrics_are_for_administrators(demo: Running) -> None:
    """Without a login `/metrics` answers 401; members and moderators get 403 and a trail entry."""
    assert (await demo.visitor().get("/metrics")).status == 401
    for name in ("alice", "mia", "eve"):
        visitor = await demo.visit(name)
        since = await demo.mark()
        assert (await visitor.get("/metrics")).status == 403
        entry = await demo.recorded("authz_fail", since=since, endpoint="/metrics")
        assert entry["principal"] == name
    visitor = demo.visitor()
    answer = await visitor.get("/metrics", ("Authorization", f"Bearer {demo.sensor_key}"))
    assert answer.status == 401


async def test_metrics_are_true(demo: Running) -> None:
    """In Prometheus' format: connections, admitted, refused; no name, address or secret."""
    ada, alice = await demo.visit("ada"), await demo.visit("alice")

    async def metrics() -> str:
        answer = await ada.get("/metrics")
        assert answer.status == 200
        assert (answer.header("Content-Type") or "").startswith("text/plain; version=0.0.4")
        return answer.body.decode()

    def value(text: str, name: str) -> float:
        found = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    before = await metrics()
    refusals = 'stormdoor_handshakes_refused_total{cause="forbidden"}'
    async with await alice.open(), await demo.visitor().with_key(demo.sensor_key):
        await alice.refused(DASHBOARD)
        during = await metrics()
    assert value(during, "stormdoor_connections") == value(before, "stormdoor_connections") + 2
    assert value(during, refusals) == value(before, refusals) + 1
    secrets = [alice.cookie, ada.cookie, demo.sensor_key, demo.password("alice")]
    assert not [word for word in [*secrets, "alice", alice.address] if word in during]

    async with asyncio.timeout(_PATIENCE):
        while value(await metrics(), "stormdoor_connections") > 0:
            pass
