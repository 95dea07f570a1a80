"""A login at a real provider: the redirect, the callback, and hostile callbacks."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from stormdoor.auth.oidc.account import derived_id
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.site import Person, site
from tests.support.openid.visitor import query_of
from tests.tornado.wire import log_lines

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs


async def test_a_login_makes_an_account_a_session_and_opens_the_socket(
    provider: RealProvider,
) -> None:
    """All the way: redirected, logged in there, and in the chat here."""
    provider.account("alice", email="alice@example.com", roles=["staff", "unheard of"])
    async with (
        site(
            provider, scopes=["roles"], roles_claim="roles", roles={"staff": ["moderator"]}
        ) as here,
        Person(here) as alice,
    ):
        answer = await alice.log_in("alice", "login?return_to=/room%3Fnumber=1")
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/room?number=1"
        account = await here.guard.state.identities.identity(provider.issuer, "alice")
        assert account is not None
        assert account.roles == {"member", "moderator"}
        [session] = await here.sessions(account.id)
        assert session.issuer == provider.issuer
        assert session.provider_subject == "alice"
        assert session.provider_session
        assert session.acr == "urn:example:password"
        assert session.strength == 1
        async with await alice.visitor().open("/ws/chat") as wire:
            wire.send({"type": "say", "text": "hello"})
            assert f"{account.id}: hello" in (await wire.receive()).text
        await here.guard.trail.flush()
        [entry] = await here.guard.state.trail.entries(event="authn_login_success")
        assert entry.event.principal == account.id
        assert entry.event.actor == provider.issuer


async def test_second_login_finds_the_account(provider: RealProvider) -> None:
    """Issuer and subject lead to the same account; nothing is made twice."""
    async with site(provider) as here:
        for _ in range(2):
            async with Person(here) as alice:
                assert (await alice.log_in("alice")).status_code == 303
        [account] = await here.guard.state.accounts.accounts()
        assert len(await here.sessions(account.id)) == 2
        assert account.password_hash is None


async def test_a_public_client_logs_in(provider: RealProvider) -> None:
    """Without a secret, PKCE alone protects the code."""
    async with site(provider, client_secret=None) as here, Person(here) as alice:
        assert (await alice.log_in("alice")).status_code == 303
        assert alice.cookie


async def test_the_secret_may_go_into_the_form(provider: RealProvider) -> None:
    """For providers that want it there."""
    how = "client_secret_post"
    async with (
        site(
            provider, client_authentication=how, client={"token_endpoint_auth_method": how}
        ) as here,
        Person(here) as alice,
    ):
        assert (await alice.log_in("alice")).status_code == 303


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_signatures_and_at_hash(provider: RealProvider, algorithm: str) -> None:
    """ID tokens of each kind of key; each holds an at_hash, which is verified."""
    metadata = {"id_token_signed_response_alg": algorithm}
    async with site(provider, client=metadata) as here, Person(here) as alice:
        assert (await alice.log_in("alice")).status_code == 303


async def test_a_signature_by_the_secret_is_refused(provider: RealProvider) -> None:
    """The guard refuses HS256, because every owner of the client secret can make such a signature."""
    metadata = {"id_token_signed_response_alg": "HS256"}
    async with site(provider, client=metadata) as here, Person(here) as alice:
        answer = await alice.log_in("alice")
        assert answer.status_code == 401
        assert alice.cookie is None
        assert "alg is 'HS256'" in (await here.refusals())[-1]


async def test_claims_of_userinfo_count(provider: RealProvider) -> None:
    """Roles come from UserInfo if the ID token does not contain them."""
    provider.account("alice", roles=["staff"])
    async with (
        site(
            provider,
            userinfo=True,
            scopes=["roles"],
            roles_claim="roles",
            roles={"staff": ["moderator"]},
        ) as here,
        Person(here) as alice,
    ):
        assert (await alice.log_in("alice")).status_code == 303
        assert provider.requests["/me"] == 1
        [account] = await here.guard.state.accounts.accounts()
        assert "moderator" in account.roles


async def test_userinfo_of_somebody_else_is_refused(provider: RealProvider) -> None:
    """Core §5.3.2: the subject must be that of the ID token."""
    async with site(provider, userinfo=True) as here, Person(here) as alice:
        provider.behave("/me", "answer", status=200, body='{"sub": "bob", "roles": ["admin"]}')
        assert (await alice.log_in("alice")).status_code == 401
        assert "another subject" in (await here.refusals())[-1]
        assert await here.guard.state.accounts.accounts() == []


# -- account of a login --------------------------------------------------------------------------


async def test_an_unknown_person_is_refused_until_linked(provider: RealProvider) -> None:
    """By default the guard refuses an unlinked person, and the log names the line that links one."""
    async with site(provider, unknown="refuse") as here, Person(here) as alice:
        answer = await alice.log_in("alice")
        assert answer.status_code == 403
        assert "has no access to this site" in answer.text
        assert 'href="/auth/oidc/login?prompt=select_account"' in answer.text
        assert alice.cookie is None
        assert "state.identities.link_identity" in (await here.refusals())[-1]
        await here.guard.admin.add_principal("ally", roles=["member"])
        await here.guard.state.identities.link_identity(
            provider.issuer, "alice", "ally", here.clock.now()
        )
        assert (await alice.log_in("alice")).status_code == 303
        assert len(await here.sessions("ally")) == 1


async def test_a_disabled_account_stays_out(provider: RealProvider) -> None:
    """The provider knows nothing of what happened here."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        [account] = await here.guard.state.accounts.accounts()
        await here.guard.admin.set_disabled(account.id, True)
        assert (await alice.log_in("alice")).status_code == 401
        assert await here.sessions(account.id) == []


