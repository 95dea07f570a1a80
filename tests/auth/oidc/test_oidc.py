"""An OpenID login without a provider: what tokens and answers must say, and what is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stormdoor import ConfigurationError, JwtKey
from stormdoor.auth.jose.key_source import FixedKeys
from stormdoor.auth.oidc.account import derived_id, own_account, roles_of
from stormdoor.auth.oidc.authorization_request import AuthorizationRequest, LoginStateCookie
from stormdoor.auth.oidc.id_token import Expected, IdToken, verify_id_token
from stormdoor.auth.oidc.logout import announce, overtaken
from stormdoor.auth.oidc.metadata import ProviderMetadata, read_metadata
from stormdoor.auth.oidc.return_to import local_path
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.guard.fakes import make_guard, settle
from tests.support.tokens import b64, forge, hs256, rsa_key

ISSUER = "https://login.example"
NOW = 1_767_225_600.0
KEYS = {
    "EdDSA": JwtKey("EdDSA", Ed25519PrivateKey.generate(), "ed"),
    "ES256": JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), "ec"),
    "RS256": JwtKey("RS256", rsa_key(), "rsa"),
}
STRANGER = JwtKey("EdDSA", Ed25519PrivateKey.generate(), "ed")
ACCESS_TOKEN = "an access token"


def provider(**settings: Any) -> OpenIdProvider:
    """Settings of an application."""
    known: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": "app",
        "redirect_uri": "https://app.example/auth/oidc/callback",
    }
    return OpenIdProvider(**(known | settings))


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of an honest ID token; None removes a claim."""
    honest: dict[str, Any] = {"iss": ISSUER, "sub": "alice", "aud": "app", "nonce": "the nonce"}
    honest |= {"iat": int(NOW) - 1, "exp": int(NOW) + 600, **changed}
    return {name: value for name, value in honest.items() if value is not None}


async def judge(
    payload: Mapping[str, Any] | str,
    *,
    algorithm: str = "EdDSA",
    key: JwtKey | None = None,
    typ: str = "JWT",
    expected: Mapping[str, Any] | None = None,
    **settings: Any,
) -> IdToken | Refusal:
    """Sign a payload, and judge it."""
    signer = key or KEYS[algorithm]
    token = (
        payload if isinstance(payload, str) else signer.sign(json.dumps(payload).encode(), typ=typ)
    )
    known: dict[str, Any] = {
        "nonce": "the nonce",
        "began_at": NOW - 30,
        "access_token": ACCESS_TOKEN,
    }
    return await verify_id_token(
        token,
        provider=provider(**settings),
        keys=FixedKeys(list(KEYS.values())),
        expected=Expected(**(known | dict(expected or {}))),
        now=NOW,
    )


