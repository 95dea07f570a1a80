"""A token that is bound to a key opens only for who proves to have the key: now, here and once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stormdoor import (
    Authentication,
    ConfigurationError,
    DpopProof,
    JwtAuthenticator,
    JwtKey,
    Rejected,
)
from stormdoor.auth.jose.public_jwk import jwk_of, jwk_thumbprint
from stormdoor.client import dpop_proof
from stormdoor.core.credential import Credential, presented
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore, SqliteStore
from tests.support.tokens import b64, forge, hs256

NOW = 1_767_225_600.0
URL = "wss://app.example/feed"
SECRET = b"a secret of thirty-two bytes or more"
NONCE_SECRET = b"the secret of nonces, of 32 bytes or more"
KEYS = {
    "ES256": JwtKey("ES256", generate_private_key(SECP256R1())),
    "EdDSA": JwtKey("EdDSA", Ed25519PrivateKey.generate()),
}
KEY = KEYS["ES256"]
HANDSHAKE = Handshake(
    path="/feed",
    target="/feed?room=1",
    address="192.0.2.1",
    peer="192.0.2.1",
    scheme="https",
    host="app.example",
)


def token(key: JwtKey | None = KEY) -> str:
    """An access token, bound to `key` if there is one."""
    claims: dict[str, Any] = {
        "iss": "i",
        "aud": "a",
        "sub": "s",
        "iat": NOW - 100,
        "exp": NOW + 9000,
    }
    if key is not None:
        claims["cnf"] = {"jkt": jwk_thumbprint(key)}
    return forge({"alg": "HS256", "typ": "at+jwt"}, claims, hs256(SECRET))


BOUND = token()


def sent(proof: str | None, text: str = BOUND, by: str = "DPoP", **changes: Any) -> Handshake:
    """A handshake with a token and a proof."""
    headers = {} if proof is None else {"dpop": (proof,)}
    return replace(HANDSHAKE, authorization=(f"{by} {text}",), headers=headers, **changes)


async def empty() -> MemoryStore:
    """A store that has seen nothing."""
    store = MemoryStore()
    await store.open()
    return store


async def ask(
    handshake: Handshake, *, store: Any = None, now: float = NOW, **options: Any
) -> Authentication | Rejected:
    """Return the outcome of the token authenticator."""
    authenticator = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)],
        issuer="i",
        audience="a",
        proofs=[DpopProof(**options)],
    )
    [credential] = presented(handshake, authenticator.places)
    return await authenticator.authenticate(
        credential, handshake, state=StoredState.of(store or await empty()), now=now
    )


async def refused(handshake: Handshake, **options: Any) -> str:
    """Return the reason of the refusal."""
    outcome = await ask(handshake, **options)
    assert isinstance(outcome, Rejected)
    return outcome.detail


def proof(key: JwtKey = KEY, url: str = URL, text: str = BOUND, **options: Any) -> str:
    """A sound proof."""
    return dpop_proof(url, text, key, **{"now": NOW, **options})


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_proof_opens(algorithm: str) -> None:
    """With each kind of key, in the headers of RFC 9449."""
    key = KEYS[algorithm]
    bound = token(key)
    outcome = await ask(sent(proof(key, text=bound), bound))
    assert isinstance(outcome, Authentication)
    assert outcome.proofs == frozenset({f"dpop:{jwk_thumbprint(key)}"})


async def test_a_browser_offers_it() -> None:
    """A page can set no header; it can offer subprotocols."""
    offered = ("stormdoor.v1", f"stormdoor.dpop.{BOUND}", f"stormdoor.proof.{proof()}")
    handshake = replace(HANDSHAKE, subprotocols=offered)
    assert isinstance(await ask(handshake), Authentication)
    for missing in (1, 2):
        less = replace(handshake, subprotocols=offered[:missing] + offered[missing + 1 :])
        found = presented(less, DpopProof.places)
        assert not found or "one proof, not 0" in await refused(less)


async def test_a_stolen_token() -> None:
    """Without a proof, or with the thief's own, it opens nothing."""
    assert isinstance(await ask(sent(proof())), Authentication)
    assert "one proof, not 0" in await refused(sent(None))
    thief = JwtKey("ES256", generate_private_key(SECP256R1()))
    assert "bound to another key" in await refused(sent(proof(thief)))


async def test_no_way_around_it() -> None:
    """Not as a bearer token, not with a proof beside it, and not without a configured check."""
    assert "as a bearer token" in await refused(sent(proof(), by="Bearer"))
    assert "as a bearer token" in await refused(sent(None, by="Bearer"))
    plain = JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a")
    [credential] = presented(sent(proof(), by="Bearer"), plain.places)
    outcome = await plain.authenticate(
        credential, HANDSHAKE, state=StoredState.of(await empty()), now=NOW
    )
    assert isinstance(outcome, Rejected)


