"""A key that is valid for one algorithm only (RFC 8725 §3.1)."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping
from typing import cast

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
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_public_key,
)
from cryptography.x509 import load_der_x509_certificate
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

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


def _parse(data: str | bytes) -> object:
    """Return the key of a PEM text, or of a line of OpenSSH.

    Raises:
        ValueError, TypeError, UnsupportedAlgorithm: It is neither, or needs a password.
    """
    text = data.encode("utf-8") if isinstance(data, str) else data
    if _is_ssh(text):
        return load_ssh_public_key(text)
    if b"PRIVATE KEY-----" in text:
        return load_pem_private_key(text, None)
    return load_pem_public_key(text)


def _is_ssh(text: bytes) -> bool:
    return text.startswith((b"ssh-", b"ecdsa-sha2-"))


def _is_public(secret: bytes) -> bool:
    """Return whether a secret is really a public or private key. Attackers know the public key."""
    return b"-----BEGIN " in secret or _is_ssh(secret) or _is_jwk(secret) or _is_der(secret)


def _is_der(secret: bytes) -> bool:
    for load in (load_der_public_key, load_der_x509_certificate):
        with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
            load(secret)
            return True
    return False


def _is_jwk(secret: bytes) -> bool:
    """Return whether it is a JSON Web Key. One of 256 random secrets begins with a brace, and is none."""
    try:
        return "kty" in msgspec.json.decode(secret, type=dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _wrapped(key: _Private | _Public) -> Key:
    """Return a checked key in the type that joserfc signs and verifies with."""
    if isinstance(key, RSAPrivateKey | RSAPublicKey):
        return RSAKey.import_key(key)
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        return ECKey.import_key(key)
    return OKPKey.import_key(key)


def _segment(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class JwtKey:
    """One key, pinned to one algorithm. Its repr shows no key material.

    Args:
        algorithm: One of `ALGORITHMS`.
        key: For `HS…` the secret; for all others a PEM text (public to verify, private to issue
            too) or a key of the `cryptography` library.
        kid: The name by which the header of a token selects the key.

    Raises:
        ConfigurationError: The key is too short, of another kind than the algorithm, or malformed.

    Attributes:
        algorithm: The algorithm.
        kid: The name, or None.
        issuer: The issuer that it signs for, if the key set names it; `{tenantid}` stands for any tenant.
        can_sign: Whether it can sign tokens.
        weakness: Warning for the start-up check, or None.
    """

    __slots__ = (
        "_implementation",
        "_public",
        "_signing",
        "_verifying",
        "algorithm",
        "can_sign",
        "issuer",
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
        self.issuer: str | None = None
        self.weakness: str | None = None
        # Not by JWSRegistry.get_alg: it warns of EdDSA, which RFC 9864 only renames.
        self._implementation = JWSRegistry.algorithms[algorithm]
        self._signing: Key | None
        self._verifying: Key
        self._public: _Public | None = None
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
        try:
            if _is_public(secret):
                raise ValueError
            self._signing = self._verifying = OctKey.import_key(secret)
        except ValueError:  # a newer joserfc refuses more of them
            raise self._wrong("is a public or private key; a secret must be random bytes") from None
        if len(set(secret)) < _FEW_BYTES:
            self.weakness = "the secret repeats a few characters; use random bytes"

    def _set_asymmetric(self, key: KeyMaterial) -> None:
        try:
            parsed = _parse(key) if isinstance(key, str | bytes) else key
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise self._wrong("is not a key of its kind in PEM, begun by -----BEGIN") from None
        problem = _check_asymmetric(self.algorithm, parsed)
        if problem is not None:
            raise self._wrong(problem)
        checked = cast("_Private | _Public", parsed)
        if isinstance(checked, _Private):
            self._signing, self._public = _wrapped(checked), checked.public_key()
        else:
            self._signing, self._public = None, checked
        self._verifying = _wrapped(self._public)

    def _wrong(self, problem: str) -> ConfigurationError:
        named = f", kid={self.kid!r}" if self.kid is not None else ""
        return ConfigurationError(f"the key of JwtKey({self.algorithm!r}{named}) {problem}")

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Return whether this key made `signature` over `signed`, with its own algorithm."""
        return self._implementation.verify(signed, signature, self._verifying)

    @property
    def public_key(self) -> RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | None:
        """Return the public key; None if it is a secret."""
        return self._public

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
        header: dict[str, object] = {"alg": self.algorithm, "typ": typ}
        if jwk is not None:
            header["jwk"] = dict(jwk)
        elif self.kid is not None:
            header["kid"] = self.kid
        signed = _segment(msgspec.json.encode(header)) + b"." + _segment(payload)
        signature = self._implementation.sign(signed, self._signing)
        return (signed + b"." + _segment(signature)).decode("ascii")

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the signature over `data`, as `verify` expects it.

        Raises:
            ConfigurationError: It is a public key.
        """
        if self._signing is None:
            raise self._wrong("is public; only the private key signs")
        return self._implementation.sign(data, self._signing)

    def __repr__(self) -> str:
        return f"JwtKey({self.algorithm!r}, kid={self.kid!r})"