def half_hash(text: str, algorithm: str) -> str:
    """`at_hash` (Core §3.1.3.6)."""
    digest = (hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256)(text.encode()).digest()
    return b64(digest[: len(digest) // 2])


@pytest.mark.parametrize("algorithm", KEYS)
async def test_an_honest_token(algorithm: str) -> None:
    """It says who, since when, how well, and in which session there."""
    more = {"auth_time": int(NOW) - 100, "acr": "high", "amr": ["pwd", "mfa"], "sid": "s"}
    payload = claims(at_hash=half_hash(ACCESS_TOKEN, algorithm), **more)
    token = await judge(payload, algorithm=algorithm)
    assert isinstance(token, IdToken)
    assert (token.issuer, token.subject, token.session_id) == (ISSUER, "alice", "s")
    assert (token.authenticated_at, token.acr, token.strength) == (NOW - 100, "high", 2)


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://evil.example"}, "iss"),
    "an issuer with a slash": ({"iss": ISSUER + "/"}, "iss"),
    "no issuer": ({"iss": None}, "iss"),
    "another audience": ({"aud": "other"}, "aud"),
    "no audience": ({"aud": None}, "aud"),
    "an empty audience": ({"aud": []}, "aud"),
    "a further audience": ({"aud": ["app", "other"], "azp": "app"}, "trusted_audiences"),
    "a further audience, no azp": ({"aud": ["app", "other"]}, "azp"),
    "issued to another": ({"azp": "other"}, "azp"),
    "azp of another kind": ({"azp": ["app"]}, "azp"),
    "no subject": ({"sub": None}, "sub"),
    "an empty subject": ({"sub": ""}, "sub"),
    "a subject of two lines": ({"sub": "a\nb"}, "sub"),
    "a subject that is a number": ({"sub": 7}, "sub"),
    "expired": ({"iat": int(NOW) - 700, "exp": int(NOW) - 1}, "expired"),
    "no end": ({"exp": None}, "exp"),
    "an end that is text": ({"exp": "never"}, "exp"),
    "a century": ({"exp": int(NOW) + 3_000_000_000}, "longer"),
    "no beginning": ({"iat": None}, "iat"),
    "from tomorrow": ({"iat": int(NOW) + 3600, "exp": int(NOW) + 7200}, "future"),
    "not yet": ({"nbf": int(NOW) + 3600}, "nbf"),
    "logged in tomorrow": ({"auth_time": int(NOW) + 3600}, "auth_time"),
    "another nonce": ({"nonce": "another"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "a nonce in a list": ({"nonce": ["the nonce"]}, "nonce"),
    "of another access token": ({"at_hash": half_hash("another", "EdDSA")}, "at_hash"),
    "a hash of another kind": ({"at_hash": 7}, "at_hash"),
    "a logout token": ({"events": {}}, "logout token"),
    "a session of another kind": ({"sid": 7}, "sid"),
    "methods of another kind": ({"amr": "pwd"}, "amr"),
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_claims_that_are_refused(forgery: str) -> None:
    """With a genuine signature; the operator reads which claim it is."""
    changed, why = FORGED[forgery]
    outcome = await judge(claims(**changed))
    assert isinstance(outcome, Refusal)
    assert outcome.denial is Denial.BAD_CREDENTIAL
    assert why in outcome.detail


async def test_claims_of_the_same_kinds_pass() -> None:
    """The claims that are refused above pass with correct values."""
    fair = {
        "azp": "app",
        "nbf": int(NOW) - 5,
        "auth_time": int(NOW) - 5,
        "amr": ["pwd"],
        "sid": "s",
    }
    assert isinstance(await judge(claims(**fair)), IdToken)
    assert isinstance(await judge(claims(aud=["app"])), IdToken)
    both = claims(aud=["app", "api"], azp="app")
    assert isinstance(await judge(both, trusted_audiences=["api"]), IdToken)


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE"])
async def test_other_kinds_of_token(typ: str) -> None:
    """The type of the header keeps them apart."""
    outcome = await judge(claims(), typ=typ)
    assert isinstance(outcome, Refusal)
    assert "typ" in outcome.detail


@pytest.mark.parametrize(
    "token",
    [
        f"{b64(json.dumps({'alg': 'none'}))}.{b64(json.dumps(claims()))}.",
        forge({"alg": "none"}, claims(), lambda _: b"x"),
        forge({"alg": "HS256", "kid": "ed"}, claims(), hs256(b"k" * 32)),
        forge({"alg": "HS256"}, claims(), hs256("the secret of the application, 32+ bytes")),
        forge({"alg": "EdDSA", "kid": "rsa"}, claims(), lambda _: b"\0" * 64),
        forge({"alg": "EdDSA", "kid": "ed"}, claims(), lambda _: b"\0" * 64),
        forge({"alg": "EdDSA", "kid": "nobody"}, claims(), lambda _: b"\0" * 64),
        forge({"alg": "EdDSA", "jku": "https://evil.example"}, claims(), lambda _: b"\0" * 64),
        "",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
    ],
)
async def test_signatures_that_are_none(token: str) -> None:
    """Unsigned, signed with the wrong kind of key, or no token at all."""
    assert isinstance(await judge(token), Refusal)


async def test_a_strangers_signature() -> None:
    """Of a key that has the name of the provider's."""
    outcome = await judge(claims(), key=STRANGER)
    assert isinstance(outcome, Refusal)
    assert "signature" in outcome.detail


async def test_algorithms_that_were_not_chosen() -> None:
    """The key may be the provider's: the application accepts what it says it does."""
    outcome = await judge(claims(), algorithms=["RS256"])
    assert isinstance(outcome, Refusal)
    assert "algorithms" in outcome.detail


@pytest.mark.parametrize(
    ("auth_time", "max_age", "fresh"),
    [
        (-30, 0, True),  # after it was begun
        (-41, 0, False),  # more than the leeway before
        (-101, 60, False),
        (-100, 60, True),
        (None, 60, False),
        (None, 0, False),
        (True, 60, False),
        (None, None, True),
        (-100_000, None, True),
    ],
)
async def test_how_old_the_login_may_be(auth_time: Any, max_age: float | None, fresh: bool) -> None:
    """Counted back from when the browser was sent away; 0 seconds is an age like any other."""
    at = int(NOW) + auth_time if type(auth_time) is int else auth_time
    outcome = await judge(claims(auth_time=at), expected={"max_age": max_age})
    assert isinstance(outcome, IdToken) is fresh


@pytest.mark.parametrize(
    ("said", "asked", "reached"),
    [
        ("gold", ["gold"], True),
        ("silver", ["gold", "silver"], True),
        ("bronze", ["gold"], False),
        (None, ["gold"], False),
        (["gold"], ["gold"], False),
        ("bronze", [], True),
    ],
)
async def test_the_class_of_the_login(said: Any, asked: list[str], reached: bool) -> None:
    """A step-up requires one of the requested classes."""
    outcome = await judge(claims(acr=said), expected={"acr_values": asked})
    assert isinstance(outcome, IdToken) is reached


@pytest.mark.parametrize(
    ("said", "strength"),
    [
        ({}, 1),
        ({"amr": ["pwd"]}, 1),
        ({"amr": ["pwd", "mfa"]}, 2),
        ({"amr": ["hwk"]}, 3),
        ({"acr": "gold"}, 2),
        ({"acr": "gold", "amr": ["hwk"]}, 3),
        ({"acr": 7, "amr": [7, "x"]}, 1),
        ({"amr": [*["x"] * 16, "mfa"]}, 1),
    ],
)
async def test_strength(said: dict[str, Any], strength: int) -> None:
    """Named by the application; `mfa` is two without being named."""
    token = await judge(claims(**said), strengths={"gold": 2, "hwk": 3})
    assert isinstance(token, IdToken)
    assert token.strength == strength


# -- answers, paths, settings ------------------------------------------------------------------------


def document(**changed: Any) -> dict[str, Any]:
    """Return the metadata of a provider."""
    known = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/auth?tenant=1",
        "token_endpoint": f"{ISSUER}/token",
        "response_types_supported": ["code"],
    }
    return {name: value for name, value in (known | changed).items() if value is not None}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"issuer": "https://evil.example"}, "issuer"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"token_endpoint": "http://login.example/token"}, "token_endpoint"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "token_endpoint"),
        ({"token_endpoint": ["https://login.example"]}, "token_endpoint"),
        ({"end_session_endpoint": "http://login.example/out"}, "end_session_endpoint"),
        ({"userinfo_endpoint": "//evil.example"}, "userinfo_endpoint"),
        ({"response_types_supported": ["token"]}, "response_types_supported"),
        ({"response_types_supported": "code"}, "response_types_supported"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
    ],
)
def test_metadata_that_are_of_no_use(changed: dict[str, Any], why: str) -> None:
    """A provider that would lead the browser or a secret astray is not used."""
    found = read_metadata(document(**changed), ISSUER)
    assert isinstance(found, str)
    assert why in found


