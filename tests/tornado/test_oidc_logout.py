"""Three logouts at a real provider, and forged ones; proving oneself again; linking."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormdoor.core.factor import Factor, FactorKind
from stormdoor.core.session import Session
from stormdoor.stores import SqliteStore, open_store
from tests.demo.visitor import Visitor
from tests.stores.processes import lock_held
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.site import COOKIE, Person, Site, site
from tests.support.openid.visitor import query_of
from tests.support.tokens import b64, forge, hs256
from tests.tornado.wire import CLOSE, Wire

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs

EVENT = "http://schemas.openid.net/event/backchannel-logout"


async def closed(wire: Wire) -> int | None:
    """The code with which the server closes."""
    while (frame := await wire.receive()).opcode != CLOSE:
        pass
    return frame.code


async def the_session(here: Site) -> Session:
    """The only session there is."""
    [account] = await here.guard.state.accounts.accounts()
    [session] = await here.sessions(account.id)
    return session


async def log_out_there(person: Person) -> None:
    """Log out at the provider itself, as with its own button."""
    where = f"{person.site.provider.issuer}/session/end"
    page = await person.get(where)
    xsrf = page.text.split('name="xsrf" value="')[1].partition('"')[0]
    answer = await person.request("POST", f"{where}/confirm", data={"xsrf": xsrf, "logout": "yes"})
    assert answer.status_code in (200, 302, 303), answer.text


async def send(here: Site, token: str | None, **more: str) -> int:
    """A logout token, from a program that is no browser."""
    body: dict[str, str] = {} if token is None else {"logout_token": token}
    visitor = Visitor(here.port)
    answer = await visitor.request("POST", "/auth/oidc/backchannel-logout", body | more, form=True)
    return answer.status


async def test_a_logout_at_the_provider_while_the_store_takes_nothing(
    provider: RealProvider, tmp_path: Path
) -> None:
    """503, so that the provider may repeat it. The sockets are closed, and the session goes later, once."""
    path = tmp_path / "door.db"
    store = SqliteStore(path, busy_seconds=0.05)
    async with site(provider, store=store) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        token = provider.sign(logout_claims(here, session), header={"typ": "logout+jwt"})
        async with await alice.visitor().open("/ws/chat") as wire:
            with lock_held(path):
                assert await send(here, token) == 503
                assert await closed(wire) == 3000
        assert await here.sessions(session.principal_id) == [session]
        await here.guard.tick()
        assert await here.sessions(session.principal_id) == []
        assert len(here.guard.unfinished) == 0
        assert await send(here, token) == 400


# -- from the provider itself ------------------------------------------------------------------


async def test_a_logout_at_the_provider_closes_the_sockets(provider: RealProvider) -> None:
    """Back channel: the session ends, its sockets close, and others stay."""
    async with site(provider) as here, Person(here) as alice, Person(here) as bob:
        await alice.log_in("alice")
        await bob.log_in("bob")
        async with (
            await alice.visitor().open("/ws/chat") as hers,
            await bob.visitor().open("/ws/chat") as his,
        ):
            await log_out_there(alice)
            assert await closed(hers) == 3000
            assert await alice.visitor().refused("/ws/chat") == 401
            his.send({"type": "say", "text": "still here"})
            assert "still here" in (await his.receive()).text


async def test_a_logout_reaches_every_process(provider: RealProvider, tmp_path: Any) -> None:
    """The provider tells one process; the sockets of another, on the same store, close as well."""
    store = f"sqlite:///{tmp_path}/door.db"
    async with site(provider, store=open_store(store)) as first, Person(first) as alice:
        await alice.log_in("alice")
        async with site(provider, store=open_store(store), client_id="other") as second:
            there = Visitor(second.port)
            there.cookies = {COOKIE: str(alice.cookie)}
            async with await there.open("/ws/chat") as wire:
                await log_out_there(alice)
                await second.guard.tick()
                assert await closed(wire) == 3000


def logout_claims(here: Site, session: Session, **changed: Any) -> dict[str, Any]:
    """Return the claims of an honest logout token."""
    claims: dict[str, Any] = {
        "iss": here.provider.issuer,
        "aud": "app",
        "iat": int(time.time()),
        "jti": f"jti-{time.monotonic_ns()}",
        "sub": session.provider_subject,
        "sid": session.provider_session,
        "events": {EVENT: {}},
    }
    claims |= changed
    return {name: value for name, value in claims.items() if value is not None}


async def test_an_honest_token_counts(provider: RealProvider) -> None:
    """The baseline of all forgeries below: made as they are, and honest."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        claims = logout_claims(here, await the_session(here))
        token = provider.sign(claims, header={"typ": "logout+jwt"})
        assert await send(here, token) == 200
        account = (await here.guard.state.accounts.accounts())[0]
        assert await here.sessions(account.id) == []


