"""Credentials that must not count: expired, of another audience, signed by nobody or by somebody else."""

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
    """Header and claims of a token, verified by nobody."""
    try:
        head = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise ValueError("this is no JSON Web Token") from error
    return dict(head), dict(claims)


def forged_token(token: str, key: str | bytes, **claims: Any) -> str:
    """The token with other claims, signed anew with `key` and the token's own algorithm.

    With the application's own key, `exp=0` gives one that has expired and `aud="elsewhere"` one for somebody
    else; with another key, one that nobody who may has signed. A claim that is None is left out.

    Args:
        token: A good one.
        key: The secret, or the private key as PEM.
        claims: What is another.

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
    """The token with `alg: none`, other claims if given, and no signature.

    Raises:
        ValueError: `token` is no JSON Web Token.
    """
    head, found = _claims(token)
    return f"{_part({**head, 'alg': 'none'})}.{_part({**found, **claims})}."


def with_token(owner: Identity, token: str, name: str) -> Identity:
    """The identity with every credential it shows replaced by `token`.

    Args:
        owner: Where the credential goes: a header, a cookie, a parameter, a subprotocol.
        token: What is shown instead.
        name: What failures call it.
    """
    return replace(owner.changed(name, lambda _: token), name=name)