async def test_a_token_that_is_not_bound() -> None:
    """An unbound token is a bearer token, unless a bound one is required."""
    unbound = token(None)
    assert "not bound" in await refused(sent(proof(text=unbound), unbound))
    assert isinstance(await ask(sent(None, unbound, by="Bearer")), Authentication)
    assert "not bound" in await refused(sent(None, unbound, by="Bearer"), required=True)


@pytest.mark.parametrize(
    "url",
    [
        "wss://app.example/feed",
        "https://app.example/feed",
        "https://APP.example:443/feed",
        "WSS://app.example/feed?room=1#top",
    ],
)
async def test_the_same_address_is_the_same(url: str) -> None:
    """Case, the usual port, query and fragment do not count (RFC 9449 §4.3)."""
    assert isinstance(await ask(sent(proof(url=url))), Authentication)


def made(
    change: Mapping[str, Any] | None = None,
    head: Mapping[str, Any] | None = None,
    key: JwtKey = KEY,
    without: str = "",
) -> str:
    """A signed proof with arbitrary claims."""
    claims = {
        "jti": "a jti that was never used",
        "htm": "GET",
        "htu": "https://app.example/feed",
        "iat": NOW,
        "ath": b64(hashlib.sha256(BOUND.encode()).digest()),
        **(change or {}),
    }
    claims.pop(without, None)
    header = {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": jwk_of(key), **(head or {})}
    header.pop(without, None)
    return forge(header, claims, key.sign_bytes)


MISDIRECTED: list[tuple[dict[str, Any], str]] = [
    ({"htm": "POST"}, "htm"),
    ({"htm": "get"}, "htm"),
    ({"htm": None}, "htm"),
    ({"htu": "https://app.example:8443/feed"}, "htu"),
    ({"htu": "https://app.example:80/feed"}, "htu"),
    ({"htu": "https://other.example/feed"}, "htu"),
    ({"htu": "https://app.example.evil/feed"}, "htu"),
    ({"htu": "https://app.example./feed"}, "htu"),
    ({"htu": "https://app.example@evil.example/feed"}, "htu"),
    ({"htu": "https://evil.example@app.example/feed"}, "htu"),
    ({"htu": "https://user:password@app.example/feed"}, "htu"),
    ({"htu": "https://evil.example\\@app.example/feed"}, "htu"),
    ({"htu": "https://app.example/feed "}, "htu"),
    ({"htu": " https://app.example/feed"}, "htu"),
    ({"htu": "https://app.example/\nfeed"}, "htu"),
    ({"htu": "http://app.example/feed"}, "htu"),
    ({"htu": "ws://app.example/feed"}, "htu"),
    ({"htu": "ftp://app.example/feed"}, "htu"),
    ({"htu": "//app.example/feed"}, "htu"),
    ({"htu": "/feed"}, "htu"),
    ({"htu": "app.example/feed"}, "htu"),
    ({"htu": "https://app.example/FEED"}, "htu"),
    ({"htu": "https://app.example/feed/"}, "htu"),
    ({"htu": "https://app.example/./feed"}, "htu"),
    ({"htu": "https://app.example/%66eed"}, "htu"),
    ({"htu": "https://app.example"}, "htu"),
    ({"htu": ""}, "htu"),
    ({"htu": ["https://app.example/feed"]}, "htu"),
    ({"ath": b64(hashlib.sha256(b"another token").digest())}, "ath"),
    ({"ath": b64(hashlib.sha256(BOUND.encode()).digest()) + "="}, "ath"),
    ({"ath": ""}, "ath"),
    ({"ath": None}, "ath"),
    ({"ath": "é"}, "ath"),
    ({"jti": ""}, "jti"),
    ({"jti": 7}, "jti"),
    ({"jti": "x" * 257}, "jti"),
    ({"jti": "a\nb"}, "jti"),
]


@pytest.mark.parametrize(
    ("change", "reason"), MISDIRECTED, ids=[f"{n} {one[1]}" for n, one in enumerate(MISDIRECTED)]
)
async def test_a_proof_is_for_one_request(change: dict[str, Any], reason: str) -> None:
    """One method, one address, one token."""
    assert isinstance(await ask(sent(made())), Authentication)
    assert reason in await refused(sent(made(change)))


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat", "ath", "typ", "alg", "jwk"])
async def test_each_claim_is_required(name: str) -> None:
    """Each says something that is checked."""
    assert name in await refused(sent(made(without=name)))


@pytest.mark.parametrize(
    ("host", "scheme", "target", "url"),
    [
        ("app.example:8443", "https", "/feed", "wss://app.example:8443/feed"),
        ("[::1]:8443", "https", "/feed", "wss://[::1]:8443/feed"),
        ("app.example", "http", "/feed", "ws://app.example/feed"),
        ("app.example:443", "https", "/feed", "wss://app.example/feed"),
        ("app.example", "https", "/", "wss://app.example"),
        ("app.example", "https", "/a%20b?c", "wss://app.example/a%20b"),
    ],
)
async def test_other_addresses(host: str, scheme: str, target: str, url: str) -> None:
    """The address is the one that the client used."""
    there = sent(proof(url=url), host=host, scheme=scheme, target=target)
    assert isinstance(await ask(there), Authentication)


HEADS: list[tuple[dict[str, Any], str]] = [
    ({"typ": "JWT"}, "typ"),
    ({"typ": "at+jwt"}, "typ"),
    ({"alg": "none"}, "alg"),
    ({"alg": "HS256"}, "alg"),
    ({"alg": "RS256"}, "alg"),
    ({"alg": "EdDSA"}, "lacks a member, is private"),
    ({"jwk": "x"}, "jwk"),
    ({"jwk": {}}, "lacks a member"),
    ({"jwk": {"kty": "oct", "k": b64(b"x" * 32)}}, "lacks a member"),
    ({"jwk": {**jwk_of(KEY), "d": "AA"}}, "private"),
    ({"jwk": jwk_of(KEYS["EdDSA"])}, "lacks a member"),
    ({"jku": "https://evil.example"}, "jku"),
    ({"x5c": ["AA"]}, "x5c"),
    ({"crit": ["b64"]}, "crit"),
    ({"b64": False}, "b64"),
]


@pytest.mark.parametrize(
    ("head", "reason"), HEADS, ids=[f"{n} {next(iter(one[0]))}" for n, one in enumerate(HEADS)]
)
async def test_a_proof_brings_a_public_key(head: dict[str, Any], reason: str) -> None:
    """Of the right kind, and nothing from which another could be fetched."""
    assert reason in await refused(sent(made(head=head)))


async def test_a_key_that_is_not_its_own() -> None:
    """The public key of the victim, and a signature by the thief."""
    thief = JwtKey("ES256", generate_private_key(SECP256R1()))
    forged = made(head={"jwk": jwk_of(KEY)}, key=thief)
    assert "not signed with its key" in await refused(sent(forged))
    # HMAC with the public key as secret
    public = json.dumps(jwk_of(KEY)).encode()
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": jwk_of(KEY)}
    claims = json.loads(base64.urlsafe_b64decode(made().split(".")[1] + "=="))
    assert "alg" in await refused(sent(forge(header, claims, hs256(public))))
    empty_signature = ".".join([*made().split(".")[:2], ""])
    assert "no signature" in await refused(sent(empty_signature))


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-6, False), (-5, True), (0, True), (59.9, True), (60, False)]
)
async def test_acceptance_window_around_iat(seconds: float, accepted: bool) -> None:
    """A proof is accepted from `ahead` seconds before its `iat` to `max_age` seconds after it."""
    outcome = await ask(sent(proof()), now=NOW + seconds)
    assert isinstance(outcome, Authentication) is accepted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iat": str(NOW)}, "iat is not a date"),
        ({"iat": True}, "iat is not a date"),
        ({"iat": None}, "iat is not a date"),
        ({"iat": 10**400}, "iat is not a date"),
        ({"iat": -1}, "iat is not a date"),
        ({"exp": NOW}, "expired"),
        ({"exp": "x"}, "exp is not a date"),
        ({"nbf": NOW + 6}, "in the future"),
        ({"nbf": []}, "nbf is not a date"),
    ],
    ids=lambda case: ascii(case)[:40],
)
async def test_dates_of_a_proof(change: dict[str, Any], reason: str) -> None:
    """A date in a proof must be a number, and within its limits."""
    assert reason in await refused(sent(made(change)))


