"""The second factor over HTTP: no session before it, one after it, and step-up without losing a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import pyotp
import pytest
from msgspec import Meta

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Limits,
    PolicySet,
    Reply,
    SessionAuthenticator,
    TicketAuthenticator,
    action,
    login_routes,
    role,
)
from stormdoor.auth.password.passwords import Argon2Cost, Passwords
from stormdoor.core.account import Account
from stormdoor.core.credential import fingerprint
from stormdoor.core.factor import Factor
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Changed
from tests.support.authenticator import SoftPasskey
from tests.support.clock import FakeClock
from tests.support.references import without_reference
from tests.tornado.login_client import Answer, LoginClient
from tests.tornado.wire import Wire, connect, log_lines, request, serving

PASSWORD = "correct horse battery staple"
CHEAP = Argon2Cost(memory_kib=7_168, passes=5)


@cache
def password_hash() -> str:
    """Return the hash of `PASSWORD`."""
    return Passwords(cost=CHEAP).hash_now(PASSWORD)


PAGE = "http://127.0.0.1:1"


class Pay(Command, tag="pay"):
    amount: Annotated[int, Meta(gt=0)]


class Look(Command, tag="look"):
    pass


class Done(Reply, tag="done"):
    pass


class Bank(GuardedHandler):
    permission = "bank:connect"

    @action("bank:pay", strength=2)
    async def pay(self, command: Pay) -> Done:
        return Done()

    @action("bank:look")
    async def look(self, command: Look) -> Done:
        return Done()


class Site:
    """A bank with a login; alice and bob have accounts."""

    def __init__(self, port: int, guard: Guard, clock: FakeClock, wires: AsyncExitStack) -> None:
        self.wires = wires
        self.port = port
        self.guard = guard
        self.clock = clock
        self.device = pyotp.TOTP("A" * 32)
        self.recovery_codes: list[str] = []

    def client(self, **options: Any) -> LoginClient:
        """A browser without cookies."""
        return LoginClient(self.port, **options)

    @property
    def cookie(self) -> str:
        """The name of the session cookie."""
        return self.guard.sessions.cookie.name

    def code(self) -> str:
        """Return the code of alice's device, for a new time step."""
        self.clock.advance(30)
        return self.device.at(int(self.clock.now()))

    async def alice(self, *, enrolled: bool = True) -> LoginClient:
        """Alice, logged in with her password, with a second factor that she has just enrolled."""
        client = self.client()
        answer = await client.log_in("alice", PASSWORD)
        assert answer.status == 200, answer
        if enrolled:
            self.device, self.recovery_codes = await client.enrol_totp(self.clock.now())
        return client

    async def pending(self) -> LoginClient:
        """A browser in which her password was typed."""
        client = self.client()
        answer = await client.log_in("alice", PASSWORD)
        assert answer.status == 202, answer
        return client

    async def socket(self, client: LoginClient) -> Wire:
        """A socket that was opened with the session cookie."""
        cookie = f"{self.cookie}={client.cookies[self.cookie]}"
        return await self.wires.enter_async_context(
            await connect(self.port, "/bank", ("Origin", PAGE), ("Cookie", cookie))
        )

    async def names(self) -> list[tuple[str, str, str]]:
        """The trail: name, principal, detail."""
        await self.guard.trail.flush()
        events = [entry.event for entry in await self.guard.state.trail.entries()]
        return [(event.name, event.principal, event.detail) for event in events]


@asynccontextmanager
async def bank(**options: Any) -> AsyncIterator[Site]:
    """A bank that is open."""
    clock = FakeClock()
    options = {"secrets_key": b"k" * 32} | options
    guard = Guard(
        origins=[PAGE],
        authenticators=[SessionAuthenticator(), TicketAuthenticator()],
        policies=PolicySet([role("member", "bank:*")]),
        passwords=Passwords(cost=CHEAP),
        clock=clock,
        **options,
    )
    routes = [*login_routes(guard, endpoint="/bank", second_factor_page="/code"), (r"/bank", Bank)]
    async with serving(routes, guard) as served:
        for name in ("alice", "bob"):
            await guard.state.accounts.add_account(
                Account(id=name, password_hash=password_hash(), roles=frozenset({"member"}))
            )
        async with AsyncExitStack() as wires:
            yield Site(served.port, guard, clock, wires)


