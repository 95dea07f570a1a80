"""The logout token: the provider reports that a session has ended (Back-Channel Logout 1.0 §2.4, §2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stormdoor.auth.jose.key_source import KeySource
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.auth.oidc.signed import bad, open_token
from stormdoor.core.claims import MAX_TEXT
from stormdoor.core.denial import Refusal

__all__ = ["MAX_AGE", "LogoutToken", "verify_logout_token"]

_WHAT = "the logout token"
_EVENT = "http://schemas.openid.net/event/backchannel-logout"

MAX_AGE = 300.0
"""Greatest age in seconds: a provider sends the token at once. Each `jti` is stored as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """The verified content of a logout token.

    Attributes:
        issuer: The provider.
        id: `jti`; it is accepted once.
        issued_at: Unix seconds.
        expires_at: Unix seconds after which it would be refused anyway.
        subject: The user, or None.
        session_id: The session there (`sid`), or None for all of the subject.
    """

    issuer: str
    id: str
    issued_at: float
    expires_at: float
    subject: str | None
    session_id: str | None


async def verify_logout_token(
    token: str, *, provider: OpenIdProvider, keys: KeySource, now: float
) -> LogoutToken | Refusal:
    """Verify a logout token, except for a repeated use.

    Args:
        token: The token, as received from an unauthenticated client.
        provider: The expected issuer.
        keys: Keys of the provider.
        now: Unix seconds.
    """
    opened = await open_token(
        token,
        what=_WHAT,
        keys=keys,
        algorithms=provider.algorithms,
        # Older providers send no type. An ID token is still never accepted as a logout token: it has no
        # `events`, and a nonce.
        types=("logout+jwt", "jwt", None),
        now=now,
    )
    if isinstance(opened, Refusal):
        return opened
    claims = opened.claims
    fault = _fault(claims, provider) or _untimely(claims, provider, now)
    if fault is not None:
        return bad(_WHAT, fault)
    id, issued_at = _text(claims, "jti"), _number(claims, "iat")
    if id is None or issued_at is None:
        return bad(_WHAT, "jti or iat is missing")
    return LogoutToken(
        issuer=provider.issuer_of(claims.get("iss")),
        id=id,
        issued_at=issued_at,
        expires_at=issued_at + MAX_AGE + provider.leeway,
        subject=_text(claims, "sub"),
        session_id=_text(claims, "sid"),
    )


def _text(claims: Mapping[str, object], name: str) -> str | None:
    value = claims.get(name)
    sound = isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()
    return value if isinstance(value, str) and sound else None


def _number(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    # bool is an int in Python; JSON's `true` is not a date. False for NaN, too.
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if isinstance(value, int | float) and sound else None


def _fault(claims: Mapping[str, object], provider: OpenIdProvider) -> str | None:
    if claims.get("iss") != provider.issuer_of(claims.get("iss")):
        return "iss is another issuer"
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if provider.client_id not in named:
        return "aud names other applications only"
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        return "events does not say that it is about a logout; it may be an ID token"
    if "nonce" in claims:
        return "it has a nonce, which no logout token has; it may be an ID token"
    if _text(claims, "jti") is None:
        return "jti is missing, or no text"
    for name in ("sub", "sid"):
        if name in claims and _text(claims, name) is None:
            return f"{name} is not a text of 1 to {MAX_TEXT} printable characters"
    if "sub" not in claims and "sid" not in claims:
        return "it names neither sub nor sid"
    return None


def _untimely(claims: Mapping[str, object], provider: OpenIdProvider, now: float) -> str | None:
    issued_at = _number(claims, "iat")
    if issued_at is None:
        return "iat is missing, or no date"
    if issued_at > now + provider.leeway:
        return f"iat lies {issued_at - now:.1f} s in the future; is that clock ahead?"
    if now > issued_at + MAX_AGE + provider.leeway:
        return f"it is {now - issued_at:.0f} s old"
    if "exp" in claims:
        expires_at = _number(claims, "exp")
        if expires_at is None or now >= expires_at:
            return "it has expired"
    return None
