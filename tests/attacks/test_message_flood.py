"""message-flood: a client sends too many messages, or does not read the answers."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer, collected, heard
from tests.tornado.wire import CLOSE, PING, PONG, Wire

FLOOD = 300


async def drowns(attacker: Visitor, other: Visitor) -> int:
    """Send a flood of messages, and return how many of them the other visitor receives."""
    async with await other.open() as listener, await attacker.open() as wire:
        for one in (listener, wire):
            await answer(one, {"type": "join", "room": "lobby"})
        await heard(listener)
        for number in range(FLOOD):
            wire.send({"type": "say", "room": "lobby", "text": f"flood {number}"})
        await (collected if "__Host-stormdoor" in attacker.cookies else heard)(wire)
        return sum(message["type"] == "said" for message in await heard(listener))


async def test_a_room_is_drowned(demo: Running) -> None:
    """A client may send a few messages at once, then five a second; a flood is refused and closed."""
    async with site(Chat) as (at, _):
        assert await drowns(await log_in(at, "alice"), await log_in(at, "bob")) == FLOOD
    alice = await demo.visit("alice")
    assert await drowns(alice, await demo.visit("bob")) <= 25
    limited = await demo.recorded("excess_rate_limit_exceeded", address=alice.address)
    assert (limited["principal"], limited["cause"]) == ("alice", "message-rate")
    closed = await demo.recorded("connection_closed", address=alice.address)
    assert closed["cause"] == "message-rate"


async def test_a_flood_on_many_sockets(demo: Running) -> None:
    """The limit of a principal does not grow with the number of its sockets."""
    mia, bob = await demo.visit("mia"), await demo.visit("bob")
    async with await bob.open() as listener, AsyncExitStack() as stack:
        await answer(listener, {"type": "join", "room": "random"})
        wires = [await stack.enter_async_context(await mia.open()) for _ in range(10)]
        for number in range(20):
            for wire in wires:
                wire.send({"type": "say", "room": "random", "text": f"flood {number}"})
        for wire in wires:
            for _ in range(20):
                assert (await wire.json())["type"] in ("said", "error")
        assert sum(one["type"] == "said" for one in await heard(listener)) <= 40


async def pings(visitor: Visitor) -> int:
    """Send many pings at once. Returns the number of pongs."""
    async with await visitor.open() as wire:
        for number in range(FLOOD):
            wire.frame(PING, b"%d" % number)
        answered = 0
        while (frame := await wire.receive()).opcode != CLOSE:
            answered += frame.opcode == PONG
            if answered == FLOOD:
                break
        return answered


async def test_a_flood_of_pings(demo: Running) -> None:
    """A ping counts as a message, so a flood of pings closes the connection."""
    async with site(Chat) as (at, _):
        assert await pings(await log_in(at, "alice")) == FLOOD
    alice = await demo.visit("alice")
    assert await pings(alice) < FLOOD
    closed = await demo.recorded("connection_closed", address=alice.address)
    assert closed["cause"] == "message-rate"


async def test_a_flood_of_refused_messages(demo: Running) -> None:
    """After twenty refused messages in a minute, the connection is closed."""
    alice = await demo.visit("alice")
    async with await alice.open() as wire:
        for _ in range(30):
            wire.send({"type": "announce", "text": "x"})
        replies = await collected(wire)
        assert 10 <= len(replies) <= 20
    closed = await demo.recorded("connection_closed", address=alice.address)
    assert closed["cause"] in ("invalid-message", "message-rate")


async def held(operator: Visitor) -> float:
    """Return the number of messages that had to wait because they came too fast."""
    metrics = (await operator.get("/metrics")).body.decode()
    return float(metrics.partition("\nstormdoor_messages_held_total ")[2].split()[0])


@pytest.mark.extended
async def test_a_flood_of_bytes(demo: Running) -> None:
    """The limit on bytes delays a few large messages."""
    ada, alice = await demo.visit("ada"), await demo.visit("alice")
    before = await held(ada)
    async with await alice.open() as wire:
        for _ in range(30):
            wire.send(json.dumps({"type": "say", "room": "lobby", "text": "x" * 16_000}))
        replies = await collected(wire)
        assert {reply["error"] for reply in replies} <= {"invalid", "rate-limited"}
    assert await held(ada) > before


async def crowd(demo: Running, size: int) -> list[Visitor]:
    """Log in many members, without hashing a password for each."""
    members = []
    async with demo.office() as office:
        for number in range(size):
            name = f"crowd-{number}"
            await office.admin.add_principal(name, roles=["member"])
            member = demo.visitor()
            member.cookies["__Host-stormdoor"] = (await office.sessions.create(name)).secret
            members.append(member)
    return members


class NeverWaits(Chat):
    """Careless chat that broadcasts without a limit for a slow reader."""

    def backlog(self) -> int:
        """Return the bytes that wait for this client in the memory of the server."""
        stream: Any = self.ws_connection.stream  # type: ignore[union-attr]
        return len(stream._write_buffer)


@pytest.mark.extended
async def test_somebody_does_not_read(demo: Running) -> None:
    """Plain Tornado keeps all unread data; the demo closes the connection at a megabyte (1013)."""
    text = "🌩" * 500
    async with site(NeverWaits) as (at, state):
        slow, speaker = await log_in(at, "eve"), await log_in(at, "alice")
        async with await slow.open(receive_buffer=4096), await speaker.open() as wire:
            for _ in range(3000):
                wire.send({"type": "say", "room": "lobby", "text": text})
            await heard(wire)
            lazy = next(one for one in state.sockets if one.name == "eve")
            assert isinstance(lazy, NeverWaits)
            assert lazy.backlog() > 1024 * 1024
    # What the kernel takes before anything waits in the server is two or three megabytes.
    members = await crowd(demo, 200)
    eve = members.pop()
    async with await eve.open(receive_buffer=4096) as lazy_wire, AsyncExitStack() as stack:
        await answer(lazy_wire, {"type": "join", "room": "pool"})
        wires = [await stack.enter_async_context(await member.open()) for member in members]

        async def speak(wire: Wire) -> None:
            for _ in range(15):
                await answer(wire, {"type": "say", "room": "pool", "text": text})

        await asyncio.gather(*map(speak, wires))
        closed = await demo.recorded("connection_closed", address=eve.address)
        assert closed["cause"] == "slow-consumer"
        assert await answer(wires[0], {"type": "leave", "room": "pool"})
