"""The page about OAuth servers and the example beside it, against a real provider and by themselves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application
from websockets.asyncio.client import connect

from stormdoor import Guard, PolicySet, permit, protect, role
from stormdoor.auth.oauth import OAuthAuthenticator
from stormdoor.config.check import check_file
from tests.config.files import write
from tests.docs.pages import Program, blocks, closed, module_of, refused, serving, speak
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.project import ROOT

__all__ = ["openid", "provider"]

PAGE = ROOT / "docs" / "how-to" / "oauth-resource-server.md"
FEED = "https://feed.example/jwt"


def of(provider: RealProvider) -> Any:
    """The page's program, with this provider."""
    for client in ("web", "feed", "other"):
        provider.register(client, redirect_uris=["http://127.0.0.1:1/callback"])
    return module_of(
        PAGE,
        {"https://login.example": provider.issuer, "origins=": 'hosts=["127.0.0.1"], origins='},
    )


def bearing(token: str) -> dict[str, Any]:
    """Options of a client with that token."""
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


def guarded(page: Any, authenticator: OAuthAuthenticator) -> tuple[Application, Guard]:
    """The page's application with another of its authenticators."""
    guard = Guard(
        hosts=["127.0.0.1"],
        authenticators=[authenticator],
        policies=PolicySet(
            [role("member", "feed:*"), permit("feed:*", when='environment.kind == "oauth"')]
        ),
    )
    app = Application([("/feed", page.Feed)], websocket_ping_interval=20)
    return protect(app, guard), guard


@pytest.mark.installs
async def test_the_page(provider: RealProvider) -> None:
    """The program of the page checks clients, audience and scopes, and serves browsers."""
    page = of(provider)

    def token(client: str = "web", **more: Any) -> str:
        return provider.access_token("alice", client=client, resource=FEED, **more)

    async with serving(page.app, page.guard) as host:
        url = f"ws://{host}/feed"
        assert await speak(url, "x", **bearing(token())) == ["x"]
        offered = ["stormdoor.v1", f"stormdoor.bearer.{token()}"]
        page_of: Any = {"subprotocols": offered, "origin": "https://app.example"}
        assert await speak(url, "x", **page_of) == ["x"]
        assert await refused(url, **bearing(token(scope="chat:say"))) == 403
        assert await refused(url, **bearing(token(client="other"))) == 401
        other = provider.access_token("a", client="web", resource="https://other.example/jwt")
        assert await refused(url, **bearing(other)) == 401
        provider.rotate_keys(keep=False)
        assert page.guard.insecure_options == []


def keycloak(provider: RealProvider, **changes: Any) -> str:
    """An access token as Keycloak writes one, with a genuine signature."""
    claims: dict[str, Any] = {
        "exp": int(time.time()) + 300,
        "iat": int(time.time()) - 1,
        "jti": "onrtac:8e4a2cf9",
        "iss": provider.issuer,
        "aud": ["feed", "account"],
        "sub": "f3b1c9de-0001-4ae6-9d56-4c6f2b0e8d11",
        "typ": "Bearer",
        "azp": "web",
        "sid": "e6a5c8a8-6f41-4f7e-9a1a-0f6a6b6f7b11",
        "acr": "1",
        "realm_access": {"roles": ["offline_access", "member"]},
        "resource_access": {"account": {"roles": ["manage-account"]}},
        "organization": "acme",
        "scope": "openid feed profile",
        "preferred_username": "alice",
        **changes,
    }
    return provider.sign(claims, header={"typ": "JWT"})


SPOILT: Mapping[str, dict[str, Any]] = {
    "an ID token": {"typ": "ID", "aud": "web", "at_hash": "x"},
    "an ID token for us": {"typ": "ID"},
    "a refresh token": {"typ": "Refresh"},
    "for the account only": {"aud": "account"},
    "of another client": {"azp": "other"},
    "of another realm": {"iss": "https://login.example/realms/other"},
}


