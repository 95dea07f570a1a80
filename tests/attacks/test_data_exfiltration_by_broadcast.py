"""data-exfiltration-by-broadcast: a client receives a message that it may not read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer, collected, heard, told

pytestmark = pytest.mark.extended

SECRET = "the code of the safe is 4711"


async def overhears(spy: Visitor, speaker: Visitor, room: str) -> bool:
    """Connect, join nothing, and listen."""
    async with await spy.open() as ear, await speaker.open() as wire:
        await answer(wire, {"type": "join", "room": room})
        await answer(wire, {"type": "say", "room": room, "text": SECRET})
        return SECRET in json.dumps(await heard(ear))


async def test_a_room_that_one_is_not_in(demo: Running) -> None:
    """A client that is not in a room receives none of its messages."""
    async with site(Chat) as (at, _):
        assert await overhears(await log_in(at, "alice"), await log_in(at, "bob"), "cellar")
    alice = await demo.visit("alice")
    assert not await overhears(alice, await demo.visit("bob"), "cellar")
    await demo.recorded("connection_opened", address=alice.address)


class Everything(Chat):
    """Careless dashboard that sends everything to every connection."""

    def open(self, *args: str, **kwargs: str) -> Any:
        super().open(*args, **kwargs)
        self.answer("rooms", {}, rooms=[])
        for kind in ("stats", "connections", "event", "reading"):
            self.answer(kind, {}, addresses=["192.0.2.1"])


async def kinds_heard(visitor: Visitor, witness: Visitor | None) -> set[str]:
    """Return the kinds of messages that the visitor receives while the witness receives all of them."""
    async with await visitor.open("/ws/dashboard") as wire:
        if witness is not None:
            missing = {"stats", "connections", "event"}
            async with await witness.open("/ws/dashboard") as other:
                while missing:
                    missing.discard((await other.json())["type"])
        return {message["type"] for message in await heard(wire)}


async def test_the_figures_of_an_administrator(demo: Running) -> None:
    """A moderator receives figures of rooms, but no list of clients and no entries of the trail."""
    async with site(Chat, ("/ws/dashboard", Everything)) as (at, _):
        everything = await kinds_heard(await log_in(at, "mia"), None)
        assert everything >= {"stats", "connections", "event", "reading"}
    mia, ada = await demo.visit("mia"), await demo.visit("ada")
    assert await kinds_heard(mia, ada) == {"rooms"}


class Leaves(Chat):
    """Careless chat that tells a removed member, and keeps it in the list of listeners."""

    def do_kick(self, body: dict[str, Any]) -> None:
        self.answer("kicked", body, room=body["room"], principal=body["principal"])


async def overhears_after_kick(victim: Visitor, moderator: Visitor) -> bool:
    """Have the visitor removed from the room, and return whether it still receives messages."""
    async with await victim.open() as ear, await moderator.open() as wire:
        for one in (ear, wire):
            await answer(one, {"type": "join", "room": "ops"})
        await answer(wire, {"type": "kick", "room": "ops", "principal": "bob"})
        await answer(wire, {"type": "say", "room": "ops", "text": SECRET})
        return SECRET in json.dumps(await heard(ear))


async def test_a_room_that_one_was_thrown_out_of(demo: Running) -> None:
    """After the kick, no connection of that principal receives messages of the room."""
    async with site(Leaves) as (at, _):
        assert await overhears_after_kick(await log_in(at, "bob"), await log_in(at, "mia"))
    assert not await overhears_after_kick(await demo.visit("bob"), await demo.visit("mia"))


async def test_a_role_that_one_has_no_more(demo: Running) -> None:
    """The permission is checked at each delivery, so no message leaks between the change and the close."""
    async with site(Everything) as (at, state), await (await log_in(at, "alice")).open() as ear:
        state.roles["alice"] = ""
        bob = await log_in(at, "bob")
        async with await bob.open() as wire:
            await answer(wire, {"type": "say", "room": "lobby", "text": SECRET})
            assert SECRET in json.dumps(await heard(ear))
    async with demo.office() as office:
        await office.admin.add_principal("spy", password="the password of spy", roles=["member"])
        spy, bob = demo.visitor(), await demo.visit("bob")
        await spy.log_in("spy", "the password of spy")
        async with await spy.open() as ear, await bob.open() as wire:
            for one in (ear, wire):
                await answer(one, {"type": "join", "room": "lobby"})
            await office.admin.withdraw_role("spy", "member")
            # The room hears of the removal at the earliest time at which a client can know of it.
            assert (await told(wire, "left"))["principal"] == "spy"
            await answer(wire, {"type": "say", "room": "lobby", "text": SECRET})
            assert SECRET not in json.dumps(await collected(ear))
    entry = await demo.recorded("connection_closed", address=spy.address)
    assert entry["cause"] == "forbidden"


async def test_an_error_tells_nothing(demo: Running) -> None:
    """A refusal does not reveal whether a room, a principal or a session exists."""
    alice = await demo.visit("alice")
    async with await (await demo.visit("bob")).open() as bob, await alice.open() as wire:
        await answer(bob, {"type": "join", "room": "hidden"})
        replies = []
        for room, principal in (("hidden", "bob"), ("hidden", "nobody"), ("nowhere", "bob")):
            kick = {"type": "kick", "room": room, "principal": principal}
            reply = await answer(wire, kick)
            del reply["id"]
            replies.append(reply)
        assert replies == [{"type": "error", "error": "forbidden"}] * 3
