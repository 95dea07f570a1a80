"""A verified principal, and the evidence of its verification."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, NoneType
from typing import Protocol

from msgspec.structs import astuple

from stormdoor.core.denial import Refusal
from stormdoor.core.log_position import LogPosition
from stormdoor.core.value import value

__all__ = ["ANONYMOUS", "Authentication", "Principal", "Recheck", "RecheckSource", "find_flaw"]

_AHEAD_SECONDS = 86_400.0
"""Most seconds by which a time of issue may be ahead: clocks of nodes and issuers differ by less."""

_NO_ATTRIBUTES: Mapping[str, object] = MappingProxyType({})


@value
@dataclass(frozen=True, slots=True)
class Principal:
    """A person, service or device with a verified identity.

    Attributes:
        id: Stable and unique, for example a user name.
        roles: Names of the roles it holds.
        tenant: The tenant it belongs to, or None in an application without tenants.
        attributes: Facts for conditions (`principal.department`). Treat as read-only.
    """

    id: str
    roles: frozenset[str] = frozenset()
    tenant: str | None = None
    attributes: Mapping[str, object] = field(default_factory=lambda: _NO_ATTRIBUTES, hash=False)


ANONYMOUS = Principal(id="anonymous")
"""The principal of a connection to an endpoint that is declared `public`."""


class RecheckSource(Protocol):
    """Source of credentials, for example the keys of a provider."""

    @property
    def generation(self) -> int:
        """A number that changes when the credentials from this source must be checked at once."""
        ...


class Recheck(Protocol):
    """Check of a credential while its connection is open.

    It may contain the secret of the credential, but not in its repr.
    """

    @property
    def seconds(self) -> float:
        """Interval between two checks, in seconds."""
        ...

    @property
    def grace_seconds(self) -> float:
        """Seconds for which the last answer is used; infinity: only an answer ends it."""
        ...

    @property
    def source(self) -> RecheckSource | None:
        """The object that tells when a check is necessary at once; None if none does.

        A tick reads its number once for all connections with the same source.
        """
        ...

    @property
    def accepted_generation(self) -> int:
        """The generation of `source` before the credential was verified.

        It may change before the guard first looks at the connection.
        """
        ...

    async def ask(self, now: float) -> Authentication | Refusal:
        """Return the authentication of the credential at `now` (Unix seconds), or the refusal.

        Returns:
            The same principal, perhaps with other roles, scopes and times; `UNAVAILABLE` without an answer.
        """
        ...


@value
@dataclass(frozen=True, slots=True)
class Authentication:
    """Result of an authenticator: the principal and the kind of its verification.

    Attributes:
        principal: The verified principal.
        kind: Kind of the credential, such as `session`, as in a configuration file; `public` for none.
        credential_id: A public name of the credential, usable to revoke it (never the secret).
        ambient: True if a browser attaches the credential by itself, so that a hostile page can use
            it: the Origin is then required (ASVS 4.4.2).
        authenticated_at: Unix seconds when the principal last authenticated.
        issued_at: Unix seconds when this credential was issued. Decides whether a revocation covers it if
            `position` cannot.
        expires_at: Unix seconds at which the credential expires, or None.
        idle_seconds: The connection also ends after this many seconds without a message, or None.
        scopes: Permission patterns that the credential is restricted to; None is no restriction.
        strength: 1 for one factor, 2 for two, and so on.
        session_id: The login session this belongs to, so that a logout ends it, or None.
        live: True if the store knows the principal, so that role changes reach open connections.
        acr: Class of the authentication (OpenID Connect Core §2), or None.
        device_id: The device that the credential belongs to, or None.
        token_hash: SHA-256 of the presented token in hex, so that it can be revoked without its
            `jti`; None for credentials that are no tokens.
        proofs: Keys that the client proved to possess beside the credential, such as `mtls:<x5t#S256>` and
            `dpop:<jkt>`.
        recheck: Function that verifies the credential again, or None if that is never done.
        position: The head of the log of revocations when this credential was issued, if the store of that
            log issued it. A later revocation in the same epoch covers it.
    """

    principal: Principal
    kind: str
    credential_id: str
    ambient: bool
    authenticated_at: float
    issued_at: float
    expires_at: float | None = None
    idle_seconds: float | None = None
    scopes: frozenset[str] | None = None
    strength: int = 1
    session_id: str | None = None
    live: bool = False
    acr: str | None = None
    device_id: str | None = None
    token_hash: str | None = None
    proofs: frozenset[str] = frozenset()
    recheck: Recheck | None = field(default=None, repr=False, compare=False)
    position: LogPosition | None = None


_NUMBER = (float, int)
_TEXT_OR_NONE = (str, NoneType)
_PRINCIPAL = {
    "id": str,
    "roles": frozenset,
    "tenant": _TEXT_OR_NONE,
    "attributes": Mapping,
}
_AUTHENTICATION = {
    "principal": Principal,
    "kind": str,
    "credential_id": str,
    "ambient": bool,
    "authenticated_at": _NUMBER,
    "issued_at": _NUMBER,
    "expires_at": (*_NUMBER, NoneType),
    "idle_seconds": (*_NUMBER, NoneType),
    "scopes": (frozenset, NoneType),
    "strength": int,
    "session_id": _TEXT_OR_NONE,
    "live": bool,
    "acr": _TEXT_OR_NONE,
    "device_id": _TEXT_OR_NONE,
    "token_hash": _TEXT_OR_NONE,
    "proofs": frozenset,
    "recheck": object,
    "position": (LogPosition, NoneType),
}
"""The types of the fields, in their order."""


def find_flaw(found: object, now: float) -> str | None:
    """Return the first field of an authenticator's result that the guard cannot rely on, or None.

    An authenticator may be the application's, and its types are not checked when it runs. A deadline that is
    not a number never passes, and a text in place of a set of scopes contains each of its parts.

    Args:
        found: The result.
        now: Unix seconds.

    Returns:
        The field, and the value to write instead. It contains no text of a client.
    """
    if not isinstance(found, Authentication):
        return f"it is {type(found).__name__}; return Authentication(…) or Rejected(…)"
    if not all(map(isinstance, astuple(found), _AUTHENTICATION.values())):  # type: ignore[arg-type]
        return _wrong_type(found, _AUTHENTICATION)
    principal = found.principal
    if not all(map(isinstance, astuple(principal), _PRINCIPAL.values())):  # type: ignore[arg-type]
        return "principal: " + _wrong_type(principal, _PRINCIPAL)
    if principal.id == "" or principal is ANONYMOUS:
        return "principal.id is empty or anonymous; return Rejected(…) for a client without a login"
    # Each comparison is false for NaN.
    if not -math.inf < found.issued_at < now + _AHEAD_SECONDS:
        return f"issued_at is {found.issued_at}; write Unix seconds that have passed"
    if not -math.inf < found.authenticated_at < now + _AHEAD_SECONDS:
        return f"authenticated_at is {found.authenticated_at}; write Unix seconds that have passed"
    if found.expires_at is not None and not found.expires_at > -math.inf:
        return f"expires_at is {found.expires_at}; write Unix seconds, or None"
    if found.idle_seconds is not None and not found.idle_seconds > 0.0:
        return f"idle_seconds is {found.idle_seconds}; write a number greater than 0, or None"
    recheck = found.recheck
    if recheck is not None and not 0.0 < recheck.seconds < math.inf:
        return f"recheck.seconds is {recheck.seconds}; write a number greater than 0"
    if recheck is not None and not recheck.grace_seconds >= 0.0:
        return f"recheck.grace_seconds is {recheck.grace_seconds}; write 0 or more, or infinity"
    return None


def _wrong_type(found: object, types: Mapping[str, object]) -> str:
    wrong = (
        f"{name} is {type(getattr(found, name)).__name__}; its type is in the docstring of "
        f"{type(found).__name__}"
        for name, allowed in types.items()
        if not isinstance(getattr(found, name), allowed)  # type: ignore[arg-type]
    )
    return next(wrong)