async def said(wire: Wire, **command: Any) -> Any:
    """Send a command; what comes back."""
    return await wire.ask(command)


# Login ---------------------------------------------------------------------------------------


async def test_a_login_without_a_factor_is_as_before() -> None:
    """A password, a session of one factor."""
    async with bank() as site:
        client = await site.alice(enrolled=False)
        assert (await client.get("/session")).status == 200
        (session,) = await site.guard.sessions.sessions("alice")
        assert session.strength == 1


async def test_a_login_waits_for_the_second_factor() -> None:
    """After the password there is no session; after the code there is, of two factors."""
    async with bank() as site:
        await site.alice()
        client = site.client()
        answer = await client.log_in("alice", PASSWORD)
        assert (answer.status, answer.body) == (
            202, {"second_factor": ["totp", "recovery_code"], "expires_in": 300}
        )  # fmt: skip
        assert site.cookie not in client.cookies
        (line,) = answer.set_cookies
        assert "HttpOnly" in line
        assert "Secure" in line
        assert "SameSite=Strict" in line
        answer = await client.post("/second-factor", {"totp": site.code()})
        assert answer.status == 200
        assert answer.body["principal"] == "alice"
        assert list(client.cookies) == [site.cookie]
        sessions = await site.guard.sessions.sessions("alice")
        assert [session.strength for session in sessions] == [2, 2]
        names = await site.names()
        assert ("authn_login_pending", "alice", "waits for totp, recovery_code") in names
        assert ("authn_login_success", "alice", "password and totp") in names


