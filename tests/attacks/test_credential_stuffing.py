"""credential-stuffing: passwords, keys and tickets are guessed, by one address or by many."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable

import pytest

from stormdoor.core.apikey import compose
from tests.attacks.twin import Chat, site
from tests.attacks.twin import visitor as comes_to
from tests.demo.running import Running
from tests.demo.visitor import Visitor
from tests.support.references import without_reference

LIST = [
    f"{word}{year}" for word in ("summer", "stormdoor", "password") for year in range(2015, 2025)
]


async def guesses(visitors: list[Visitor], name: str, passwords: list[str]) -> bool:
    """Try a list of passwords in turn, from one address or from many. Returns whether one is accepted."""
    for number, password in enumerate(passwords):
        visitor = visitors[number % len(visitors)]
        body = {"username": name, "password": password}
        if (await visitor.post("/auth/login", body)).status == 200:
            return True
    return False


async def test_a_list_of_passwords(demo: Running) -> None:
    """After five guesses each further one must wait longer: the right password in a list is not reached."""
    async with site(Chat) as (at, state):
        state.passwords["alice"] = LIST[-1]
        assert await guesses([comes_to(at)], "alice", LIST)
    mallory = demo.visitor()
    assert not await guesses([mallory], "alice", [*LIST, demo.password("alice")])
    failed = await demo.recorded("authn_login_fail", address=mallory.address)
    assert (failed["principal"], failed["cause"]) == ("alice", "bad-credential")
    slowed = await demo.recorded("authn_login_fail_max", address=mallory.address)
    assert (slowed["principal"], slowed["cause"]) == ("alice", "authentication-backoff")


async def test_many_addresses(demo: Running) -> None:
    """All unfamiliar addresses of an account share one counter, so a botnet has no more guesses."""
    async with site(Chat) as (at, state):
        state.passwords["bob"] = LIST[-1]
        assert await guesses([comes_to(at)], "bob", LIST)
    bots = [demo.visitor() for _ in LIST]
    assert not await guesses([*bots, demo.visitor()], "bob", [*LIST, demo.password("bob")])
    slowed = await demo.recorded("authn_login_fail_max", principal="bob")
    assert slowed["cause"] == "authentication-backoff"


async def test_the_victim_is_not_locked_out(demo: Running) -> None:
    """During guesses from other addresses, the owner can log in from its known address only."""
    home = await demo.visit("mia")
    await home.log_out()
    bots = [demo.visitor() for _ in range(25)]
    assert not await guesses(bots, "mia", LIST[:25])
    stranger = demo.visitor()
    body = {"username": "mia", "password": demo.password("mia")}
    answer = await stranger.post("/auth/login", body)
    assert answer.status == 429
    assert int(answer.header("Retry-After") or 0) <= 300
    await home.log_in("mia", demo.password("mia"))


@pytest.mark.extended
async def test_the_victims_sessions_go_on(demo: Running) -> None:
    """An open session of a principal continues during guesses at its password."""
    ada = await demo.visit("ada")
    assert not await guesses([demo.visitor()], "ada", LIST[:8])
    async with await ada.open() as wire:
        assert (await wire.ask({"type": "join", "room": "lobby"}))["type"] == "joined"


@pytest.mark.extended
async def test_many_guesses_at_once(demo: Running) -> None:
    """Of forty simultaneous guesses, five are verified."""

    async def looked_at(visitor: Visitor) -> int:
        bodies = [{"username": "eve", "password": guess} for guess in (LIST + LIST)[:40]]
        answers = await asyncio.gather(*(visitor.post("/auth/login", body) for body in bodies))
        return [answer.status for answer in answers].count(401)

    async with site(Chat) as (at, _):
        assert await looked_at(comes_to(at)) == 40
    assert await looked_at(demo.visitor()) <= 5


@pytest.mark.extended
async def test_names_are_guessed(demo: Running) -> None:
    """The answers for a username with an account and for one without are equal."""
    names = [f"name-{number}" for number in range(4)]

    async def exists(visitor: Visitor) -> set[str]:
        """Return the names for which the answer differs."""
        found = {}
        for name in [*names, "alice"]:
            body = {"username": name, "password": "wrong wrong"}
            answer = await visitor.post("/auth/login", body)
            said = json.loads(answer.body)
            found[name] = (answer.status, without_reference(said) if "ref" in said else said)
        return {name for name in found if found[name] != found[names[0]]}

    async with site(Chat) as (at, _):
        assert await exists(comes_to(at)) == {"alice"}
    assert await exists(demo.visitor()) == set()


@pytest.mark.extended
async def test_logins_cannot_starve_the_sockets(demo: Running) -> None:
    """While many passwords are verified, messages on sockets are answered without delay."""
    alice = await demo.visit("ada")
    async with await alice.open() as wire:
        bots = [demo.visitor() for _ in range(30)]
        logins = [
            asyncio.create_task(
                bot.post("/auth/login", {"username": f"starve-{number}", "password": "wrong wrong"})
            )
            for number, bot in enumerate(bots)
        ]
        answered = 0
        while not all(login.done() for login in logins):
            assert (await wire.ask({"type": "leave", "room": "lobby"}))["type"] in ("left", "error")
            answered += 1
            await asyncio.sleep(0.06)
        assert answered >= 3
        assert {(await login).status for login in logins} <= {401, 429, 503}


# -- what is no password -----------------------------------------------------------------------------


async def tries(visitor: Visitor, make: Callable[[], str], count: int) -> list[int]:
    """Present invented keys. Returns the status of each handshake."""
    statuses = []
    for _ in range(count):
        async with await visitor.handshake(
            "/ws/dashboard", ("X-API-Key", make()), origin=None
        ) as wire:
            statuses.append(wire.status)
    return statuses


class KeyChat(Chat):
    """Careless endpoint with numbers as device keys and without a limit for attempts."""

    def prepare(self) -> None:
        if self.request.headers.get("X-API-Key") != "0099":
            self.send_error(403)


async def test_keys_are_guessed(demo: Running) -> None:
    """A key has 256 random bits, and an address that presents many invented keys is soon refused."""
    number = itertools.count()
    async with site(Chat, ("/ws/dashboard", KeyChat)) as (at, _):
        assert 101 in await tries(comes_to(at), lambda: f"{next(number):04}", 100)
    mallory = demo.visitor()
    statuses = await tries(
        mallory, lambda: compose(secrets.randbits(64), secrets.randbits(256))[1], 100
    )
    assert set(statuses[:60]) == {401}
    assert 429 in statuses[60:]
    async with await demo.visitor().with_key(demo.sensor_key) as wire:
        assert wire.status == 101
    entry = await demo.recorded("authn_login_fail_max", address=mallory.address)
    assert entry["cause"] == "authentication-backoff"


async def test_cookies_are_guessed(demo: Running) -> None:
    """The site accepts all guesses of a cookie; the demo sixty of one address, then two a second."""

    async def listened_to(visitor: Visitor, name: str, count: int) -> int:
        statuses = []
        for _ in range(count):
            thief = visitor.twin(**{name: secrets.token_urlsafe(32)})
            async with await thief.handshake() as wire:
                statuses.append(wire.status)
        return len(statuses) - statuses.count(429)

    async with site(Chat) as (at, _):
        assert await listened_to(comes_to(at), "sid", 100) == 100
    assert await listened_to(demo.visitor(), "__Host-stormdoor", 100) < 80


async def test_what_is_said_about_a_failure(demo: Running) -> None:
    """The answer is the same for unknown, expired and revoked credentials, and for those of another kind."""
    alice = await demo.visit("alice")
    spent = await alice.ticket()
    async with await alice.with_ticket(spent) as wire:
        assert wire.status == 101
    bodies = set()
    for offer in (spent, "sdt_" + "A" * 43, "short", "x" * 500):
        async with await demo.visitor().with_ticket(offer, origin=alice.origin) as wire:
            bodies.add((wire.status, without_reference(wire.body)))
    for key in ("A" * 43, demo.sensor_key[:-1] + "!", "a.b.c", "x" * 2000):
        async with await demo.visitor().with_key(key) as wire:
            bodies.add((wire.status, without_reference(wire.body)))
    assert bodies == {(401, b"authentication required\n")}
    answer = await demo.visitor().post("/auth/login", {"username": "alice", "password": "wrong"})
    assert without_reference(json.loads(answer.body)) == {"error": "unauthenticated"}


@pytest.mark.extended
async def test_a_flood_of_guesses_does_not_keep_members_out(demo: Running) -> None:
    """While 48 attackers guess all the time, a member at a familiar address logs in 12 of 12 times."""
    home = demo.visitor().address
    await demo.visit("alice", address=home)
    stopped = asyncio.Event()

    async def guess(attacker: Visitor) -> int:
        number = 0
        while not stopped.is_set():
            number += 1
            name = {"username": f"{attacker.address}-{number}", "password": "guess"}
            await attacker.post("/auth/login", name)
        return number

    attackers = [asyncio.create_task(guess(demo.visitor())) for _ in range(48)]
    try:
        for _ in range(12):
            async with asyncio.timeout(60):
                await demo.visit("alice", address=home)
    finally:
        stopped.set()
        guesses = await asyncio.gather(*attackers)
    assert min(guesses) > 0
