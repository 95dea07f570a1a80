"""Against a real, certified provider: as it is, rotating, slow, talking nonsense, dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from stormdoor import Authentication, Denial, JwtKey, Rejected
from stormdoor.auth.oauth import Introspection
from stormdoor.core.denial import Refusal
from tests.auth.oauth.hostile import Room, jwk_of, room
from tests.support.clock import FakeClock
from tests.support.openid.provider import RealProvider

JWT, OPAQUE = "https://chat.example/jwt", "https://chat.example/opaque"
pytestmark = pytest.mark.installs

SCOPES = {"chat:connect": ["chat:connect", "chat:hear"], "chat:say": ["chat:say"]}
ASKING: dict[str, Any] = {}


@asynccontextmanager
async def here(provider: RealProvider, **options: Any) -> AsyncIterator[Room]:
    """A resource server of that provider, with the time of today."""
    provider.register("spa", redirect_uris=["http://127.0.0.1:1/callback"])
    provider.register("api")
    given = {"audience": [JWT, OPAQUE], "scopes": SCOPES, **options}
    # What the provider has issued this very second must not seem to come from the future.
    clock = FakeClock(wall=time.time() + 1.0)
    async with room(provider.issuer, clock=clock, **given) as found:
        yield found


def jwt_for(provider: RealProvider, sub: str = "alice", **more: Any) -> str:
    """A JWT access token."""
    return provider.access_token(sub, client="spa", resource=JWT, **more)


def opaque_for(provider: RealProvider, sub: str = "alice", **more: Any) -> str:
    """An opaque access token."""
    return provider.access_token(sub, client="spa", resource=OPAQUE, **more)


async def test_a_jwt(provider: RealProvider) -> None:
    """Found by discovery, verified by the published keys, its scopes turned into permissions."""
    async with here(provider) as now:
        found = await now.accepted(jwt_for(provider, scope="chat:connect"))
        assert (found.principal.id, found.kind) == ("alice", "oauth")
        assert found.scopes == frozenset({"chat:connect", "chat:hear"})
        assert found.expires_at is not None
        assert provider.requests["/jwks"] == 1
        await now.accepted(jwt_for(provider, "bob"))
        assert provider.requests["/jwks"] == 1


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_an_opaque_token(method: str, provider: RealProvider) -> None:
    """The provider is asked, once, and believed for a while; a revoked token ends with that."""
    async with here(provider, introspection={"method": method}) as now:
        provider.register("api", token_endpoint_auth_method=method)
        token = opaque_for(provider, scope="chat:say openid")
        found = await now.accepted(token)
        assert (found.principal.id, found.scopes) == ("alice", frozenset({"chat:say"}))
        await now.accepted(token)
        assert provider.requests["/token/introspection"] == 1
        provider.revoke(token, client="spa")
        await now.accepted(token)
        now.clock.advance(30)
        await now.refused(token, "not active")


async def test_a_client_that_signs(provider: RealProvider) -> None:
    """`private_key_jwt`: no secret travels."""
    key = JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), "mine")
    asking = Introspection(client_id="api2", private_key=key, method="private_key_jwt")
    async with here(provider, introspection=asking) as now:
        provider.register(
            "api2",
            token_endpoint_auth_method="private_key_jwt",
            jwks={"keys": [jwk_of(key)]},
        )
        await now.accepted(opaque_for(provider))


async def test_a_wrong_client_secret(provider: RealProvider) -> None:
    """It is our fault, not the token's: 503."""
    async with here(provider, introspection={"client_secret": "wrong"}) as now:
        outcome = await now.refused(opaque_for(provider), "does not accept our client_id")
        assert (outcome.denial, outcome.charged) == (Denial.UNAVAILABLE, False)


async def test_a_thousand_sockets_with_one_token(provider: RealProvider) -> None:
    """They make one call."""
    async with here(provider, introspection=ASKING) as now:
        token = opaque_for(provider)
        found = await asyncio.gather(*(now.present(token) for _ in range(1000)))
        assert all(isinstance(one, Authentication) for one in found)
        assert provider.requests["/token/introspection"] == 1


