"""session-hijacking: an attacker guesses, fixes or steals a session."""

from __future__ import annotations

import json

import pytest

from tests.attacks.twin import PASSWORDS, Chat, LogIn, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer, is_in

pytestmark = pytest.mark.extended

# -- guessed -----------------------------------------------------------------------------------------


class Counted(LogIn):
    """Careless login with consecutive numbers as session ids."""

    def new_session(self) -> str:
        return str(1000 + len(self.site.sessions))


async def guesses(mallory: Visitor, cookie: str) -> bool:
    """Try the session ids next to the attacker's own."""
    own = mallory.cookies[cookie]
    before = own[:-1] + chr(ord(own[-1]) - 1)
    after = own[:-1] + chr(ord(own[-1]) + 1)
    return any(
        [
            await is_in(await mallory.twin(**{cookie: guess}).handshake())
            for guess in (before, after)
        ]
    )


async def test_a_session_is_guessed(demo: Running) -> None:
    """A session id has 256 random bits, so one id does not help to guess another."""
    async with site(Chat, log_in=Counted) as (at, _):
        await log_in(at, "alice")
        assert await guesses(await log_in(at, "eve"), "sid")
    alices = [(await demo.visit("alice")).cookie for _ in range(3)]
    eve = await demo.visit("eve")
    assert not await guesses(eve, "__Host-stormdoor")
    assert len({cookie[:4] for cookie in alices}) == 3
    entry = await demo.recorded("authn_login_fail", address=eve.address)
    assert (entry["endpoint"], entry["cause"]) == ("/ws/chat", "bad-credential")


# -- fixed -------------------------------------------------------------------------------------------


class Fixed(LogIn):
    """Careless login that keeps the session that the client presents."""

    def new_session(self) -> str:
        return self.get_cookie("sid") or super().new_session()


async def fixes(victim: Visitor, cookie: str, known: str, name: str, password: str) -> bool:
    """The attacker sets a known cookie in the victim's browser, and uses it after the login."""
    victim.cookies = {cookie: known}
    await victim.log_in(name, password)
    return await is_in(await victim.twin(**{cookie: known}).handshake())


async def test_a_session_is_fixed(demo: Running) -> None:
    """A login always creates a new secret, and ends the session of the cookie in the request."""
    async with site(Chat, log_in=Fixed) as (at, _):
        known = "chosen-by-the-attacker"
        assert await fixes(Visitor(at.port), "sid", known, "alice", PASSWORDS["alice"])
    name, password = "__Host-stormdoor", demo.password("alice")
    for known in ("A" * 43, (await demo.visit("eve")).cookie, (await demo.visit("bob")).cookie):
        victim = demo.visitor()
        assert not await fixes(victim, name, known, "alice", password)
        await demo.recorded("authn_login_fail", address=victim.address, cause="bad-credential")


# -- stolen ------------------------------------------------------------------------------------------


async def steals(victim: Visitor, thief: Visitor) -> bool:
    """Return whether a stolen cookie works after the victim has ended its session elsewhere."""
    thief.cookies = dict(victim.cookies)
    async with await thief.handshake() as wire:
        assert wire.status == 101
        elsewhere = Visitor(victim.port, address=victim.address)
        await elsewhere.log_in("alice", _password(victim, elsewhere))
        await elsewhere.post("/auth/sessions/end-others")
        if await answer(wire, {"type": "say", "room": "lobby", "text": "still here"}):
            return True
    return await is_in(await thief.handshake())


def _password(victim: Visitor, elsewhere: Visitor) -> str:
    [password] = {secret for secret in victim.secrets if secret not in victim.cookies.values()}
    return password


async def test_a_session_is_stolen(demo: Running) -> None:
    """The owner sees the stolen session in the list and ends it, and with it all of its sockets."""
    async with site(Chat) as (at, _):
        assert await steals(await log_in(at, "alice"), Visitor(at.port))
    alice, thief = await demo.visit("alice"), demo.visitor()
    assert not await steals(alice, thief)
    closed = await demo.recorded("connection_closed", address=thief.address)
    assert (closed["principal"], closed["cause"]) == ("alice", "revoked")
    await demo.recorded("session_ended", principal="alice")


async def test_a_session_is_read_by_a_script(demo: Running) -> None:
    """The cookie is HttpOnly, Secure and SameSite."""

    async def readable(visitor: Visitor, password: str) -> bool:
        body = {"username": "alice", "password": password}
        answer = await visitor.post("/auth/login", body)
        attributes = (answer.header("Set-Cookie") or "").lower().split("; ")
        return not {"httponly", "secure", "samesite=lax"} <= set(attributes)

    async with site(Chat) as (at, _):
        assert await readable(Visitor(at.port), PASSWORDS["alice"])
    assert not await readable(demo.visitor(), demo.password("alice"))


async def test_a_session_is_read_in_the_database(demo: Running) -> None:
    """The database contains only hashes, so its reader cannot present a cookie, ticket, token or key."""
    async with site(Chat) as (at, state):
        await log_in(at, "alice")
        stolen = Visitor(at.port).twin(sid=next(iter(state.sessions)))
        assert await is_in(await stolen.handshake())
    alice = await demo.visit("alice")
    ticket = await alice.ticket()
    with demo.database() as database:
        tables = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        dump = json.dumps(
            [database.execute(f"SELECT * FROM {name}").fetchall() for name in tables],  # noqa: S608
            default=str,
        )
        sessions = [row[0] for row in database.execute("SELECT id FROM session")]
        keys = [row[0] for row in database.execute("SELECT hash FROM api_key")]
    for secret in (alice.cookie, ticket, demo.sensor_key, demo.password("alice")):
        assert secret not in dump
    for id in sessions:
        assert not await is_in(await demo.visitor().twin(**{"__Host-stormdoor": id}).handshake())
    for key in keys:
        async with await demo.visitor().with_key(key) as wire:
            assert wire.status == 401