@pytest.mark.installs
async def test_a_server_like_keycloak(provider: RealProvider) -> None:
    """Roles within an object, tokens told apart by a claim."""
    page = of(provider)
    app, guard = guarded(page, page.staff)
    async with serving(app, guard) as host:
        url = f"ws://{host}/feed"
        async with connect(url, **bearing(keycloak(provider))):
            [connection] = guard.registry
            principal = connection.principal
            assert principal.roles == frozenset({"offline_access", "member"})
            assert principal.tenant == "acme"
            assert connection.authentication.scopes == frozenset({"feed:*"})
        assert await refused(url, **bearing(keycloak(provider, scope="openid"))) == 403
        for changes in SPOILT.values():
            assert await refused(url, **bearing(keycloak(provider, **changes))) == 401


@pytest.mark.installs
async def test_opaque_tokens(provider: RealProvider) -> None:
    """The guard introspects a token once, refuses a revoked one, and answers 503 without an answer."""
    page = of(provider)
    app, guard = guarded(page, page.asking)

    def token() -> str:
        return provider.access_token("alice", client="web", resource="https://feed.example/opaque")

    async with serving(app, guard) as host:
        url, first, second = f"ws://{host}/feed", token(), token()
        assert await speak(url, "x", **bearing(first)) == ["x"]
        assert await speak(url, "x", **bearing(first)) == ["x"]
        assert provider.requests["/token/introspection"] == 1
        provider.revoke(second, client="web")
        assert await refused(url, **bearing(second)) == 401
        third = token()
        provider.behave("/token/introspection", "drop")
        assert await refused(url, **bearing(third)) == 503


@pytest.mark.installs
async def test_bound_tokens(provider: RealProvider) -> None:
    """A stolen token without its certificate is refused."""
    page = of(provider)
    app, guard = guarded(page, page.bound)
    claims = {
        "iss": provider.issuer,
        "aud": FEED,
        "sub": "alice",
        "iat": int(time.time()) - 1,
        "exp": int(time.time()) + 60,
        "scope": "chat:connect",
    }
    header = {"typ": "at+jwt"}
    async with serving(app, guard) as host:
        url = f"ws://{host}/feed"
        assert await speak(url, "x", **bearing(provider.sign(claims, header=header))) == ["x"]
        cnf = {"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}
        stolen = provider.sign({**claims, **cnf}, header=header)
        assert await refused(url, **bearing(stolen)) == 401


def test_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration of the page is valid."""
    monkeypatch.setenv("FEED_CLIENT_SECRET", "the secret of feed")
    [block] = blocks(PAGE, "toml")
    head = 'store = "sqlite:door.db"\norigins = ["https://app.example"]\ntrail_days = 30\n'
    policies = '[[policies.role]]\nname = "member"\ngrants = ["feed:connect"]\n'
    found = check_file(write(tmp_path, f"{head}{block.text}{policies}"))
    assert {one.id for one in found} == {"no-trail-key"}


async def test_the_example(tmp_path: Path) -> None:
    """The example accepts both kinds of token, and closes the socket of a token that ends."""
    text = (ROOT / "examples" / "resource_server.py").read_text(encoding="utf-8")
    faster = text.replace("recheck_seconds=5", "recheck_seconds=1, max_seconds=0.2")
    faster = faster.replace("refresh_seconds=5", "refresh_seconds=1")
    assert faster.count("_seconds=1") >= 2
    with Program(tmp_path, faster, "resource_server.py") as server:
        tokens = {}
        for _, line in zip(range(2), server.lines(), strict=False):
            name, _, value = line.removeprefix("export ").partition("=")
            tokens[name] = bearing(value)
        at = f"127.0.0.1:{server.port}"
        for name, who, how in (("OPAQUE", "olga", "revoke"), ("JWT", "jan", "rotate")):
            async with connect(f"ws://{at}/chat", **tokens[name]) as client:
                await client.send('{"type":"say","text":"hello"}')
                told = json.loads(await asyncio.wait_for(client.recv(), 60))
                assert told == {"type": "said", "text": f"{who}: hello"}
                done = await AsyncHTTPClient().fetch(
                    f"http://{at}/provider/{how}", method="POST", body=""
                )
                assert done.code == 200
                assert await closed(client) == 3000
            assert await refused(f"ws://{at}/chat", **tokens[name]) == 401
