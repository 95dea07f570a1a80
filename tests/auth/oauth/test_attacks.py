"""Forged, confused and misdirected access tokens. Each is believed by a twin first.

The twins are resource servers as they are written in a hurry, with PyJWT and httpx2.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stormdoor import Denial, JwtKey
from tests.auth.oauth.hostile import AUDIENCE, Hostile, Room, answer, jwk_of, room, serve
from tests.support.clock import FakeClock
from tests.support.tokens import b64, forge, hs256, rsa_key

RSA = rsa_key()
THEIRS, MALLORY = JwtKey("RS256", RSA, "k1"), ec.generate_private_key(ec.SECP256R1())
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
LOOSE: Any = {"verify_exp": False, "verify_iat": False, "enforce_minimum_key_length": False}


def claims(at: Hostile, **changes: Any) -> dict[str, Any]:
    """Of alice, for this service."""
    wall = FakeClock().now()
    return {
        "iss": at.url,
        "aud": AUDIENCE,
        "sub": "alice",
        "client_id": "spa",
        "iat": wall - 1,
        "exp": wall + 60,
        "scope": "chat:write",
        **changes,
    }


def mallory(signed: bytes) -> bytes:
    """A signature with the attacker's key."""
    from jwt.algorithms import ECAlgorithm

    return ECAlgorithm(ECAlgorithm.SHA256).sign(signed, MALLORY)


def nobody(signed: bytes) -> bytes:
    """None."""
    return b""


Forger = Callable[[Hostile], str]
Twin = Callable[[Hostile, str], dict[str, Any]]

HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}


def by_the_header(at: Hostile, token: str) -> dict[str, Any]:
    """The header says with which algorithm; the key is what the provider publishes."""
    algorithm = jwt.get_unverified_header(token)["alg"]
    if algorithm == "none":
        return jwt.decode(token, options={"verify_signature": False})
    if algorithm.startswith("HS"):
        signed, _, signature = token.rpartition(".")
        assert b64(hs256(PEM)(signed.encode())) == signature
        return jwt.decode(token, options={"verify_signature": False})
    found: dict[str, Any] = jwt.decode(
        token, PEM, algorithms=[algorithm], audience=AUDIENCE, options=LOOSE
    )
    return found


def by_the_address(at: Hostile, token: str) -> dict[str, Any]:
    """The header says where the keys are."""
    address = jwt.get_unverified_header(token)["jku"]
    keys = httpx2.get(address, trust_env=False, timeout=60).json()["keys"]
    key = jwt.PyJWK(keys[0]).key
    found: dict[str, Any] = jwt.decode(
        token, key, algorithms=["ES256"], audience=AUDIENCE, options=LOOSE
    )
    return found


def by_the_key(at: Hostile, token: str) -> dict[str, Any]:
    """The header brings its key."""
    key = jwt.PyJWK(jwt.get_unverified_header(token)["jwk"]).key
    found: dict[str, Any] = jwt.decode(
        token, key, algorithms=["ES256"], audience=AUDIENCE, options=LOOSE
    )
    return found


def by_signature_alone(at: Hostile, token: str) -> dict[str, Any]:
    """A genuine signature is all that is asked for."""
    found: dict[str, Any] = jwt.decode(
        token, PEM, algorithms=["RS256", "PS256"], options=LOOSE | {"verify_aud": False}
    )
    return found


MINE = jwk_of(JwtKey("ES256", MALLORY, "mallory"))


def genuine(at: Hostile, typ: str = "at+jwt", **changes: Any) -> str:
    """Signed by the provider."""
    return THEIRS.sign(json.dumps(claims(at, **changes)).encode(), typ=typ)


def with_pss(at: Hostile) -> str:
    """The right key and another algorithm."""
    return JwtKey("PS256", RSA, "k1").sign(json.dumps(claims(at)).encode(), typ="at+jwt")


