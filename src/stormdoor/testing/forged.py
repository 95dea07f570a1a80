"""Credentials that must be refused: expired, for another audience, unsigned, or signed with another key."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt

from stormdoor.prober.identity import Identity

__all__ = ["forged_token", "with_token", "without_signature"]


def _claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token, unverified."""
    try:
        head = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise ValueError("this is no JSON Web Token") from error
    return dict(head), dict(claims)


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
    """
    head, found = _claims(token)
    merged = {name: value for name, value in {**found, **claims}.items() if value is not None}
    extra = {name: value for name, value in head.items() if name not in {"alg", "typ"}}
    return jwt.encode(
        merged, key, str(head["alg"]), headers={**extra, "typ": head.get("typ", "JWT")}
    )


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


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
