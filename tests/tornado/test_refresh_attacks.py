"""Attacks by refresh: with another principal's token, after the end, or during a revocation.

The twin is a careless implementation of a refresh. Each attack succeeds on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ClassVar

import pytest
from tornado.websocket import WebSocketHandler

from stormdoor import Command, Guard, GuardedHandler, Reply, Target, action
from tests.guard.fakes import Tokens, authentication, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import CLOSE, PING, PONG, TEXT, Ended, Wire, connect, serving

START = FakeClock().now()
ALICE = ("Authorization", "Bearer alice")


class Say(Command, tag="say"):
    text: str


class Said(Reply, tag="said"):
    who: str


class Chat(GuardedHandler):
    """Handler behind the guard."""

    permission = "chat:connect"

    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(who=self.principal.id)


class Twin(WebSocketHandler):
    """The same without a guard."""

    site: ClassVar[Site]
    gone = False

    def open(self) -> None:
        self.user, self.until = self.site.tokens["alice"]
        self.site.sockets.append(self)

    async def on_message(self, message: str | bytes) -> None:
        said = json.loads(message)
        if said["type"] == "stormdoor.refresh":
            found = self.site.tokens.get(said["token"])
            if said["token"] == "slow":
                self.site.reached.set()
                await self.site.go.wait()
                found = ("alice", START + 500)
            if found is None:
                self.write_message({"type": "error"})
                return
            self.user, self.until = found  # "It was verified, was it not?"
            self.gone = False
            self.write_message({"type": "stormdoor.refreshed"})
        elif self.gone or self.site.clock.now() >= self.until:
            self.write_message({"type": "error", "error": "expired"})
        else:
            self.write_message({"type": "said", "who": self.user})


class Site:
    """Target of the attacks, with the actions of its owner."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.tokens = {
            "alice": ("alice", START + 100),
            "bob": ("bob", START + 500),
            "new": ("alice", START + 500),
        }
        self.sockets: list[Twin] = []
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        self.guard: Guard | None = None
        self.port = 0

    async def revoke_alice(self) -> None:
        """Alice is locked out."""
        if self.guard is not None:
            await self.guard.admin.revoke(Target.PRINCIPAL, "alice")
        for one in self.sockets:
            one.gone = True

    async def slow(self, store: object) -> Any:
        """A token that takes its time to be verified."""
        self.reached.set()
        await self.go.wait()
        return authentication("alice", issued_at=START - 1, expires_at=START + 500)


@contextlib.asynccontextmanager
async def twin() -> AsyncIterator[Site]:
    """The site without a guard."""
    site = Twin.site = Site()
    async with serving([("/ws", Twin)]) as served:
        site.port = served.port
        yield site


@contextlib.asynccontextmanager
async def guarded() -> AsyncIterator[Site]:
    """The site with one."""
    site = Site()
    known: dict[str, Any] = {
        token: authentication(who, expires_at=until) for token, (who, until) in site.tokens.items()
    }
    known["slow"] = site.slow
    site.guard = make_guard(Tokens(known), clock=site.clock, insecure_allow_any_host=True)
    async with serving([("/ws", Chat)], site.guard) as served:
        site.port = served.port
        yield site


async def said_by(wire: Wire) -> str | None:
    """Return the principal of the next message; None if the server does not accept it."""
    with contextlib.suppress(Ended, ConnectionError):
        wire.send({"type": "say", "text": "x"})
        wire.frame(PING, b"last")
        while (frame := await wire.receive()).opcode != CLOSE:
            if frame.opcode == PONG:
                break
            if frame.opcode == TEXT and "who" in json.loads(frame.text):
                return str(json.loads(frame.text)["who"])
    return None


async def becomes_somebody_else(site: Site) -> bool:
    """A stolen token on an own socket: what alice's subscriptions hear is said as bob."""
    async with await connect(site.port, "/ws", ALICE) as wire:
        wire.send({"type": "stormdoor.refresh", "token": "bob"})
        await wire.receive()
        return await said_by(wire) == "bob"


async def comes_back_after_the_end(site: Site) -> bool:
    """The token has expired; the socket is still there, and takes a newer one as if nothing had been."""
    async with await connect(site.port, "/ws", ALICE) as wire:
        site.clock.advance(200)
        wire.send({"type": "stormdoor.refresh", "token": "new"})
        if (await wire.receive()).opcode == CLOSE:
            return False
        return await said_by(wire) == "alice"


async def overtakes_a_revocation(site: Site) -> bool:
    """The token is being verified while its owner is locked out, and comes back with a yes."""
    async with await connect(site.port, "/ws", ALICE) as wire:
        wire.send({"type": "stormdoor.refresh", "token": "slow"})
        await site.reached.wait()
        await site.revoke_alice()
        site.go.set()
        return await said_by(wire) == "alice"


async def guesses_without_end(site: Site) -> bool:
    """Two hundred tokens on a socket that is open anyway, then the right one."""
    async with await connect(site.port, "/ws", ALICE) as wire:
        with contextlib.suppress(ConnectionError):
            for number in range(200):
                wire.send({"type": "stormdoor.refresh", "token": f"guess {number}"})
            wire.send({"type": "stormdoor.refresh", "token": "new"})
        return await said_by(wire) is not None


Attack = Callable[[Site], Coroutine[Any, Any, bool]]
ATTACKS: list[Attack] = [
    becomes_somebody_else,
    comes_back_after_the_end,
    overtakes_a_revocation,
    guesses_without_end,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[one.__name__ for one in ATTACKS])
async def test_refreshing_is_no_way_in(attack: Attack) -> None:
    """Each attack succeeds on the twin and fails behind the guard."""
    async with twin() as site:
        assert await attack(site), "it does not even work without a guard"
    async with guarded() as site:
        assert not await attack(site)


async def test_who_is_honest_refreshes() -> None:
    """In time, with an own token."""
    async with guarded() as site, await connect(site.port, "/ws", ALICE) as wire:
        site.clock.advance(80)
        answer = await wire.ask({"type": "stormdoor.refresh", "token": "new"})
        assert answer["type"] == "stormdoor.refreshed"
        site.clock.advance(200)
        assert await said_by(wire) == "alice"