async def test_a_proof_counts_once() -> None:
    """The second time is called what it is; another proof counts."""
    store, one = await empty(), proof()
    assert isinstance(await ask(sent(one), store=store), Authentication)
    again = await ask(sent(one), store=store)
    assert isinstance(again, Rejected)
    assert again.reused
    assert isinstance(await ask(sent(proof()), store=store), Authentication)


async def test_the_jti_is_the_key_s_own() -> None:
    """No client uses up another client's `jti`."""
    store = await empty()
    for key in KEYS.values():
        bound = token(key)
        text = proof(key, text=bound, jti="the same jti")
        assert isinstance(await ask(sent(text, bound), store=store), Authentication)


async def test_a_proof_counts_once_across_a_restart(tmp_path: Path) -> None:
    """It is in the store, not in the memory of a process."""
    one = proof()
    for expected in (Authentication, Rejected):
        store = SqliteStore(tmp_path / "door.db")
        await store.open()
        assert isinstance(await ask(sent(one), store=store), expected)
        await store.close()


async def test_one_proof() -> None:
    """Two are refused, in any places."""
    twice = replace(sent(None), headers={"dpop": (proof(), proof())})
    assert "not 2" in await refused(twice)
    both = replace(sent(proof()), subprotocols=(f"stormdoor.proof.{proof()}",))
    assert "not 2" in await refused(both)
    assert "longer than" in await refused(sent("x" * 5000))


