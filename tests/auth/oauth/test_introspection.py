"""Introspection: the required answer, its lifetime, and a provider that does not answer."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from stormdoor import (
    Authentication,
    ConfigurationError,
    Denial,
    JwtKey,
    Rejected,
)
from stormdoor.auth.oauth import Introspection
from stormdoor.auth.oauth.recheck import AskAgain
from stormdoor.core.account import Account
from stormdoor.core.denial import Refusal
from tests.auth.oauth.hostile import AUDIENCE, Asked, Hostile, Room, answer, room, serve
from tests.support.clock import FakeClock

PATH = "/introspect"
NOW = FakeClock().now()
ASKING: dict[str, Any] = {}
TOKEN = "2YotnFZFEjr1zCsicMWpAA"


def says(at: Hostile, **changes: Any) -> None:
    """An honest answer about any token, with changes; `...` takes a member away."""
    good: dict[str, Any] = {
        "active": True,
        "iss": at.url,
        "aud": AUDIENCE,
        "sub": "alice",
        "client_id": "spa",
        "scope": "chat:read",
        "token_type": "Bearer",
        "iat": NOW - 10,
        "exp": NOW + 600,
        **changes,
    }
    at.replies[PATH] = {name: value for name, value in good.items() if value is not ...}


def asked(at: Hostile) -> int:
    """Return the number of introspection requests."""
    return at.counts[PATH]


ACCEPTED: dict[str, dict[str, Any]] = {
    "all that can be said": {},
    "no issuer": {"iss": ...},
    "no end": {"exp": ...},
    "several audiences": {"aud": ["https://other.example", AUDIENCE]},
    "another spelling": {"token_type": "bearer"},
    "no date": {"iat": ...},
    "what Keycloak adds": {"typ": "Bearer", "azp": "spa"},
}


@pytest.mark.parametrize("what", ACCEPTED)
async def test_a_yes(what: str) -> None:
    """RFC 7662 leaves much out; what is there must be right."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider, **ACCEPTED[what])
        found = await here.accepted(TOKEN)
        assert found.principal.id == "alice"
        assert found.scopes == frozenset({"chat:connect", "chat:hear"})
        assert found.expires_at == (None if what == "no end" else NOW + 600)
        assert isinstance(found.recheck, AskAgain)
        assert TOKEN not in repr(found)
        assert TOKEN not in repr(found.recheck)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no": ({"active": False}, "not active"),
    "another issuer": ({"iss": "https://evil.example"}, "another issuer"),
    "another audience": ({"aud": "https://other.example"}, "other audiences"),
    "no audience": ({"aud": ...}, "aud is not"),
    "expired": ({"exp": NOW}, "expired"),
    "from the future": ({"nbf": NOW + 60}, "nbf lies"),
    "issued in the future": ({"iat": NOW + 60}, "iat lies"),
    "nobody": ({"sub": ...}, "sub is missing"),
    "a refresh token": ({"token_type": ...}, "token_type is missing"),
    "a refresh token of Keycloak": ({"typ": "Refresh"}, "no access token (typ)"),
    "a refresh token of Hydra": ({"token_use": "refresh_token"}, "no access token (token_use)"),
    "an ID token": ({"typ": "ID"}, "no access token (typ)"),
    "a MAC token": ({"token_type": "mac"}, "neither Bearer nor DPoP"),
    "DPoP without a key": ({"token_type": "DPoP"}, "no key is named"),
    "bound to a key": ({"cnf": {"jkt": "x"}}, "no proof of it is configured"),
    "bound to a certificate": ({"cnf": {"x5t#S256": "x"}}, "no proof of it is configured"),
    "bound to nothing": ({"cnf": {}}, "cnf is not an object"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_no(what: str) -> None:
    """An active token of another user, for another service or another purpose."""
    changes, reason = REFUSED[what]
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider, **changes)
        outcome = await here.refused(TOKEN, reason)
        assert outcome.denial is (Denial.EXPIRED if what == "expired" else Denial.BAD_CREDENTIAL)
        assert outcome.charged