@pytest.mark.parametrize(
    ("changed", "ends"),
    [
        ({"sub": None}, True),
        ({"sid": None}, True),
        ({"sid": "another session"}, False),
        ({"sid": None, "sub": "bob"}, False),
        ({"sub": "bob"}, False),
        ({"aud": ["x", "app"]}, True),
        ({"exp": int(time.time()) + 3600}, True),
    ],
)
async def test_what_a_token_names_ends(
    provider: RealProvider, changed: dict[str, Any], ends: bool
) -> None:
    """A session, or all of a person; and nothing else. The answer does not tell which."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        token = provider.sign(logout_claims(here, session, **changed))
        assert await send(here, token) == 200
        assert (await here.sessions(session.principal_id) == []) is ends


FORGED: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "another application"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "no events": {"events": None},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "an event that is no object": {"events": {EVENT: True}},
    "events as a list": {"events": [EVENT]},
    "a nonce": {"nonce": "n"},
    "no jti": {"jti": None},
    "a jti that is no text": {"jti": 7},
    "no time": {"iat": None},
    "a time that is no number": {"iat": True},
    "from yesterday": {"iat": int(time.time()) - 86_400},
    "from tomorrow": {"iat": int(time.time()) + 86_400},
    "expired": {"exp": int(time.time()) - 1},
    "nobody": {"sub": None, "sid": None},
    "a subject that is no text": {"sub": {"a": 1}},
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_forged_claims(provider: RealProvider, forgery: str) -> None:
    """With a genuine signature, and still no logout token of this application."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        token = provider.sign(logout_claims(here, session, **FORGED[forgery]))
        assert await send(here, token) == 400
        assert len(await here.sessions(session.principal_id)) == 1


def _none(claims: dict[str, Any], kid: str) -> str:
    return f"{b64(json.dumps({'alg': 'none', 'kid': kid}))}.{b64(json.dumps(claims))}."


def _other_key(claims: dict[str, Any], kid: str) -> str:
    return forge({"alg": "HS256", "kid": kid}, claims, hs256(b"x" * 32))


def _tampered(claims: dict[str, Any], kid: str) -> str:
    return forge({"alg": "RS256", "kid": kid}, claims, lambda signed: b"\0" * 256)


@pytest.mark.parametrize("make", [_none, _other_key, _tampered])
async def test_forged_signatures(
    provider: RealProvider, make: Callable[[dict[str, Any], str], str]
) -> None:
    """Honest claims that the provider has not signed."""
    kid = provider.rotate_keys(keep=False)[0]
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        assert await send(here, make(logout_claims(here, session), kid)) == 400
        assert len(await here.sessions(session.principal_id)) == 1


async def test_an_id_token_is_no_logout_token(provider: RealProvider) -> None:
    """Nor is an access token: their types and claims are others."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        claims = logout_claims(here, session, events=None, nonce="n", exp=int(time.time()) + 60)
        assert await send(here, provider.sign(claims, header={"typ": "JWT"})) == 400
        honest = logout_claims(here, session)
        assert await send(here, provider.sign(honest, header={"typ": "at+jwt"})) == 400
        assert len(await here.sessions(session.principal_id)) == 1


async def test_a_token_counts_once(provider: RealProvider) -> None:
    """Replayed after the next login of that person, it ends nothing."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        # Two seconds ago: a login of the same second might have come before it.
        claims = logout_claims(here, session, sid=None, iat=int(time.time()) - 2)
        token = provider.sign(claims)
        assert await send(here, token) == 200
        async with Person(here) as again:
            assert (await again.log_in("alice")).status_code == 303
        assert await send(here, token) == 400
        assert len(await here.sessions(session.principal_id)) == 1