ROUTES = [
    ("GET", "/session"),
    ("GET", "/sessions"),
    ("POST", "/ticket"),
    ("POST", "/password"),
    ("POST", "/step-up"),
    ("POST", "/step-up/options"),
    ("GET", "/factors"),
    ("POST", "/factors/totp"),
    ("POST", "/factors/passkey"),
    ("POST", "/factors/recovery-codes"),
    ("POST", "/sessions/end-others"),
    ("DELETE", "/factors/0123456789abcdef"),
    ("DELETE", "/sessions/" + "0" * 64),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_pending_login_opens_nothing(method: str, path: str) -> None:
    """INVARIANT: the cookie of a pending login opens no route, under any cookie name."""
    async with bank() as site:
        await site.alice()
        client = await site.pending()
        (secret,) = client.cookies.values()
        client.cookies[site.cookie] = secret
        assert (await client.send(method, path)).status == 401


async def test_a_pending_login_opens_no_socket() -> None:
    """Neither as a session nor as a ticket."""
    async with bank() as site:
        await site.alice()
        client = await site.pending()
        (secret,) = client.cookies.values()
        for headers in (
            [("Cookie", f"{site.cookie}={secret}")],
            [("Cookie", f"{site.cookie}-login={secret}")],
            [("Sec-WebSocket-Protocol", f"stormdoor.v1, stormdoor.ticket.{secret}")],
        ):
            async with await request(site.port, "/bank", ("Origin", PAGE), *headers) as wire:
                assert wire.status == 401


async def test_a_login_is_finished_where_it_began() -> None:
    """The code without the cookie, or with that of another login, is worth nothing."""
    async with bank() as site:
        await site.alice()
        await site.pending()
        stranger = site.client()
        assert (await stranger.post("/second-factor", {"totp": site.code()})).status == 401
        bob = site.client()
        await bob.log_in("bob", PASSWORD)
        assert (await bob.post("/second-factor", {"totp": site.code()})).status == 401


async def test_a_pending_login_becomes_one_session() -> None:
    """INVARIANT: two codes at once, both right, make one session; later ones make none."""
    async with bank() as site:
        await site.alice()
        client = await site.pending()
        kept = dict(client.cookies)
        twins = [LoginClient(site.port, cookies=dict(kept)) for _ in range(2)]
        proofs = [{"totp": site.code()}, {"recovery_code": site.recovery_codes[0]}]
        answers = await asyncio.gather(
            *(twin.post("/second-factor", proof) for twin, proof in zip(twins, proofs, strict=True))
        )
        assert sorted(answer.status for answer in answers) == [200, 401]
        late = LoginClient(site.port, cookies=kept)
        assert (await late.post("/second-factor", {"totp": site.code()})).status == 401


async def _too_late(site: Site) -> None:
    site.clock.advance(300)


async def _disabled(site: Site) -> None:
    await site.guard.admin.set_disabled("alice", True)


async def _other_password(site: Site) -> None:
    await site.guard.admin.set_password("alice", "another good password")


async def _revoked(site: Site) -> None:
    await site.guard.admin.revoke(Target.PRINCIPAL, "alice")


async def _removed(site: Site) -> None:
    await site.guard.admin.remove_principal("alice")


@pytest.mark.parametrize("what", [_too_late, _disabled, _other_password, _revoked, _removed])
async def test_a_pending_login_ends(what: Callable[[Site], Any]) -> None:
    """With its time, its password, its account, and everything of its principal."""
    async with bank() as site:
        await site.alice()
        client = await site.pending()
        await what(site)
        assert (await client.post("/second-factor", {"totp": site.code()})).status == 401


async def test_a_recovery_code_counts_once() -> None:
    """It stands in for the second factor, and the trail says how many are left."""
    async with bank() as site:
        await site.alice()
        code = {"recovery_code": site.recovery_codes[0]}
        assert (await (await site.pending()).post("/second-factor", code)).status == 200
        assert (await (await site.pending()).post("/second-factor", code)).status == 401
        assert (
            "authn_factor_used",
            "alice",
            "recovery-code, 9 left, for login",
        ) in await site.names()


async def test_codes_are_guessed_slowly() -> None:
    """After five wrong codes the account waits, for every pending login, and the answer says how long."""
    async with bank() as site:
        await site.alice()
        for _ in range(5):
            client = await site.pending()
            assert (await client.post("/second-factor", {"totp": "000000"})).status == 401
        answer = await (await site.pending()).post("/second-factor", {"totp": site.device.now()})
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"totp": "123456", "recovery_code": "x"},
        {"password": PASSWORD},
        {"totp": 123456},
        {"code": "123456"},
        {"totp": "123456", "username": "bob"},
    ],
)
async def test_exactly_one_thing_is_presented(body: dict[str, Any]) -> None:
    """And the pending login is none the worse for a mistake."""
    async with bank() as site:
        await site.alice()
        client = await site.pending()
        assert (await client.post("/second-factor", body)).status == 400
        assert (await client.post("/second-factor", {"totp": site.code()})).status == 200


async def test_forms_are_sent_on() -> None:
    """A page without scripts: to the page of the second factor, and from there in."""
    async with bank() as site:
        await site.alice()
        client = site.client()
        answer = await client.post(
            "/login", {"username": "alice", "password": PASSWORD.replace(" ", "+")}, form=True
        )
        assert (answer.status, answer.headers["Location"]) == (303, "/code")
        answer = await client.post("/second-factor", {"totp": "000000"}, form=True)
        location = without_reference(answer.headers["Location"])
        assert (answer.status, location) == (303, "/code?error=unauthenticated")
        answer = await client.post("/second-factor", {"totp": site.code()}, form=True)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert site.cookie in client.cookies
        answer = await site.client().post("/second-factor", {"totp": "000000"}, form=True)
        location = without_reference(answer.headers["Location"])
        assert location == "/?error=unauthenticated"


async def test_a_session_that_came_along_is_ended() -> None:
    """A completed second factor ends the session that came with the request, against session fixation."""
    async with bank() as site:
        alice = await site.alice()
        planted = alice.cookies[site.cookie]
        client = site.client(cookies={site.cookie: planted})
        assert (await client.log_in("alice", PASSWORD)).status == 202
        assert (await client.post("/second-factor", {"totp": site.code()})).status == 200
        assert client.cookies[site.cookie] != planted
        assert (await site.client(cookies={site.cookie: planted}).get("/session")).status == 401


# Passkeys ------------------------------------------------------------------------------------


