"""`stormdoor.ports.Sessions` on SQLite."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import SESSION
from stormdoor.stores.sqlite.part import Part, log_position

__all__ = ["SqliteSessions", "remove_session_by_id"]


class SqliteSessions(Part):
    """Login sessions."""

    __slots__ = ()

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """See `Sessions.session`. One statement, on the calling thread."""
        found = self._database.look_up_cached(sql.SESSION_BY_ID, (id,), SESSION.with_account)
        return None if found is None else (found[0], found[1].with_own_attributes())

    async def current_session(self, id: str) -> Session | None:
        """See `Sessions.current_session`."""
        rows = await self._database.list_rows(sql.CURRENT_SESSION, (id, id, id))
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
        return await self._database.write(lambda connection: _add(connection, session))

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

        def put(connection: sqlite3.Connection) -> bool:
            # INVARIANT: the position is read before `entry` is added, which must not end the new session.
            new = _at_head(connection, session) if reauthenticated else session
            if connection.execute(sql.REPLACE_SESSION, (*SESSION.row(new), old_id)).rowcount == 0:
                return False
            connection.execute(sql.REMOVE_TICKETS_OF_SESSION, (old_id,))
            connection.execute(sql.REMOVE_PENDING_OF_SESSION, (old_id,))
            if session.id != old_id:
                connection.execute(sql.ADD_FORMER_ID, (old_id, session.id))
            stored.append(new)
            return True

        return stored[0] if await self._change(put, entry) else None

    async def touch_sessions(self, last_seen_at: Mapping[str, float]) -> None:
        """See `Sessions.touch_sessions`."""
        rows = [(at, id, at) for id, at in last_seen_at.items()]
        await self._database.write(
            lambda connection: connection.executemany(sql.TOUCH_SESSION, rows)
        )

    async def remove_session(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Sessions.remove_session`."""
        return await self._change(lambda connection: remove_session_by_id(connection, id), entry)

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """See `Sessions.remove_sessions`."""
        others = (principal_id, keep or "")  # no id is empty

        def remove(connection: sqlite3.Connection) -> list[str]:
            connection.execute(sql.REMOVE_OTHER_TICKETS, others)
            connection.execute(sql.REMOVE_OTHER_PENDING, others)
            rows = connection.execute(sql.REMOVE_OTHER_SESSIONS, others).fetchall()
            return sorted(id for (id,) in rows)

        return await self._database.write(remove, durable=True)

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

        def remove(connection: sqlite3.Connection) -> int:
            if pendings := sql.reached_pendings(entry, skew):
                connection.execute(*pendings)
            found = connection.execute(*sql.reached_sessions(entry, skew, limit)).fetchall()
            for id, *_ in found:
                remove_session_by_id(connection, id)
            return len(found)

        return await self._database.write(remove, durable=True)


def _at_head(connection: sqlite3.Connection, session: Session) -> Session:
    return replace(session, position=log_position(connection))


def _add(connection: sqlite3.Connection, session: Session) -> Session:
    session = _at_head(connection, session)
    connection.execute(sql.ADD_SESSION, SESSION.row(session))
    return session


def remove_session_by_id(connection: sqlite3.Connection, id: str) -> bool:
    """Remove a session, and what belongs to it. Returns whether it was there."""
    connection.execute(sql.REMOVE_TICKETS_OF_SESSION, (id,))
    connection.execute(sql.REMOVE_PENDING_OF_SESSION, (id,))
    return connection.execute(sql.REMOVE_SESSION, (id,)).rowcount > 0
