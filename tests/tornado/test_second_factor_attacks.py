"""Attacks on a second factor: each succeeds on a careless site, and fails here.

Both sites speak the same language, and the same attack runs against both.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import pyotp
import pytest
from tornado.web import RequestHandler

from stormdoor import Guard, PolicySet, SessionAuthenticator, login_routes, role
from stormdoor.auth.password.passwords import Argon2Cost, Passwords
from stormdoor.core.account import Account
from stormdoor.core.session import Session
from stormdoor.stores.memory import MemoryStore
from tests.support.clock import FakeClock
from tests.tornado.login_client import LoginClient
from tests.tornado.wire import serving

PASSWORD = "correct horse battery staple"
PASSWORDS = Passwords(cost=Argon2Cost(memory_kib=7_168, passes=5))


@cache
def password_hash() -> str:
    """Return the hash of `PASSWORD`."""
    return PASSWORDS.hash_now(PASSWORD)


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass
class Target:
    """Site with the account alice; the attacker knows her password, and alice has the device."""

    port: int
    clock: FakeClock
    device: pyotp.TOTP
    guard: Guard | None = None

    def client(self, **cookies: str) -> LoginClient:
        """A browser."""
        return LoginClient(self.port, cookies=dict(cookies))

    def code(self) -> str:
        """Return the present code of the device."""
        return self.device.at(int(self.clock.now()))


class _Twin(RequestHandler):
    """A site that means well: the cookie is a session, and a flag says what is still to come."""

    sessions: dict[str, dict[str, object]]
    clock: FakeClock

    def initialize(self, sessions: dict[str, dict[str, object]], clock: FakeClock) -> None:
        self.sessions = sessions
        self.clock = clock

    @property
    def session(self) -> dict[str, object] | None:
        """The session of the cookie."""
        return self.sessions.get(self.get_cookie("twin") or "")

    def right(self) -> bool:
        """Return whether the code is right; it may be used again, and wrong ones are not counted."""
        typed = json.loads(self.request.body)["totp"]
        return pyotp.TOTP(SECRET).verify(typed, for_time=int(self.clock.now()), valid_window=1)


class _TwinLogIn(_Twin):
    def post(self) -> None:
        body = json.loads(self.request.body)
        if body["password"] != PASSWORD:
            self.set_status(401)
            return
        id = self.get_cookie("twin") or secrets.token_urlsafe(16)
        self.sessions[id] = {"strength": 1}
        self.set_cookie("twin", id)
        self.set_status(202)


class _TwinSecondFactor(_Twin):
    def post(self) -> None:
        if self.session is None or not self.right():
            self.set_status(401)
        else:
            self.session["strength"] = 2


class _TwinSession(_Twin):
    def get(self) -> None:
        strong = self.session is not None and self.session["strength"] == 2
        self.set_status(200 if strong else 401)


class _TwinTicket(_Twin):
    def post(self) -> None:
        # The twin does not distinguish a pending login from a complete one.
        if self.session is None:
            self.set_status(401)
        else:
            self.finish({"ticket": "a ticket"})


@asynccontextmanager
async def twin() -> AsyncIterator[Target]:
    """The site without a door."""
    clock = FakeClock()
    given = {"sessions": {}, "clock": clock}
    routes = [
        ("/auth/login", _TwinLogIn, given),
        ("/auth/second-factor", _TwinSecondFactor, given),
        ("/auth/step-up", _TwinSecondFactor, given),
        ("/auth/session", _TwinSession, given),
        ("/auth/ticket", _TwinTicket, given),
    ]
    async with serving(routes) as served:
        yield Target(served.port, clock, pyotp.TOTP(SECRET))


@asynccontextmanager
async def guarded(store: MemoryStore | None = None) -> AsyncIterator[Target]:
    """The same site behind the guard."""
    clock = FakeClock()
    guard = Guard(
        origins=["http://127.0.0.1:1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "chat:*")]),
        passwords=Passwords(cost=Argon2Cost(memory_kib=7_168, passes=5)),
        secrets_key=b"k" * 32,
        clock=clock,
        store=store,
    )
    async with serving(login_routes(guard, endpoint="/ws"), guard) as served:
        await guard.state.accounts.add_account(
            Account(id="alice", password_hash=password_hash(), roles=frozenset({"member"}))
        )
        target = Target(served.port, clock, pyotp.TOTP(SECRET), guard)
        owner = target.client()
        await owner.log_in("alice", PASSWORD)
        target.device, _ = await owner.enrol_totp(clock.now())
        clock.advance(30)
        yield target


async def skip(target: Target) -> bool:
    """Type the stolen password, and go on without the code."""
    thief = target.client()
    await thief.log_in("alice", PASSWORD)
    return (await thief.post("/ticket")).status == 200


async def replay(target: Target) -> bool:
    """Type the code that alice has just typed, seen over her shoulder."""
    alice, thief = target.client(), target.client()
    await alice.log_in("alice", PASSWORD)
    code = target.code()
    assert (await alice.post("/second-factor", {"totp": code})).status == 200
    await thief.log_in("alice", PASSWORD)
    return (await thief.post("/second-factor", {"totp": code})).status == 200


async def guess(target: Target) -> bool:
    """Sixty guesses, of which the last is right: enough of them, and one always is."""
    thief = target.client()
    await thief.log_in("alice", PASSWORD)
    right = target.code()
    guesses = [f"{(int(right) + n) % 10**6:06}" for n in range(1000, 1059)] + [right]
    answers = [await thief.post("/second-factor", {"totp": one}) for one in guesses]
    return answers[-1].status == 200


async def fixation_at_login(target: Target) -> bool:
    """Plant a cookie in alice's browser, let her log in with both factors, and use it."""
    thief, alice = target.client(), target.client()
    await thief.log_in("alice", PASSWORD)
    alice.cookies = dict(thief.cookies)
    await alice.log_in("alice", PASSWORD)
    assert (await alice.post("/second-factor", {"totp": target.code()})).status == 200
    return (await thief.get("/session")).status == 200