async def _passkey(client: LoginClient) -> SoftPasskey:
    device = SoftPasskey(origin=PAGE)
    options = (await client.post("/factors/passkey")).body["publicKey"]
    answer = await client.post(
        "/factors/passkey/confirm", {"passkey": device.create(options), "name": "my phone"}
    )
    assert answer.status == 201, answer
    assert len(answer.body["recovery_codes"]) == 10
    return device


async def test_a_passkey_is_a_second_factor() -> None:
    """Enrolled in a fresh session, asked for after the password."""
    async with bank(secrets_key=None) as site:
        device = await _passkey(await site.alice(enrolled=False))
        client = await site.pending()
        options = (await client.post("/second-factor/options")).body["publicKey"]
        assert options["rpId"] == "127.0.0.1"
        answer = await client.post("/second-factor", {"passkey": device.get(options)})
        assert answer.status == 200, answer
        factors = (await client.get("/factors")).body
        assert [(one["kind"], one["name"]) for one in factors["factors"]] == [
            ("passkey", "my phone")
        ]
        assert factors["kinds"] == ["passkey"]
        assert factors["factors"][0]["last_used_at"] == site.clock.now()


async def test_a_passkey_logs_in_alone() -> None:
    """With nothing typed, if the device checks who uses it; bound to the browser that asked."""
    async with bank() as site:
        device = await _passkey(await site.alice(enrolled=False))
        client = site.client()
        options = (await client.post("/passkey/options")).body["publicKey"]
        assert options["userVerification"] == "required"
        answer = device.get(options)
        assert (await site.client().post("/passkey", {"passkey": answer})).status == 401
        stranger = site.client()
        await stranger.post("/passkey/options")
        options = (await client.post("/passkey/options")).body["publicKey"]
        assert (await stranger.post("/passkey", {"passkey": device.get(options)})).status == 401
        options = (await client.post("/passkey/options")).body["publicKey"]
        done = await client.post("/passkey", {"passkey": device.get(options)})
        assert (done.status, done.body["principal"]) == (200, "alice")
        options = (await client.post("/passkey/options")).body["publicKey"]
        device.verifies = False
        assert (await client.post("/passkey", {"passkey": device.get(options)})).status == 401
        await site.guard.admin.set_disabled("alice", True)
        device.verifies = True
        options = (await client.post("/passkey/options")).body["publicKey"]
        assert (await client.post("/passkey", {"passkey": device.get(options)})).status == 401


@pytest.mark.parametrize("most", [1000, 3], ids=["unbounded", "bounded"])
async def test_strangers_who_begin_logins_and_finish_none(most: int) -> None:
    """The attack: many addresses, each below its rate, fill the store. There it ends at the bound, with 503.

    Who is known goes on, and when the first of them is over, strangers do too.
    """
    limits = Limits(unfinished_logins=most, handshakes_per_address="1000/s")
    async with bank(limits=limits) as site:
        alice = await site.alice(enrolled=False)
        device = await _passkey(alice)
        answers = [await site.client().post("/passkey/options") for _ in range(8)]
        assert [one.status for one in answers].count(200) == min(most, 8)
        if most == 3:
            body = without_reference(answers[-1].body)
            assert (answers[-1].status, body) == (503, {"error": "unavailable"})
            assert (await site.pending()).cookies
            options = (await alice.post("/step-up/options")).body["publicKey"]
            assert (await alice.post("/step-up", {"passkey": device.get(options)})).status == 200
            site.clock.advance(300)
        assert (await site.client().post("/passkey/options")).status == 200


async def test_a_pending_login_with_another_page() -> None:
    """A challenge of the page is not answered from another one, were that one of ours, too."""
    async with bank() as site:
        device = await _passkey(await site.alice(enrolled=False))
        client = await site.pending()
        options = (await client.post("/second-factor/options")).body["publicKey"]
        client.origin = "http://127.0.0.1:2"
        answer = await client.post("/second-factor", {"passkey": device.get(options)})
        assert answer.status == 403  # the guard knows no such page


# Step-up -------------------------------------------------------------------------------------