@pytest.mark.parametrize("tokens", [None, "two", "json"])
async def test_a_request_without_one_token(provider: RealProvider, tokens: str | None) -> None:
    """Not one logout_token in a form: 400."""
    async with site(provider) as here:
        visitor = Visitor(here.port)
        body: Any = {"none": b"", "two": b"logout_token=a&logout_token=b"}.get(tokens or "none")
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        path = "/auth/oidc/backchannel-logout"
        answer = (
            await visitor.request("POST", path, {"logout_token": "x"})
            if tokens == "json"
            else await visitor.request("POST", path, body, kind)
        )
        assert answer.status == 400
        assert json.loads(answer.body) == {"error": "invalid_request"}


async def test_guessing_logout_tokens_is_slowed(provider: RealProvider) -> None:
    """Forgeries count as failed authentications of their address."""
    async with site(provider) as here:
        statuses = [await send(here, "a.b.c") for _ in range(60)]
        assert statuses[0] == 400
        assert statuses[-1] == 429


async def test_while_the_keys_are_unknown_the_provider_is_told_to_repeat(
    provider: RealProvider,
) -> None:
    """503, and the session stays; repeated later, the same token counts."""
    async with site(provider, seconds=0.3) as here:
        await here.guard.admin.add_principal("ally")
        await here.guard.sessions.create("ally", issuer=provider.issuer, provider_subject="alice")
        token = provider.sign(logout_claims(here, await the_session(here)))
        provider.behave("/jwks", "drop")
        assert await send(here, token) == 503
        assert len(await here.sessions("ally")) == 1
        provider.behave_well()
        here.clock.moved += 30
        assert await send(here, token) == 200
        assert await here.sessions("ally") == []


# -- a logout that overtakes a login ------------------------------------------------------------------


@pytest.mark.parametrize("by", ["sid", "sub"])
async def test_a_logout_that_overtakes_the_login(provider: RealProvider, by: str) -> None:
    """The provider logs out while the code is being redeemed: no session comes of it."""
    async with site(provider, leeway=60) as here, Person(here) as alice, Person(here) as other:
        await other.log_in("alice")
        known = await the_session(here)
        back = await alice.bring(await alice.begin(), login="alice")
        original = here.guard.sessions.create

        async def create(*args: Any, **options: Any) -> Any:
            # The ID token has been verified; the session is not there yet.
            claims = logout_claims(
                here, known, sid=options["provider_session"], iat=int(time.time()) + 2
            )
            del claims["sub" if by == "sid" else "sid"]
            assert await send(here, provider.sign(claims)) == 200
            return await original(*args, **options)

        here.guard.sessions.create = create  # type: ignore[method-assign]
        answer = await alice.get(back)
        assert answer.status_code == 401
        assert alice.cookie is None
        assert "during the login" in (await here.refusals())[-1]
        left = await here.sessions(known.principal_id)
        assert [one.id for one in left] == ([known.id] if by == "sid" else [])