UNANSWERED: dict[str, Any] = {
    "active as a text": {"active": "true"},
    "active as a number": {"active": 1},
    "active as a list": {"active": [True]},
    "active as nothing": {"active": None},
    "no active": {"sub": "alice"},
    "an array": answer(b'[{"active": true}]'),
    "two answers": answer(b'{"active": false, "active": true}'),
    "garbage": answer(b"<html>"),
    "HTML": answer(b'{"active": true}', kind="text/html"),
    "a JWT": answer(b"e30.e30.e30", kind="application/token-introspection+jwt"),
    "a server error": answer(b'{"active": true}', status=500),
    "busy": answer(b"", status=503),
    "too many": answer(b"", status=429),
    "who are you": answer(b"", status=401),
    "forbidden": answer(b"", status=403),
    "a redirect": answer(b"", status=307, more="Location: /elsewhere\r\n"),
    "nothing": b"",
}


@pytest.mark.parametrize("what", UNANSWERED)
async def test_failure_of_the_provider_is_503(what: str) -> None:
    """When the introspection fails at the provider, the handshake gets 503, and no answer is cached."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        provider.replies[PATH] = UNANSWERED[what]
        outcome = await here.refused(TOKEN)
        assert (outcome.denial, outcome.charged) == (Denial.UNAVAILABLE, False)
        assert outcome.retry_after is not None
        assert provider.counts["/elsewhere"] == 0
        says(provider)
        await here.accepted(TOKEN)


@pytest.mark.parametrize("status", [400, 413, 414])
async def test_what_the_provider_takes_for_no_token(status: int) -> None:
    """Every client can send that: it is refused, and does not open the breaker for the others."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        provider.replies[PATH] = answer(b"", status=status)
        for number in range(20):
            outcome = await here.refused(f"{TOKEN}{number}", "no token at all")
            assert outcome.denial is Denial.BAD_CREDENTIAL
        says(provider)
        await here.accepted(TOKEN)


# -- how long an answer counts -------------------------------------------------------------------------


async def test_a_yes_counts_for_a_while() -> None:
    """No longer than `max_seconds`, and no longer than the token."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider, exp=NOW + 40)
        await here.accepted(TOKEN)
        here.clock.advance(29)
        await here.accepted(TOKEN)
        assert asked(provider) == 1
        here.clock.advance(1)
        await here.accepted(TOKEN)
        assert asked(provider) == 2
        here.clock.advance(10)
        outcome = await here.refused(TOKEN, "expired")
        assert outcome.denial is Denial.EXPIRED


async def test_a_no_counts_briefly() -> None:
    """Long enough to spare the provider, too short to refuse a token that has just been issued."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider, active=False)
        for _ in range(10):
            await here.refused(TOKEN)
        assert asked(provider) == 1
        says(provider)
        here.clock.advance(5)
        await here.accepted(TOKEN)


async def test_max_seconds_zero_asks_at_each_handshake() -> None:
    """With `max_seconds=0` each handshake asks; at once still means one call."""
    asking = {"max_seconds": 0.0}
    async with serve() as provider, room(provider.url, introspection=asking) as here:
        says(provider)
        await here.accepted(TOKEN)
        await here.accepted(TOKEN)
        assert asked(provider) == 2
        await asyncio.gather(*(here.accepted(TOKEN) for _ in range(100)))
        assert asked(provider) == 3


async def test_a_clock_that_is_set_back_keeps_no_answer() -> None:
    """Neither way."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider, iat=..., exp=NOW + 1e6)
        await here.accepted(TOKEN)
        here.clock.advance(30)
        here.clock.set_wall(NOW - 1000)
        await here.accepted(TOKEN)
        assert asked(provider) == 2


async def test_the_answer_is_as_old_as_the_question() -> None:
    """A provider that takes its time does not prolong what it says."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider)
        provider.held = asyncio.Event()
        asking = asyncio.ensure_future(here.present(TOKEN))
        while not provider.asked:
            await asyncio.sleep(0)
        here.clock.advance(29)
        provider.held.set()
        assert isinstance(await asking, Authentication)
        before = asked(provider)
        here.clock.advance(1)
        await here.accepted(TOKEN)
        assert asked(provider) == before + 1