async def test_step_up_keeps_the_socket() -> None:
    """INVARIANT: the session has a new secret and two factors, its sockets live on as they were, and
    with a ticket of the new session the same socket may what it might not.
    """
    async with bank() as site:
        client = site.client()
        await client.log_in("alice", PASSWORD)
        old = client.cookies[site.cookie]
        weak = await site.socket(client)
        assert (await said(weak, type="pay", amount=5))["error"] == "step-up"
        site.device, _ = await client.enrol_totp(site.clock.now())
        assert client.cookies[site.cookie] != old
        assert (await site.client(cookies={site.cookie: old}).get("/session")).status == 401
        answer = await client.post("/step-up", {"totp": site.code()})
        assert answer.status == 200
        # The socket stays open at its old strength, because its holder proved nothing.
        assert (await said(weak, type="look"))["type"] == "done"
        assert (await said(weak, type="pay", amount=5))["error"] == "step-up"
        ticket = (await client.post("/ticket")).body["ticket"]
        assert (await said(weak, type="stormdoor.refresh", token=ticket, id=1))["type"] == (
            "stormdoor.refreshed"
        )
        assert (await said(weak, type="pay", amount=5))["type"] == "done"
        # And it hangs on the new session: a logout ends it.
        await client.post("/logout")
        assert await weak.close_code() == 3000


async def test_a_socket_goes_with_the_session_that_it_moved_to() -> None:
    """Without a refresh, too; on other processes as soon as they have heard of the move."""
    async with bank() as site:
        client = await site.alice()
        wire = await site.socket(client)
        await client.post("/step-up", {"totp": site.code()})
        assert (await said(wire, type="look"))["type"] == "done"
        await site.guard.tick()
        await client.post("/logout")
        assert await wire.close_code() == 3000


async def test_proof_on_the_socket_itself() -> None:
    """`stormdoor.prove` with the code of the device: the same socket, and only once."""
    async with bank() as site:
        client = site.client()
        await client.log_in("alice", PASSWORD)
        wire = await site.socket(client)
        site.device, _ = await client.enrol_totp(site.clock.now())
        code = site.code()
        assert (await said(wire, type="stormdoor.prove", totp="000000", id=1))["type"] == "error"
        assert (await said(wire, type="stormdoor.prove", totp=code, id=2))["type"] == (
            "stormdoor.refreshed"
        )
        assert (await said(wire, type="pay", amount=5))["type"] == "done"
        again = await said(wire, type="stormdoor.prove", totp=code, id=3)
        assert again["type"] == "error"


async def test_step_up_renews_the_time_of_the_proof() -> None:
    """A principal without a second factor steps up by password, and a wrong password fails."""
    async with bank() as site:
        client = await site.alice(enrolled=False)
        site.clock.advance(400)
        assert (await client.post("/sessions/end-others")).status == 403
        assert (await client.post("/step-up", {"password": "wrong"})).status == 401
        assert (await client.post("/sessions/end-others")).status == 403
        assert (await client.post("/step-up", {"password": PASSWORD})).status == 200
        assert (await client.post("/sessions/end-others")).status == 200


async def test_a_password_does_not_stand_in_for_the_second_factor() -> None:
    """A principal with a second factor cannot step up by password."""
    async with bank() as site:
        client = await site.alice()
        answer = await client.post("/step-up", {"password": PASSWORD})
        assert answer.status == 403
        assert without_reference(answer.body) == {
            "error": "step-up", "needs": {"strength": 2}, "methods": ["totp", "recovery_code"]
        }  # fmt: skip


async def test_step_up_with_a_passkey_is_bound_to_the_session() -> None:
    """The answer to the challenge of another session of the same principal does not do."""
    async with bank() as site:
        client = await site.alice(enrolled=False)
        device = await _passkey(client)
        other = await site.pending()
        options = (await other.post("/second-factor/options")).body["publicKey"]
        assert (await client.post("/step-up", {"passkey": device.get(options)})).status == 401
        options = (await client.post("/step-up/options")).body["publicKey"]
        answer = device.get(options)
        assert (await other.post("/second-factor", {"passkey": answer})).status == 401
        options = (await client.post("/step-up/options")).body["publicKey"]
        assert (await client.post("/step-up", {"passkey": device.get(options)})).status == 200


