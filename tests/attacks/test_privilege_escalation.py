"""privilege-escalation: a member acts without the permission, or as another principal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer, heard

pytestmark = pytest.mark.extended

# Who tries, what, and what the permission is called.
ACTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a member announces": ("alice", {"type": "announce", "text": "x"}, "chat:announce"),
    "a moderator announces": ("mia", {"type": "announce", "text": "x"}, "chat:announce"),
    "a member kicks": ("alice", {"type": "kick", "room": "lobby", "principal": "bob"}, "chat:kick"),
    "an administrator kicks": (
        "ada",
        {"type": "kick", "room": "lobby", "principal": "bob"},
        "chat:kick",
    ),
    "a moderator kicks elsewhere": (
        "mia",
        {"type": "kick", "room": "random", "principal": "bob"},
        "chat:kick",
    ),
}


class AsksOnlyWhetherLoggedIn(Chat):
    """Careless chat that permits everything to every logged-in client."""

    def do_announce(self, body: dict[str, Any]) -> None:
        self.answer("announced", body, text=body["text"])

    def do_kick(self, body: dict[str, Any]) -> None:
        self.answer("kicked", body, room=body["room"], principal=body["principal"])


async def succeeds(visitor: Visitor, message: dict[str, Any]) -> bool:
    """Return whether the server executes the message."""
    async with await visitor.open() as wire:
        reply = await answer(wire, message)
        return reply is not None and reply["type"] != "error"


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_action_of_others(action: str, demo: Running) -> None:
    """Each message needs its own permission for its own resource, and a refusal is recorded."""
    name, message, permission = ACTIONS[action]
    async with site(AsksOnlyWhetherLoggedIn) as (at, _):
        assert await succeeds(await log_in(at, name), message)
    visitor = await demo.visit(name)
    async with await (await demo.visit("bob")).open() as bob:
        await answer(bob, {"type": "join", "room": message.get("room", "lobby")})
        assert not await succeeds(visitor, message)
        assert await heard(bob) == []
    entry = await demo.recorded("authz_fail", address=visitor.address)
    assert (entry["principal"], entry["permission"]) == (name, permission)


# -- as another principal -----------------------------------------------------------------------


class BelievesTheMessage(Chat):
    """Careless chat that takes sender and role from the message."""

    def do_say(self, body: dict[str, Any]) -> None:
        sender = body.get("from") or body.get("principal") or body.get("sender") or self.name
        self.answer("said", body, room=body["room"], text=body["text"], **{"from": sender})

    def do_announce(self, body: dict[str, Any]) -> None:
        if body.get("role") == "administrator" or body.get("roles") == ["administrator"]:
            self.answer("announced", body, text=body["text"])


CLAIMS: dict[str, dict[str, Any]] = {
    "from": {"type": "say", "room": "lobby", "text": "x", "from": "ada"},
    "principal": {"type": "say", "room": "lobby", "text": "x", "principal": "ada"},
    "sender": {"type": "say", "room": "lobby", "text": "x", "sender": "ada"},
    "role": {"type": "announce", "text": "x", "role": "administrator"},
    "roles": {"type": "announce", "text": "x", "roles": ["administrator"]},
}


@pytest.mark.parametrize("claim", CLAIMS)
async def test_a_message_that_says_who_sent_it(claim: str, demo: Running) -> None:
    """The credential names the sender; a message with other fields is refused."""

    async def believed(visitor: Visitor, listener: Visitor) -> bool:
        async with await listener.open() as other, await visitor.open() as wire:
            for one in (other, wire):
                await answer(one, {"type": "join", "room": "lobby"})
            await heard(other)
            await answer(wire, CLAIMS[claim])
            messages = await heard(other)
            return any(
                message["type"] == "announced" or message.get("from") == "ada"
                for message in messages
            )

    async with site(BelievesTheMessage) as (at, _):
        assert await believed(await log_in(at, "alice"), await log_in(at, "bob"))
    alice = await demo.visit("alice")
    assert not await believed(alice, await demo.visit("bob"))
    await demo.recorded("input_validation_fail", address=alice.address, principal="alice")


class BelievesTheHeaders(Chat):
    """Careless chat that takes the identity from headers, as if a proxy had set them."""

    def who(self) -> str | None:
        return self.request.headers.get("X-User") or super().who()


async def test_headers_that_say_who_comes(demo: Running) -> None:
    """No header makes a member an administrator, or hides the address of the client."""
    forged = [
        ("X-User", "ada"),
        ("X-Remote-User", "ada"),
        ("X-Role", "administrator"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "localhost"),
        ("Forwarded", "for=203.0.113.7;proto=https"),
        ("X-Real-IP", "203.0.113.7"),
    ]

    async def name(visitor: Visitor) -> str:
        async with await visitor.open("/ws/chat", *forged) as wire:
            reply = await answer(wire, {"type": "say", "room": "lobby", "text": "x"})
            return str(reply["from"])

    async with site(BelievesTheHeaders) as (at, _):
        assert await name(await log_in(at, "alice")) == "ada"
    alice = await demo.visit("alice")
    assert await name(alice) == "alice"
    assert await alice.refused("/ws/dashboard", *forged) == 403
    entry = await demo.recorded("authz_fail", address=alice.address)
    assert entry["principal"] == "alice"
    assert "203.0.113.7" not in json.dumps(demo.entries())


async def test_a_ticket_for_more_than_one_may(demo: Running) -> None:
    """A ticket opens only its endpoint, and only for a principal with the permission."""
    alice = await demo.visit("alice")
    for endpoint in ("/ws/dashboard", "/metrics", "/", "/ws/chat/../dashboard"):
        ticket = await alice.ticket(endpoint)
        async with await alice.with_ticket(ticket, "/ws/dashboard") as wire:
            assert wire.status in (401, 403)
    await demo.recorded("authz_fail", address=alice.address, endpoint="/ws/dashboard")


async def test_a_key_for_more_than_it_covers(demo: Running) -> None:
    """The sensor's key covers two permissions, even should its principal be given more."""
    async with demo.office() as office:
        await office.admin.grant_role("sensor", "administrator")
    try:
        visitor = demo.visitor()
        async with await visitor.with_key(demo.sensor_key, "/ws/chat") as wire:
            assert wire.status == 403
        async with await visitor.with_key(demo.sensor_key) as wire:
            assert wire.status == 101
            ada = await demo.visit("ada")
            async with await ada.open("/ws/dashboard") as dashboard:
                while (await dashboard.json())["type"] != "stats":
                    pass
            assert await heard(wire) == []
        entry = await demo.recorded("authz_fail", address=visitor.address)
        assert "scopes" in entry["detail"]
    finally:
        async with demo.office() as office:
            await office.admin.withdraw_role("sensor", "administrator")
