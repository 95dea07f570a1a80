"""race-in-authorization: a permission changes between its check and its use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from tornado.web import Application

from stormdoor import Guard, SessionAuthenticator, login_routes
from stormdoor.core.session import Session
from stormdoor.stores import MemoryStore
from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer, collected, heard, told
from tests.tornado.wire import TEXT, Wire, frame_bytes, serving, until

pytestmark = pytest.mark.extended


async def speaks(wire: Wire) -> bool:
    """Return whether the server accepts a message now."""
    reply = await answer(wire, {"type": "say", "room": "lobby", "text": "too late"})
    return reply is not None and reply["type"] == "said"


# -- between the check and the 101 -------------------------------------------------------------------


class AsksSomebody(Chat):
    """Careless chat that waits for a database between the check of the session and the open socket."""

    async def prepare(self) -> None:
        self.found = super().who()
        self.site.told.append("asked")
        await self.settings["answered"].wait()

    def who(self) -> str | None:
        return self.found


async def test_a_session_is_ended_during_the_handshake(demo: Running) -> None:
    """A logout during a handshake ends it, because the guard reads revocations after it registers."""
    answered = asyncio.Event()
    async with site(AsksSomebody, answered=answered) as (at, state):
        victim = await log_in(at, "alice")
        opening = asyncio.create_task(victim.twin().handshake())
        await until(lambda: state.told)
        await victim.log_out()
        answered.set()
        async with await opening as wire:
            assert await speaks(wire)
    for turn in range(6):
        alice = await demo.visit("alice")
        copies = [alice.twin() for _ in range(6)]
        async with AsyncExitStack() as stack:
            openings = [asyncio.create_task(copy.handshake()) for copy in copies]
            for _ in range(turn * 3):
                await asyncio.sleep(0)  # each turn the logout comes a little later
            await alice.log_out()
            wires = await asyncio.gather(*openings)
            for wire in wires:
                await stack.enter_async_context(wire)
            assert {wire.status for wire in wires} <= {101, 401}
            assert not any([await speaks(wire) for wire in wires if wire.status == 101])
    for entry in demo.entries():
        if entry["name"] == "connection_opened":
            await demo.recorded("connection_closed", connection=entry["connection"])


# -- before the end of a login -----------------------------------------------------------------------


class AsksAfterwards(Chat):
    """Careless chat that dispatches messages before it knows the sender."""

    name = "somebody"

    def open(self, *args: str, **kwargs: str) -> None:
        self.site.sockets.append(self)
        self.checking = asyncio.create_task(self.check())

    async def check(self) -> None:
        """Ask a database for the session, and close the connection if there is none."""
        await self.settings["answered"].wait()
        if self.who() is None:
            self.close()


async def shouts_before(visitor: Visitor, listener: Wire) -> bool:
    """Send the message together with the handshake, before the server can have decided."""
    wire = await visitor.dial()
    async with wire:
        lines = visitor._lines(
            "GET /ws/chat HTTP/1.1",
            None,
            visitor.origin,
            [
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Sec-WebSocket-Version", "13"),
            ],
        )
        message = json.dumps({"type": "say", "room": "lobby", "text": "before the door"})
        frames = frame_bytes(TEXT, message.encode()) * 3
        wire.raw(("\r\n".join(lines) + "\r\n\r\n").encode() + frames)
        await wire.read_answer()
        return "before the door" in json.dumps(await heard(listener))


@pytest.mark.parametrize("name", ["eve", None])
async def test_messages_come_with_the_handshake(name: str | None, demo: Running) -> None:
    """No message is delivered before the connection is open, and none of a refused connection."""
    answered = asyncio.Event()
    async with site(AsksAfterwards, answered=answered) as (at, _):
        listener = await log_in(at, "alice")
        async with await listener.open() as wire:
            assert await shouts_before(Visitor(at.port), wire)
        answered.set()
    stranger = demo.visitor() if name is None else await demo.visit(name)
    async with await (await demo.visit("alice")).open() as wire:
        await wire.ask({"type": "join", "room": "lobby"})
        assert not await shouts_before(stranger, wire)
    refused = "authn_login_fail" if name is None else "authz_fail"
    await demo.recorded(refused, address=stranger.address)


# -- after the close ---------------------------------------------------------------------------------


class Closes(Chat):
    """Careless chat that closes at `bye` with Tornado's `close`, and still receives pending messages."""

    def do_bye(self, body: dict[str, object]) -> None:
        self.close(1008)


