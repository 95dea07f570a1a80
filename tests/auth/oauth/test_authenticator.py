"""Options of the resource server: what its tokens may say, and what it refuses to be told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from stormdoor import ConfigurationError, JwtKey
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator
from stormdoor.core.credential import Credential, Place, Source
from tests.auth.oauth.hostile import AUDIENCE, jwk_of, room, serve
from tests.auth.oauth.test_hostile_provider import OLD, token_of

BEARER = Place(Source.AUTHORIZATION, "bearer")

ALIKE: list[tuple[dict[str, Any], dict[str, Any], frozenset[str], str | None]] = [
    ({}, {"roles": ["member"]}, frozenset({"member"}), None),
    ({"roles_claim": None}, {"roles": ["member"]}, frozenset(), None),
    (
        {"roles_claim": "realm_access.roles", "tenant_claim": "org.id"},
        {"realm_access": {"roles": ["member"]}, "org": {"id": "acme"}},
        frozenset({"member"}),
        "acme",
    ),
    (
        {"roles_claim": "resource_access.chat.roles"},
        {"resource_access": {"chat": {"roles": ["x"]}, "other": {"roles": ["admin"]}}},
        frozenset({"x"}),
        None,
    ),
    (
        {"roles_claim": ["https://chat.example/roles"], "tenant_claim": ["org.id"]},
        {"https://chat.example/roles": ["x"], "org.id": "acme"},
        frozenset({"x"}),
        "acme",
    ),
]


@pytest.mark.parametrize(("options", "claims", "roles", "tenant"), ALIKE, ids=str)
async def test_roles_and_tenant(
    options: dict[str, Any], claims: dict[str, Any], roles: frozenset[str], tenant: str | None
) -> None:
    """Dots lead into objects; a list is taken as it is."""
    async with serve() as provider, room(provider.url, **options) as here:
        provider.publish(jwk_of(OLD))
        found = await here.accepted(token_of(provider.url, **claims))
        assert (found.principal.roles, found.principal.tenant) == (roles, tenant)


async def test_no_scopes() -> None:
    """A server without scopes: nothing is restricted, by an explicit option."""
    options: dict[str, Any] = {"scopes": None, "scope_claim": None}
    async with serve() as provider, room(provider.url, **options) as here:
        provider.publish(jwk_of(OLD))
        assert (await here.accepted(token_of(provider.url))).scopes is None
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        assert (await here.accepted(token_of(provider.url, scope=...))).scopes == frozenset()


async def test_required_claims() -> None:
    """A required claim must be present with exactly that value."""
    async with serve() as provider, room(provider.url, required={"typ": "Bearer"}) as here:
        provider.publish(jwk_of(OLD))
        await here.accepted(token_of(provider.url, typ="Bearer"))
        await here.refused(token_of(provider.url), "typ is not 'Bearer'")
        await here.refused(token_of(provider.url, typ=["Bearer"]), "typ is not 'Bearer'")


@pytest.mark.parametrize(
    "claims",
    [
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": "Offline"},
        {"token_use": "id"},
        {"at_hash": "x"},
        {"c_hash": "x"},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    ],
    ids=str,
)
async def test_tokens_for_another_purpose_are_refused(claims: dict[str, Any]) -> None:
    """Signed by the same keys, for the same audience, even with the type of an access token."""
    async with serve() as provider, room(provider.url, types=["at+jwt", "JWT", None]) as here:
        provider.publish(jwk_of(OLD))
        await here.accepted(token_of(provider.url))
        await here.refused(token_of(provider.url, **claims), "it is no access token")


async def test_tokens_of_other_issuers() -> None:
    """They are left to others only by an explicit option, and unreadable ones are not."""
    async with serve() as provider:
        other = Credential(BEARER, token_of("https://other.example"))
        own = Credential(BEARER, token_of(provider.url))
        unreadable = Credential(BEARER, "a.b.c")
        async with room(provider.url) as here:
            for one in (own, other, unreadable):
                assert here.authenticator.recognises(one)
        async with room(provider.url, other_issuers="leave") as here:
            provider.publish(jwk_of(OLD))
            assert here.authenticator.recognises(own)
            assert here.authenticator.recognises(unreadable)
            assert not here.authenticator.recognises(other)
            await here.refused(other.secret, "iss is another issuer")


async def test_connections_may_outlive_keys() -> None:
    """By an explicit option."""
    async with serve() as provider, room(provider.url, insecure_outlive_keys=True) as here:
        provider.publish(jwk_of(OLD))
        assert (await here.accepted(token_of(provider.url))).recheck is None
        assert here.authenticator.insecure_outlive_keys


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"audience": ""}, "a token needs an audience"),
    ({"audience": []}, "a token needs an audience"),
    ({"scopes": None}, "say what each scope allows"),
    ({"scopes": {}}, "say what each scope allows"),
    ({"scope_claim": None}, "scopes mean nothing"),
    ({"scopes": {"a": "chat:say"}}, 'write "a": \\["chat:say"\\]'),
    ({"scopes": {"a b": ["chat:say"]}}, "is no scope"),
    ({"scopes": {"": ["chat:say"]}}, "is no scope"),
    ({"scopes": {"a": ["chat say"]}}, "chat say"),
    ({"principals": "both"}, "principals must be"),
    ({"principals": "store", "tenant_claim": "org"}, "come from the account"),
    ({"clients": []}, "must be a list"),
    ({"clients": "spa"}, "must be a list"),
    ({"services": ""}, "take a person's name"),
    ({"other_issuers": "ask"}, "must be"),
    ({"types": []}, "types accepts no token"),
    ({"algorithms": []}, "no algorithm is accepted"),
    ({"algorithms": ["HS256"]}, "not for published keys"),
    ({"algorithms": ["none"]}, "not for published keys"),
    ({"roles_claim": ""}, "is no claim"),
    ({"roles_claim": "a..b"}, "is no claim"),
    ({"roles_claim": []}, "is no claim"),
    ({"leeway": 301.0}, "leeway must be"),
    ({"max_age": 0.0}, "max_age must be"),
    ({"timeout": 0.0}, "timeout must be"),
    ({"timeout": 61.0}, "timeout must be"),
    ({"cooldown_seconds": 0.0}, "keys need"),
    ({"cooldown_seconds": 301.0}, "keys need"),
    ({"refresh_seconds": float("nan")}, "keys need"),
    ({"max_stale_seconds": 60.0}, "keys need"),
    ({"max_stale_seconds": 1e6}, "keys need"),
    ({"jwks_uri": "http://login.example/jwks"}, "jwks_uri is not an https"),
    ({"jwks_uri": "http://127.0.0.1/jwks"}, "jwks_uri is not an https"),
    (
        {
            "introspection": Introspection(
                client_id="api", client_secret="s", endpoint="http://127.0.0.1/introspect"
            )
        },
        "endpoint is not an https",
    ),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=str)
def test_options_that_accept_anything(options: dict[str, Any], message: str) -> None:
    """Are refused at the start."""
    given: dict[str, Any] = {
        "issuer": "https://login.example",
        "audience": AUDIENCE,
        "scopes": {"a": ["chat:say"]},
    }
    with pytest.raises(ConfigurationError, match=message):
        OAuthAuthenticator(**{**given, **options})


def test_the_extra_is_named() -> None:
    """The package loads httpx2 only for a provider; without it, the message names the extra."""
    script = (
        "import sys, stormdoor\n"
        "print({'httpx2', 'authlib'} & set(sys.modules))\n"
        "sys.modules['httpx2'] = None\n"
        "try:\n    from stormdoor.auth.oauth import OAuthAuthenticator\n"
        "except stormdoor.ConfigurationError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded, message = done.stdout.splitlines()
    assert loaded == "set()"
    assert "pip install 'stormdoor[oidc]'" in message


async def test_a_key_that_cannot_sign_is_no_proof() -> None:
    """`private_key_jwt` takes the private one."""
    assert OLD.public_key is not None
    public = JwtKey("ES256", OLD.public_key, "k")
    with pytest.raises(ConfigurationError):
        Introspection(client_id="api", private_key=public, method="private_key_jwt")
