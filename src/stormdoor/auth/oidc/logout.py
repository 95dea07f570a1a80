"""What a logout at the provider ends here, and that it counts once, whoever overtakes whom."""

from __future__ import annotations

from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.logout_token import LogoutToken
from stormdoor.core.credential import fingerprint
from stormdoor.core.pending import Pending
from stormdoor.core.session import Session
from stormdoor.errors import StoreError
from stormdoor.ports import Store

__all__ = ["announce", "covered", "overtaken", "spend", "spent"]

_USED = "openid-logout-token"
_OVER = "openid-logout"

REMEMBERED_SECONDS = 3600.0
"""How long a login that was under way can be told that it is over: longer than any may take."""


def _token_id(issuer: str, token: LogoutToken) -> str:
    return fingerprint(f"{issuer}\n{token.id}")


def _over_id(issuer: str, kind: str, value: str) -> str:
    return fingerprint(f"{issuer}\n{kind}\n{value}")


async def spent(issuer: str, token: LogoutToken, *, store: Store) -> bool:
    """Whether the token has done its work already."""
    return await store.pending(_token_id(issuer, token), _USED) is not None


async def spend(issuer: str, token: LogoutToken, *, store: Store, now: float) -> None:
    """Note that it has. INVARIANT: after its work, so that a provider can repeat what failed half-way."""
    await _note(_token_id(issuer, token), _USED, now, token.expires_at, store)


async def announce(
    issuer: str, *, subject: str | None, sid: str | None, at: float, now: float, store: Store
) -> None:
    """Say that a session there, or all of a subject, is over, to logins that are under way.

    Args:
        issuer: The provider.
        subject: Whose, where no session is named.
        sid: Which.
        at: Unix seconds of the logout, by the provider's clock.
        now: Unix seconds.
        store: Where it is said.
    """
    if sid is not None:
        id = _over_id(issuer, "sid", sid)
    elif subject is not None:
        id = _over_id(issuer, "sub", subject)
        # A later logout takes the place of an earlier one, in whichever order they come.
        known = await store.take_pending(id, _OVER)
        at = at if known is None else max(at, known.created_at)
    else:
        return
    await _note(id, _OVER, at, now + REMEMBERED_SECONDS, store)


async def overtaken(token: IdToken, *, store: Store) -> bool:
    """Whether the session of an ID token is over already: a logout came before the login was finished."""
    if token.session_id is not None:
        id = _over_id(token.issuer, "sid", token.session_id)
        if await store.pending(id, _OVER) is not None:
            return True
    over = await store.pending(_over_id(token.issuer, "sub", token.subject), _OVER)
    # In one and the same second nobody knows which came first.
    return over is not None and token.issued_at <= over.created_at


async def covered(
    issuer: str, *, subject: str | None, sid: str | None, store: Store
) -> list[Session]:
    """The sessions here that a logout there ends.

    Args:
        issuer: The provider.
        subject: Whose.
        sid: Which session there. Sessions here whose provider did not say which one they belong to are
            covered by their subject: too many end rather than too few.
        store: Where they are.
    """
    if sid is None:
        return await store.sessions_of_provider(issuer, subject=subject)
    if subject is None:
        return await store.sessions_of_provider(issuer, sid=sid)
    sessions = await store.sessions_of_provider(issuer, subject=subject)
    return [one for one in sessions if one.provider_session in (None, sid)]


async def _note(id: str, purpose: str, at: float, until: float, store: Store) -> None:
    try:
        await store.add_pending(Pending(id=id, purpose=purpose, created_at=at, expires_at=until))
    except StoreError:
        return  # somebody has said so already
