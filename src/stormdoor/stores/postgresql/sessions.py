"""`stormdoor.ports.Sessions` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.log import log_position
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import BatchJob, Transaction
from stormdoor.stores.rows import SESSION

__all__ = ["PostgresqlSessions", "remove_sessions_by_id"]

_REMOVE: Final = """
WITH locked AS (SELECT id FROM session WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE),
removed AS (DELETE FROM session s USING locked l WHERE s.id = l.id RETURNING s.id),
tickets AS (DELETE FROM ticket WHERE session_id = ANY($1::text[])),
pendings AS (DELETE FROM pending WHERE session_id = ANY($1::text[]))
SELECT id FROM removed
"""
# A row that another transaction changes is skipped: it is touched there, replaced or removed.
_TOUCH: Final = """
UPDATE session SET last_seen_at = ? WHERE id = (
    SELECT id FROM session WHERE id = ? AND last_seen_at < ? FOR NO KEY UPDATE SKIP LOCKED
)
"""
_LAST: Final = "\U0010ffff"
_LOCK_ACCOUNTS: Final = """
SELECT 1 FROM account WHERE id = ANY(?::text[]) ORDER BY id FOR UPDATE
"""
_REMOVE_OTHERS: Final = """
WITH given AS (SELECT * FROM unnest(?::text[], ?::text[]) AS g (principal_id, keep)),
tickets AS (
    DELETE FROM ticket t USING given g
    WHERE t.principal_id = g.principal_id AND t.session_id <> g.keep
),
pendings AS (
    DELETE FROM pending p USING given g
    WHERE p.principal_id = g.principal_id AND (p.session_id IS NULL OR p.session_id <> g.keep)
),
removed AS (
    DELETE FROM session s USING given g
    WHERE s.principal_id = g.principal_id AND s.id <> g.keep
    RETURNING s.principal_id, s.id
)
SELECT principal_id, id FROM removed
"""


class PostgresqlSessions(PostgresqlPart):
    """Login sessions."""

    __slots__ = ()

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """See `Sessions.session`."""
        return SESSION.with_account(await self._database.look_up(sql.SESSION_BY_ID, id))

    async def current_session(self, id: str) -> Session | None:
        """See `Sessions.current_session`."""
        # A look-up, so that an old primary, which lacks a rotation, is not believed.
        rows = await self._database.look_up(sql.CURRENT_SESSION, id, id, id)
        return SESSION.value(rows[0]) if rows else None

    async def former_ids(self) -> dict[str, str]:
        """See `Sessions.former_ids`."""
        return dict(await self._database.list_rows(sql.FORMER_IDS))

    async def sessions(self, principal_id: str) -> list[Session]:
        """See `Sessions.sessions`."""
        rows = await self._database.list_rows(sql.SESSIONS_OF, (principal_id,))
        return [SESSION.value(row) for row in rows]

    async def sessions_of_provider(
        self, issuer: str, *, subject: str | None = None, sid: str | None = None
    ) -> list[Session]:
        """See `Sessions.sessions_of_provider`."""
        statement, parameters = sql.sessions_of_provider(issuer, subject, sid)
        rows = await self._database.list_rows(statement, parameters)
        return [SESSION.value(row) for row in rows]

    async def add_session(self, session: Session) -> Session:
        """See `Sessions.add_session`."""

        async def add(transaction: Transaction) -> Session:
            return await _add(transaction, session)

        return await self._database.write(add, order=session.principal_id)

    async def replace_session(
        self,
        old_id: str,
        session: Session,
        *,
        entry: Revocation | None = None,
        reauthenticated: bool = False,
    ) -> Session | None:
        """See `Sessions.replace_session`."""
        stored: list[Session] = []

        async def put(transaction: Transaction) -> bool:
            stored.clear()
            # INVARIANT: the position is read before `entry` is added, which must not end the new session.
            new = await _at_head(transaction, session) if reauthenticated else session
            if await transaction.change(sql.REPLACE_SESSION, *SESSION.row(new), old_id) == 0:
                return False
            await transaction.change(sql.REMOVE_TICKETS_OF_SESSION, old_id)
            await transaction.change(sql.REMOVE_PENDING_OF_SESSION, old_id)
            if session.id != old_id:
                await transaction.change(sql.ADD_FORMER_ID, old_id, session.id)
            stored.append(new)
            return True

        changed = await self._database.change(put, entry, order=session.principal_id)
        return stored[0] if changed else None

    async def touch_sessions(self, last_seen_at: Mapping[str, float]) -> None:
        """See `Sessions.touch_sessions`."""
        rows = [(at, id, at) for id, at in last_seen_at.items()]

        async def touch(transaction: Transaction) -> None:
            await transaction.change_many(_TOUCH, rows)

        # INVARIANT: last, and without a wait for a row. So it has no part in a deadlock.
        await self._database.write(touch, row=_LAST, durable=False)

    async def remove_session(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Sessions.remove_session`."""
        return await self._database.change(BatchJob(remove_sessions_by_id, (id,)), entry)

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """See `Sessions.remove_sessions`."""
        job = BatchJob(_remove_others, (principal_id, keep or ""))  # no id is empty
        return await self._database.write(job, order=principal_id, alone=True)

    async def reached_sessions(
        self, entry: Revocation, *, skew: float, after: str = "", limit: int
    ) -> list[tuple[Session, str | None]]:
        """See `Sessions.reached_sessions`."""
        rows = await self._database.list_rows(*sql.reached_sessions(entry, skew, limit, after))
        return [(SESSION.value(row), row[-1]) for row in rows]

    async def remove_reached_sessions(
        self, entry: Revocation, *, skew: float, limit: int = 1_000
    ) -> int:
        """See `Sessions.remove_reached_sessions`."""

        async def remove(transaction: Transaction) -> int:
            if pendings := sql.reached_pendings(entry, skew):
                statement, parameters = pendings
                await transaction.change(statement, *parameters)
            statement, parameters = sql.reached_sessions(entry, skew, limit)
            found = await transaction.rows(statement, *parameters)
            await remove_sessions_by_id(transaction, [(id,) for id, *_ in found])
            return len(found)

        return await self._database.write(remove)


