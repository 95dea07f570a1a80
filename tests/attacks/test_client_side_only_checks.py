"""client-side-only-checks: a client without the page sends messages that the page would not send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, heard

pytestmark = pytest.mark.extended

# The page shows these buttons to others, and stops at 500 characters.
NOT_OFFERED: dict[str, tuple[dict[str, Any], str]] = {
    "announce": ({"type": "announce", "text": "the server is closed"}, "forbidden"),
    "kick": ({"type": "kick", "room": "lobby", "principal": "mia"}, "forbidden"),
    "a long text": ({"type": "say", "room": "lobby", "text": "x" * 501}, "invalid"),
    "no text": ({"type": "say", "room": "lobby", "text": ""}, "invalid"),
    "a room with any name": ({"type": "join", "room": "<img src=x>"}, "invalid"),
}


class TrustsThePage(Chat):
    """Careless chat with all checks in the page's JavaScript."""

    def do_announce(self, body: dict[str, Any]) -> None:
        self.answer("announced", body, text=body["text"], **{"from": self.name})

    def do_kick(self, body: dict[str, Any]) -> None:
        self.answer("kicked", body, room=body["room"], principal=body["principal"], by=self.name)


async def works(attacker: Visitor, bystander: Visitor, message: dict[str, Any]) -> bool:
    """Return whether the server executes the attacker's message and tells the bystander."""
    async with await bystander.open() as other, await attacker.open() as wire:
        for one in (other, wire):
            await one.ask({"type": "join", "room": "lobby"})
        await heard(other)
        wire.send({**message, "id": "x"})
        replies = [reply for reply in await heard(wire) if reply.get("id") == "x"]
        told = await heard(other)
        return bool(told) and replies[0]["type"] != "error"


@pytest.mark.parametrize("what", NOT_OFFERED)
async def test_what_the_page_does_not_offer(what: str, demo: Running) -> None:
    """The server decides about each message as if there were no page."""
    message, error = NOT_OFFERED[what]
    async with site(TrustsThePage) as (at, _):
        assert await works(await log_in(at, "alice"), await log_in(at, "mia"), message)
    alice = await demo.visit("alice")
    assert not await works(alice, await demo.visit("mia"), message)
    name = "authz_fail" if error == "forbidden" else "input_validation_fail"
    entry = await demo.recorded(name, address=alice.address)
    assert entry["principal"] == "alice"
    if error == "forbidden":
        assert entry["permission"] == f"chat:{message['type']}"


async def test_the_dashboard_without_its_page(demo: Running) -> None:
    """A member is refused at the handshake of the dashboard, without the page that redirects members."""

    class Figures(Chat):
        """Careless dashboard: only its page redirects users who are no administrators."""

        def open(self, *args: str, **kwargs: str) -> None:
            self.write_message({"type": "stats", "connections": 1})

    async def sees(visitor: Visitor) -> bool:
        async with await visitor.handshake("/ws/dashboard") as wire:
            return wire.status == 101 and (await wire.json())["type"] == "stats"

    async with site(Chat, ("/ws/dashboard", Figures)) as (at, _):
        assert await sees(await log_in(at, "alice"))
    alice = await demo.visit("alice")
    assert not await sees(alice)
    entry = await demo.recorded("authz_fail", address=alice.address)
    assert (entry["principal"], entry["permission"]) == ("alice", "dashboard:connect")
