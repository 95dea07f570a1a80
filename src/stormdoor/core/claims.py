"""Read the claims of a token strictly, and check its times at every use.

Required claims and their types: RFC 7519 §4.1, RFC 8725 §3.8 to §3.11, RFC 9068 §2.2. The caller has
verified the signature; these functions do not use it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

__all__ = ["MAX_LEEWAY", "MAX_TEXT", "ClaimRules", "Claims", "Path", "read_claims"]

Path = str | tuple[str, ...]
"""The name of a claim; or the names of nested objects and of a member of the last one."""

MAX_TEXT = 256
"""Characters of a subject, `jti`, session id, tenant or role."""

MAX_LEEWAY = 300.0
"""Seconds. If the clocks of two machines differ by more, the operator must correct them."""

_END_OF_TIME = 253_402_300_799.0  # 9999-12-31T23:59:59Z, later than any plausible date
_NO_ATTRIBUTES: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """The requirements on the claims of a token, and the meaning of each claim.

    Attributes:
        issuer: The one accepted `iss`.
        audiences: The token must be for one of these.
        leeway: Seconds by which the issuer's clock may be ahead. It never extends the life of a token:
            `exp` is exact.
        max_age: Seconds that a token may live at most, or None.
        single_use: Whether a token is accepted once. It then needs a `jti`, and an `iat` to compare.
        roles: The claim that holds role names, or None.
        tenant: The claim that names the tenant, or None.
        scope: The claim that restricts permissions, or None; a token without it has no permissions.
        session: The claim that names the login session, or None.
        attributes: Claims that become attributes of the principal.
        grants: The permission patterns of each scope; a scope that is not listed grants nothing. None if
            the scopes are patterns themselves.
        clients: The accepted clients (`client_id`, or `azp`), or None for all.
        services: Prefix of the principal's id if the token belongs to a client and not to a person: the
            prefix and the `client_id` are the id. None to refuse such tokens. A token belongs to a client if
            `sub` is that client (RFC 9068 §5) or is missing.
        persons: Whether a token is refused if its `sub` is its client. Otherwise a client that has the name
            of a person would be that person.
        required: Claims that must have exactly these values.
        bare: Claims that may be missing because they come from an introspection (RFC 7662 §2.2): `iss`,
            `aud`, `exp`.
    """

    issuer: str
    audiences: frozenset[str]
    leeway: float = 0.0
    max_age: float | None = None
    single_use: bool = False
    roles: Path | None = None
    tenant: Path | None = None
    scope: str | None = None
    session: str | None = None
    attributes: tuple[str, ...] = ()
    grants: Mapping[str, frozenset[str]] | None = None
    clients: frozenset[str] | None = None
    services: str | None = None
    persons: bool = False
    required: Mapping[str, str] | None = None
    bare: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Reject rules that would accept any token.

        Raises:
            ConfigurationError: An issuer or audience is empty, or a number is out of range.
        """
        if not self.issuer:
            raise ConfigurationError(
                'a token needs an issuer; write issuer="https://login.example"'
            )
        if not self.audiences or "" in self.audiences:
            raise ConfigurationError('a token needs an audience; write audience="chat"')
        if not 0.0 <= self.leeway <= MAX_LEEWAY:
            raise ConfigurationError(
                f"leeway must be 0 to {MAX_LEEWAY:g} seconds, not {self.leeway}"
            )
        if self.max_age is not None and not 0.0 < self.max_age < math.inf:
            raise ConfigurationError(f"max_age must be seconds greater than 0, not {self.max_age}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Well-formed claims. `misuse` checks their times.

    Attributes:
        subject: The subject (`sub`).
        expires_at: `exp`, Unix seconds; infinite if an introspection names none.
        issued_at: `iat`, or None.
        not_before: `nbf`, or None.
        authenticated_at: `auth_time`, or None.
        id: `jti`, or None.
        session_id: The login session that the token belongs to, or None.
        strength: 2 if `amr` says `mfa` (RFC 8176), else 1.
        roles: Role names.
        tenant: The tenant, or None.
        scopes: Permission patterns, or None if no claim restricts them.
        attributes: Further facts about the subject.
        client_id: The client that the token was issued to; None if no rule asks for it.
        acr: Class of the authentication (`acr`), or None.
        confirmation: The key that its bearer must prove to possess (`cnf`, RFC 7800), or None.
    """

    subject: str
    expires_at: float
    issued_at: float | None = None
    not_before: float | None = None
    authenticated_at: float | None = None
    id: str | None = None
    session_id: str | None = None
    strength: int = 1
    roles: frozenset[str] = frozenset()
    tenant: str | None = None
    scopes: frozenset[str] | None = None
    attributes: Mapping[str, object] = field(default_factory=lambda: _NO_ATTRIBUTES, hash=False)
    client_id: str | None = None
    acr: str | None = None
    confirmation: Mapping[str, object] | None = field(default=None, hash=False)

    def expired(self, now: float) -> bool:
        """Return whether `exp` has passed."""
        return now >= self.expires_at

    def misuse(self, rules: ClaimRules, now: float) -> str | None:
        """Return the reason why the token may not be used at `now` (Unix seconds); None if it may."""
        if now >= self.expires_at:
            return "the token has expired"
        latest = now + rules.leeway
        for name, since in (
            ("nbf", self.not_before),
            ("iat", self.issued_at),
            ("auth_time", self.authenticated_at),
        ):
            if since is not None and since > latest:
                return (
                    f"{name} lies {since - now:.1f} s in the future; if that clock is ahead, "
                    f"write leeway={min(MAX_LEEWAY, math.ceil(since - now)):g}"
                )
        if (
            rules.max_age is not None
            and self.issued_at is None
            and self.expires_at - now > rules.max_age
        ):
            return _too_long(self.expires_at - now, rules.max_age)
        return None

    def issued_by(self, rules: ClaimRules) -> float:
        """Return the earliest moment at which the token can have been issued (Unix seconds).

        A revocation of all tokens before T must cover each token that may be older than T: one without
        `iat` counts as the oldest of all, and `leeway` is subtracted.
        """
        return 0.0 if self.issued_at is None else self.issued_at - rules.leeway


class _InvalidClaimsError(Exception):
    """Aborts the reading; never leaves this module."""


def _too_long(seconds: float, max_age: float) -> str:
    return f"the token lives {seconds:.0f} s, longer than max_age={max_age:g}"


def _number(claims: Mapping[str, object], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    # bool is an int in Python; JSON's `true` is not a date.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _InvalidClaimsError(f"{name} is not a number")
    if not 0 <= value <= _END_OF_TIME:  # False for NaN too
        raise _InvalidClaimsError(f"{name} is not a date between 1970 and 9999")
    return float(value)


def _is_text(value: object) -> bool:
    # isprintable() is False for control characters, line ends and lone surrogates: what is accepted
    # here can be written to a log, a trail and a database.
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


_MISSING = object()


def _at(claims: Mapping[str, object], path: Path | None) -> object:
    """Return the value at `path`, or `_MISSING`."""
    if path is None:
        return _MISSING
    if isinstance(path, str):
        return claims.get(path, _MISSING)
    found: object = claims
    for name in path:
        if not isinstance(found, Mapping):
            return _MISSING
        found = found.get(name, _MISSING)
    return found


def _named(path: Path | None) -> str:
    return path if isinstance(path, str) else ".".join(path or ())


def _text(claims: Mapping[str, object], path: Path | None) -> str | None:
    value = _at(claims, path)
    if value is _MISSING:
        return None
    if isinstance(value, str) and _is_text(value):
        return value
    raise _InvalidClaimsError(
        f"{_named(path)} is not a text of 1 to {MAX_TEXT} printable characters"
    )


def _texts(claims: Mapping[str, object], path: Path | None) -> frozenset[str]:
    value = _at(claims, path)
    if value is _MISSING:
        return frozenset()
    if isinstance(value, list) and all(map(_is_text, value)):
        return frozenset(value)
    raise _InvalidClaimsError(f"{_named(path)} is not an array of texts")


def _scopes(claims: Mapping[str, object], rules: ClaimRules) -> frozenset[str] | None:
    if rules.scope is None:
        return None
    value = claims.get(rules.scope)
    # RFC 8693 §4.2: one text, separated by spaces
    scopes = frozenset(value.split()) if isinstance(value, str) else _texts(claims, rules.scope)
    grants = rules.grants
    if grants is None:
        return scopes
    return frozenset(pattern for scope in scopes for pattern in grants.get(scope, ()))


def _client(claims: Mapping[str, object], rules: ClaimRules) -> str | None:
    """Return the client that the token was issued to (RFC 9068 §2.2; `azp`, OpenID Connect Core §2)."""
    if rules.clients is None and rules.services is None and not rules.persons:
        return None
    client, party = _text(claims, "client_id"), _text(claims, "azp")
    if client is not None and party is not None and client != party:
        raise _InvalidClaimsError("client_id and azp name different clients")
    client = party if client is None else client
    if rules.clients is not None and client not in rules.clients:
        raise _InvalidClaimsError("it was issued to a client that is not accepted")
    return client


def _subject(claims: Mapping[str, object], rules: ClaimRules, client: str | None) -> str:
    subject = _text(claims, "sub")
    if rules.services is None:
        if subject is None:
            raise _InvalidClaimsError("sub is missing")
        if rules.persons and subject == client:
            raise _InvalidClaimsError(
                "sub is the client: there is no person, and services are not accepted"
            )
        return subject
    if subject is None and client is None:
        raise _InvalidClaimsError("sub and client_id are missing")
    if subject is None or subject == client:
        return f"{rules.services}{client}"
    # A person must not be able to take the name of a service.
    if subject.startswith(rules.services):
        raise _InvalidClaimsError("sub begins like the principal of a service")
    return subject


def _confirmation(claims: Mapping[str, object]) -> Mapping[str, object] | None:
    value = claims.get("cnf", _MISSING)
    if value is _MISSING:
        return None
    # An empty `cnf` would not bind the token.
    if not isinstance(value, dict) or not value:
        raise _InvalidClaimsError("cnf is not an object with members")
    return MappingProxyType(value)


def _check_audience(claims: Mapping[str, object], rules: ClaimRules) -> None:
    audiences = rules.audiences
    if "aud" in rules.bare and "aud" not in claims:
        return
    audience = claims.get("aud")
    if isinstance(audience, str):
        meant = audience in audiences
    elif isinstance(audience, list) and all(isinstance(one, str) for one in audience):
        meant = not audiences.isdisjoint(audience)
    else:
        raise _InvalidClaimsError("aud is not a text or an array of texts")
    if not meant:
        raise _InvalidClaimsError("aud names other audiences only")


def _read(claims: Mapping[str, object], rules: ClaimRules) -> Claims:
    if "iss" in claims or "iss" not in rules.bare:
        issuer = claims.get("iss")
        if not isinstance(issuer, str):
            raise _InvalidClaimsError("iss is not a text")
        if issuer != rules.issuer:
            raise _InvalidClaimsError("iss is another issuer")
    _check_audience(claims, rules)
    for name, value in (rules.required or {}).items():
        if claims.get(name) != value:
            raise _InvalidClaimsError(f"{name} is not {value!r}")
    client = _client(claims, rules)
    subject = _subject(claims, rules, client)
    expires_at = _number(claims, "exp")
    if expires_at is None:
        if "exp" not in rules.bare:
            raise _InvalidClaimsError("exp is missing")
        expires_at = math.inf
    issued_at = _number(claims, "iat")
    if issued_at is not None:
        if expires_at < issued_at:
            raise _InvalidClaimsError("exp comes before iat")
        if rules.max_age is not None and expires_at - issued_at > rules.max_age:
            raise _InvalidClaimsError(_too_long(expires_at - issued_at, rules.max_age))
    id = _text(claims, "jti")
    if rules.single_use and (id is None or issued_at is None):
        missing = "jti" if id is None else "iat"
        raise _InvalidClaimsError(f"{missing} is missing, and a token may be used once only")
    methods, acr = claims.get("amr"), claims.get("acr")
    return Claims(
        subject=subject,
        expires_at=expires_at,
        issued_at=issued_at,
        not_before=_number(claims, "nbf"),
        authenticated_at=_number(claims, "auth_time"),
        id=id,
        session_id=_text(claims, rules.session),
        strength=2 if isinstance(methods, list) and "mfa" in methods else 1,
        roles=_texts(claims, rules.roles),
        tenant=_text(claims, rules.tenant),
        scopes=_scopes(claims, rules),
        attributes=(
            MappingProxyType({name: claims[name] for name in rules.attributes if name in claims})
            if rules.attributes
            else _NO_ATTRIBUTES
        ),
        client_id=client,
        acr=acr if isinstance(acr, str) and _is_text(acr) else None,
        confirmation=_confirmation(claims),
    )


def read_claims(claims: Mapping[str, object], rules: ClaimRules) -> Claims | Malformed:
    """Read the claims of a verified token.

    Args:
        claims: The payload, parsed.
        rules: The requirements.

    Returns:
        The claims, with unchecked times, or the reason why they are malformed.
    """
    try:
        return _read(claims, rules)
    except _InvalidClaimsError as invalid:
        return Malformed(str(invalid))