async def test_a_disabled_account_overtakes_the_login(provider: RealProvider) -> None:
    """Disabled between the look-up and the session: the session ends at once."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        [account] = await here.guard.state.accounts.accounts()
        back = await alice.bring(await alice.begin(), login="alice")
        alice.cookies(here.at).pop(COOKIE)
        original = here.guard.sessions.create

        async def create(*args: Any, **options: Any) -> Any:
            await here.guard.admin.set_disabled(account.id, True)
            return await original(*args, **options)

        here.guard.sessions.create = create  # type: ignore[method-assign]
        assert (await alice.get(back)).status_code == 401
        assert alice.cookie is None
        assert await here.sessions(account.id) == []


# -- from its page, and from here ------------------------------------------------------------------


async def test_front_channel(provider: RealProvider) -> None:
    """Issuer and session there find the session here, without any cookie."""
    async with site(provider, front_channel_logout=True) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        async with await alice.visitor().open("/ws/chat") as wire, Person(here) as frame:
            for query in (
                "",
                f"?iss={provider.issuer}",
                f"?sid={session.provider_session}",
                f"?iss=https://evil.example&sid={session.provider_session}",
                f"?iss={provider.issuer}&sid=",
                f"?iss={provider.issuer}&sid=a&sid={session.provider_session}",
            ):
                assert (await frame.get(here.url(f"frontchannel-logout{query}"))).status_code == 400
            assert len(await here.sessions(session.principal_id)) == 1
            answer = await frame.get(
                here.url(
                    f"frontchannel-logout?iss={provider.issuer}&sid={session.provider_session}"
                )
            )
            assert answer.status_code == 200
            assert f"frame-ancestors {provider.issuer}" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            assert await closed(wire) == 3000


async def test_front_channel_is_asked_for(provider: RealProvider) -> None:
    """Left alone, there is no such route."""
    async with site(provider) as here, Person(here) as alice:
        assert (await alice.get(here.url("frontchannel-logout"))).status_code == 404


async def test_logout_here_and_there(provider: RealProvider) -> None:
    """Out here at once, then at the provider, then back to where the page wanted."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        async with await alice.visitor().open("/ws/chat") as wire:
            answer = await alice.post("logout?return_to=/room")
            where = answer.json()["location"]
            assert await closed(wire) == 3000
        assert alice.cookie is None
        assert where.startswith(f"{provider.issuer}/session/end?")
        assert query_of(where)["post_logout_redirect_uri"] == here.url("logged-out")
        page = await alice.get(where)
        xsrf = page.text.split('name="xsrf" value="')[1].partition('"')[0]
        form = {"xsrf": xsrf, "logout": "yes"}
        back = await alice.request("POST", f"{provider.issuer}/session/end/confirm", data=form)
        where = back.headers["location"]
        assert where.startswith(here.url("logged-out?state="))
        assert (await alice.get(where)).headers["location"] == "/room"
        # Its state is valid once; every other state leads to the front page.
        assert (await alice.get(where)).headers["location"] == "/"
        # And the provider asks for a login again.
        assert "/interaction/" in (await alice.follow_to_form(await alice.begin()))


async def test_a_form_logs_out(provider: RealProvider) -> None:
    """A plain page posts a form and is redirected."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        answer = await alice.request("POST", here.url("logout"), data={"x": "y"})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{provider.issuer}/session/end?")


async def test_another_page_cannot_log_anybody_out(provider: RealProvider) -> None:
    """A POST with a foreign Origin is refused."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        answer = await alice.post("logout", Origin="https://evil.example")
        assert answer.status_code == 403
        assert alice.cookie


async def test_out_here_although_the_provider_is_down(provider: RealProvider) -> None:
    """A logout ends the session also if the provider does not answer."""
    async with site(provider, seconds=0.3) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        here.party._found.forget()
        provider.behave("*", "drop")
        answer = await alice.post("logout?return_to=/room")
        assert answer.json() == {"location": "/room"}
        assert await here.sessions(session.principal_id) == []


async def test_a_password_session_is_not_sent_there(provider: RealProvider) -> None:
    """A session by password is not redirected to the provider at its logout."""
    async with site(provider) as here, Person(here) as bob:
        await here.guard.admin.add_principal("bob", roles=["member"])
        issued = await here.guard.sessions.create("bob")
        bob.cookies(here.at)[COOKIE] = issued.secret
        assert (await bob.post("logout")).json() == {"location": "/"}


# -- proving oneself again ------------------------------------------------------------------


