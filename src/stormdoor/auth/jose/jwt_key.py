"""A key that is valid for one algorithm only (RFC 8725 §3.1)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from stormdoor.errors import ConfigurationError

__all__ = ["ALGORITHMS", "JwtKey", "KeyMaterial"]

KeyMaterial = (
    str
    | bytes
    | RSAPrivateKey
    | RSAPublicKey
    | EllipticCurvePrivateKey
    | EllipticCurvePublicKey
    | Ed25519PrivateKey
    | Ed25519PublicKey
)
"""A secret, a PEM text, or a key of the `cryptography` library."""

_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}  # RFC 7518 §3.2: as long as the hash
_RSA = frozenset(f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512))
_CURVES: dict[str, type[EllipticCurve]] = {
    "ES256": SECP256R1,
    "ES384": SECP384R1,
    "ES512": SECP521R1,
}
_EDDSA = "EdDSA"

ALGORITHMS = (*_SECRET_BYTES, *sorted(_RSA), *_CURVES, _EDDSA)
"""The algorithms that a key may be pinned to. `none` is not one of them."""

_MIN_RSA_BITS = 2048  # NIST SP 800-131A
_FEW_BYTES = 8

# Points of small order on edwards25519, without their sign bit. With such a public key any attacker can
# make a signature that verifies for a large share of all messages.
_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)

_Private = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
_Public = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


def _check_asymmetric(algorithm: str, key: object) -> str | None:
    """Return why a parsed key is not acceptable for `algorithm`; None if it is."""
    if algorithm in _RSA:
        if not isinstance(key, RSAPrivateKey | RSAPublicKey):
            return "is not an RSA key"
        if key.key_size < _MIN_RSA_BITS:
            return f"has {key.key_size} bits; use {_MIN_RSA_BITS} or more"
        return None
    curve = _CURVES.get(algorithm)
    if curve is not None:
        if not isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
            return "is not an elliptic-curve key"
        if not isinstance(key.curve, curve):
            return f"lies on {key.curve.name}; {algorithm} is defined on {curve.name}"
        return None
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return "is not an Ed25519 key"
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    point = bytearray(public.public_bytes_raw())
    point[-1] &= 0x7F
    return (
        "is a point of small order, which verifies forged signatures"
        if bytes(point) in (_SMALL_ORDER)
        else None
    )


def _is_der(secret: bytes) -> bool:
    try:
        load_der_public_key(secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _is_jwk(secret: bytes) -> bool:
    """Return whether it is a JSON Web Key. One of 256 random secrets begins with a brace, and is none."""
    try:
        return "kty" in msgspec.json.decode(secret, type=dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


class JwtKey:
    """One key, pinned to one algorithm. Its repr shows no key material.

    Args:
        algorithm: One of `ALGORITHMS`.
        key: For `HS…` the secret; for all others a PEM text (public to verify, private to issue
            too) or a key of the `cryptography` library.
        kid: The name that a token's header selects it by.

    Raises:
        ConfigurationError: The key is too short, of another kind than the algorithm, or malformed.

    Attributes:
        algorithm: The algorithm.
        kid: The name, or None.
        can_sign: Whether it can sign tokens.
        weakness: Warning for the start-up check, or None.
    """

    __slots__ = (
        "_implementation",
        "_signing",
        "_verifying",
        "algorithm",
        "can_sign",
        "kid",
        "weakness",
    )

    def __init__(self, algorithm: str, key: KeyMaterial, kid: str | None = None) -> None:
        if algorithm not in ALGORITHMS:
            raise ConfigurationError(
                f"{algorithm!r} is not an accepted algorithm; use one of {', '.join(ALGORITHMS)}"
            )
        if kid == "":
            raise ConfigurationError("a kid must not be empty; leave it out")
        self.algorithm = algorithm
        self.kid = kid
        self.weakness: str | None = None
        self._implementation: Algorithm = get_default_algorithms()[algorithm]
        self._signing: bytes | _Private | None
        self._verifying: bytes | _Public
        minimum = _SECRET_BYTES.get(algorithm)
        if minimum is None:
            self._set_asymmetric(key)
        else:
            self._set_secret(key, minimum)
        self.can_sign = self._signing is not None

    def _set_secret(self, key: KeyMaterial, minimum: int) -> None:
        if not isinstance(key, str | bytes):
            raise self._wrong("is not a secret but a public or private key")
        secret = key.encode("utf-8") if isinstance(key, str) else key
        if len(secret) < minimum:
            raise self._wrong(
                f"has {len(secret)} bytes; use {minimum} or more, for example from "
                f'python -c "import secrets; print(secrets.token_urlsafe({minimum}))"'
            )
        # A public key is known to attackers. PyJWT refuses PEM and SSH, and only newer versions refuse DER
        # and JWK.
        known = _is_jwk(secret) or _is_der(secret)
        try:
            self._signing = self._verifying = self._implementation.prepare_key(secret)
        except PyJWTError:
            known = True
        if known:
            raise self._wrong("is a public or private key; a secret must be random bytes")
        if len(set(secret)) < _FEW_BYTES:
            self.weakness = "the secret repeats a few characters; use random bytes"

    def _set_asymmetric(self, key: KeyMaterial) -> None:
        try:
            parsed = self._implementation.prepare_key(key)
        except (PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
            raise self._wrong("is not a key of its kind in PEM, begun by -----BEGIN") from None
        problem = _check_asymmetric(self.algorithm, parsed)
        if problem is not None:
            raise self._wrong(problem)
        if isinstance(parsed, _Private):
            self._signing, self._verifying = parsed, parsed.public_key()
        else:
            self._signing, self._verifying = None, parsed

    def _wrong(self, problem: str) -> ConfigurationError:
        named = f", kid={self.kid!r}" if self.kid is not None else ""
        return ConfigurationError(f"the key of JwtKey({self.algorithm!r}{named}) {problem}")

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Return whether this key made `signature` over `signed`, with its own algorithm (PyJWT decides)."""
        return self._implementation.verify(signed, self._verifying, signature)

    @property
    def public_key(self) -> RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | None:
        """Return the public key; None if it is a secret."""
        return None if isinstance(self._verifying, bytes) else self._verifying

    def sign(self, payload: bytes, *, typ: str, jwk: Mapping[str, str] | None = None) -> str:
        """Sign a token with `payload` (RFC 7515 §7.1), with `alg`, `kid` and `typ` in its header.

        Args:
            payload: The signed payload.
            typ: Type of the token.
            jwk: The public key, for a proof that contains its own (RFC 9449 §4.2); instead of `kid`.

        Raises:
            ConfigurationError: It is a public key.
        """
        if self._signing is None:
            raise self._wrong("is public; tokens are issued with the private key")
        header: dict[str, object] = {"typ": typ}
        if jwk is not None:
            header["jwk"] = dict(jwk)
        elif self.kid is not None:
            header["kid"] = self.kid
        return PyJWS().encode(payload, self._signing, self.algorithm, header)

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the bare signature over `data`, in the form for `verify`.

        Raises:
            ConfigurationError: It is a public key.
        """
        if self._signing is None:
            raise self._wrong("is public; only the private key signs")
        signature: bytes = self._implementation.sign(data, self._signing)
        return signature

    def __repr__(self) -> str:
        return f"JwtKey({self.algorithm!r}, kid={self.kid!r})"
