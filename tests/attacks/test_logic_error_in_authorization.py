"""logic-error-in-authorization: a check that fails open, or that is missing."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from stormdoor import Command, GuardedHandler, action
from stormdoor.errors import ConfigurationError
from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running, running
from tests.demo.visitor import Visitor, answer

pytestmark = pytest.mark.extended


class FailsOpen(Chat):
    """Careless chat that permits every kick if the list of moderators is damaged."""

    moderates: Any = None

    def do_kick(self, body: dict[str, Any]) -> None:
        with contextlib.suppress(TypeError):
            if body["room"] not in self.moderates:
                return
        self.answer("kicked", body, room=body["room"], principal=body["principal"], by=self.name)


async def kicks(moderator: Visitor, victim: Visitor, room: str = "random") -> bool:
    """Return whether a moderator of another room can remove the victim from `room`."""
    async with await victim.open() as other, await moderator.open() as wire:
        assert await answer(other, {"type": "join", "room": room})
        reply = await answer(wire, {"type": "kick", "room": room, "principal": "alice"})
        assert reply is not None
        return bool(reply["type"] == "kicked")


@pytest.mark.parametrize("damage", [None, 7, "random", True, {"random": True}], ids=str)
async def test_a_check_that_raises_denies(damage: Any, demo: Running) -> None:
    """A condition that raises denies, with any value in place of its list."""
    async with site(FailsOpen) as (at, _):
        assert await kicks(await log_in(at, "mia"), await log_in(at, "alice"))
    async with demo.office() as office:
        await office.admin.set_attributes("mia", {"moderates": damage})
    mia = await demo.visit("mia")
    assert not await kicks(mia, await demo.visit("alice"))
    entry = await demo.recorded("authz_fail", address=mia.address)
    assert (entry["permission"], entry["cause"]) == ("chat:kick", "forbidden")


async def test_a_fact_that_is_missing_denies(demo: Running) -> None:
    """An account without the attribute that a policy asks for may not do what the policy permits."""
    async with demo.office() as office:
        await office.admin.set_attributes("mia", {})
    mia = await demo.visit("mia")
    assert not await kicks(mia, await demo.visit("alice"))
    async with demo.office() as office:
        await office.admin.set_attributes("mia", {"moderates": ["random"]})
    assert await kicks(await demo.visit("mia"), await demo.visit("alice"))


async def test_a_damaged_account_opens_nothing(tmp_path: Path) -> None:
    """An account that the store cannot read gets no access until the operator repairs it."""
    with running(tmp_path / "data") as demo:
        alice = await demo.visit("alice")

        def write(attributes: str) -> None:
            with demo.database() as database:
                row = [attributes]
                database.execute("UPDATE account SET attributes = ? WHERE id = 'alice'", row)

        write("{")
        assert await alice.refused() in (500, 503)
        assert (await alice.get("/auth/session")).status in (500, 503)
        await demo.recorded("sys_crash", address=alice.address, cause="internal")
        write("{}")
        async with await alice.open():
            pass


class Forgets(Chat):
    """Careless chat: each method has its own check, and one method has none."""

    def do_say(self, body: dict[str, Any]) -> None:
        if self.site.roles[self.name or ""]:
            super().do_say(body)

    def do_topic(self, body: dict[str, Any]) -> None:
        """The method without a check."""
        self.answer("topic", body, room=body["room"])


class Topic(Command, tag="topic"):
    room: str


async def test_a_check_that_somebody_forgot(demo: Running) -> None:
    """A message without a declared action is refused; an action without permission is an error."""
    message = {"type": "topic", "room": "lobby"}

    async def works(visitor: Visitor) -> bool:
        async with await visitor.handshake() as wire:
            reply = await answer(wire, message) if wire.status == 101 else None
            return reply is not None and reply["type"] == "topic"

    async with site(Forgets) as (at, _):
        assert await works(await log_in(at, "eve"))
    for name in ("eve", "alice", "ada"):
        assert not await works(await demo.visit(name))
    with pytest.raises((ConfigurationError, TypeError)):

        class Forgotten(GuardedHandler):
            permission = "chat:connect"

            @action()  # type: ignore[call-arg]
            def topic(self, command: Topic) -> None: ...


async def test_allowed_somewhere_is_not_allowed_everywhere(demo: Running) -> None:
    """A permission to connect to an endpoint permits neither its messages nor another endpoint."""
    async with demo.office() as office:
        await office.admin.add_principal("gwen", password="a password of gwen", roles=["device"])
    gwen = demo.visitor()
    await gwen.log_in("gwen", "a password of gwen")
    assert await gwen.refused("/ws/chat") == 403
    async with await gwen.open("/ws/dashboard") as wire:
        reply = await answer(wire, {"type": "reading", "name": "x", "value": 1, "room": "lobby"})
        assert reply is not None
        assert reply["error"] == "invalid"
    assert (await gwen.get("/metrics")).status == 403