# -- the nonce of the server ------------------------------------------------------------------------

ASKING: dict[str, Any] = {"nonce_secret": NONCE_SECRET}


def challenge(outcome: Authentication | Rejected) -> str:
    """The nonce in a challenge."""
    assert isinstance(outcome, Rejected)
    headers = dict(outcome.headers)
    assert 'error="use_dpop_nonce"' in headers["WWW-Authenticate"]
    assert not outcome.charged
    return headers["DPoP-Nonce"]


async def test_the_server_asks_for_a_nonce() -> None:
    """The client gets one, and comes again with it."""
    nonce = challenge(await ask(sent(proof()), **ASKING))
    assert isinstance(await ask(sent(proof(nonce=nonce)), **ASKING), Authentication)
    late = await ask(sent(proof(nonce=nonce, now=NOW + 300)), now=NOW + 300, **ASKING)
    assert challenge(late) != nonce
    for other in ("x", "", nonce[:-1], nonce + "="):
        challenge(await ask(sent(proof(nonce=other)), **ASKING))
    challenge(await ask(sent(made({"nonce": [nonce]})), **ASKING))


async def test_challenged_proof_keeps_its_jti_unused() -> None:
    """The same `jti` may come again with the nonce: only what is accepted is used."""
    store = await empty()
    nonce = challenge(await ask(sent(proof(jti="one")), store=store, **ASKING))
    again = sent(proof(jti="one", nonce=nonce))
    assert isinstance(await ask(again, store=store, **ASKING), Authentication)


async def test_who_is_refused_gets_no_nonce() -> None:
    """Only who has the key learns one."""
    thief = JwtKey("ES256", generate_private_key(SECP256R1()))
    outcome = await ask(sent(proof(thief)), **ASKING)
    assert isinstance(outcome, Rejected)
    assert outcome.charged
    assert "DPoP-Nonce" not in dict(outcome.headers)
    assert 'error="invalid_dpop_proof"' in dict(outcome.headers)["WWW-Authenticate"]


async def test_a_secret_is_changed() -> None:
    """Nonces of the old one count while it is listed."""
    new = b"the new secret of nonces, of 32 bytes"
    nonce = challenge(await ask(sent(proof()), **ASKING))
    both: dict[str, Any] = {"nonce_secret": [new, NONCE_SECRET]}
    assert isinstance(await ask(sent(proof(nonce=nonce)), **both), Authentication)
    challenge(await ask(sent(proof(nonce=nonce)), nonce_secret=new))


@pytest.mark.parametrize(
    "options",
    [{"max_age": 0}, {"max_age": 601}, {"ahead": -1}, {"nonce_secret": b"short"}],
    ids=str,
)
def test_options_that_prove_nothing(options: dict[str, Any]) -> None:
    """They are refused before a client can connect."""
    with pytest.raises(ConfigurationError):
        DpopProof(**options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: dpop_proof("app.example", BOUND, KEY, now=NOW),
        lambda: dpop_proof("wss://a@app.example/", BOUND, KEY, now=NOW),
        lambda: dpop_proof(URL, BOUND, JwtKey("HS256", SECRET), now=NOW),
        lambda: dpop_proof(URL, BOUND, JwtKey("ES256", KEY.public_key), now=NOW),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_proof(make: Callable[[], str]) -> None:
    """A client is told at once, not by a refused handshake."""
    with pytest.raises(ConfigurationError):
        make()


async def test_no_secret_in_what_is_logged() -> None:
    """Neither token nor proof is in a reason."""
    [credential] = presented(sent(proof()), DpopProof.places)
    assert isinstance(credential, Credential)
    detail = await refused(sent(made({"htu": "https://other.example/"})))
    assert BOUND not in detail + repr(credential) + repr(sent(proof()))
