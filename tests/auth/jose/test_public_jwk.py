"""A key that a stranger brings is public, of one of two kinds, and spelled in one way."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stormdoor import ConfigurationError, JwtKey
from stormdoor.auth.jose.public_jwk import jwk_of, jwk_thumbprint, read_jwk
from stormdoor.core.malformed import Malformed

EC = JwtKey("ES256", generate_private_key(SECP256R1()))
ED = JwtKey("EdDSA", Ed25519PrivateKey.generate())
SOUND: dict[str, dict[str, Any]] = {"ES256": {**jwk_of(EC)}, "EdDSA": {**jwk_of(ED)}}


@pytest.mark.parametrize("algorithm", SOUND)
def test_a_key_is_read(algorithm: str) -> None:
    """And verifies what its private half has signed."""
    key = {"ES256": EC, "EdDSA": ED}[algorithm]
    found = read_jwk({**SOUND[algorithm], "kid": "x", "use": "sig", "alg": algorithm}, algorithm)
    assert isinstance(found, JwtKey)
    assert found.verify(b"text", key.sign_bytes(b"text"))
    assert not found.can_sign
    assert jwk_thumbprint(found) == jwk_thumbprint(key)


def test_thumbprints_are_those_of_the_rfc() -> None:
    """RFC 8037, appendix A.3: the thumbprint of an Ed25519 key."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    found = read_jwk(jwk, "EdDSA")
    assert isinstance(found, JwtKey)
    assert jwk_thumbprint(found) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def _padded(text: str) -> str:
    return text + "="


def _noncanonical(text: str) -> str:
    """The last character has bits that no byte has."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("ES256", {"d": "AA"}, "private"),
    ("EdDSA", {"d": "AA"}, "private"),
    ("EdDSA", {"y": "AA"}, "means nothing"),
    ("ES256", {"x5c": []}, "means nothing"),
    ("ES256", {"jku": "https://evil.example"}, "means nothing"),
    ("ES256", {"kty": "oct", "k": "AA"}, "means nothing"),
    ("ES256", {"kty": "oct"}, "not of the kind"),
    ("ES256", {"crv": "P-384"}, "not of the kind"),
    ("ES256", {"crv": "secp256k1"}, "not of the kind"),
    ("ES256", {"kty": ["EC"]}, "not of the kind"),
    ("EdDSA", {"crv": "X25519"}, "not of the kind"),
    ("ES256", {"alg": "HS256"}, "something else"),
    ("ES256", {"use": "enc"}, "something else"),
    ("ES256", {"x": _padded(SOUND["ES256"]["x"])}, "size or spelling"),
    ("ES256", {"x": _noncanonical(SOUND["ES256"]["x"])}, "size or spelling"),
    ("ES256", {"x": "AAAA" + SOUND["ES256"]["x"]}, "size or spelling"),
    ("ES256", {"x": 7}, "size or spelling"),
    ("ES256", {"x": "é"}, "size or spelling"),
    ("ES256", {"y": SOUND["ES256"]["y"][:-4]}, "size or spelling"),
    ("ES256", {"y": SOUND["ES256"]["x"]}, "no point"),
    ("EdDSA", {"x": "A" * 43}, "no point of its curve, or a weak one"),
]


@pytest.mark.parametrize(
    ("algorithm", "change", "reason"),
    BROKEN,
    ids=[f"{n} {one[0]} {next(iter(one[1]))}" for n, one in enumerate(BROKEN)],
)
def test_other_keys(algorithm: str, change: dict[str, Any], reason: str) -> None:
    """Refused by name of what is wrong."""
    found = read_jwk({**SOUND[algorithm], **change}, algorithm)
    assert isinstance(found, Malformed)
    assert reason in found.reason


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS256", "ES384", "", "es256"])
def test_other_algorithms(algorithm: str) -> None:
    """Above all no symmetric one: a stranger's secret would verify the stranger's own claims."""
    assert isinstance(read_jwk(SOUND["ES256"], algorithm), Malformed)
    assert isinstance(read_jwk(SOUND["EdDSA"], "ES256"), Malformed)


@given(
    st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "alg", "d"]), st.text() | st.none())
)
def test_it_never_raises(jwk: dict[str, Any]) -> None:
    """With arbitrary members."""
    for algorithm, sound in SOUND.items():
        read_jwk(jwk, algorithm)
        read_jwk({**sound, **jwk}, algorithm)


def test_what_signs_no_proof() -> None:
    """A secret has no public half."""
    with pytest.raises(ConfigurationError):
        jwk_of(JwtKey("HS256", base64.b64encode(b"x" * 40)))
