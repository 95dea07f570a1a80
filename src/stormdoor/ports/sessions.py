"""Login sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.ports.revocation_log import Changed

__all__ = ["Sessions"]


class Sessions(Protocol):
    """Login sessions, by the hash of their secret.

    A session's tickets and pending entries are removed with it.

    In doubt about `add_session` or `replace_session`, treat both sessions as ended: no client has the new
    secret, and the user logs in again. Repeat a removal; it returns False if the first call has removed the
    session.
    """

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """Return a session, also an expired one, and its account, in one look-up; None if there is none."""
        ...

    async def current_session(self, id: str) -> Session | None:
        """Return the session that has, or once had, this id; None if it has ended.

        So each id that `replace_session` replaced still names the session, until the session is removed. A
        replacement that has returned is seen. A session with this id comes before one that once had it.
        """
        ...

    async def former_ids(self) -> dict[str, str]:
        """Return each id that a session once had, with the id that the session has now."""
        ...

    async def sessions(self, principal_id: str) -> list[Session]:
        """Return all sessions of a principal, newest first."""
        ...

    async def sessions_of_provider(
        self, issuer: str, *, subject: str | None = None, sid: str | None = None
    ) -> list[Session]:
        """Return the sessions of users who logged in at a provider, newest first.

        Args:
            issuer: The provider.
            subject: The user there; None for any.
            sid: The session there; None for any.

        Raises:
            ValueError: Neither is given: no logout ends the sessions of all users of a provider.
        """
        ...

    async def add_session(self, session: Session) -> Session:
        """Store a new session, and in the same step the head of the log of revocations as its position.

        Returns:
            The session as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def replace_session(
        self,
        old_id: str,
        session: Session,
        *,
        entry: Revocation | None = None,
        reauthenticated: bool = False,
    ) -> Session | None:
        """Store `session` in place of `old_id`, in one step. `old_id` becomes one of its former ids.

        Args:
            old_id: The session that it replaces.
            session: The new one; it keeps the position that it has, unless it is `reauthenticated`.
            entry: Entry added to the log of revocations in the same transaction: the open connections of the
                old session end, or belong to the new one.
            reauthenticated: Whether the principal has authenticated again: the position is the head of the
                log, as for a new session.

        Returns:
            The session as it is stored; None if there is no session `old_id`. Then nothing has changed.
        """
        ...

    async def touch_sessions(self, last_seen_at: Mapping[str, float]) -> None:
        """Move `last_seen_at` (Unix seconds) of sessions, by their ids, forward and never back."""
        ...

    async def remove_session(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """Remove a session and add `entry` to the log of revocations; of two calls at once, one does."""
        ...

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """Remove a principal's sessions and pending entries, except those of `keep`. Returns the ids."""
        ...

    async def reached_sessions(
        self, entry: Revocation, *, skew: float, after: str = "", limit: int
    ) -> list[tuple[Session, str | None]]:
        """Return the next sessions, by id, that `remove_reached_sessions` would remove.

        Args:
            entry: As of `remove_reached_sessions`.
            skew: Likewise.
            after: The id of the last session of the page before.
            limit: The greatest number of sessions.

        Returns:
            Each session with the tenant of its principal.
        """
        ...

    async def remove_reached_sessions(
        self, entry: Revocation, *, skew: float, limit: int = 1_000
    ) -> int:
        """Remove sessions that `entry` reaches (see `Revocation.reaches`), without a walk of all accounts.

        Pending entries of its principals that no session has, and that were made until then, are removed,
        too, unless it names a device or a time.

        Args:
            entry: An entry of the log, with one of the targets DEVICE, ROLE, TENANT and EVERYTHING.
            skew: As of `Revocation.reaches`.
            limit: The number of sessions that one call, which is one transaction, removes at most.

        Returns:
            The number of removed sessions. The caller calls again until it is 0, since a session may have
            moved to a new id meanwhile.
        """
        ...
