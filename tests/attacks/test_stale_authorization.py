"""stale-authorization: a permission ends after the handshake, and the socket stays open."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stormdoor import Guard, Target
from tests.attacks.test_weak_token_verification import HEADER, claims, key_of
from tests.attacks.twin import Chat, Site, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import answer, collected, told
from tests.support.tokens import forge
from tests.tornado.wire import CLOSE, Wire

# The demo looks for what others changed four times a second. The other second is for a busy machine.
SOON = 2.0


class DecidesOnce(Chat):
    """Careless chat that reads identity and permissions only at the handshake."""

    def open(self, *args: str, **kwargs: str) -> None:
        super().open(*args, **kwargs)
        self.role = self.site.roles.get(self.name or "", "")

    def do_announce(self, body: dict[str, Any]) -> None:
        if self.role == "administrator":
            self.answer("announced", body, text=body["text"])


async def may(wire: Wire, message: dict[str, Any]) -> bool:
    """Return whether the message succeeds on an open socket."""
    reply = await answer(wire, message)
    return reply is not None and reply["type"] != "error"


SAY = {"type": "say", "room": "lobby", "text": "still here"}
ANNOUNCE = {"type": "announce", "text": "still in charge"}


@asynccontextmanager
async def newcomer(demo: Running, name: str, *roles: str) -> AsyncIterator[Guard]:
    """Create a principal, and return it with the administration of another process."""
    async with demo.office() as office:
        await office.admin.add_principal(name, password=f"the password of {name}", roles=roles)
        yield office


async def closes(wire: Wire) -> tuple[int | None, float]:
    """Wait for the close. Returns its code, and the seconds that it took (without pauses of the machine)."""
    ticks = itertools.count()

    async def tick() -> None:
        # One that comes late counts as much as any other: then the server was late as well.
        while True:
            await asyncio.sleep(0.02)
            next(ticks)

    ticking = asyncio.create_task(tick())
    try:
        while (frame := await wire.receive()).opcode != CLOSE:
            pass
    finally:
        ticking.cancel()
    return frame.code, next(ticks) * 0.02


async def silent(wire: Wire) -> bool:
    """Return whether a message between the close and its answer has no effect."""
    wire.send({**SAY, "id": "after the end"})
    wire.frame(CLOSE, b"\x03\xe8")
    return await collected(wire) == []


Change = Callable[[Guard, str], Awaitable[Any]]

# What another process of the installation does, and the code with which the socket ends.
ENDS: dict[str, tuple[Change, int]] = {
    "the only role is withdrawn": (
        lambda office, id: office.admin.withdraw_role(id, "member"),
        3003,
    ),
    "the account is disabled": (lambda office, id: office.admin.set_disabled(id, True), 3000),
    "the account is removed": (lambda office, id: office.admin.remove_principal(id), 3000),
    "the password is changed": (
        lambda office, id: office.admin.set_password(id, "a new one, quite long"),
        3000,
    ),
    "the sessions are ended": (lambda office, id: office.admin.end_other_sessions(id), 3000),
    "the principal is revoked": (
        lambda office, id: office.admin.revoke(Target.PRINCIPAL, id),
        3000,
    ),
    "everything is revoked": (lambda office, _: office.admin.revoke(Target.EVERYTHING), 3000),
}


def _end(state: Site, name: str) -> None:
    state.roles[name] = ""
    state.passwords.pop(name)
    state.sessions.clear()


@pytest.mark.parametrize("what", ENDS)
async def test_a_socket_outlives_its_right(what: str, demo: Running) -> None:
    """Within a second after a change by another process, the socket is closed and no new one opens."""
    change, code = ENDS[what]
    async with site(DecidesOnce) as (at, state), await (await log_in(at, "alice")).open() as wire:
        _end(state, "alice")
        assert await may(wire, SAY)
    name = f"newcomer-{list(ENDS).index(what)}"
    async with newcomer(demo, name, "member") as office:
        visitor = demo.visitor()
        await visitor.log_in(name, f"the password of {name}")
        async with await visitor.open() as wire:
            assert await may(wire, {"type": "join", "room": "lobby"})
            await change(office, name)
            closed, seconds = await closes(wire)
            assert closed == code
            assert seconds < SOON
            assert await silent(wire)
        assert await visitor.refused() in (401, 403)
    entry = await demo.recorded("connection_closed", address=visitor.address)
    assert entry["cause"] in ("revoked", "forbidden")


class RevokesByClock(Chat):
    """Careless chat that compares times of issue and revocation, both from wall clocks."""

    revoked_at = 0.0

    def open(self, *args: str, **kwargs: str) -> None:
        self.issued_at = time.time()
        super().open(*args, **kwargs)

    def on_message(self, message: str | bytes) -> None:
        if self.issued_at <= type(self).revoked_at:
            self.close(3000)
        else:
            super().on_message(message)


class SetBack:
    """A clock that was set back one hour."""

    def now(self) -> float:
        """Unix seconds, too early."""
        return time.time() - 3600.0

    def monotonic(self) -> float:
        """Return monotonic seconds, which are not set back."""
        return time.monotonic()


@pytest.mark.parametrize("what", ["the account is disabled", "the principal is revoked"])
async def test_the_clock_is_set_back_before_the_revocation(what: str, demo: Running) -> None:
    """The revocation closes the socket and covers the credential, but not the login after it."""
    async with site(RevokesByClock) as (at, _), await (await log_in(at, "alice")).open() as wire:
        RevokesByClock.revoked_at = SetBack().now()
        assert await may(wire, SAY)
    change, code = ENDS[what]
    name = f"late-{list(ENDS).index(what)}"
    async with newcomer(demo, name, "member") as office, demo.office(SetBack()) as late:
        visitor = demo.visitor()
        await visitor.log_in(name, f"the password of {name}")
        key = await office.admin.issue_key(name, name="bot", scopes=["*"])
        async with (
            await visitor.open() as wire,
            await demo.visitor().with_key(key.secret, "/ws/chat") as of_key,
        ):
            assert of_key.status == 101
            await change(late, name)
            assert (await closes(wire))[0] == (await closes(of_key))[0] == code
        assert await visitor.refused() == 401
        async with await demo.visitor().with_key(key.secret, "/ws/chat") as again:
            assert again.status == 401
        await late.admin.set_disabled(name, False)
        follows = demo.visitor()
        await follows.log_in(name, f"the password of {name}")
        async with await follows.open() as wire:
            assert await may(wire, {"type": "join", "room": "lobby"})


async def test_an_administrator_is_one_no_more(demo: Running) -> None:
    """A withdrawn role takes its permissions from the open socket, and other roles keep theirs."""
    async with site(DecidesOnce) as (at, state), await (await log_in(at, "ada")).open() as wire:
        state.roles["ada"] = "member"
        assert await may(wire, ANNOUNCE)
    async with newcomer(demo, "vera", "member", "administrator") as office:
        vera = demo.visitor()
        await vera.log_in("vera", "the password of vera")
        async with await vera.open() as chat, await vera.open("/ws/dashboard") as dashboard:
            assert await may(chat, ANNOUNCE)
            await office.admin.withdraw_role("vera", "administrator")
            closed, seconds = await closes(dashboard)
            assert (closed, seconds < SOON) == (3003, True)
            assert not await may(chat, ANNOUNCE)
            assert await may(chat, SAY)
        assert await vera.refused("/ws/dashboard") == 403
        assert (await vera.get("/metrics")).status == 403
    changed = await demo.recorded("privilege_permissions_changed", principal="vera")
    assert changed["detail"] == "role -administrator"
    closed_entry = await demo.recorded(
        "connection_closed", address=vera.address, endpoint="/ws/dashboard"
    )
    assert closed_entry["cause"] == "forbidden"


async def test_a_role_that_is_given_counts_at_once(demo: Running) -> None:
    """A role that is granted applies to the next message, without a new login."""
    async with newcomer(demo, "wanda", "member") as office:
        wanda, ada = demo.visitor(), await demo.visit("ada")
        await wanda.log_in("wanda", "the password of wanda")
        async with await wanda.open() as chat, await ada.open("/ws/dashboard") as dashboard:
            assert not await may(chat, ANNOUNCE)
            await office.admin.grant_role("wanda", "administrator")
            # Two beats of the dashboard are two seconds at most.
            for _ in range(2):
                await told(dashboard, "stats")
            assert await may(chat, ANNOUNCE)


async def test_a_key_that_is_revoked(demo: Running) -> None:
    """The revocation of a key closes the device's socket, and the key opens no other."""
    async with demo.office() as office:
        await office.admin.add_principal("meter", roles=["device"])
        issued = await office.admin.issue_key("meter", name="meter", scopes=["dashboard:*"])
        async with await demo.visitor().with_key(issued.secret) as wire:
            assert wire.status == 101
            assert await office.admin.revoke_key(issued.key.id)
            closed, seconds = await closes(wire)
            assert (closed, seconds < SOON) == (3000, True)
        late = demo.visitor()
        async with await late.with_key(issued.secret) as wire:
            assert wire.status == 401
    await demo.recorded("authn_login_fail", address=late.address)


async def test_a_token_that_expires(demo: Running) -> None:
    """A connection is closed when its token expires, also during a conversation."""
    visitor = demo.visitor()
    now = time.time()
    token = forge(HEADER, claims(sub="alice", iat=now, exp=now + 1.5), key_of(demo))
    async with await visitor.with_key(token, "/ws/chat") as wire:
        assert wire.status == 101
        assert await may(wire, SAY)
        closed, seconds = await closes(wire)
        assert (closed, seconds < 1.5 + SOON) == (3000, True)
        assert await silent(wire)
    async with await visitor.with_key(token, "/ws/chat") as wire:
        assert wire.status == 401
    entry = await demo.recorded("connection_closed", address=visitor.address)
    assert entry["cause"] == "expired"


async def test_one_connection_is_closed(demo: Running) -> None:
    """An operator closes one socket, and only that one."""
    alice = await demo.visit("alice")
    async with await alice.open() as one, await alice.open() as other:
        entry = await demo.recorded("connection_opened", address=alice.address)
        async with demo.office() as office:
            await office.admin.revoke(Target.CONNECTION, entry["connection"])
            closed, _ = await closes(one)
            assert closed == 3000
        assert await may(other, SAY)
