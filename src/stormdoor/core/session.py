"""A login session: opaque to the client, with an idle and an absolute timeout (ASVS 7.3.1, 7.3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.log_position import LogPosition
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.value import value

__all__ = ["TOUCH_SECONDS", "Session"]

TOUCH_SECONDS = 60.0
"""Least number of seconds between two writes of `last_seen_at`."""


@value
@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login, as it is stored, without the secret of the cookie.

    Attributes:
        id: SHA-256 of the cookie's secret, in hex. Public: the secret cannot be computed from it.
        principal_id: The owner.
        created_at: Unix seconds; rotation makes a new session with a new `created_at`.
        born_at: Unix seconds of the login that it descends from; a rotation keeps it, except one with a new
            authentication. Decides whether a revocation covers it if `position` cannot.
        authenticated_at: Unix seconds of the last authentication; a rotation keeps it. At a provider it may
            be much earlier than the login here.
        last_seen_at: Unix seconds of the last use, with the resolution of `TOUCH_SECONDS`.
        expires_at: Unix seconds; the absolute end.
        idle_seconds: Seconds without use after which it ends.
        address: Address of the client that logged in, for the owner's list of sessions.
        user_agent: User agent of that client, for the same list.
        strength: Number of factors used.
        device_id: The device that holds the cookie, if known.
        acr: The authentication class from a provider (`acr`), or None.
        issuer: The identity provider that the login came from (`iss`), or None.
        provider_subject: The user there (`sub`), or None.
        provider_session: The session there (`sid`), which a logout there names, or None.
        position: The head of the log of revocations when the session was born; set by the store that adds
            it. None for a session of an older release.
    """

    id: str
    principal_id: str
    created_at: float
    born_at: float
    authenticated_at: float
    last_seen_at: float
    expires_at: float
    idle_seconds: float
    address: str = ""
    user_agent: str = ""
    strength: int = 1
    device_id: str | None = None
    acr: str | None = None
    issuer: str | None = None
    provider_subject: str | None = None
    provider_session: str | None = None
    position: LogPosition | None = None

    def alive(self, now: float) -> bool:
        """Return whether it is valid at `now` (Unix seconds).

        A clock that went back to before the session began ends it. A difference of two minutes between the
        clocks of two machines is tolerated.
        """
        return (
            self.created_at - 120.0 <= now < self.expires_at
            and now < self.last_seen_at + self.idle_seconds
        )

    def touch_is_due(self, now: float) -> bool:
        """Return whether its use at `now` (Unix seconds) must be stored; early if it expires soon."""
        return now - self.last_seen_at >= min(TOUCH_SECONDS, self.idle_seconds / 4)

    def authentication(self, principal: Principal, kind: str = "session") -> Authentication:
        """Return the authentication of a client that has its cookie.

        Args:
            principal: The owner, as the store has it now.
            kind: The kind of the credential.
        """
        return Authentication(
            principal,
            kind,
            credential_id=self.id,
            ambient=True,
            authenticated_at=self.authenticated_at,
            issued_at=self.born_at,
            expires_at=self.expires_at,
            idle_seconds=self.idle_seconds,
            strength=self.strength,
            session_id=self.id,
            live=True,
            acr=self.acr,
            device_id=self.device_id,
            position=self.position,
        )
