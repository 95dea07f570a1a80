"""A login between the password and the second factor: known by a cookie, and good for nothing else."""

from __future__ import annotations

import hashlib
import secrets

from stormdoor.core.account import Account
from stormdoor.core.credential import fingerprint
from stormdoor.core.pending import Pending
from stormdoor.ports import Clock, Store

__all__ = ["PENDING_SUFFIX", "PendingLogins"]

PENDING_SUFFIX = "-login"
"""The name of its cookie is that of the session cookie with this behind it."""

_PURPOSE = "second-factor"
_SECRET_LENGTH = 43  # characters of token_urlsafe(32): 256 bits


class PendingLogins:
    """Remembers whose password was right until the second factor is given.

    Args:
        store: Where they live.
        clock: The time.
        seconds: How long one is remembered.
    """

    __slots__ = ("_clock", "_seconds", "_store")

    def __init__(self, store: Store, clock: Clock, seconds: float = 300.0) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds

    async def begin(self, account: Account) -> str:
        """Remember it. Returns the secret, which its cookie is to hold and which is nowhere else."""
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        await self._store.add_pending(
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
        """Whose login it is; None if it is none, is over, or the account has changed since."""
        if len(secret) != _SECRET_LENGTH:
            return None
        pending = await self._store.pending(fingerprint(secret), _PURPOSE)
        return await self._still(pending)

    async def finish(self, secret: str) -> Account | None:
        """Use it up. INVARIANT: of any number at once, one gets the account, and a session for it."""
        pending = await self._store.take_pending(fingerprint(secret), _PURPOSE)
        return await self._still(pending)

    async def _still(self, pending: Pending | None) -> Account | None:
        if pending is None or pending.principal_id is None:
            return None
        if not pending.alive(self._clock.now()):
            return None
        account = await self._store.account(pending.principal_id)
        if account is None or account.disabled or pending.data.get("password") != _mark(account):
            return None
        return account


def _mark(account: Account) -> str:
    """Tells one password hash from the next without being one."""
    return hashlib.sha256((account.password_hash or "").encode()).hexdigest()
