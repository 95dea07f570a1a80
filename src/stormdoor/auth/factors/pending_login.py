"""Logins that have passed the password and wait for the second factor, each with its own cookie."""

from __future__ import annotations

import hashlib
import secrets

from stormdoor.core.account import Account
from stormdoor.core.credential import fingerprint
from stormdoor.core.pending import Pending
from stormdoor.ports import Clock, StoredState

__all__ = ["PENDING_SUFFIX", "PendingLogins"]

PENDING_SUFFIX = "-login"
"""Suffix of the session cookie's name that gives the name of this cookie."""

_PURPOSE = "second-factor"
_SECRET_LENGTH = 43  # characters of token_urlsafe(32): 256 bits


class PendingLogins:
    """Stores the principal of a verified password until the second factor is given.

    Args:
        state: State of the pending logins.
        clock: Source of the time.
        seconds: Lifetime of a pending login.
    """

    __slots__ = ("_clock", "_seconds", "_state")

    def __init__(self, state: StoredState, clock: Clock, seconds: float = 300.0) -> None:
        self._state = state
        self._clock = clock
        self._seconds = seconds

    async def begin(self, account: Account) -> str:
        """Store a pending login. Returns the secret for its cookie, which is stored nowhere."""
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        await self._state.pendings.add_pending(
            Pending(
                id=fingerprint(secret),
                purpose=_PURPOSE,
                principal_id=account.id,
                data={"password": _mark(account)},
                created_at=now,
                expires_at=now + self._seconds,
            )
        )
        return secret

    async def find(self, secret: str) -> Account | None:
        """Return the account of a pending login; None if it has expired, or the password has changed."""
        if len(secret) != _SECRET_LENGTH:
            return None
        pending = await self._state.pendings.pending(fingerprint(secret), _PURPOSE)
        return await self._still(pending)

    async def finish(self, secret: str) -> Account | None:
        """Use up the pending login. INVARIANT: of several simultaneous calls, one gets the account."""
        pending = await self._state.pendings.take_pending(fingerprint(secret), _PURPOSE)
        return await self._still(pending)

    async def _still(self, pending: Pending | None) -> Account | None:
        if pending is None or pending.principal_id is None:
            return None
        if not pending.alive(self._clock.now()):
            return None
        account = await self._state.accounts.account(pending.principal_id)
        if account is None or account.disabled or pending.data.get("password") != _mark(account):
            return None
        return account


def _mark(account: Account) -> str:
    """Return a value that changes with the password hash and does not contain it."""
    return hashlib.sha256((account.password_hash or "").encode()).hexdigest()