async def test_a_token_for_somebody_else(provider: RealProvider) -> None:
    """Audience, client, and use."""
    async with here(provider, audience="https://other.example", introspection=ASKING) as now:
        await now.refused(jwt_for(provider), "other audiences")
        await now.refused(opaque_for(provider), "other audiences")
    async with here(provider, clients=["app"], introspection=ASKING) as now:
        await now.refused(jwt_for(provider), "a client that is not accepted")
        await now.refused(opaque_for(provider), "a client that is not accepted")
    async with here(provider, clients=["spa"], introspection=ASKING) as now:
        await now.accepted(jwt_for(provider))
        await now.accepted(opaque_for(provider))


def _of_a_service(provider: RealProvider, resource: str, name: str = "robot") -> str:
    answer = httpx2.post(
        f"{provider.issuer}/token",
        data={
            "grant_type": "client_credentials",
            "resource": resource,
            "scope": "chat:say",
        },
        auth=(name, provider.secret(name)),
        trust_env=False,
    )
    token: str = answer.json()["access_token"]
    return token


async def test_a_service(provider: RealProvider) -> None:
    """A client without a person has a name of its own."""
    async with here(provider, services="client:", introspection=ASKING) as now:
        provider.register("robot")
        for resource in (JWT, OPAQUE):
            token = _of_a_service(provider, resource)
            found = await now.accepted(token)
            assert found.principal.id == "client:robot"
        assert (await now.accepted(jwt_for(provider))).principal.id == "alice"


async def test_a_client_that_is_called_like_a_person(provider: RealProvider) -> None:
    """An attacker who may register a client cannot become a user (RFC 9068 §5).

    The twin takes `sub` as it comes, and lets the client in as alice.
    """
    provider.register("alice")
    async with here(provider, introspection=ASKING) as now:
        for resource, reason in ((JWT, "no person"), (OPAQUE, "sub is missing")):
            await now.refused(_of_a_service(provider, resource, "alice"), reason)
        twin = now.authenticator._verifier
        twin.rules = replace(twin.rules, persons=False)
        token = _of_a_service(provider, JWT, "alice")
        assert (await now.accepted(token)).principal.id == "alice"


async def test_an_id_token_is_no_access_token(provider: RealProvider) -> None:
    """It has a genuine signature, and even the audience. Without the check it would be let in."""
    wall = time.time()
    claims = {
        "iss": provider.issuer,
        "aud": JWT,
        "sub": "alice",
        "iat": int(wall),
        "exp": int(wall) + 60,
        "scope": "chat:say",
        "at_hash": "x",
    }
    token = provider.sign(claims, header={"typ": "JWT"})
    async with here(provider) as now:
        await now.refused(token, "typ is 'jwt'")
    async with here(provider, types=[None, "JWT"]) as now:
        await now.refused(token, "no access token (at_hash)")
        del claims["at_hash"]
        await now.accepted(provider.sign(claims, header={"typ": "JWT"}))


async def test_new_keys(provider: RealProvider) -> None:
    """A token of a new key makes one request; the old key goes on while it is published."""
    async with here(provider) as now:
        old = jwt_for(provider)
        await now.accepted(old)
        provider.rotate_keys()
        now.clock.advance(10)
        await now.accepted(jwt_for(provider, "bob"))
        await now.accepted(old)
        assert provider.requests["/jwks"] == 2


async def test_dropped_keys(provider: RealProvider) -> None:
    """A token of a dropped key is void, remembered or not, and its connections end."""
    async with here(provider) as now:
        old, other = jwt_for(provider), jwt_for(provider, "bob")
        found = await now.accepted(old)
        assert found.recheck is not None
        assert found.recheck.source is not None
        assert found.recheck.source.generation == 0
        assert isinstance(await found.recheck.ask(now.clock.now()), Authentication)
        provider.rotate_keys(keep=False)
        await now.accepted(old)
        now.clock.advance(10)
        await now.accepted(jwt_for(provider, "carol"))  # signed by a key that is new
        await now.refused(old, "no key with the kid")
        await now.refused(other, "no key with the kid")
        assert found.recheck.source.generation == 1
        outcome = await found.recheck.ask(now.clock.now())
        assert isinstance(outcome, Refusal)
        assert outcome.denial is Denial.REVOKED