async def fixation_across_step_up(target: Target) -> bool:
    """Copy the cookie before the step-up, and come back when the session is stronger."""
    alice = target.client()
    await alice.log_in("alice", PASSWORD)
    await alice.post("/second-factor", {"totp": target.code()})
    thief = target.client(**alice.cookies)
    target.clock.advance(30)
    assert (await alice.post("/step-up", {"totp": target.code()})).status == 200
    assert (await alice.get("/session")).status == 200
    return (await thief.get("/session")).status == 200


ATTACKS = [skip, replay, guess, fixation_at_login, fixation_across_step_up]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_attack_succeeds_without_the_guard(
    attack: Callable[[Target], Awaitable[bool]],
) -> None:
    """The attack first."""
    async with twin() as target:
        assert await attack(target)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_attack_fails_with_the_guard(attack: Callable[[Target], Awaitable[bool]]) -> None:
    """The same attack, word for word."""
    async with guarded() as target:
        assert not await attack(target)


class _SlowStore(MemoryStore):
    """A store in which another node makes a change just before a session is stored."""

    before: Callable[[], Awaitable[object]] | None = None

    async def add_session(self, session: Session) -> Session:
        """See `Sessions.add_session`."""
        change, self.before = self.before, None
        if change is not None:
            await change()
        return await super().add_session(session)


@pytest.mark.parametrize("way", ["totp", "recovery_code"])
async def test_login_with_a_factor_that_is_removed_meanwhile(way: str) -> None:
    """INVARIANT: no session stays that was stored after the removal had ended all sessions."""
    store = _SlowStore()
    async with guarded(store) as target:
        owner, thief = target.client(), target.client()
        await owner.log_in("alice", PASSWORD)
        await owner.post("/second-factor", {"totp": target.code()})
        codes = (await owner.post("/factors/recovery-codes")).body["recovery_codes"]
        target.clock.advance(30)
        await thief.log_in("alice", PASSWORD)
        proof = codes[0] if way == "recovery_code" else target.code()
        [factor] = await store.factors("alice")
        assert target.guard is not None
        admin = target.guard.admin
        store.before = lambda: admin.remove_factor("alice", factor.id)
        assert (await thief.post("/second-factor", {way: proof})).status == 401
        assert await store.sessions("alice") == []


async def test_endpoint_of_a_ticket_that_no_store_takes() -> None:
    """A text that PostgreSQL refuses is a mistake of the client."""
    async with guarded() as target:
        owner = target.client()
        await owner.log_in("alice", PASSWORD)
        await owner.post("/second-factor", {"totp": target.code()})
        for endpoint in ("/a\0b", "/" + "x" * 3000):
            assert (await owner.post("/ticket", {"endpoint": endpoint})).status == 400
        assert (await owner.post("/ticket", {"endpoint": "/ws"})).status == 200