async def test_step_up_strengthens_the_session_and_leaves_the_socket_open(
    provider: RealProvider,
) -> None:
    """A second factor at the provider: a new cookie, a stronger session; the socket goes along."""
    async with site(provider, strengths={"urn:example:two-factors": 2}) as here:
        async with Person(here) as alice:
            await alice.log_in("alice")
            weak, old_cookie = await the_session(here), alice.cookie
            async with await alice.visitor().open("/ws/chat") as wire:
                path = "step-up?acr_values=urn:example:two-factors&max_age=0&return_to=/room"
                answer = await alice.log_in("alice", path, otp="123456")
                assert answer.headers["location"] == "/room"
                strong = await the_session(here)
                assert alice.cookie != old_cookie
                assert strong.strength == 2
                assert strong.acr == "urn:example:two-factors"
                assert strong.authenticated_at >= weak.authenticated_at
                assert strong.expires_at == weak.expires_at
                wire.send({"type": "say", "text": "the same socket"})
                assert "the same socket" in (await wire.receive()).text
                # A ticket of the stronger session, for stormdoor.refresh.
                ticket = await alice.visitor().ticket()
                wire.send({"type": "stormdoor.refresh", "token": ticket, "id": 1})
                reply = json.loads((await wire.receive()).text)
                assert reply["type"] == "stormdoor.refreshed"
            other = alice.visitor()
            other.cookies = {COOKIE: str(old_cookie)}
            assert await other.refused("/ws/chat") == 401


async def test_a_weaker_proof_does_not_count_as_the_one_asked_for(
    provider: RealProvider,
) -> None:
    """The provider let a password pass: the session stays what it was, and is not fresher."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        before = await the_session(here)
        path = "step-up?acr_values=urn:example:two-factors&max_age=0"
        answer = await alice.log_in("alice", path)
        assert answer.status_code == 401
        assert "weaker than it has to be" in (await here.refusals())[-1]
        assert await the_session(here) == before


async def test_somebody_else_cannot_strengthen_a_session(provider: RealProvider) -> None:
    """Bob proves himself at alice's browser: her session is not his, and not stronger."""
    async with site(provider) as here, Person(here) as alice, Person(here) as bob:
        await bob.log_in("bob")
        await alice.log_in("alice")
        cookie = alice.cookie
        alice.cookies(provider.issuer).clear()
        answer = await alice.log_in("bob", "step-up?max_age=0", otp="123456")
        assert answer.status_code == 403
        assert alice.cookie == cookie
        assert "another user has logged in" in (await here.refusals())[-1]


async def test_step_up_needs_the_session_it_was_begun_for(provider: RealProvider) -> None:
    """Logged out, or another session meanwhile: nothing to strengthen."""
    async with site(provider) as here, Person(here) as alice:
        answer = await alice.get(here.url("step-up"))
        assert answer.status_code == 401
        await alice.log_in("alice")
        back = await alice.bring(await alice.begin("step-up"), login="alice")
        await here.guard.sessions.end((await the_session(here)).id)
        assert (await alice.get(back)).status_code == 401


async def test_freshness_is_checked_not_believed(provider: RealProvider) -> None:
    """A provider that ignores max_age and prompt: an old login does not pass for a fresh one."""
    always = {"require_auth_time": True}
    async with site(provider, leeway=0.0, client=always) as here, Person(here) as alice:
        await alice.log_in("alice")
        here.clock.moved += 100  # so that the login there is 100 s old
        where = await alice.begin("step-up?max_age=60")
        answer = await alice.get(await alice.bring(where.replace("&max_age=60", "")))
        assert answer.status_code == 401
        assert "max_age" in (await here.refusals())[-1]


# -- linking ---------------------------------------------------------------


async def test_linking_an_account_that_is_logged_in(provider: RealProvider) -> None:
    """From then on the login there leads to the account here; it is begun by a POST of our own page."""
    async with site(provider, unknown="refuse") as here, Person(here) as ally:
        await here.guard.admin.add_principal("ally", roles=["member"])
        issued = await here.guard.sessions.create("ally")
        ally.cookies(here.at)[COOKIE] = issued.secret
        assert (await ally.get(here.url("link"))).status_code == 405
        assert (await ally.post("link", Origin="https://evil.example")).status_code == 403
        where = (await ally.post("link?return_to=/room")).json()["location"]
        answer = await ally.get(await ally.bring(where, login="alice"))
        assert answer.headers["location"] == "/room"
        async with Person(here) as anywhere:
            assert (await anywhere.log_in("alice")).status_code == 303
        assert len(await here.sessions("ally")) == 2