async def test_messages_come_after_the_close(demo: Running) -> None:
    """Messages that arrive after the close frame was sent are dropped."""
    async with site(Closes) as (at, _):
        alice, bob = await log_in(at, "alice"), await log_in(at, "bob")
        async with await alice.open() as listener, await bob.open() as wire:
            wire.send({"type": "bye"})
            wire.send({"type": "say", "room": "lobby", "text": "after the end"})
            assert (await told(listener, "said"))["text"] == "after the end"
    alice, bob = await demo.visit("alice"), await demo.visit("bob")
    async with await alice.open() as listener, await bob.open() as wire:
        for one in (listener, wire):
            await one.ask({"type": "join", "room": "lobby"})
        await heard(listener)
        for _ in range(21):
            wire.send("nonsense")
        for number in range(5):
            wire.send({"type": "say", "room": "lobby", "text": f"after the end {number}"})
        replies = await collected(wire)
        assert [reply["error"] for reply in replies] == ["invalid"] * 20
        for number in range(5):
            wire.send({"type": "say", "room": "lobby", "text": f"long after the end {number}"})
        await asyncio.sleep(0)
        assert (await told(listener, "left"))["principal"] == "bob"
        assert await heard(listener) == []
    closed = await demo.recorded("connection_closed", address=bob.address)
    assert closed["cause"] == "invalid-message"


# -- two at once -------------------------------------------------------------------------------------


async def test_the_password_changes_during_a_login(demo: Running) -> None:
    """A login that was checked against the old password does not become a session afterwards."""
    async with demo.office() as office:
        await office.admin.add_principal("dora", password="the first password", roles=["member"])
        body = {"username": "dora", "password": "the first password"}
        visitors = [demo.visitor() for _ in range(4)]
        logins = [asyncio.create_task(one.post("/auth/login", body)) for one in visitors]
        await office.admin.set_password("dora", "the second password")
        statuses = {answer.status for answer in await asyncio.gather(*logins)}
        assert statuses <= {200, 401, 503}
        for one in visitors:
            assert (await one.get("/auth/session")).status == 401


class Interrupted(MemoryStore):
    """Store that calls a function just before it writes a session."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def add_session(self, session: Session) -> Session:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().add_session(session)


@pytest.mark.parametrize("change", ["password", "disabled", "removed"])
async def test_the_account_changes_at_the_last_moment(change: str) -> None:
    """A session is checked again after it is written: another process may have ended all."""
    store = Interrupted()
    guard = Guard(authenticators=[SessionAuthenticator()], store=store, production=False)
    body = {"username": "dora", "password": "the first password"}

    async def elsewhere() -> None:
        await {
            "password": lambda: store.set_password_hash("dora", "another hash"),
            "disabled": lambda: store.set_disabled("dora", True),
            "removed": lambda: store.set_password_hash("dora", None),
        }[change]()
        await store.remove_sessions("dora")

    async with serving(Application(login_routes(guard, endpoint="/ws")), guard) as at:
        await guard.admin.add_principal("dora", password=body["password"])
        good, late = Visitor(at.port), Visitor(at.port)
        assert (await good.post("/auth/login", body, origin=None)).status == 200
        store.meanwhile = elsewhere
        answered = await late.post("/auth/login", body, origin=None)
        assert (answered.status, late.cookies) == (401, {})
        assert await store.sessions("dora") == []


async def test_connections_beyond_the_limit_at_once(demo: Running) -> None:
    """Thirty simultaneous handshakes open at most the twenty connections that a principal may have."""
    bob = await demo.visit("bob")
    async with AsyncExitStack() as stack:
        wires = await asyncio.gather(*(bob.handshake() for _ in range(30)))
        for wire in wires:
            await stack.enter_async_context(wire)
        statuses = [wire.status for wire in wires]
        assert (statuses.count(101), statuses.count(429)) == (20, 10)
    await demo.recorded("excess_sessions_exceeded", address=bob.address)
