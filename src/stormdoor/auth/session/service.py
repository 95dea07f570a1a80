"""Login sessions: the cookie of a session, and the service that creates and ends sessions.

The cookie holds 256 random bits; the store holds their SHA-256 (ASVS 7.2.2, 7.2.3). The end of a session and
its entry in the log of revocations are one transaction, so that its open connections end too (ASVS 7.4.1).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from stormdoor.auth.session.cookie import CookieSpec
from stormdoor.core.account import Account
from stormdoor.core.credential import fingerprint
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.core.session import Session
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, StoredState

__all__ = [
    "SECRET_LENGTH",
    "IssuedSession",
    "SessionService",
]

_LONGEST = 30 * 86_400.0
SECRET_LENGTH = 43
"""Characters of token_urlsafe(32): 256 bits."""

_USER_AGENT_LENGTH = 256


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A new session and its cookie's value. The secret is not in its repr.

    Attributes:
        session: As it is stored.
        secret: The value of the cookie, stored nowhere.
    """

    session: Session
    secret: str = field(repr=False)


class SessionService:
    """Creates, rotates, lists and ends login sessions.

    Args:
        state: State of the sessions.
        clock: Source of the time.
        idle_seconds: Seconds without use after which a session ends (ASVS 7.3.1).
        absolute_seconds: Seconds after the login when it ends in any case (ASVS 7.3.2).
        max_sessions: Sessions of one principal; beyond it, the oldest is ended.
        cookie: Attributes of the cookie.
        revocations: The revocations that this process knows. Without them, the store alone decides.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        state: StoredState,
        clock: Clock,
        *,
        idle_seconds: float = 1800.0,
        absolute_seconds: float = 43_200.0,
        max_sessions: int = 100,
        cookie: CookieSpec | None = None,
        revocations: RevocationIndex | None = None,
    ) -> None:
        if not 0.0 < idle_seconds <= absolute_seconds:
            raise ConfigurationError(
                "a session needs 0 < idle_seconds <= absolute_seconds, "
                f"not idle_seconds={idle_seconds}, absolute_seconds={absolute_seconds}"
            )
        if absolute_seconds > _LONGEST:
            raise ConfigurationError(
                f"a session lives {_LONGEST:.0f} seconds (30 days) at most, not {absolute_seconds}"
            )
        if max_sessions < 1:
            raise ConfigurationError(f"max_sessions must be 1 or more, not {max_sessions}")
        self.cookie = CookieSpec() if cookie is None else cookie
        self._state = state
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._absolute_seconds = absolute_seconds
        self._max_sessions = max_sessions
        self._revocations = RevocationIndex() if revocations is None else revocations

    async def find(self, secret: str) -> tuple[Session, Account] | None:
        """Return the session of a cookie and its account; None if there is none, or one is disabled or ended.

        For HTTP routes. WebSocket handshakes use `SessionAuthenticator`.
        """
        if len(secret) != SECRET_LENGTH:
            return None
        found = await self._state.sessions.session(fingerprint(secret))
        now = self._clock.now()
        if found is None or not found[0].alive(now) or found[1].disabled:
            return None
        session, account = found
        if session.touch_is_due(now):
            await self._state.sessions.touch_sessions({session.id: now})
        # A promoted standby or a restored backup may hold sessions that had ended.
        return None if self._revocations.ends(session.authentication(account.principal)) else found

    async def create(
        self,
        principal_id: str,
        *,
        address: str = "",
        user_agent: str = "",
        strength: int = 1,
        replacing: str | None = None,
        authenticated_at: float | None = None,
        acr: str | None = None,
        device_id: str | None = None,
        issuer: str | None = None,
        provider_subject: str | None = None,
        provider_session: str | None = None,
    ) -> IssuedSession:
        """Create a session after a login. Always with a new secret, so that a planted cookie is useless.

        Args:
            principal_id: Principal that has logged in.
            address: Address of the client.
            user_agent: User agent of the client.
            strength: Number of factors used.
            replacing: The session cookie of the login request, if it had one. Its session is ended, even if
                it belongs to another principal (ASVS 7.2.4).
            authenticated_at: Unix seconds of the authentication, if it was earlier at a provider.
            acr: The class of the login from a provider, or None.
            device_id: The device of the client, if known.
            issuer: The provider of the login, if there is one.
            provider_subject: The user at that provider.
            provider_session: The session at that provider.
        """
        if replacing is not None:
            await self.end(fingerprint(replacing), reason="replaced by a login")
        now = self._clock.now()
        secret = _new_secret()
        session = Session(
            id=fingerprint(secret),
            principal_id=principal_id,
            created_at=now,
            born_at=now,
            authenticated_at=now if authenticated_at is None else min(authenticated_at, now),
            last_seen_at=now,
            expires_at=now + self._absolute_seconds,
            idle_seconds=self._idle_seconds,
            address=address,
            user_agent=user_agent[:_USER_AGENT_LENGTH],
            strength=strength,
            device_id=device_id,
            acr=acr,
            issuer=issuer,
            provider_subject=provider_subject,
            provider_session=provider_session,
        )
        session = await self._state.sessions.add_session(session)
        others = [
            one for one in await self._state.sessions.sessions(principal_id) if one.id != session.id
        ]
        for surplus in others[self._max_sessions - 1 :]:
            await self.end(surplus.id, reason="too many sessions")
        return IssuedSession(session, secret)

    async def rotate(
        self,
        session: Session,
        *,
        authenticated: bool = False,
        strength: int | None = None,
        moving: bool = False,
    ) -> IssuedSession | None:
        """Give an active session a new secret, after a change of privilege or of password (ASVS 7.2.4).

        The connections of the old session are ended, and their clients reconnect with the new cookie. With
        `moving` they stay open and belong to the new session, with an unchanged strength and authentication
        time.

        Args:
            session: The session as it was found.
            authenticated: Whether the principal has just authenticated again; the absolute timeout starts
                again.
            strength: Number of factors used now, if that has changed.
            moving: Whether the open connections move to the new session, instead of being ended.

        Returns:
            The session under its new id; None if it has ended meanwhile, and the user must log in again.
        """
        now = self._clock.now()
        if not session.alive(now):
            return None
        secret = _new_secret()
        renewed = replace(
            session,
            id=fingerprint(secret),
            created_at=now,
            # INVARIANT: a new secret is not a new login. Otherwise an attacker could rotate a stolen
            # session to escape a revocation of all sessions from before the theft was noticed.
            born_at=now if authenticated else session.born_at,
            last_seen_at=now,
            authenticated_at=now if authenticated else session.authenticated_at,
            expires_at=now + self._absolute_seconds if authenticated else session.expires_at,
            strength=session.strength if strength is None else strength,
            # A class comes from a provider's authentication: a rotation does not make it fresh.
            acr=None if authenticated else session.acr,
        )
        entry = (
            Revocation(Target.MOVED, f"{session.id} {renewed.id}", now, reason="step-up")
            if moving
            else self._end_of(session.id, "rotated")
        )
        stored = await self._state.sessions.replace_session(
            session.id, renewed, entry=entry, reauthenticated=authenticated
        )
        return None if stored is None else IssuedSession(stored, secret)

    async def end(
        self, session_id: str, *, owner: str | None = None, reason: str = "logout"
    ) -> Session | None:
        """End a session and its connections, also if it has got another id since.

        Args:
            session_id: Its public id, or one that it had before a rotation.
            owner: End the session only if it belongs to this principal. Pass it if a principal requests the
                end; None for operators.
            reason: For the trail.

        Returns:
            The session that has ended, under its last id; None if there was none.
        """
        sessions = self._state.sessions
        # INVARIANT: read again after each removal that found nothing, since a rotation may have come first.
        while (found := await sessions.current_session(session_id)) is not None:
            if owner is not None and found.principal_id != owner:
                return None
            if await sessions.remove_session(found.id, entry=self._end_of(found.id, reason)):
                return found
        return None

    async def end_others(
        self,
        principal_id: str,
        *,
        keep: str | None,
        reason: str = "logout",
        until: float = float("inf"),
    ) -> list[str]:
        """End all sessions of a principal but `keep`; all of them if that is None.

        Args:
            principal_id: The owner of the sessions.
            keep: The public id of the session that stays.
            reason: For the trail.
            until: Unix seconds; a session with a later login stays, too.

        Returns:
            The ids of the sessions that were ended.
        """
        return [
            ended.id
            for session in await self._state.sessions.sessions(principal_id)
            if session.id != keep
            and session.born_at <= until
            and (ended := await self.end(session.id, reason=reason)) is not None
        ]

    async def sessions(self, principal_id: str) -> list[Session]:
        """Return the active sessions of a principal, newest first, for itself (ASVS 7.5.2)."""
        now = self._clock.now()
        return [one for one in await self._state.sessions.sessions(principal_id) if one.alive(now)]

    def _end_of(self, session_id: str, reason: str) -> Revocation:
        return Revocation(Target.SESSION, session_id, self._clock.now(), reason=reason)