async def test_dropped_keys_without_news(provider: RealProvider) -> None:
    """Without a new token, the set is fetched again all the same."""
    async with here(provider) as now:
        old = jwt_for(provider)
        await now.accepted(old)
        provider.rotate_keys(keep=False)
        now.clock.advance(300)
        await now.refused(old, "no key with the kid")


async def test_random_kids(provider: RealProvider) -> None:
    """A thousand unknown keys make one request in ten seconds."""
    async with here(provider) as now:
        await now.accepted(jwt_for(provider))
        now.clock.advance(10)
        header, payload, signature = jwt_for(provider).split(".")
        from tests.support.tokens import b64

        for number in range(100):
            head = b64(f'{{"alg":"RS256","typ":"at+jwt","kid":"{number}"}}')
            await now.refused(f"{head}.{payload}.{signature}", "no key with the kid")
        assert provider.requests["/jwks"] == 2
        assert header


async def test_a_dead_provider(provider: RealProvider) -> None:
    """Keys count for an hour, then nothing does; when it is back, so is everything."""
    async with here(provider, introspection=ASKING) as now:
        token, opaque = jwt_for(provider, seconds=80_000), opaque_for(provider)
        await now.accepted(token)
        await now.accepted(opaque)
        provider.kill()
        now.clock.advance(30)
        await now.accepted(token)
        outcome = await now.refused(opaque, "cannot be asked")
        assert (outcome.denial, outcome.charged) == (Denial.UNAVAILABLE, False)
        assert outcome.retry_after is not None
        now.clock.advance(3569)
        await now.accepted(token)
        now.clock.advance(1)
        outcome = await now.refused(token, "the keys of the provider are not known")
        assert (outcome.denial, outcome.charged) == (Denial.UNAVAILABLE, False)
        for _ in range(5):
            now.clock.advance(10)
            await now.refused(opaque)
        provider.start()
        # What was issued before the crash is lost with its keys; what is issued now counts.
        provider.register("spa", redirect_uris=["http://127.0.0.1:1/callback"])
        provider.register("api")
        now.clock.advance(10)
        now.clock.set_wall(time.time() + 1.0)
        await now.refused(token)
        await now.accepted(jwt_for(provider))
        await now.accepted(opaque_for(provider))


@pytest.mark.parametrize("mode", ["garbage", "huge", "drop", "redirect", "hang", "drip"])
async def test_a_provider_that_has_lost_its_mind(mode: str, provider: RealProvider) -> None:
    """Nothing that it says then counts, and none of it takes long or much memory."""
    async with here(provider, introspection=ASKING) as now:
        token, opaque = jwt_for(provider), opaque_for(provider)
        more = {"body": f"{provider.issuer}/jwks"} if mode == "redirect" else {}
        for path in ("/jwks", "/token/introspection"):
            provider.behave(path, mode, **more)
        with now.in_a_hurry() if mode in {"hang", "drip"} else nullcontext():
            for one in (token, opaque):
                outcome = await now.refused(one)
                assert outcome.denial is Denial.UNAVAILABLE
        provider.behave_well()
        now.clock.advance(10)
        assert isinstance(await now.present(token), Authentication)
        assert isinstance(await now.present(opaque), Authentication)


async def test_a_slow_provider(provider: RealProvider) -> None:
    """An honest answer counts, late or not."""
    async with here(provider, introspection=ASKING) as now:
        provider.behave("/token/introspection", "slow", seconds=0.3)
        await now.accepted(opaque_for(provider))


async def test_a_bound_token(provider: RealProvider) -> None:
    """A stolen one cannot be used: without a configured proof, every bound token is refused."""
    async with here(provider, introspection=ASKING) as now:
        extra = {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}
        wall = int(time.time())
        claims = {
            "iss": provider.issuer,
            "aud": JWT,
            "sub": "alice",
            "iat": wall,
            "exp": wall + 60,
            "scope": "chat:say",
        }
        await now.accepted(provider.sign(claims, header={"typ": "at+jwt"}))
        bound = provider.sign({**claims, **extra}, header={"typ": "at+jwt"})
        outcome = await now.refused(bound, "no proof of it is configured")
        assert isinstance(outcome, Rejected)
