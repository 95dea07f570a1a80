"""Read and write the public key in a proof of possession, a JSON Web Key (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

__all__ = ["JWK_ALGORITHMS", "jwk_of", "jwk_thumbprint", "read_jwk"]

JWK_ALGORITHMS = ("ES256", "EdDSA")
"""Algorithms for a key that an unauthenticated client sends.

Symmetric ones are not allowed (RFC 9449 §4.2).
"""

_REQUIRED = {"ES256": ("crv", "kty", "x", "y"), "EdDSA": ("crv", "kty", "x")}
_FIXED = {
    "ES256": {"kty": "EC", "crv": "P-256"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
_OPTIONAL = frozenset({"alg", "use", "key_ops", "kid"})
_SIZE = 32


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _number(jwk: Mapping[str, object], name: str) -> bytes | None:
    """Decode a coordinate: 32 bytes, in the canonical spelling."""
    value = jwk.get(name)
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        data = base64.b64decode(value + "=", altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if len(data) == _SIZE and _written(data) == value else None


def read_jwk(jwk: Mapping[str, object], algorithm: str) -> JwtKey | Malformed:
    """Return the key, for `algorithm` only. Never raises, for any input.

    Args:
        jwk: The members of the key. The key is refused if it has a private or an unknown member.
        algorithm: One of `JWK_ALGORITHMS`.
    """
    if algorithm not in JWK_ALGORITHMS:
        return Malformed(f"alg is none of {', '.join(JWK_ALGORITHMS)}")
    required = _REQUIRED[algorithm]
    if not {*required} <= jwk.keys() <= {*required, *_OPTIONAL}:
        return Malformed(
            "the key lacks a member, is private, or has a member that means nothing here"
        )
    if any(jwk[name] != value for name, value in _FIXED[algorithm].items()):
        return Malformed(f"the key is not of the kind of {algorithm}")
    if jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        return Malformed("the key is for something else")
    x, y = _number(jwk, "x"), _number(jwk, "y")
    try:
        public: EllipticCurvePublicKey | Ed25519PublicKey
        if x is None:
            return Malformed("the key has a coordinate of another size or spelling")
        if algorithm == "EdDSA":
            public = Ed25519PublicKey.from_public_bytes(x)
        elif y is None:
            return Malformed("the key has a coordinate of another size or spelling")
        else:
            numbers = EllipticCurvePublicNumbers(
                int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1()
            )
            public = numbers.public_key()  # refuses a point that is not on the curve
        return JwtKey(algorithm, public)  # refuses a point of small order
    except (ValueError, ConfigurationError):
        return Malformed("the key is no point of its curve, or a weak one")


def jwk_of(key: JwtKey) -> dict[str, str]:
    """Return the required members of the public key (RFC 7638 §3.2).

    Raises:
        ConfigurationError: Its algorithm is none of `JWK_ALGORITHMS`.
    """
    public = key.public_key
    if key.algorithm == "EdDSA" and isinstance(public, Ed25519PublicKey):
        return {**_FIXED["EdDSA"], "x": _written(public.public_bytes_raw())}
    if key.algorithm == "ES256" and isinstance(public, EllipticCurvePublicKey):
        numbers = public.public_numbers()
        x, y = numbers.x.to_bytes(_SIZE, "big"), numbers.y.to_bytes(_SIZE, "big")
        return {**_FIXED["ES256"], "x": _written(x), "y": _written(y)}
    raise ConfigurationError(f"a proof is signed with one of {', '.join(JWK_ALGORITHMS)}")


def jwk_thumbprint(key: JwtKey) -> str:
    """Return `jkt`: SHA-256 of the required members in canonical JSON, base64url (RFC 7638).

    Raises:
        ConfigurationError: Its algorithm is none of `JWK_ALGORITHMS`.
    """
    canonical = json.dumps(jwk_of(key), sort_keys=True, separators=(",", ":"))
    return _written(hashlib.sha256(canonical.encode("ascii")).digest())