async def test_an_id_that_is_taken_is_not_taken_over(provider: RealProvider) -> None:
    """The provider's `admin` is not the `admin` of this application."""
    async with site(provider, account_id=lambda claims: str(claims["sub"])) as here:
        await here.guard.admin.add_principal("admin", password="correct horse", roles=["member"])
        async with Person(here) as mallory:
            assert (await mallory.log_in("admin")).status_code == 403
            assert mallory.cookie is None
        assert await here.guard.state.identities.identity(provider.issuer, "admin") is None
        async with Person(here) as bob:
            assert (await bob.log_in("bob")).status_code == 303
        assert len(await here.sessions("bob")) == 1


async def test_roles_follow_the_claim(provider: RealProvider) -> None:
    """Those that the provider decides about come and go; those given here stay."""
    options: dict[str, Any] = {
        "scopes": ["roles"],
        "roles_claim": "roles",
        "roles": {"staff": ["moderator"], "boss": ["owner"]},
        "follow_roles": True,
    }
    async with site(provider, **options) as here, Person(here) as alice:
        provider.account("alice", roles=["staff"])
        await alice.log_in("alice")
        [account] = await here.guard.state.accounts.accounts()
        await here.guard.admin.grant_role(account.id, "given here")
        provider.account("alice", roles=["boss"])
        await alice.log_in("alice")
        account = (await here.guard.state.accounts.accounts())[0]
        assert account.roles == {"member", "owner", "given here"}
        provider.account("alice")
        await alice.log_in("alice")
        account = (await here.guard.state.accounts.accounts())[0]
        assert account.roles == {"member", "given here"}


async def test_two_first_logins_at_once(provider: RealProvider) -> None:
    """One person, two browsers, one account."""
    async with site(provider) as here, Person(here) as one, Person(here) as two:
        ways = [await each.bring(await each.begin(), login="alice") for each in (one, two)]
        answers = await asyncio.gather(one.get(ways[0]), two.get(ways[1]))
        assert [answer.status_code for answer in answers] == [303, 303]
        [account] = await here.guard.state.accounts.accounts()
        assert len(await here.sessions(account.id)) == 2


async def test_a_crash_between_account_and_link_is_healed(provider: RealProvider) -> None:
    """A login finds the derived account id again after a crash before the link was stored."""
    async with site(provider) as here, Person(here) as alice:
        await here.guard.admin.add_principal(derived_id(provider.issuer, "alice"), roles=["member"])
        assert (await alice.log_in("alice")).status_code == 303
        assert len(await here.guard.state.accounts.accounts()) == 1


