"""Credentials that must be refused: expired, for another audience, unsigned, or signed with another key."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.report.installation import install_command

__all__ = ["forged_token", "with_token", "without_signature"]


def _claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token, unverified."""
    try:
        head, claims, _ = token.split(".")
        return dict(_object(head)), dict(_object(claims))
    except (ValueError, TypeError) as error:
        raise ValueError("this is no JSON Web Token") from error


def _object(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def forged_token(token: str, key: str | bytes, **claims: Any) -> str:
    """Return the token with other claims, signed again with `key` and the token's own algorithm.

    With the application's own key, `exp=0` gives an expired token and `aud="elsewhere"` one for another
    audience; with another key, the token has an invalid signature. A claim that is None is removed.

    Args:
        token: A valid token.
        key: The secret, or the private key as PEM.
        claims: Changed claims.

    Raises:
        ValueError: `token` is no JSON Web Token.
        ImportError: joserfc is not installed, the extra `probe`.
    """
    head, found = _claims(token)
    merged = {name: value for name, value in {**found, **claims}.items() if value is not None}
    algorithm = str(head.get("alg"))
    try:
        from joserfc import jwk, jws  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError(
            "forged_token needs joserfc: " + install_command("'stormdoor-audit[probe]'")
        ) from error
    kinds: Mapping[str, type[jwk.OctKey | jwk.RSAKey | jwk.ECKey | jwk.OKPKey]] = {
        "HS": jwk.OctKey,
        "RS": jwk.RSAKey,
        "PS": jwk.RSAKey,
        "ES": jwk.ECKey,
        "Ed": jwk.OKPKey,
    }
    if algorithm[:2] not in kinds:
        raise ValueError(f"the token is signed with {algorithm!r}, which needs no key")
    signed = f"{_part({**head, 'typ': head.get('typ', 'JWT')})}.{_part(merged)}"
    signer = kinds[algorithm[:2]].import_key(key)
    return (
        f"{signed}.{_encode(jws.JWSRegistry.algorithms[algorithm].sign(signed.encode(), signer))}"
    )


def _part(value: Mapping[str, Any]) -> str:
    return _encode(json.dumps(value).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def without_signature(token: str, **claims: Any) -> str:
    """Return the token with `alg: none`, other claims if given, and no signature.

    Raises:
        ValueError: `token` is no JSON Web Token.
    """
    head, found = _claims(token)
    return f"{_part({**head, 'alg': 'none'})}.{_part({**found, **claims})}."


def with_token(owner: Identity, token: str, name: str) -> Identity:
    """Return the identity with each of its credentials replaced by `token`.

    Args:
        owner: The identity, which defines the places: a header, a cookie, a parameter, a subprotocol.
        token: The new credential.
        name: Its name in failures.
    """
    return replace(owner.changed(name, lambda _: token), name=name)