# -- a provider that is down --------------------------------------------------------------------------


async def test_the_breaker_fails_closed() -> None:
    """After five failures no request is sent, and each client is refused with `Retry-After`."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider)
        await here.accepted(TOKEN)
        good = provider.replies[PATH]
        provider.replies[PATH] = answer(b"", status=503)
        for number in range(20):
            outcome = await here.refused(f"another{number}")
            assert outcome.denial is Denial.UNAVAILABLE
        assert asked(provider) == 6
        assert (await here.refused("another")).retry_after == 10
        # What was said before counts as long as it would have.
        await here.accepted(TOKEN)
        here.clock.advance(30)
        outcome = await here.refused(TOKEN)
        assert outcome.denial is Denial.UNAVAILABLE
        here.clock.advance(10)
        provider.replies[PATH] = good
        await here.accepted(TOKEN)


async def test_open_connections_ask_again() -> None:
    """An open connection repeats the introspection, and many connections make few requests."""
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider)
        found = await here.accepted(TOKEN)
        recheck = found.recheck
        assert recheck is not None
        assert (recheck.seconds, recheck.grace_seconds) == (60.0, 60.0)
        again = await recheck.ask(here.clock.now())
        assert again == found
        assert asked(provider) == 1
        here.clock.advance(15)
        says(provider, scope="chat:write")
        answers = await asyncio.gather(*(recheck.ask(here.clock.now()) for _ in range(1000)))
        assert {one.scopes for one in answers if isinstance(one, Authentication)} == {
            frozenset({"chat:say"})
        }
        assert asked(provider) == 2
        here.clock.advance(15)
        provider.replies[PATH] = answer(b"", status=503)
        outcome = await recheck.ask(here.clock.now())
        assert isinstance(outcome, Refusal)
        assert outcome.denial is Denial.UNAVAILABLE
        says(provider, active=False)
        outcome = await recheck.ask(here.clock.now())
        assert isinstance(outcome, Refusal)
        assert outcome.denial is Denial.BAD_CREDENTIAL


async def test_the_account_is_asked_again_too() -> None:
    """With `principals="store"`: who is disabled is out."""
    options: dict[str, Any] = {"introspection": ASKING, "principals": "store"}
    async with serve() as provider, room(provider.url, **options) as here:
        await here.store.open()
        says(provider)
        await here.refused(TOKEN, "knows no such principal")
        await here.store.add_account(Account(id="alice", roles=frozenset({"member"})))
        found = await here.accepted(TOKEN)
        assert (found.principal.roles, found.live) == (frozenset({"member"}), True)
        await here.store.set_disabled("alice", True)
        assert found.recheck is not None
        assert isinstance(await found.recheck.ask(here.clock.now()), Refusal)
        await here.refused(TOKEN, "disabled")


# -- who asks, and what is sent -------------------------------------------------------------------------


async def one_question(**asking: Any) -> Asked:
    """Return the introspection request for the token."""
    async with serve() as provider, room(provider.url, introspection=asking) as here:
        says(provider)
        await here.accepted(TOKEN)
        return provider.asked[-1]


async def test_basic() -> None:
    """Id and secret are form-encoded before they are put together (RFC 6749 §2.3.1)."""
    sent = await one_question(client_id="a:b c", client_secret="s%:é+&")
    expected = base64.b64encode(b"a%3Ab+c:s%25%3A%C3%A9%2B%26").decode()
    assert sent.headers["authorization"] == f"Basic {expected}"
    assert sent.form == {"token": TOKEN, "token_type_hint": "access_token"}


async def test_secret_is_sent_in_the_form() -> None:
    """The client secret is sent in the form of the request, not in its URL."""
    sent = await one_question(method="client_secret_post", client_secret="s%:é+&")
    assert "authorization" not in sent.headers
    assert sent.form["client_secret"] == "s%:é+&"
    assert sent.form["client_id"] == "api"
    assert sent.path == PATH


async def test_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no password and no certificate of the environment: a secret goes one way only."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert (await one_question()).form["token"] == TOKEN


async def test_secrets_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in a repr nor in a log nor in what the operator is told."""
    key = JwtKey("HS256", "a secret of the issuer, long enough for that")
    caplog.set_level(0)
    assert "hidden" not in repr(Introspection(client_id="api", client_secret="hidden"))
    assert "issuer" not in repr(key)
    async with (
        serve() as provider,
        room(provider.url, introspection={"client_secret": "hidden"}) as here,
    ):
        for reply in (answer(b"", status=500), answer(b"", status=401), b"", answer(b"{")):
            provider.replies[PATH] = reply
            outcome = await here.refused(TOKEN)
            assert "hidden" not in repr(outcome)
    assert TOKEN not in caplog.text
    assert "hidden" not in caplog.text


