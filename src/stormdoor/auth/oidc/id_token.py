"""Verify that an ID token is the provider's answer to this login (OpenID Connect Core §3.1.3.7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from stormdoor.auth.jose.key_source import KeySource
from stormdoor.auth.oidc.library import CodeIDToken, JoseError
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.auth.oidc.signed import bad, open_token
from stormdoor.core.claims import ClaimRules, read_claims
from stormdoor.core.denial import Refusal
from stormdoor.core.malformed import Malformed

__all__ = ["Expected", "IdToken", "verify_id_token"]

_WHAT = "the ID token"
_MAX_SECONDS = 86_400.0
_MAX_METHODS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The values that the answer to a login must match.

    Attributes:
        nonce: The nonce of the request.
        began_at: Unix seconds when the login began.
        max_age: Greatest age of the login at the provider at that time; None for any age.
        acr_values: Acceptable classes; empty for any.
        access_token: The access token beside the ID token.
    """

    nonce: str
    began_at: float
    max_age: float | None = None
    acr_values: Collection[str] = ()
    access_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """The provider's statement about a user who has logged in.

    Attributes:
        issuer: The provider.
        subject: The user at the provider.
        issued_at: Unix seconds.
        authenticated_at: Unix seconds of the login at the provider; 0.0 if the provider does not send it, so
            that the login never counts as fresh.
        acr: The class of the login, or None.
        strength: Number of factors.
        session_id: The session at the provider (`sid`), or None.
        claims: All claims.
    """

    issuer: str
    subject: str
    issued_at: float
    authenticated_at: float
    acr: str | None
    strength: int
    session_id: str | None
    claims: Mapping[str, object] = field(repr=False)


async def verify_id_token(
    token: str, *, provider: OpenIdProvider, keys: KeySource, expected: Expected, now: float
) -> IdToken | Refusal:
    """Verify an ID token.

    Args:
        token: The token, as received from the token endpoint.
        provider: The expected issuer.
        keys: Keys of the provider.
        expected: Values of the request.
        now: Unix seconds.
    """
    opened = await open_token(
        token,
        what=_WHAT,
        keys=keys,
        algorithms=provider.algorithms,
        types=(None, "jwt"),
        now=now,
    )
    if isinstance(opened, Refusal):
        return opened
    payload = opened.claims
    rules = ClaimRules(
        issuer=provider.issuer_of(payload.get("iss")),
        audiences=frozenset({provider.client_id}),
        leeway=provider.leeway,
        max_age=_MAX_SECONDS,
        session="sid",
    )
    claims = read_claims(payload, rules)
    if isinstance(claims, Malformed):
        return bad(_WHAT, claims.reason)
    fault = (
        claims.misuse(rules, now)
        or _library_fault(payload, opened.algorithm, provider, expected, now)
        or _fault(payload, provider, expected)
    )
    if fault is not None:
        return bad(_WHAT, fault)
    if claims.issued_at is None:
        return bad(_WHAT, "iat is missing")
    acr = payload.get("acr")
    return IdToken(
        issuer=rules.issuer,
        subject=claims.subject,
        issued_at=claims.issued_at,
        authenticated_at=claims.authenticated_at or 0.0,
        acr=acr if isinstance(acr, str) else None,
        strength=_strength(payload, provider),
        session_id=claims.session_id,
        claims=payload,
    )


def _library_fault(
    payload: Mapping[str, object],
    algorithm: str,
    provider: OpenIdProvider,
    expected: Expected,
    now: float,
) -> str | None:
    """Return the error that Authlib finds: it implements the standard (`azp`, `nonce`, `at_hash`, …)."""
    token = CodeIDToken(
        dict(payload),
        {"alg": algorithm},
        params={
            "nonce": expected.nonce,
            "client_id": provider.client_id,
            "access_token": expected.access_token,
            "max_age": expected.max_age,
        },
    )
    try:
        token.validate(now=int(now), leeway=int(provider.leeway))
    except JoseError as error:
        return f"{error.error}: {error.description}"[:200]
    return None


def _fault(
    payload: Mapping[str, object], provider: OpenIdProvider, expected: Expected
) -> str | None:
    """Return the error that Authlib leaves to the application or does not detect; None if there is none."""
    if payload.get("nonce") != expected.nonce:
        return "nonce is not the one of this login: the token belongs to another"
    if "events" in payload:
        return "it has events: it is a logout token"
    audience = payload.get("aud")
    named = set(audience) if isinstance(audience, list) else {audience}
    others = named - {provider.client_id, *provider.trusted_audiences}
    if others:
        return f"aud names others, too; write trusted_audiences={sorted(map(str, others))!r:.120}"
    if payload.get("azp", provider.client_id) != provider.client_id:
        return "azp is another client: the token was issued to another application"
    if expected.max_age is not None:
        at = payload.get("auth_time")
        if not isinstance(at, int | float) or isinstance(at, bool):
            return "auth_time is missing, although max_age was asked for"
        if at + expected.max_age + provider.leeway < expected.began_at:
            return "the login there is older than max_age"
    if expected.acr_values and payload.get("acr") not in expected.acr_values:
        return "acr is none of those that were asked for: the login was weaker than it has to be"
    return None


def _strength(payload: Mapping[str, object], provider: OpenIdProvider) -> int:
    """Return the number of factors; an unlisted value counts as one."""
    methods = payload.get("amr")
    named = (
        [one for one in methods[:_MAX_METHODS] if isinstance(one, str)]
        if isinstance(methods, list)
        else []
    )
    strengths = [provider.strengths.get(name, 2 if name == "mfa" else 1) for name in named]
    acr = payload.get("acr")
    if isinstance(acr, str):
        strengths.append(provider.strengths.get(acr, 1))
    return max(strengths, default=1)
