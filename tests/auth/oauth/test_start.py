"""Requests of a guard to a provider at its start, and reports about a provider that does not answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stormdoor import Guard
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.denial import Denial
from stormdoor.tornado.metrics import exposition
from stormdoor.tornado.oidc_routes import oidc_routes
from tests.auth.oauth.hostile import AUDIENCE, SCOPES, Hostile, answer, jwk_of, serve
from tests.auth.oauth.test_hostile_provider import DOCUMENT, KEYS, OLD, token_of
from tests.guard.fakes import bearer, make_guard, opened, refused
from tests.support.clock import FakeClock

_ALL = {"chat:read": ["chat:*"]}


def _authenticator(
    provider: Hostile, clock: FakeClock, *, introspection: Introspection | None = None
) -> OAuthAuthenticator:
    return OAuthAuthenticator(
        issuer=provider.url,
        audience=AUDIENCE,
        scopes=_ALL,
        introspection=introspection,
        roles_claim="groups",
        clock=clock,
    )


@asynccontextmanager
async def _before(provider: Hostile, *, asking: bool = False) -> AsyncIterator[Guard]:
    """A guard before that provider, not yet started."""
    clock = FakeClock()
    introspection = Introspection(client_id="api", client_secret="s" * 32) if asking else None
    guard = make_guard(_authenticator(provider, clock, introspection=introspection), clock=clock)
    try:
        yield guard
    finally:
        await guard.close()


async def _errands(guard: Guard) -> None:
    await asyncio.gather(*guard._errands)


async def test_the_keys_are_there_before_the_first_token() -> None:
    """The guard does not wait for them, and the first handshake sends no request."""
    async with serve() as provider, _before(provider, asking=True) as guard:
        provider.publish(jwk_of(OLD))
        await guard.start()
        assert provider.asked == []
        await _errands(guard)
        assert provider.counts == {DOCUMENT: 1, KEYS: 1}
        connection, _ = await opened(guard, bearer(token_of(provider.url, groups=["member"])))
        assert connection.open
        assert provider.counts == {DOCUMENT: 1, KEYS: 1}


async def test_handshake_during_the_first_fetch_waits_for_its_answer() -> None:
    """It makes no second question, and waits for the answer of the first."""
    async with serve() as provider, _before(provider) as guard:
        provider.publish(jwk_of(OLD))
        await guard.start()
        await opened(guard, bearer(token_of(provider.url, groups=["member"])))
        await _errands(guard)
        assert provider.counts == {DOCUMENT: 1, KEYS: 1}


async def test_a_provider_that_is_not_there_yet(caplog: pytest.LogCaptureFixture) -> None:
    """The guard starts, the log says it, and the first token does not wait for the cool-down."""
    async with serve() as provider, _before(provider, asking=True) as guard:
        provider.replies[DOCUMENT] = answer(b"starting", status=503)
        with caplog.at_level(logging.WARNING, "stormdoor.oauth"):
            await guard.start()
            await _errands(guard)
        assert "are asked for again when a token comes" in caplog.text
        assert (await refused(guard, bearer("a.b.c"))).denial is Denial.BAD_CREDENTIAL
        provider.describe()
        provider.publish(jwk_of(OLD))
        await opened(guard, bearer(token_of(provider.url, groups=["member"])))


async def test_a_provider_that_never_answers_holds_nothing_up() -> None:
    """Neither the start nor the end."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async with serve() as provider, _before(provider) as guard:
        provider.replies[DOCUMENT] = never
        await guard.start()
        while not provider.asked:
            await asyncio.sleep(0)
        await guard.close()
        assert not guard._errands


async def test_an_authenticator_that_breaks_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, and the guard has started."""

    class Broken(OAuthAuthenticator):
        async def prefetch(self, now: float) -> None:
            raise RuntimeError("no such luck")

    async with serve() as provider:
        broken = Broken(issuer=provider.url, audience=AUDIENCE, scopes=SCOPES)
        async with make_guard(broken) as guard:
            await _errands(guard)
            assert await guard.ready()
    assert "Broken did not get what it needs from others" in caplog.text


def _series(guard: Guard) -> dict[str, float]:
    lines = exposition(guard).decode().splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith("stormdoor_breaker")]
    assert len({name for name, _, _ in found}) == len(
        found
    )  # a series that comes twice is an error
    return {name: float(value) for name, _, value in found}


async def test_the_breaker_is_in_the_metrics() -> None:
    """It says which question is not asked any more, how often that was, and when it is over."""
    async with serve() as provider, _before(provider, asking=True) as guard:
        # The same provider is that of the login: its keys are one series with those of the authenticator.
        oidc_routes(
            guard,
            OpenIdProvider(
                issuer=provider.url,
                client_id="web",
                client_secret="s" * 32,
                redirect_uri="https://app.example/auth/oidc/callback",
            ),
        )
        labels = f'issuer="{provider.url}",question='
        assert set(_series(guard)) == {
            f'stormdoor_breaker_{what}{{{labels}"{question}"}}'
            for what in ("open", "openings_total")
            for question in ("introspection", "keys", "login")
        }
        assert set(_series(guard).values()) == {0.0}
        provider.replies["/introspect"] = answer(b"down", status=500)
        for _ in range(7):
            assert (await refused(guard, bearer("opaque"))).denial is Denial.UNAVAILABLE
        series = _series(guard)
        assert series[f'stormdoor_breaker_open{{{labels}"introspection"}}'] == 1.0
        assert series[f'stormdoor_breaker_openings_total{{{labels}"introspection"}}'] == 1.0
        assert series[f'stormdoor_breaker_open{{{labels}"keys"}}'] == 0.0
        guard.clock.advance(11)  # type: ignore[attr-defined]
        provider.replies["/introspect"] = answer(b'{"active": false}')
        assert (await refused(guard, bearer("opaque"))).denial is Denial.BAD_CREDENTIAL
        series = _series(guard)
        assert series[f'stormdoor_breaker_open{{{labels}"introspection"}}'] == 0.0
        assert series[f'stormdoor_breaker_openings_total{{{labels}"introspection"}}'] == 1.0
