"""Attacks on what was true at the handshake: tokens that ended elsewhere while their sockets are open.

The twin is the same guard with the question left out: it verifies the handshake and no more, as others do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stormdoor import Guard, PolicySet, permit
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator
from stormdoor.core.denial import Denial
from stormdoor.guard.connection import Connection
from tests.auth.oauth.test_real_provider import JWT, OPAQUE, SCOPES, jwt_for, opaque_for
from tests.guard.fakes import bearer, make_guard, opened, refused, settle
from tests.support.clock import FakeClock
from tests.support.openid.provider import RealProvider

pytestmark = pytest.mark.installs


class Door:
    """A guard before that provider; the test runs its maintenance."""

    def __init__(self, guard: Guard, clock: FakeClock, *, twin: bool) -> None:
        self.guard, self.clock = guard, clock
        self._twin = twin

    async def pass_time(self, seconds: float, *, step: float = 5.0) -> None:
        """Beat for so long; wait for answers of the real provider in between."""
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            await self.guard.deadlines.expire()
            if not self._twin:
                await self.guard.revalidation.look()
                await asyncio.gather(*self.guard.revalidation._tasks)


@asynccontextmanager
async def door(
    provider: RealProvider,
    *,
    twin: bool = False,
    limits: Mapping[str, int] | None = None,
    **asking: Any,
) -> AsyncIterator[Door]:
    """Such a door."""
    provider.register("spa", redirect_uris=["http://127.0.0.1:1/callback"])
    provider.register("api")
    clock = FakeClock(wall=time.time() + 1.0)
    authenticator = OAuthAuthenticator(
        issuer=provider.issuer,
        audience=[JWT, OPAQUE],
        scopes=SCOPES,
        introspection=Introspection(
            client_id="api", client_secret=provider.secret("api"), **asking
        ),
        timeout=30.0,
        clock=clock,
    )
    policies = PolicySet([permit("chat:*", when='environment.kind == "oauth"')])
    guard = await settle(make_guard(authenticator, clock=clock, policies=policies, limits=limits))
    try:
        yield Door(guard, clock, twin=twin)
    finally:
        await guard.close()


async def open_with(at: Door, token: str) -> Connection:
    """An open connection with that token."""
    connection, _ = await opened(at.guard, bearer(token))
    return connection


@pytest.mark.parametrize("twin", [True, False], ids=["twin", "door"])
async def test_a_token_that_was_revoked_at_its_provider(twin: bool, provider: RealProvider) -> None:
    """Its socket is closed within the interval, and one of another token stays."""
    async with door(provider, twin=twin) as at:
        token, other = opaque_for(provider), opaque_for(provider, "bob")
        connection, stays = await open_with(at, token), await open_with(at, other)
        await at.pass_time(120)
        assert connection.open
        provider.revoke(token, client="spa")
        await at.pass_time(75)
        assert stays.open
        assert connection.open is twin
        if not twin:
            assert connection.closed_by is not None
            assert connection.closed_by.answer.close_code == 3000


@pytest.mark.parametrize("twin", [True, False], ids=["twin", "door"])
async def test_a_key_that_was_stolen_and_dropped(twin: bool, provider: RealProvider) -> None:
    """Sockets that were opened with it are closed when it goes from the set."""
    async with door(provider, twin=twin) as at:
        connection = await open_with(at, jwt_for(provider))
        provider.rotate_keys()
        await at.pass_time(300)
        assert connection.open  # it is still published
        provider.rotate_keys(keep=False)
        await at.pass_time(270)
        assert connection.open is twin
        if not twin:
            assert connection.closed_by is not None
            assert connection.closed_by.denial is Denial.REVOKED


async def test_dropped_key_is_noticed_at_a_token_of_the_new_key(provider: RealProvider) -> None:
    """The first token of the new key shows it: then it takes one beat."""
    async with door(provider) as at:
        connection = await open_with(at, jwt_for(provider))
        await at.pass_time(10)
        provider.rotate_keys(keep=False)
        await at.pass_time(10)
        assert connection.open
        stays = await open_with(at, jwt_for(provider, "bob"))
        await at.pass_time(0.25, step=0.25)
        assert not connection.open
        assert stays.open


async def test_a_provider_that_died(provider: RealProvider) -> None:
    """Its last answer is used for the grace period; then the socket closes with "try again later"."""
    async with door(provider, recheck_seconds=20.0, grace_seconds=20.0) as at:
        connection = await open_with(at, opaque_for(provider))
        lasting = await open_with(at, jwt_for(provider, seconds=3000))
        await at.pass_time(20)
        provider.kill()
        await at.pass_time(15)
        assert connection.open
        await at.pass_time(30)
        assert not connection.open
        assert connection.closed_by is not None
        assert connection.closed_by.answer.close_code == 1013
        # A JWT proves itself: that the provider is down says nothing against it.
        assert lasting.open


async def test_a_refused_handshake_says_when_to_come_back(provider: RealProvider) -> None:
    """503 and not 401: the client's token may be good. Its address is not charged."""
    async with door(provider) as at:
        token = opaque_for(provider)
        provider.kill()
        for _ in range(30):
            refusal = await refused(at.guard, bearer(token))
            assert (refusal.denial, refusal.answer.status) == (Denial.UNAVAILABLE, 503)
            assert refusal.retry_after is not None


async def test_a_crowd_with_one_token(provider: RealProvider) -> None:
    """Three hundred sockets of one token, for five minutes: a few questions, and all of them end."""
    limits = {"connections_per_principal": 1000, "connections_per_address": 1000}
    async with door(provider, limits=limits) as at:
        token = opaque_for(provider)
        connections = [await open_with(at, token) for _ in range(300)]
        provider.forget_requests()
        await at.pass_time(300, step=1.0)
        assert all(one.open for one in connections)
        asked = provider.requests["/token/introspection"]
        # The interval is 60 s, and answers of the last quarter of it are shared.
        assert 5 <= asked <= 4 * 300 / 60
        provider.revoke(token, client="spa")
        await at.pass_time(75, step=1.0)
        assert not any(one.open for one in connections)
