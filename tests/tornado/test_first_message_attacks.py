"""Attacks before authentication on an open socket: floods, guesses, and reading other clients' news.

The twin is a careless implementation of a token in the first message. Each attack succeeds on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ClassVar

import pytest
from tornado.websocket import WebSocketHandler

from stormdoor import Command, Guard, GuardedHandler, Reply, Topic, action
from tests.guard.fakes import Tokens, authentication, events, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Ended,
    Wire,
    connect,
    request,
    serving,
    settled,
)

TOKENS = {"token of alice": "alice", "token of bob": "bob"}
NEWS = Topic("news", "chat:say")


class Say(Command, tag="say"):
    text: str


class Said(Reply, tag="said"):
    who: str
    text: str


class Chat(GuardedHandler):
    """Handler behind the guard."""

    permission = "chat:connect"
    first_message = True

    def open(self, *args: str) -> None:
        self.settings["stormdoor_guard"].channels.subscribe(self.connection, NEWS)

    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(who=self.principal.id, text=command.text)


class Twin(WebSocketHandler):
    """The same without a guard: an `authenticate` first, and everything else in a dictionary."""

    everybody: ClassVar[set[Twin]] = set()
    verifying: ClassVar[set[asyncio.Task[None]]] = set()
    user: str | None = None

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self) -> None:
        self.everybody.add(self)

    def on_close(self) -> None:
        self.everybody.discard(self)

    def on_message(self, message: str | bytes) -> None:
        said = json.loads(message)
        if said["type"] == "stormdoor.authenticate":
            # "The answer of the directory will come soon enough, and then the socket is closed."
            self.user = said.get("name") or TOKENS.get(said["token"])
            task = asyncio.get_running_loop().create_task(self._verify(said["token"]))
            self.verifying.add(task)
            task.add_done_callback(self.verifying.discard)
        elif self.user is not None:
            self.write_message({"type": "said", "who": self.user, "text": said["text"]})
        else:
            self.write_message({"type": "error", "error": "who are you?"})

    async def _verify(self, token: str) -> None:
        await asyncio.sleep(0.01)
        if token in TOKENS:
            self.write_message({"type": "stormdoor.authenticated"})
        else:
            self.write_message({"type": "error", "error": "wrong token"})


class Target:
    """Target of the attacks: a port, and the actions of its owner."""

    def __init__(self, port: int, guard: Guard | None, clock: FakeClock) -> None:
        self.port, self.guard, self.clock = port, guard, clock

    async def publish(self, news: str) -> None:
        """Publish the news to all subscribers; the twin writes to all its connections."""
        if self.guard is not None:
            self.guard.channels.publish(NEWS, {"news": news})
        else:
            for one in Twin.everybody:
                one.write_message({"news": news})

    async def later(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        if self.guard is not None:
            await self.guard.tick()
        await settled()


@contextlib.asynccontextmanager
async def twin() -> AsyncIterator[Target]:
    """The site without a guard."""
    Twin.everybody.clear()
    async with serving([("/ws", Twin)]) as served:
        yield Target(served.port, None, FakeClock())
        await asyncio.gather(*Twin.verifying, return_exceptions=True)


@contextlib.asynccontextmanager
async def guarded(**limits: Any) -> AsyncIterator[Target]:
    """The site with one."""
    clock = FakeClock()
    known = {token: authentication(who) for token, who in TOKENS.items()}
    guard = make_guard(Tokens(known), clock=clock, limits=limits, insecure_allow_any_host=True)
    async with serving([("/ws", Chat)], guard) as served:
        yield Target(served.port, guard, clock)


def hello(token: str, **more: Any) -> dict[str, Any]:
    """The first message."""
    return {"type": "stormdoor.authenticate", "token": token, **more}


async def heard(wire: Wire) -> list[Any]:
    """Return the messages up to the answer to a ping, or up to the end."""
    found: list[Any] = []
    wire.frame(PING, b"last")
    with contextlib.suppress(Ended):
        while (frame := await wire.receive()).opcode != CLOSE:
            if frame.opcode == PONG and frame.payload == b"last":
                break
            if frame.opcode == TEXT:
                found.append(json.loads(frame.text))
    return found


Attack = Callable[[Target], Coroutine[Any, Any, object]]


async def speaks_behind_a_forged_token(at: Target) -> object:
    """Frames in one packet: the second is carried out while the first is being verified."""
    async with await connect(at.port) as wire:
        wire.send(hello("forged", name="alice"))
        wire.send({"type": "say", "text": "as alice"})
        return [one for one in await heard(wire) if one["type"] == "said"]


async def speaks_before_the_token(at: Target) -> object:
    """Send a command before the token; an answer tells the attacker which commands exist."""
    async with await connect(at.port) as wire:
        wire.send({"type": "say", "text": "x"})
        wire.send(hello("token of alice"))
        return await heard(wire)


async def speaks_in_bytes(at: Target) -> object:
    """A binary frame that the parser happens to understand."""
    async with await connect(at.port) as wire:
        wire.frame(BINARY, json.dumps(hello("token of alice")).encode())
        wire.send({"type": "say", "text": "x"})
        return [one for one in await heard(wire) if one["type"] == "said"]


async def listens_in(at: Target) -> object:
    """Send no token, and return the published news that arrive."""
    async with await connect(at.port) as wire:
        await settled()
        await at.publish("the secret")
        return [one for one in await heard(wire) if "news" in one]


async def becomes_somebody_else(at: Target) -> object:
    """Send a second `authenticate` on an authenticated socket."""
    async with await connect(at.port) as wire:
        wire.send(hello("token of alice"))
        await wire.json()
        wire.send(hello("token of bob"))
        wire.send({"type": "say", "text": "x"})
        return [one for one in await heard(wire) if one.get("who") == "bob"]


async def guesses(at: Target) -> object:
    """Two hundred tokens on one socket, then the right one."""
    async with await connect(at.port) as wire:
        with contextlib.suppress(ConnectionError):
            for number in range(200):
                wire.send(hello(f"guess {number}"))
            wire.send(hello("token of alice"))
            wire.send({"type": "say", "text": "x"})
        return [one for one in await heard(wire) if one["type"] == "said"]


async def guesses_on_many_sockets(at: Target) -> object:
    """One each, thirty times; then the right one."""
    found: list[Any] = []
    for number in range(31):
        wire = await request(at.port)
        async with wire:
            if wire.status != 101:
                return []
            wire.send(hello("token of alice" if number == 30 else f"guess {number}"))
            wire.send({"type": "say", "text": "x"})
            found = await heard(wire)
    return [one for one in found if one["type"] == "said"]


async def waits_on_many_sockets(at: Target) -> object:
    """Thirty sockets that say nothing: how many are held, and for how long?"""
    async with contextlib.AsyncExitStack() as stack:
        wires = []
        for _ in range(30):
            wire = await stack.enter_async_context(await request(at.port))
            if wire.status == 101:
                wires.append(wire)
        if len(wires) < 30:
            return []
        await at.later(60)
        return wires


async def never_ends_its_message(at: Target) -> object:
    """One fragment after the other, and none is the last."""
    async with await connect(at.port) as wire:
        wire.frame(TEXT, b'{"type":', final=False)
        for _ in range(20):
            wire.frame(CONTINUATION, b" ", final=False)
        await at.later(60)
        with contextlib.suppress(Ended):
            wire.frame(PING, b"alive?")
            while (frame := await wire.receive()).opcode != CLOSE:
                if frame.payload == b"alive?":
                    return "alive"
        return []


async def sends_a_great_deal(at: Target) -> object:
    """Send a megabyte before authentication."""
    async with await connect(at.port) as wire:
        with contextlib.suppress(ConnectionError):
            wire.send(json.dumps({"type": "say", "text": "x" * 1_000_000}))
        return await heard(wire)


async def floods_with_pings(at: Target) -> object:
    """Three hundred, each of which has to be answered."""
    async with await connect(at.port) as wire:
        for number in range(300):
            wire.frame(PING, b"%d" % number)
        answered = 0
        with contextlib.suppress(Ended):
            while (frame := await wire.receive()).opcode != CLOSE:
                answered += frame.opcode == PONG
                if answered == 300:
                    return "all"
        return []


ATTACKS: list[Attack] = [
    speaks_behind_a_forged_token,
    speaks_before_the_token,
    speaks_in_bytes,
    listens_in,
    becomes_somebody_else,
    guesses,
    guesses_on_many_sockets,
    waits_on_many_sockets,
    never_ends_its_message,
    sends_a_great_deal,
    floods_with_pings,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[one.__name__ for one in ATTACKS])
async def test_before_anybody_knows_who_it_is(attack: Attack) -> None:
    """Each attack succeeds on the twin and fails behind the guard."""
    async with twin() as at:
        assert await attack(at), "it does not even work without a guard"
    async with guarded() as at:
        assert not await attack(at)


async def test_who_is_honest_is_let_in_meanwhile() -> None:
    """Sockets that wait take no place of those who bring their credential in the handshake."""
    async with guarded(pending=5) as at, contextlib.AsyncExitStack() as stack:
        assert at.guard is not None
        for _ in range(5):
            await stack.enter_async_context(await connect(at.port))
        refused = await request(at.port)
        assert refused.status == 503
        await refused.hang_up()
        alice = ("Authorization", "Bearer token of alice")
        async with await connect(at.port, "/ws", alice) as wire:
            assert (await wire.ask({"type": "say", "text": "x"}))["who"] == "alice"
        names = [one.cause for one in await events(at.guard) if one.cause]
        assert "busy" in names