async def test_one_of_two_step_ups_at_once_wins() -> None:
    """One session never becomes two."""
    async with bank() as site:
        client = await site.alice()
        twins = [site.client(cookies=dict(client.cookies)) for _ in range(2)]
        proofs = [{"totp": site.code()}, {"recovery_code": site.recovery_codes[0]}]
        answers = await asyncio.gather(
            *(twin.post("/step-up", proof) for twin, proof in zip(twins, proofs, strict=True))
        )
        assert sorted(answer.status for answer in answers) == [200, 401]
        assert len(await site.guard.sessions.sessions("alice")) == 1


# One's own factors, and what takes a fresh proof -----------------------------------------------


FRESH = [
    ("POST", "/factors/totp"),
    ("POST", "/factors/totp/confirm"),
    ("POST", "/factors/passkey"),
    ("POST", "/factors/passkey/confirm"),
    ("POST", "/factors/recovery-codes"),
    ("DELETE", "/factors/0123456789abcdef"),
    ("POST", "/sessions/end-others"),
    ("DELETE", "/sessions/" + "0" * 64),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("method", "path"), FRESH)
async def test_an_unlocked_screen_changes_nothing(method: str, path: str) -> None:
    """An action that changes access needs a proof of the last five minutes (ASVS 7.5.2)."""
    async with bank() as site:
        client = await site.alice()
        site.clock.advance(301)
        answer = await client.send(method, path)
        assert answer.status == 403
        assert answer.body["error"] == "step-up"
        assert answer.body["needs"] == {"max_age": 300}
        assert answer.body["methods"] == ["totp", "recovery_code"]


async def test_a_session_from_before_the_factor_is_weak() -> None:
    """A session from before the enrolment cannot remove the enrolled factor."""
    async with bank() as site:
        thief = site.client()
        await thief.log_in("alice", PASSWORD)
        await site.alice()
        (factor,) = await site.guard.factors.factors("alice")
        answer = await thief.delete(f"/factors/{factor.id}")
        assert (answer.status, answer.body["needs"]) == (403, {"strength": 2})
        change = {"current": PASSWORD, "new": "another good password"}
        assert (await thief.post("/password", change)).status == 403
        assert (await site.guard.factors.factors("alice")) == [factor]


async def test_a_new_password_keeps_the_strength() -> None:
    """The new session is as strong as the one that asked for it."""
    async with bank() as site:
        client = await site.alice()
        change = {"current": PASSWORD, "new": "another good password"}
        assert (await client.post("/password", change)).status == 200
        assert [one.strength for one in await site.guard.sessions.sessions("alice")] == [2]


async def test_a_new_password_makes_no_old_factor_fresh() -> None:
    """A changed password does not make an old session's proof of two factors fresh."""
    async with bank() as site:
        client = await site.alice()
        site.clock.advance(400)
        assert (await client.post("/sessions/end-others")).status == 403
        change = {"current": PASSWORD, "new": "another good password"}
        assert (await client.post("/password", change)).status == 200
        assert (await client.post("/factors/recovery-codes")).status == 403
        assert (await client.post("/step-up", {"totp": site.code()})).status == 200
        assert (await client.post("/factors/recovery-codes")).status == 200


async def test_step_up_does_not_make_a_class_of_a_provider_fresh() -> None:
    """A step-up proves two factors, and does not renew the `acr` of an old provider login."""
    async with bank() as site:
        client = await site.alice()
        desk = site.guard.sessions
        [session] = await desk.sessions("alice")
        issued = await desk.rotate(replace(session, strength=3, acr="gold"))
        assert issued is not None
        client.cookies[site.cookie] = issued.secret
        site.clock.advance(400)
        assert (await client.post("/step-up", {"totp": site.code()})).status == 200
        [session] = await desk.sessions("alice")
        assert (session.strength, session.acr) == (2, None)


