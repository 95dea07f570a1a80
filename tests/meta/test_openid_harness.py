"""The provider that tests are run against is a real one, and does as it is told."""

import base64
import json

import httpx2
import pytest

from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.visitor import Browserlike, query_of
from tests.support.project import ROOT

__all__ = ["openid", "provider"]

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.installs
_HERE = ROOT / "tests" / "support" / "openid"


def _payload(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_lock_has_hashes_and_no_registry() -> None:
    """Every package of the provider is pinned by its hash, and may come from any mirror."""
    lock = json.loads((_HERE / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert [name for name, one in packages.items() if not one.get("integrity")] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []


@pytest.mark.parametrize(("ci", "outcome"), [("true", "errors"), ("", "skipped")])
def test_missing_node(
    ci: str, outcome: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without node a test is skipped with the reason on a desk, and an error in CI."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest("from tests.support.openid.provider import openid, provider")
    pytester.makepyfile("def test_login(provider): pass")
    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*no OpenID provider: node is not on PATH*"])


async def test_a_login_gives_a_code_and_says_who_issued_it(provider: RealProvider) -> None:
    """The form is filled; the code comes back with `iss` and `state` (RFC 9207)."""
    provider.register("app", redirect_uris=["http://127.0.0.1:1/callback"])
    start = httpx2.URL(
        f"{provider.issuer}/auth",
        params={
            "client_id": "app",
            "redirect_uri": "http://127.0.0.1:1/callback",
            "response_type": "code",
            "scope": "openid",
            "state": "s",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        },
    )
    async with Browserlike() as browser:
        answer = await browser.follow(str(start), until="http://127.0.0.1:1/", login="alice")
    back = query_of(answer.headers["location"])
    assert back["code"]
    assert back["state"] == "s"
    assert back["iss"] == provider.issuer


def test_access_tokens_of_both_formats(provider: RealProvider) -> None:
    """A JWT of RFC 9068, and an opaque one that introspection knows until it is revoked."""
    provider.register("spa", redirect_uris=["http://127.0.0.1:1/callback"])
    provider.register("api")
    token = provider.access_token("alice", client="spa", resource="https://api.example/jwt")
    assert _payload(token)["aud"] == "https://api.example/jwt"
    opaque = provider.access_token("alice", client="spa", resource="https://api.example/opaque")
    assert "." not in opaque

    def active() -> bool:
        answer = httpx2.post(
            f"{provider.issuer}/token/introspection",
            data={"token": opaque},
            auth=("api", provider.secret("api")),
            trust_env=False,
        )
        found: bool = answer.json()["active"]
        return found

    assert active()
    provider.revoke(opaque, client="spa")
    assert not active()


def test_a_service_gets_a_token(provider: RealProvider) -> None:
    """Client credentials, for a resource."""
    provider.register("robot")
    answer = httpx2.post(
        f"{provider.issuer}/token",
        data={
            "grant_type": "client_credentials",
            "resource": "https://api.example/jwt",
            "scope": "chat:say",
        },
        auth=("robot", provider.secret("robot")),
        trust_env=False,
    )
    claims = _payload(answer.json()["access_token"])
    assert claims["sub"] == "robot"
    assert claims["scope"] == "chat:say"


def test_keys_rotate(provider: RealProvider) -> None:
    """New keys come first; the old ones stay published or go."""
    before = provider.rotate_keys(keep=False)
    both = provider.rotate_keys()
    assert both[-len(before) :] == before
    published = httpx2.get(f"{provider.issuer}/jwks", trust_env=False).json()["keys"]
    assert [key["kid"] for key in published] == both
    assert all("d" not in key for key in published)
    assert not set(both) & set(provider.rotate_keys(keep=False))


@pytest.mark.parametrize(
    ("mode", "raised"),
    [("hang", httpx2.ReadTimeout), ("drop", httpx2.RemoteProtocolError)],
)
def test_provider_fails_as_told(provider: RealProvider, mode: str, raised: type[Exception]) -> None:
    """The test provider can fail to answer and can drop connections, and stops that when told."""
    provider.behave("/jwks", mode)
    # Only a server that never answers gets so short a time-out: a busy machine drops slowly.
    patience = httpx2.Timeout(30.0, read=0.2 if mode == "hang" else 30.0)
    with pytest.raises(raised):
        httpx2.get(f"{provider.issuer}/jwks", timeout=patience, trust_env=False)
    provider.behave_well()
    assert httpx2.get(f"{provider.issuer}/jwks", trust_env=False).json()["keys"]
    assert provider.requests["/jwks"] == 2


def test_garbage(provider: RealProvider) -> None:
    """A provider that answers nonsense with a straight face."""
    provider.behave("/jwks", "garbage")
    answer = httpx2.get(f"{provider.issuer}/jwks", trust_env=False)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        answer.json()


def test_killed_and_back(provider: RealProvider) -> None:
    """A crash loses everything but the address."""
    before = provider.issuer
    provider.kill()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{before}/jwks", trust_env=False)
    provider.start()
    assert provider.issuer == before
    assert httpx2.get(f"{before}/jwks", trust_env=False).status_code == 200
