"""A verified principal, and the evidence of its verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from stormdoor.core.denial import Refusal
from stormdoor.core.log_position import LogPosition
from stormdoor.core.value import value

__all__ = ["ANONYMOUS", "Authentication", "Principal", "Recheck"]

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
        """Seconds for which the last answer is used without a new one."""
        ...

    @property
    def generation(self) -> int:
        """A number that changes when a check is necessary at once."""
        ...

    @property
    def accepted_generation(self) -> int:
        """The generation before the credential was verified.

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
