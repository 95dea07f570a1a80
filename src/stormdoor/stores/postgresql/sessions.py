"""`stormdoor.ports.Sessions` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.accounts import lock_account
from stormdoor.stores.postgresql.log import log_position
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.writes import Transaction
from stormdoor.stores.rows import SESSION

__all__ = ["PostgresqlSessions"]


class PostgresqlSessions(PostgresqlPart):
    """Login sessions."""

    __slots__ = ()

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """See `Sessions.session`."""
        return SESSION.with_account(await self._database.look_up(sql.SESSION_BY_ID, id))

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
            if await transaction.change(sql.REMOVE_SESSION, old_id) == 0:
                return False
            await transaction.change(sql.REMOVE_TICKETS_OF_SESSION, old_id)
            await transaction.change(sql.REMOVE_PENDING_OF_SESSION, old_id)
            # INVARIANT: the position is read before `entry` is added, which must not end the new session.
            stored.append(await _add(transaction, session, at_head=reauthenticated))
            return True

        changed = await self._database.change(put, entry, order=session.principal_id)
        return stored[0] if changed else None

    async def touch_sessions(self, last_seen_at: Mapping[str, float]) -> None:
        """See `Sessions.touch_sessions`."""
        # In the order in which all nodes lock the rows.
        rows = [(at, id, at) for id, at in sorted(last_seen_at.items())]

        async def touch(transaction: Transaction) -> None:
            await transaction.change_many(sql.TOUCH_SESSION, rows)

        await self._database.write(touch, durable=False)

    async def remove_session(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Sessions.remove_session`."""

        async def remove(transaction: Transaction) -> bool:
            return await _remove(transaction, id)

        return await self._database.change(remove, entry)

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """See `Sessions.remove_sessions`."""
        others = (principal_id, keep or "")  # no id is empty

        async def remove(transaction: Transaction) -> list[str]:
            # INVARIANT: a session that another transaction adds is committed before, and removed here; or it
            # is added after.
            if not await lock_account(transaction, principal_id):
                return []
            await transaction.change(sql.REMOVE_OTHER_TICKETS, *others)
            await transaction.change(sql.REMOVE_OTHER_PENDING, *others)
            rows = await transaction.rows(sql.REMOVE_OTHER_SESSIONS, *others)
            return sorted(id for (id,) in rows)

        return await self._database.write(remove, order=principal_id)

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
            for (id,) in found:
                await _remove(transaction, id)
            return len(found)

        return await self._database.write(remove)


async def _add(transaction: Transaction, session: Session, *, at_head: bool = True) -> Session:
    if at_head:
        session = replace(session, position=await log_position(transaction))
    await transaction.change(sql.ADD_SESSION, *SESSION.row(session))
    return session


async def _remove(transaction: Transaction, id: str) -> bool:
    removed = await transaction.change(sql.REMOVE_SESSION, id) > 0
    await transaction.change(sql.REMOVE_TICKETS_OF_SESSION, id)
    await transaction.change(sql.REMOVE_PENDING_OF_SESSION, id)
    return removed
