"""Selection of the keys of a set that may verify a token."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.utils import base64url_decode

from stormdoor import ConfigurationError, JwtKey
from stormdoor.auth.oauth.client import Unanswered
from stormdoor.auth.oauth.jwks import KeySet, check_algorithms, read_jwks
from tests.auth.oauth.hostile import jwk_of
from tests.support.tokens import rsa_key

RSA = rsa_key()
KEYS = {
    "RS256": JwtKey("RS256", RSA, "r"),
    "PS256": JwtKey("PS256", RSA, "r"),
    "ES256": JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), "e"),
    "ES384": JwtKey("ES384", ec.generate_private_key(ec.SECP384R1()), "e"),
    "ES512": JwtKey("ES512", ec.generate_private_key(ec.SECP521R1()), "e"),
    "EdDSA": JwtKey("EdDSA", ed25519.Ed25519PrivateKey.generate(), "o"),
}
ALL = tuple(KEYS)
SMALL = rsa_key(bits=1024)
R, E, O = (jwk_of(KEYS[name]) for name in ("RS256", "ES256", "EdDSA"))  # noqa: E741 - what they are


def read(*jwks: Any, algorithms: tuple[str, ...] = ALL, before: KeySet | None = None) -> KeySet:
    """A set that can be read."""
    found = read_jwks({"keys": list(jwks)}, algorithms, before or KeySet())
    assert isinstance(found, KeySet), found
    return found


def pinned(keys: KeySet) -> list[str]:
    """The algorithms of the usable keys."""
    return sorted(key.algorithm for key in keys.known.values())


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("says", [True, False], ids=["alg", "no alg"])
def test_a_key_is_for_one_algorithm(name: str, *, says: bool) -> None:
    """The one it names, or the one of its curve; an RSA key that does not say, the first accepted."""
    found = read(jwk_of(KEYS[name], alg=name if says else ...))
    assert pinned(found) == ["RS256" if name == "PS256" and not says else name]
    [key] = found.known.values()
    signed = KEYS[name].sign(b"{}", typ="JWT").encode()
    head, _, signature = signed.rpartition(b".")
    if key.algorithm == name:
        assert key.verify(head, base64url_decode(signature))


LEFT_OUT: dict[str, Any] = {
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "r"},
    "a shared secret that says RS256": {**R, "kty": "oct", "k": "c2VjcmV0" * 8},
    "HS256 by a public key": {**R, "alg": "HS256"},
    "none": {**R, "alg": "none"},
    "alg of another kind": {**R, "alg": "ES256"},
    "alg of another curve": {**E, "alg": "ES384"},
    "alg that is no text": {**R, "alg": ["RS256"]},
    "for encryption": {**R, "use": "enc"},
    "an encryption algorithm": {**R, "alg": "RSA-OAEP"},
    "use that is no text": {**R, "use": ["sig"]},
    "for signing only": {**R, "key_ops": ["sign"]},
    "key_ops that is no list": {**R, "key_ops": "verify"},
    "a private key": {**E, "d": "AAAA"},
    "a private RSA key": {**R, "p": "AAAA"},
    "RSA of three bytes": {**R, "n": "xwMB"},
    "RSA of 16384 bits": {**R, "n": "_" * 2731},
    "an even exponent": {**R, "e": "Ag"},
    "an exponent of one": {**R, "e": "AQ"},
    "no modulus": {name: value for name, value in R.items() if name != "n"},
    "a modulus that is no base64": {**R, "n": "!!!"},
    "a modulus that is a number": {**R, "n": 12345},
    "a point off the curve": {**E, "x": E["y"]},
    "a curve that we do not use": {**E, "crv": "secp256k1"},
    "no curve": {name: value for name, value in E.items() if name != "crv"},
    "Ed448": {**O, "crv": "Ed448"},
    "X25519": {**O, "crv": "X25519"},
    "a point of small order": {**O, "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "a kid that is a number": {**R, "kid": 1},
    "a kid that is null": {**R, "kid": None},
    "an empty kid": {**R, "kid": ""},
    "an endless kid": {**R, "kid": "k" * 257},
    "no kty": {name: value for name, value in R.items() if name != "kty"},
    "kty in small letters": {**R, "kty": "rsa"},
    "kty that is a list": {**R, "kty": ["RSA"]},
    "nothing": {},
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_unusable_keys_are_left_out(what: str) -> None:
    """And the one beside it counts: a provider may publish keys for others."""
    other = jwk_of(KEYS["ES256"], kid="other")
    assert pinned(read(LEFT_OUT[what], other)) == ["ES256"]


def test_a_weak_key_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """So that the operator learns why tokens are refused."""
    small = JwtKey.__new__(JwtKey)
    small._public, small.algorithm, small.kid = SMALL.public_key(), "RS256", "small"
    with caplog.at_level(logging.WARNING, "stormdoor.oauth"):
        assert pinned(read(jwk_of(small))) == []
    assert "has 1024 bits" in caplog.text


def test_an_algorithm_that_is_not_accepted() -> None:
    """Its keys are no keys."""
    assert pinned(read(R, E, O, algorithms=("ES256",))) == ["ES256"]
    assert pinned(read(jwk_of(KEYS["RS256"], alg=...), algorithms=("PS256", "RS256"))) == ["PS256"]


@pytest.mark.parametrize(
    "document",
    [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"keys": [R, "x"]}, {"keys": [[R]]}],
    ids=["empty", "null", "object", "text", "text among keys", "nested"],
)
def test_what_is_no_key_set(document: dict[str, object]) -> None:
    """Is no answer: the keys stay as they are."""
    assert isinstance(read_jwks(document, ALL, KeySet()), Unanswered)


def test_too_many_keys() -> None:
    """No provider needs so many: they would only cost the guard time."""
    keys = [{**E, "kid": str(number)} for number in range(65)]
    assert isinstance(read_jwks({"keys": keys}, ALL, KeySet()), Unanswered)
    assert len(read(*keys[:64]).known) == 64


def test_an_empty_set_is_an_answer() -> None:
    """The provider says that no key counts."""
    assert read().known == {}


def test_key_selection_by_kid_and_algorithm() -> None:
    """A key is found by `kid` and algorithm; without a `kid`, only if one key fits."""
    found = read(R, E, O)
    for kid, algorithm in (("r", "RS256"), ("e", "ES256"), ("o", "EdDSA")):
        for asked in (kid, None):
            key = found.find(asked, algorithm)
            assert key is not None
            assert key.kid == kid
    assert found.find("r", "ES256") is None
    assert found.find("r", "PS256") is None
    assert found.find("x", "RS256") is None
    assert found.names("r")
    two = read(E, jwk_of(JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), "e2")))
    assert two.find(None, "ES256") is None


def test_keys_that_share_a_name() -> None:
    """Of different kinds, each is found (RFC 7517 §4.5); of one kind, the choice would be a guess."""
    assert len(read(jwk_of(KEYS["ES256"], kid="k"), jwk_of(KEYS["EdDSA"], kid="k")).known) == 2
    another = JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), "e")
    assert pinned(read(E, jwk_of(another), O)) == ["EdDSA"]
    assert pinned(read(E, jwk_of(another), E, O)) == ["EdDSA"]
    assert pinned(read(E, E, O)) == ["ES256", "EdDSA"]


def test_the_same_key_stays_the_same_object() -> None:
    """So that what it has verified still counts; another key under its name does not inherit that."""
    before = read(R, E)
    after = read(E, R, before=before)
    assert before.find("e", "ES256") is after.find("e", "ES256")
    another = jwk_of(JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), "e"))
    assert read(another, before=before).find("e", "ES256") is not before.find("e", "ES256")


@pytest.mark.parametrize("algorithms", [[], ["HS256"], ["none"], ["RS256", "HS512"], ["rs256"]])
def test_algorithms_for_secrets(algorithms: list[str]) -> None:
    """A published key is no secret."""
    with pytest.raises(ConfigurationError):
        check_algorithms(algorithms)