def test_metadata() -> None:
    """The metadata are parsed, and an absent feature counts as unsupported."""
    found = read_metadata(document(), ISSUER)
    assert isinstance(found, ProviderMetadata)
    assert not found.names_itself
    more: dict[str, Any] = {"authorization_response_iss_parameter_supported": True}
    more |= {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    found = read_metadata(document(**more), ISSUER)
    assert isinstance(found, ProviderMetadata)
    assert found.names_itself
    assert found.posts_secret


@given(st.text(alphabet=st.sampled_from("/\\.%25eE09aA?#@:\t\n ;&=\u2044\uff0f"), max_size=24))
def test_no_path_leads_elsewhere(text: str) -> None:
    """Each accepted address is a path of this host, for a browser as well."""
    path = local_path(f"/{text}", "/default")
    browser = path.replace("\\", "/").translate({9: None, 10: None, 13: None})
    for base in ("https://app.example/", "https://app.example/auth/oidc/callback?code=x"):
        assert urlsplit(urljoin(base, browser)).netloc == "app.example"
    assert not browser.startswith("//")


@pytest.mark.parametrize("path", ["/", "/rooms/7", "/a?b=c&d=/e//f", "/~x/-_.", "/a%20b?c=%2F"])
def test_honest_paths(path: str) -> None:
    """Paths of applications are let through as they are."""
    assert local_path(path, "/default") == path
    assert local_path(None, "/default") == "/default"


def test_parts_of_a_login_state_cookie_are_independent() -> None:
    """Its parts differ, look random, and cannot be had from one another without it."""
    one = LoginStateCookie.of(None)
    assert one.secret not in repr(one)
    parts = {one.id("s"), one.verifier("s"), one.nonce("s"), one.id("t"), one.verifier("t")}
    assert len(parts) == 5
    assert len(one.verifier("s")) == 43
    assert LoginStateCookie.of(one.secret) == one
    for none in ("", "short", one.secret + "x", "é" * 43):
        assert LoginStateCookie.of(none).secret != none
    assert LoginStateCookie.of(None) != one


@pytest.mark.parametrize("intent", ["login", "link", "step-up"])
def test_a_journey_is_read_as_it_was_written(intent: Any) -> None:
    """From the store, as JSON."""
    request = AuthorizationRequest(
        intent=intent,
        issuer=ISSUER,
        return_to="/x",
        began_at=NOW,
        max_age=0.0,
        acr_values=("gold",),
        session_id="s",
    )
    pending = request.pending("id", "alice")
    assert json.loads(json.dumps(pending.data)) == pending.data
    assert AuthorizationRequest.read(pending) == request


@pytest.mark.parametrize(
    ("claim", "found", "roles"),
    [
        ("groups", {"groups": ["a", "b", 7]}, {"x", "y"}),
        ("groups", {"groups": "a"}, {"x"}),
        ("realm.roles", {"realm": {"roles": ["b"]}}, {"y"}),
        ("realm.roles", {"realm": ["roles"]}, set()),
        ("groups", {"groups": {"a": 1}}, set()),
        ("groups", {}, set()),
        ("groups", {"groups": ["c"]}, set()),
    ],
)
def test_roles_of_a_claim(claim: str, found: dict[str, Any], roles: set[str]) -> None:
    """Only names that the application has written down give anything."""
    settings = provider(roles_claim=claim, roles={"a": ["x"], "b": ["y"]})
    assert roles_of(settings, found) == roles


def test_ids_are_of_one_person() -> None:
    """Two providers, or two people, never share one."""
    assert derived_id("a", "b") == derived_id("a", "b")
    assert len({derived_id("a", "b"), derived_id("a", "c"), derived_id("b", "b")}) == 3


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"issuer": "http://login.example"}, "https://"),
        ({"issuer": "login.example"}, "address"),
        ({"issuer": "https://login.example?x"}, "query"),
        ({"issuer": "https://me:pw@login.example"}, "address"),
        ({"redirect_uri": "/auth/oidc/callback"}, "address"),
        ({"post_logout_redirect_uri": "app"}, "address"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "public client"),
        ({"client_authentication": "client_secret_post"}, "client_secret"),
        ({"scopes": "openid"}, r"scopes=\['openid'\]"),
        ({"algorithms": ["HS256"]}, "public key"),
        ({"algorithms": []}, "algorithms"),
        ({"unknown": "link"}, "unknown"),
        ({"roles": {"a": ["b"]}}, "roles_claim"),
        ({"roles": {"a": "b"}, "roles_claim": "x"}, r"write \['b'\]"),
        ({"follow_roles": True}, "follow_roles"),
        ({"leeway": 301}, "leeway"),
        ({"max_age": -1}, "max_age"),
        ({"strengths": {"x": 0}}, "strengths"),
        ({"name": "My Provider"}, "name"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], why: str) -> None:
    """The message says what to write."""
    with pytest.raises(ConfigurationError, match=why):
        provider(**settings)


