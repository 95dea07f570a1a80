"""Issue access tokens: short-lived, and bound to the login session of the request (RFC 9068)."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.core.session import Session
from stormdoor.errors import ConfigurationError

__all__ = ["IssuedToken", "JwtIssuer"]

_MAX_ISSUED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. It is not in the repr.

    Attributes:
        token: The token.
        id: Its `jti`, usable to revoke it.
        expires_in: Seconds.
    """

    token: str = field(repr=False)
    id: str
    expires_in: float


_RESERVED = frozenset({"iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "auth_time"})


class JwtIssuer:
    """Issues short-lived access tokens (RFC 9068) for a login session.

    Args:
        key: A secret or a private key.
        issuer: `iss`.
        audience: `aud`.
        seconds: Lifetime of a token. The token of a login session ends with the session at the latest.

    Raises:
        ConfigurationError: The key is public, or a value is out of range.
    """

    __slots__ = ("_audience", "_issuer", "_key", "_seconds")

    def __init__(self, key: JwtKey, issuer: str, audience: str, *, seconds: float = 300.0) -> None:
        if not key.can_sign:
            raise ConfigurationError(f"{key!r} is public; tokens are issued with the private key")
        if not issuer or not audience:
            raise ConfigurationError("an issuer of tokens needs its own name and an audience")
        if not 1.0 <= seconds <= _MAX_ISSUED_SECONDS:
            raise ConfigurationError(
                f"a token lives 1 to {_MAX_ISSUED_SECONDS} seconds, not {seconds}"
            )
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self._seconds = seconds

    def issue(
        self,
        principal_id: str,
        *,
        now: float,
        session: Session | None = None,
        claims: Mapping[str, object] | None = None,
    ) -> IssuedToken:
        """Issue a token for `principal_id`.

        Args:
            principal_id: `sub`.
            now: Unix seconds.
            session: The login session that it belongs to; it expires with the session.
            claims: Further claims, such as `roles`.

        Raises:
            ConfigurationError: `claims` contains a claim of the issuer, or the session is another
            principal's.
        """
        further = dict(claims or {})
        if not _RESERVED.isdisjoint(further):
            raise ConfigurationError(
                f"{', '.join(sorted(_RESERVED & further.keys()))}: not yours to set"
            )
        # Rounded down to a millisecond, so that the token is never from the future, and a login in the same
        # second after a revocation still counts as later.
        issued_at = math.floor(now * 1000) / 1000
        expires_at = issued_at + self._seconds
        body: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": principal_id,
            "iat": issued_at,
            "jti": secrets.token_urlsafe(16),
        }
        if session is not None:
            if session.principal_id != principal_id:
                raise ConfigurationError("the session belongs to another principal")
            expires_at = min(expires_at, session.expires_at)
            body |= {"sid": session.id, "auth_time": session.authenticated_at}
        body |= {"exp": expires_at, **further}
        token = self._key.sign(msgspec.json.encode(body), typ="at+jwt")
        return IssuedToken(token, body["jti"], max(0.0, expires_at - now))