async def test_a_factor_does_not_outlive_the_session_that_enrolled_it() -> None:
    """A thief confirms one at the moment in which the owner changes the password: it counts for nothing."""
    async with bank() as site:
        thief = await site.alice(enrolled=False)
        options = (await thief.post("/factors/passkey")).body["publicKey"]
        add = site.guard.state.factors.add_factor

        async def late(factor: Factor, *, entry: Revocation | None = None) -> Changed:
            await site.guard.admin.set_password("alice", "another good password")
            return await add(factor, entry=entry)

        site.guard.state.factors.add_factor = late  # type: ignore[method-assign]
        passkey = SoftPasskey(origin=PAGE).create(options)
        answer = await thief.post("/factors/passkey/confirm", {"passkey": passkey})
        assert answer.status == 401
        assert await site.guard.state.factors.factors("alice") == []
        assert await site.guard.state.recovery_codes.recovery_codes("alice") == 0


async def test_a_factor_is_removed() -> None:
    """By its owner; then the password is enough again. The trail has all of it."""
    async with bank() as site:
        client = await site.alice()
        (factor,) = (await client.get("/factors")).body["factors"]
        bob = site.client()
        await bob.log_in("bob", PASSWORD)
        assert (await bob.delete(f"/factors/{factor['id']}")).status == 404
        assert (await client.delete(f"/factors/{factor['id']}")).status == 204
        assert (await client.get("/factors")).body["recovery_codes"] == 0
        assert (await site.client().log_in("alice", PASSWORD)).status == 200
        names = [name for name, _, _ in await site.names()]
        assert "authn_factor_added" in names
        assert "authn_factor_removed" in names


async def test_new_recovery_codes() -> None:
    """The old ones are void; without a factor there are none."""
    async with bank() as site:
        client = await site.alice()
        answer = await client.post("/factors/recovery-codes")
        assert len(answer.body["recovery_codes"]) == 10
        old = {"recovery_code": site.recovery_codes[0]}
        assert (await (await site.pending()).post("/second-factor", old)).status == 401
        bob = site.client()
        await bob.log_in("bob", PASSWORD)
        assert (await bob.post("/factors/recovery-codes")).status == 400


@pytest.mark.parametrize("secret", ["totp", "recovery"])
async def test_no_secret_is_in_the_trail(secret: str) -> None:
    """Neither those that were shown nor those that were typed, right or wrong."""
    async with bank() as site:
        await site.alice()
        code = site.code()
        await (await site.pending()).post("/second-factor", {"totp": code})
        await (await site.pending()).post(
            "/second-factor", {"recovery_code": site.recovery_codes[0]}
        )
        await (await site.pending()).post("/second-factor", {"totp": code})
        await site.client().log_in(PASSWORD, "alice")
        await site.guard.trail.flush()
        text = b"".join(
            (entry.body + (entry.personal or b""))
            for entry in await site.guard.state.trail.entries()
        ).decode()
        secrets = {"totp": [code, site.device.secret], "recovery": [*site.recovery_codes, PASSWORD]}
        assert [each for each in secrets[secret] if each in text] == []
        assert "unknown:" in text


async def test_without_a_key_totp_is_a_configuration_error() -> None:
    """The server says that it cannot, and the log says what to write."""
    async with bank(secrets_key=None) as site:
        client = await site.alice(enrolled=False)
        assert (await client.get("/factors")).body["kinds"] == ["passkey"]
        with log_lines("tornado.application") as lines:
            answer: Answer = await client.post("/factors/totp")
        assert answer.status == 500
        assert any("secrets_key" in line for line in lines)


async def test_a_cookie_name_of_its_own() -> None:
    """The store contains the hash of the pending login's cookie."""
    async with bank() as site:
        await site.alice()
        client = await site.pending()
        secret = client.cookies[f"{site.cookie}-login"]
        assert (
            await site.guard.state.pendings.pending(fingerprint(secret), "second-factor")
            is not None
        )
        assert await site.guard.state.pendings.pending(secret, "second-factor") is None


async def test_a_body_of_the_wrong_kind_is_not_logged() -> None:
    """A JSON body that is announced as a form is one field, with the password in its name."""
    async with bank() as site:
        with log_lines("stormdoor.refused") as lines:
            answer = await site.client().post(
                "/login", {f'{{"password":"{PASSWORD}"}}': ""}, form=True
            )
        assert answer.status == 400
        assert lines
        assert not any(PASSWORD in line for line in lines)
        assert not any(PASSWORD in detail for _, _, detail in await site.names())