ATTACKS: dict[str, tuple[Forger, Twin, str]] = {
    "no signature": (
        lambda at: forge({**HEADER, "alg": "none"}, claims(at), nobody) + "x",
        lambda at, token: by_the_header(at, token.removesuffix("x")),
        "alg is 'none'",
    ),
    "the public key as a secret": (
        lambda at: forge({**HEADER, "alg": "HS256"}, claims(at), hs256(PEM)),
        by_the_header,
        "alg is 'HS256'",
    ),
    "the right key, another algorithm": (
        with_pss,
        by_the_header,
        "the key is for another algorithm",
    ),
    "keys at the attacker's": (
        lambda at: forge({**HEADER, "jku": f"{at.url}/mallory"}, claims(at), mallory),
        by_the_address,
        "names an address to fetch keys from",
    ),
    "a key in the token": (
        lambda at: forge({**HEADER, "jwk": MINE}, claims(at), mallory),
        by_the_key,
        "brings its own key",
    ),
    "another issuer": (
        lambda at: genuine(at, iss="https://evil.example"),
        by_signature_alone,
        "another issuer",
    ),
    "another service": (
        lambda at: genuine(at, aud="https://wiki.example"),
        by_signature_alone,
        "other audiences",
    ),
    "another client": (
        lambda at: genuine(at, client_id="evil"),
        by_signature_alone,
        "a client that is not accepted",
    ),
    "an ID token": (lambda at: genuine(at, typ="JWT"), by_signature_alone, "typ is 'jwt'"),
    "a logout token": (
        lambda at: genuine(at, typ="logout+jwt", events={}),
        by_signature_alone,
        "typ is 'logout+jwt'",
    ),
    "somebody's bound token": (
        lambda at: genuine(at, cnf={"jkt": "x"}),
        by_signature_alone,
        "no proof of it is configured",
    ),
    "last year's": (
        lambda at: genuine(at, iat=1, exp=2),
        by_signature_alone,
        "expired",
    ),
}


@pytest.mark.parametrize("what", ATTACKS)
async def test_forged_and_misdirected(what: str) -> None:
    """The twin accepts it as alice; the guard refuses it, and requests no keys for it."""
    forged, twin, reason = ATTACKS[what]
    async with serve() as provider, room(provider.url, clients=["spa"]) as here:
        provider.publish(jwk_of(THEIRS))
        provider.replies["/mallory"] = {"keys": [MINE]}
        await here.accepted(genuine(provider))
        token = forged(provider)
        assert (await asyncio.to_thread(twin, provider, token))["sub"] == "alice"
        before = provider.counts["/mallory"]
        found = await here.present(token)
        await here.refused(token, "" if what == "no signature" else reason)
        assert getattr(found, "denial", None) in {Denial.BAD_CREDENTIAL, Denial.EXPIRED}
        assert provider.counts["/mallory"] == before


async def flood(here: Room, count: int) -> None:
    """Invented tokens, all at once."""
    await asyncio.gather(*(here.present(f"invented-{number}") for number in range(count)))


@pytest.mark.parametrize("bounded", [False, True], ids=["twin", "here"])
async def test_a_flood_of_invented_tokens(bounded: bool) -> None:
    """The provider sees so many questions at a time, however many sockets there are."""
    inside = most = 0

    async def slow(asked: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        writer.write(answer(b'{"active": false}'))

    asking = {"parallel": 8 if bounded else 1000}
    async with serve() as provider, room(provider.url, introspection=asking) as here:
        provider.replies["/introspect"] = slow
        await flood(here, 100)
        assert provider.counts["/introspect"] == 100
        assert (most <= 8) is bounded


async def test_invented_tokens_do_not_open_the_breaker() -> None:
    """A client that invents tokens cannot lock out clients with valid ones."""
    async with serve() as provider, room(provider.url, introspection={}) as here:
        provider.replies["/introspect"] = {"active": False}
        await flood(here, 100)
        provider.replies["/introspect"] = {
            "active": True,
            "token_type": "Bearer",
            **claims(provider),
        }
        await here.accepted("a-token")