async def test_a_login_whose_age_nobody_knows_counts_as_old(provider: RealProvider) -> None:
    """A login without `auth_time` counts as old, so it permits no action that needs a fresh login."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        [account] = await here.guard.state.accounts.accounts()
        [session] = await here.sessions(account.id)
        assert session.authenticated_at == 0.0
        assert (await alice.post("link")).status_code == 403


# -- the way back --------------------------------------------------------------------------------------


async def test_an_answer_counts_once(provider: RealProvider) -> None:
    """The same address again, with the same cookie, is no second login."""
    async with site(provider) as here, Person(here) as alice:
        back = await alice.bring(await alice.begin(), login="alice")
        assert (await alice.get(back)).status_code == 303
        alice.cookies(here.at).pop("__Host-stormdoor")
        again = await alice.get(back)
        assert again.status_code == 401
        assert alice.cookie is None
        assert provider.requests["/token"] == 1


async def test_an_answer_counts_in_its_browser_only(provider: RealProvider) -> None:
    """Login CSRF: mallory's answer in alice's browser makes no session."""
    async with site(provider) as here, Person(here) as mallory, Person(here) as alice:
        back = await mallory.bring(await mallory.begin(), login="mallory")
        await alice.begin()
        assert (await alice.get(back)).status_code == 401
        assert alice.cookie is None
        assert "the answer to another browser" in (await here.refusals())[-1]
        assert "/token" not in provider.requests


async def test_two_tabs_log_in(provider: RealProvider) -> None:
    """Each has a state of its own, and one cookie serves both."""
    async with site(provider) as here, Person(here) as alice:
        first, second = await alice.begin("login?return_to=/1"), await alice.begin()
        for where in (second, first):
            back = await alice.bring(where, login="alice")
            assert (await alice.get(back)).status_code == 303


async def test_who_takes_too_long_begins_again(provider: RealProvider) -> None:
    """After ten minutes the answer is worth nothing."""
    async with site(provider, leeway=300) as here, Person(here) as alice:
        back = await alice.bring(await alice.begin(), login="alice")
        here.clock.moved += 601
        assert (await alice.get(back)).status_code == 401
        assert "longer than 600 s" in (await here.refusals())[-1]
        assert "/token" not in provider.requests


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda q: q.replace("iss=", "was="), "does not say who gives it"),
        (lambda q: q.replace("iss=http", "iss=https"), "who was not asked"),
        (lambda q: q + "&iss=x", "'iss' 2 times"),
        (lambda q: q + "&state=x", "'state' 2 times"),
        (lambda q: q + "&code=x", "'code' 2 times"),
        (lambda q: q.replace("code=", "xode="), "neither code nor error"),
        (lambda q: q.replace("state=", "stat="), "no login of this browser"),
        (lambda q: q.replace("code=", "code=x"), "answered 400 'invalid_grant'"),
        (lambda q: q.replace("code=", "code=" + 5000 * "x"), "'code' is too long"),
    ],
)
async def test_an_answer_that_is_not_whole(
    provider: RealProvider, change: object, why: str
) -> None:
    """Refuse the login if a field is missing, doubled or of another browser, and tell the operator why."""
    async with site(provider) as here, Person(here) as alice:
        back = await alice.bring(await alice.begin(), login="alice")
        assert callable(change)
        answer = await alice.get(change(back))
        assert answer.status_code in (400, 401)
        assert alice.cookie is None
        assert why in (await here.refusals())[-1]


async def test_what_the_provider_says_is_not_shown(provider: RealProvider) -> None:
    """A refusal there gives a page that says nothing of it; the operator reads it, on one line."""
    async with site(provider) as here, Person(here) as alice:
        with log_lines("stormdoor.refused") as lines:
            answer = await alice.get(await alice.bring(await alice.begin(), abort="1"))
        assert answer.status_code == 401
        assert "script" not in answer.text
        assert "access_denied" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert any("'access_denied' 'the user said no <script>" in line for line in lines)


async def test_code_and_state_are_not_logged(provider: RealProvider) -> None:
    """They stand in an address, which Tornado writes to its log."""
    async with site(provider) as here, Person(here) as alice:
        back = await alice.bring(await alice.begin(), login="alice")
        with log_lines("tornado.access", "stormdoor") as lines:
            await alice.get(back)
        assert any("/auth/oidc/callback?" in line for line in lines)
        text = "\n".join(lines)
        for name in ("code", "state"):
            assert query_of(back)[name] not in text


async def test_a_fixed_session_is_worth_nothing(provider: RealProvider) -> None:
    """A cookie that was there before the login is another one after it, and its session is over."""
    async with site(provider) as here, Person(here) as alice:
        await here.guard.admin.add_principal("mallory", roles=["member"])
        planted = await here.guard.sessions.create("mallory")
        alice.cookies(here.at)["__Host-stormdoor"] = planted.secret
        await alice.log_in("alice")
        assert alice.cookie not in (None, planted.secret)
        assert await here.sessions("mallory") == []


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\/evil.example/",
        "/%09/evil.example/",
        "/%0a/evil.example/",
        "/.//evil.example/",
        "/..//evil.example/",
        "/%2e//evil.example/",
        "/%252e//evil.example",
        "/x/..//evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/\u2044evil.example",
        "/" + 600 * "x",
        "",
    ],
)
async def test_return_to_leads_nowhere_else(provider: RealProvider, hostile: str) -> None:
    """The login redirects to the front page if `return_to` is not a path of this application."""
    async with site(provider) as here, Person(here) as alice:
        start = f"login?return_to={hostile}" if "%" in hostile else "login"
        if "%" not in hostile:
            start += f"?return_to={quote(hostile, safe='')}"
        answer = await alice.log_in("alice", start)
        assert answer.headers["location"] == "/"


async def test_strangers_who_begin_journeys_and_finish_none(provider: RealProvider) -> None:
    """Unfinished logins of unauthenticated clients are bounded; a logged-in client can begin another."""
    async with site(provider) as here, Person(here) as alice, Person(here) as mallory:
        await alice.log_in("alice")
        here.party._max_unauthenticated = 3
        begun = [await mallory.get(here.url("login")) for _ in range(5)]
        assert [one.status_code for one in begun] == [303, 303, 303, 503, 503]
        assert (await alice.get(here.url("step-up"))).status_code == 303
        here.clock.moved += 600
        assert (await mallory.get(here.url("login"))).status_code == 303


# -- a provider in trouble ------------------------------------------------------------------

DISCOVERY = "/.well-known/openid-configuration"


@pytest.mark.parametrize("mode", ["hang", "drop", "garbage", "huge", "drip", "redirect", "answer"])
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/jwks"])
async def test_a_provider_in_trouble(provider: RealProvider, path: str, mode: str) -> None:
    """With a provider in trouble every login fails quickly, and later logins succeed again."""
    # Document and keys are asked for at the start, and then kept: the trouble is there before. A document
    # has two places, that of OpenID and that of RFC 8414.
    trouble = [path, "/.well-known/oauth-authorization-server"] if path == DISCOVERY else [path]
    for place in trouble:
        provider.behave(place, mode, body="http://127.0.0.1:1/", status=500)
    async with site(provider, seconds=0.3) as here, Person(here) as alice:
        if path == DISCOVERY:
            answer = await alice.get(here.url("login"))
        else:
            answer = await alice.get(await alice.bring(await alice.begin(), login="alice"))
        assert answer.status_code in ((503,) if mode != "redirect" else (401, 503))
        assert alice.cookie is None
        provider.behave_well()
        here.clock.moved += 30  # the circuit breaker and the cool-down of the keys
        assert (await alice.log_in("alice")).status_code == 303


async def test_a_slow_provider_is_waited_for(provider: RealProvider) -> None:
    """Slow is not down."""
    async with site(provider) as here, Person(here) as alice:
        back = await alice.bring(await alice.begin(), login="alice")
        provider.behave("/token", "slow", seconds=0.3)
        assert (await alice.get(back)).status_code == 303


async def test_a_killed_provider(provider: RealProvider) -> None:
    """A page that says to try again; who is logged in stays so."""
    async with site(provider) as here, Person(here) as alice, Person(here) as bob:
        await alice.log_in("alice")
        back = await bob.bring(await bob.begin(), login="bob")
        provider.kill()
        try:
            answer = await bob.get(back)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert "Try again shortly" in answer.text
            assert 'href="/auth/oidc/login"' in answer.text
            async with await alice.visitor().open("/ws/chat") as wire:
                assert wire.status == 101
        finally:
            provider.start()


@pytest.mark.parametrize("keep", [True, False])
async def test_keys_that_rotate(provider: RealProvider, keep: bool) -> None:
    """A login after new keys works, whether or not the old ones are still published."""
    async with site(provider) as here, Person(here) as alice:
        assert (await alice.log_in("alice")).status_code == 303
        provider.rotate_keys(keep=keep)
        here.clock.moved += 11  # the cool-down between two looks at the keys
        assert (await alice.log_in("alice")).status_code == 303


async def test_another_issuer_in_the_metadata(provider: RealProvider) -> None:
    """The document must be about the very issuer that was asked (Discovery §4.3)."""
    other = provider.issuer.replace("127.0.0.1", "localhost")
    async with site(provider, issuer=other) as here, Person(here) as alice:
        answer = await alice.get(here.url("login"))
        assert answer.status_code == 503
        assert "another issuer" in (await here.refusals())[-1]


async def test_the_guard_lets_go_of_the_provider(provider: RealProvider) -> None:
    """When it closes, no connection to the provider is left open."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        assert here.party._client._client is not None
        await here.guard.close()
        assert here.party._client._client is None
