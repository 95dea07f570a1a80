"""A provider's set of public keys (RFC 7517), reduced to those that may verify a token here."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.oauth.client import Unanswered
from stormdoor.core.claims import MAX_TEXT
from stormdoor.errors import ConfigurationError

__all__ = ["ASYMMETRIC", "KeySet", "check_algorithms", "read_jwks"]

_log = logging.getLogger("stormdoor.oauth")

MAX_KEYS = 64
MAX_RSA_BITS = 8192
"""A provider with longer keys could make each verification slow."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ASYMMETRIC = (*_RSA, *_CURVES.values(), "EdDSA")
"""Allowed algorithms of the keys of a JWKS. HS… is not among them: a published key is not secret."""

_MEMBERS = ("kty", "crv", "n", "e", "x", "y")
"""The members of a public key (RFC 7518 §6, RFC 8037 §2)."""
_KINDS: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def check_algorithms(algorithms: Sequence[str]) -> tuple[str, ...]:
    """Return the algorithms if a JWKS may be used for them.

    Raises:
        ConfigurationError: There is none, or one is not asymmetric.
    """
    for name in algorithms:
        if name not in ASYMMETRIC:
            raise ConfigurationError(
                f"{name!r} is not for published keys; use some of {', '.join(ASYMMETRIC)}"
            )
    if not algorithms:
        raise ConfigurationError('no algorithm is accepted; write algorithms=["RS256", "ES256"]')
    return tuple(algorithms)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of a JWKS.

    Attributes:
        named: By `kid` and algorithm.
        unnamed: Those without a `kid`, by algorithm.
        known: Each key by its source text, so that the same key stays the same object.
    """

    named: Mapping[tuple[str, str], JwtKey] = field(default_factory=dict)
    unnamed: Mapping[str, JwtKey] = field(default_factory=dict)
    known: Mapping[str, JwtKey] = field(default_factory=dict)

    def find(self, kid: str | None, algorithm: str) -> JwtKey | None:
        """Return the key of that name for that algorithm; without a name, the only one for it."""
        if kid is not None:
            return self.named.get((kid, algorithm))
        fitting = [key for key in self.known.values() if key.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def names(self, kid: str) -> bool:
        """Return whether a key has that name."""
        return any(name == kid for name, _ in self.named)


def _algorithm(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> str | None:
    """Return the one algorithm of a key; None if it is not accepted."""
    match jwk.get("kty"):
        case "RSA":
            possible: Sequence[str] = [name for name in algorithms if name in _RSA]
        case "EC":
            possible = [_CURVES.get(str(jwk.get("crv")), "")]
        case "OKP" if jwk.get("crv") == "Ed25519":
            possible = ["EdDSA"]
        case _:
            return None
    # RFC 7517 §4.4: alg is optional. An RSA key without it is for the first accepted RSA algorithm.
    named = jwk.get("alg", possible[0] if possible else None)
    if named == "Ed25519":
        named = "EdDSA"  # RFC 9864 §2.2: the same algorithm under its own name
    return named if named in possible and named in algorithms else None


def _unusable(jwk: Mapping[str, Any]) -> str | None:
    """Return why a key is unusable for every algorithm; None if it is usable."""
    if not _PRIVATE.isdisjoint(jwk):
        return "it is a secret or private key, which is published here"
    if jwk.get("use", "sig") != "sig":
        return "it is not for signatures"
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return "it is not for verifying"
    kid = jwk.get("kid")
    if "kid" in jwk and not (isinstance(kid, str) and 0 < len(kid) <= MAX_TEXT):
        return "its kid is not a text"
    return None


def _made(jwk: Mapping[str, Any], algorithm: str) -> JwtKey:
    """Create the key.

    Raises:
        ConfigurationError: It is malformed, or too weak.
    """
    kind = _KINDS[jwk["kty"]]
    members: Any = {name: jwk[name] for name in _MEMBERS if name in jwk}
    try:
        kind.validate_dict_key(members)
        # Not by import_key: it warns of a short key, which JwtKey refuses.
        material = kind.binding.import_from_dict(members)
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, OverflowError):
        raise ConfigurationError("it cannot be read") from None
    if getattr(material, "key_size", 0) > MAX_RSA_BITS:
        raise ConfigurationError(f"it has more than {MAX_RSA_BITS} bits")
    key = JwtKey(algorithm, material, jwk.get("kid"))
    if "issuer" in jwk:
        key.issuer = str(jwk["issuer"])
    return key


def read_jwks(
    document: Mapping[str, object], algorithms: Sequence[str], before: KeySet
) -> KeySet | Unanswered:
    """Return the usable keys of a document.

    An unusable key is skipped. A document that is not a key set is not an answer; an empty set is a valid
    one, with which no signature is valid.

    Args:
        document: The set.
        algorithms: Accepted algorithms, the first RSA one for RSA keys without `alg`.
        before: The previous keys.
    """
    keys = document.get("keys")
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        return Unanswered("the key set holds no keys")
    if len(keys) > MAX_KEYS:
        return Unanswered(f"the key set holds more than {MAX_KEYS} keys")
    named: dict[tuple[str, str], JwtKey] = {}
    unnamed: dict[str, JwtKey] = {}
    known: dict[str, JwtKey] = {}
    twice: set[object] = set()
    for jwk in keys:
        algorithm = _algorithm(jwk, algorithms)
        problem = _unusable(jwk)
        if algorithm is None or problem is not None:
            _log.debug("a key of the set is left out: %s", problem or "its kind is not used here")
            continue
        members = {name: jwk[name] for name in (*_MEMBERS, "kid", "issuer") if name in jwk}
        text = json.dumps({**members, "alg": algorithm}, sort_keys=True)
        try:
            key = before.known.get(text) or _made(jwk, algorithm)
        except ConfigurationError as error:
            _log.warning("a key of the set is left out: %s", error)
            continue
        place: object = (key.kid, algorithm) if key.kid is not None else algorithm
        if text in known:
            continue  # the very same key, listed twice
        if place in named or place in unnamed or place in twice:
            twice.add(place)
            continue
        if key.kid is None:
            unnamed[algorithm] = key
        else:
            named[key.kid, algorithm] = key
        known[text] = key
    return _without(twice, KeySet(named, unnamed, known))


def _without(twice: set[object], keys: KeySet) -> KeySet:
    """Return the keys without those that have the same name and algorithm."""
    if not twice:
        return keys
    _log.warning("keys of the set that share a name and an algorithm are left out")
    named = {place: key for place, key in keys.named.items() if place not in twice}
    unnamed = {name: key for name, key in keys.unnamed.items() if name not in twice}
    left = {*named.values(), *unnamed.values()}
    return KeySet(named, unnamed, {text: key for text, key in keys.known.items() if key in left})