def test_a_secret_is_not_shown() -> None:
    """Not by the settings themselves."""
    shown = provider(client_secret="the secret", scopes=["email", "openid"])
    assert "the secret" not in repr(shown)
    assert shown.scope == "openid email"


@pytest.mark.parametrize("missing", ["authlib", "httpx2"])
def test_a_library_that_is_missing_is_named_with_its_extra(missing: str) -> None:
    """Without the extra the package works, a file with [oidc] is read, and the routes say what to install."""
    script = f"""
import sys
sys.modules[{missing!r}] = None
import stormdoor
from stormdoor.auth.oidc.settings import OpenIdProvider
try:
    import stormdoor.tornado.oidc_routes
except stormdoor.ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "pip install 'stormdoor[oidc]'" in done.stdout, done.stderr


@pytest.mark.parametrize("taken", ["a password", "another identity", "by a crash"])
async def test_a_derived_id_that_somebody_has_taken(taken: str) -> None:
    """An attacker cannot claim an account by its derived id before the owner's first login."""
    guard = await settle(make_guard())
    party = provider(unknown="create")
    token = IdToken(
        issuer=party.issuer,
        subject="victim",
        issued_at=0.0,
        authenticated_at=0.0,
        acr=None,
        strength=1,
        session_id=None,
        claims={},
    )
    id = derived_id(party.issuer, "victim")
    hashed = "$argon2id$mallory" if taken == "a password" else None
    await guard.state.accounts.add_account(Account(id=id, password_hash=hashed))
    if taken == "another identity":
        await guard.state.identities.link_identity("https://evil.example", "mallory", id, 0.0)
    outcome = await own_account(
        party, token, {}, state=guard.state, principals=guard.admin, now=guard.clock.now()
    )
    if taken == "by a crash":
        assert isinstance(outcome, Account)
    else:
        assert isinstance(outcome, Refusal)
        assert await guard.state.identities.identity(party.issuer, "victim") is None
    await guard.close()


async def test_a_later_logout_counts_in_whichever_order_they_come() -> None:
    """Two logouts of a person, the older one told last: a login before the newer one is over."""
    state = StoredState.of(MemoryStore())
    await state.open()
    for at in (200.0, 100.0):
        await announce(
            "https://op.example", subject="alice", sid=None, at=at, now=200.0, state=state
        )
    token = IdToken(
        issuer="https://op.example",
        subject="alice",
        issued_at=150.0,
        authenticated_at=150.0,
        acr=None,
        strength=1,
        session_id=None,
        claims={},
    )
    assert await overtaken(token, state=state)
