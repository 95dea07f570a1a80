"""Find the sessions that a logout at the provider ends, and handle repeated and late logout events."""

from __future__ import annotations

from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.logout_token import LogoutToken
from stormdoor.core.credential import fingerprint
from stormdoor.core.pending import Pending
from stormdoor.core.session import Session
from stormdoor.errors import StoreError
from stormdoor.ports import StoredState

__all__ = ["announce", "covered", "overtaken", "spend", "spent"]

_USED = "openid-logout-token"
_OVER = "openid-logout"

REMEMBERED_SECONDS = 3600.0
"""Seconds for which a logout is remembered for unfinished logins: longer than any of them may take."""


def _token_id(issuer: str, token: LogoutToken) -> str:
    return fingerprint(f"{issuer}\n{token.id}")


def _over_id(issuer: str, kind: str, value: str) -> str:
    return fingerprint(f"{issuer}\n{kind}\n{value}")


async def spent(issuer: str, token: LogoutToken, *, state: StoredState) -> bool:
    """Return whether the token has been used already."""
    return await state.pendings.pending(_token_id(issuer, token), _USED) is not None


async def spend(issuer: str, token: LogoutToken, *, state: StoredState, now: float) -> None:
    """Mark the token as used. INVARIANT: after its effect, so that a provider can repeat a failed logout."""
    await _note(_token_id(issuer, token), _USED, now, token.expires_at, state)


async def announce(
    issuer: str, *, subject: str | None, sid: str | None, at: float, now: float, state: StoredState
) -> None:
    """Record that a session at the provider, or all of a user, has ended, for logins that finish later.

    Args:
        issuer: The provider.
        subject: The user, if no session is named.
        sid: The session at the provider.
        at: Unix seconds of the logout, by the provider's clock.
        now: Unix seconds.
        state: State of the record.
    """
    until = now + REMEMBERED_SECONDS
    if sid is not None:
        await _note(_over_id(issuer, "sid", sid), _OVER, at, until, state)
    elif subject is not None:
        id, stored = _over_id(issuer, "sub", subject), False
        # A later logout replaces an earlier one, in any order of arrival, also of two nodes at once.
        while not stored:
            if (known := await state.pendings.take_pending(id, _OVER)) is not None:
                at = max(at, known.created_at)
            stored = await _note(id, _OVER, at, until, state)


async def overtaken(token: IdToken, *, state: StoredState) -> bool:
    """Return whether a logout arrived for the session of an ID token before its login was finished."""
    if token.session_id is not None:
        id = _over_id(token.issuer, "sid", token.session_id)
        if await state.pendings.pending(id, _OVER) is not None:
            return True
    over = await state.pendings.pending(_over_id(token.issuer, "sub", token.subject), _OVER)
    # In the same second the order is unknown.
    return over is not None and token.issued_at <= over.created_at


async def covered(
    issuer: str, *, subject: str | None, sid: str | None, state: StoredState
) -> list[Session]:
    """Return the sessions of the store that a logout at the provider ends.

    Args:
        issuer: The provider.
        subject: The user at the provider.
        sid: The session at the provider. Sessions of the store without a `sid` are found by their subject, so
            that a logout ends too many sessions rather than too few.
        state: State of the sessions.
    """
    if sid is None:
        return await state.sessions.sessions_of_provider(issuer, subject=subject)
    if subject is None:
        return await state.sessions.sessions_of_provider(issuer, sid=sid)
    sessions = await state.sessions.sessions_of_provider(issuer, subject=subject)
    return [one for one in sessions if one.provider_session in (None, sid)]


async def _note(id: str, purpose: str, at: float, until: float, state: StoredState) -> bool:
    """Record a logout. Returns False if its id has a record already, which stays."""
    try:
        return await state.pendings.add_pending(
            Pending(id=id, purpose=purpose, created_at=at, expires_at=until)
        )
    except StoreError:
        return False