async def _at_head(transaction: Transaction, session: Session) -> Session:
    return replace(session, position=await log_position(transaction))


async def _add(transaction: Transaction, session: Session) -> Session:
    session = await _at_head(transaction, session)
    await transaction.change(sql.ADD_SESSION, *SESSION.row(session))
    return session


async def remove_sessions_by_id(
    transaction: Transaction, asked: Sequence[tuple[str, ...]]
) -> list[bool]:
    """Remove sessions by their ids, and what belongs to them. Returns whether each was there, once."""
    removed = {id for (id,) in await transaction.rows(_REMOVE, [id for (id,) in asked])}
    found = []
    for (id,) in asked:
        found.append(id in removed)
        removed.discard(id)
    return found


async def _remove_others(
    transaction: Transaction, asked: Sequence[tuple[str, ...]]
) -> list[list[str]]:
    """Remove the sessions of principals, and what belongs to them.

    Args:
        transaction: The transaction.
        asked: Each principal, with the id of the session that stays.

    Returns:
        The removed ids for each, sorted; an id that two calls remove belongs to the first.
    """
    # INVARIANT: a session that another transaction adds is committed before, and removed here; or it is
    # added after.
    await transaction.rows(_LOCK_ACCOUNTS, [principal_id for principal_id, _ in asked])
    columns = map(list, zip(*asked, strict=True))
    found = await transaction.rows(_REMOVE_OTHERS, *columns)
    left = {id: principal_id for principal_id, id in found}
    removed = []
    for principal_id, keep in asked:
        ids = sorted(id for id, owner in left.items() if owner == principal_id and id != keep)
        removed.append(ids)
        for id in ids:
            del left[id]
    return removed
