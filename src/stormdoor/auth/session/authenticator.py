"""The session cookie as a credential."""

from __future__ import annotations

from collections.abc import Sequence

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.auth.session.cookie import SESSION_COOKIE
from stormdoor.auth.session.service import SECRET_LENGTH
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.ports import StoredState

__all__ = ["SessionAuthenticator"]


class SessionAuthenticator:
    """Accepts the session cookie.

    Args:
        cookie: Its name, as in the `CookieSpec` of the `SessionService`.
    """

    kind: str = "session"
    needs_task = False
    """Only the store may wait."""
    checks: Sequence[str] = (
        "the store has a session with this SHA-256 of its secret",
        "it has not ended, and was used within its idle time",
        "its principal is not disabled",
    )

    def __init__(self, cookie: str = SESSION_COOKIE) -> None:
        self.places: Sequence[Place] = (Place(Source.COOKIE, cookie),)

    def recognises(self, credential: Credential) -> bool:
        """Return True: a cookie of that name contains nothing else."""
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Find the session by the hash of its secret (see `Authenticator`)."""
        secret = credential.secret
        if len(secret) != SECRET_LENGTH:
            return bad_credential("the cookie does not hold a session")
        found = await state.sessions.session(fingerprint(secret))
        if found is None:
            return bad_credential("no such session; it has been ended, or never began")
        session, account = found
        if not session.alive(now):
            return Rejected(Denial.EXPIRED, "the session has timed out", account.id)
        if account.disabled:
            return bad_credential("the principal is disabled", account.id)
        if session.touch_is_due(now):
            await state.sessions.touch_sessions({session.id: now})
        return session.authentication(account.principal, self.kind)