async def test_what_is_never_sent_on() -> None:
    """API keys belong to another authenticator, and a malformed token to none."""
    from stormdoor.core.apikey import compose
    from stormdoor.core.credential import Credential, Place, Source

    bearer = Place(Source.AUTHORIZATION, "bearer")
    async with serve() as provider, room(provider.url, introspection=ASKING) as here:
        says(provider)
        for secret in (compose(1, 2)[1], "", "a b", "ä", "a\nb", "x" * 8193, "=", "a=b"):
            assert not here.authenticator.recognises(Credential(bearer, secret))
        for secret in ("", "a b", "ä", "a\nb", "x" * 8193):
            assert isinstance(await here.present(secret), Rejected)
        assert provider.asked == []
        assert here.authenticator.recognises(Credential(bearer, TOKEN))
    async with serve() as provider, room(provider.url) as here:
        assert not here.authenticator.recognises(Credential(bearer, TOKEN))
        await here.refused(TOKEN, "it is not a JWT")


async def test_jwts_are_introspected_too() -> None:
    """JWTs too, so that a revoked one is noticed; the keys are never fetched."""
    async with serve() as provider, room(provider.url, introspection={"everything": True}) as here:
        says(provider)
        await here.accepted("e30.e30.e30")
        assert provider.counts["/jwks"] == 0
        assert asked(provider) == 1


async def test_told_where_to_ask() -> None:
    """Then no document is requested."""
    async with serve() as provider:
        asking = {"endpoint": f"{provider.url}{PATH}"}
        async with room(provider.url, introspection=asking) as here:
            says(provider)
            await here.accepted(TOKEN)
            assert list(provider.counts) == [PATH]


async def test_insecure_options_are_named() -> None:
    """The accepted answers then; the operator sees the option in use."""
    for name, missing in (
        ("insecure_missing_audience", "aud"),
        ("insecure_missing_type", "token_type"),
    ):
        async with serve() as provider, room(provider.url, introspection={name: True}) as here:
            assert getattr(here.authenticator, name)
            says(provider, **{missing: ...})
            await here.accepted(TOKEN)
            here.clock.advance(30)
            says(provider, **{missing: "other"})
            await here.refused(TOKEN)


PRIVATE = JwtKey("HS256", "a secret of the issuer, long enough for that")

WRONG: list[dict[str, Any]] = [
    {"client_id": ""},
    {"client_secret": None},
    {"client_secret": ""},
    {"method": "none"},
    {"method": "private_key_jwt"},
    {"method": "private_key_jwt", "client_secret": None, "private_key": PRIVATE},
    {"private_key": PRIVATE},
    {"recheck_seconds": 0.0},
    {"recheck_seconds": float("inf")},
    {"grace_seconds": -1.0},
    {"grace_seconds": float("nan")},
    {"endpoint": "http://login.example/introspect"},
]


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    """Are refused, with what to write."""
    with pytest.raises(ConfigurationError):
        Introspection(**{"client_id": "api", "client_secret": "s", **options})


async def test_numbers_that_make_no_sense() -> None:
    """Likewise, when they are put to use."""
    for options in (
        {"max_seconds": -1.0},
        {"max_seconds": 1e9},
        {"negative_seconds": 100.0},
        {"parallel": 0},
        {"breaker_failures": 0},
        {"breaker_seconds": 0.0},
    ):
        with pytest.raises(ConfigurationError):
            async with room("https://login.example", introspection=options) as here:
                assert isinstance(here, Room)