async def test_a_person_of_somebody_else_is_not_linked(provider: RealProvider) -> None:
    """One person there is one principal here."""
    async with site(provider) as here, Person(here) as alice, Person(here) as ally:
        await alice.log_in("alice")
        await here.guard.admin.add_principal("ally", roles=["member"])
        issued = await here.guard.sessions.create("ally")
        ally.cookies(here.at)[COOKIE] = issued.secret
        where = (await ally.post("link")).json()["location"]
        answer = await ally.get(await ally.bring(where, login="alice"))
        assert answer.status_code == 403
        assert await here.guard.state.identities.identities("ally") == []


async def test_an_old_login_links_nothing(provider: RealProvider) -> None:
    """To link an identity needs a fresh login (ASVS 7.5.1)."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        here.clock.moved += 700
        assert (await alice.post("link")).status_code == 403
        alice.cookies(here.at).clear()
        assert (await alice.post("link")).status_code == 401


async def test_linking_takes_the_second_factor_of_whoever_has_one(provider: RealProvider) -> None:
    """A link is a way in beside the second factor: a session that has not shown it makes none."""
    async with site(provider, unknown="refuse") as here, Person(here) as ally:
        await here.guard.admin.add_principal("ally", roles=["member"])
        await here.guard.state.factors.add_factor(
            Factor(
                id="f",
                principal_id="ally",
                kind=FactorKind.PASSKEY,
                name="key",
                secret="",
                handle="h",
            )
        )
        for strength, status in ((1, 403), (2, 200)):
            issued = await here.guard.sessions.create("ally", strength=strength)
            ally.cookies(here.at)[COOKIE] = issued.secret
            answer = await ally.post("link")
            assert (answer.status_code, "location" in answer.json()) == (status, status == 200)


async def test_a_link_does_not_outlive_the_session_that_made_it(provider: RealProvider) -> None:
    """A thief cannot link an identity while the owner changes the password."""
    async with site(provider, unknown="refuse") as here, Person(here) as thief:
        await here.guard.admin.add_principal("ally", password="the first good password")
        issued = await here.guard.sessions.create("ally")
        thief.cookies(here.at)[COOKIE] = issued.secret
        where = (await thief.post("link")).json()["location"]
        link = here.guard.state.identities.link_identity

        async def late(issuer: str, subject: str, principal_id: str, at: float) -> None:
            await here.guard.admin.set_password("ally", "another good password")
            await link(issuer, subject, principal_id, at)

        here.guard.state.identities.link_identity = late  # type: ignore[method-assign]
        answer = await thief.get(await thief.bring(where, login="alice"))
        assert answer.status_code == 401
        assert await here.guard.state.identities.identities("ally") == []


async def test_a_logout_there_finds_a_session_that_moves(provider: RealProvider) -> None:
    """It gets a new id between the look and the end: the logout is not lost."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        look = here.guard.state.sessions.sessions_of_provider
        moves = 1

        async def slow(*args: Any, **kwargs: Any) -> list[Session]:
            nonlocal moves
            found = await look(*args, **kwargs)
            if moves:
                moves = 0
                assert await here.guard.sessions.rotate(session, moving=True) is not None
            return found

        here.guard.state.sessions.sessions_of_provider = slow  # type: ignore[method-assign]
        token = provider.sign(logout_claims(here, session), header={"typ": "logout+jwt"})
        assert await send(here, token) == 200
        assert await here.sessions(session.principal_id) == []


def test_tokens_of_the_harness_are_what_they_look_like(provider: RealProvider) -> None:
    """`sign` makes a token that names the key and the type that it was told to."""
    head = provider.sign({"a": 1}, header={"typ": "logout+jwt"}).partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    assert header["typ"] == "logout+jwt"
    assert header["alg"] == "RS256"
