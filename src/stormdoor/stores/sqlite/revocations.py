"""`stormdoor.ports.RevocationLog` on SQLite."""

import sqlite3
from dataclasses import replace

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import REVOCATION
from stormdoor.stores.sqlite import epoch
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteRevocations", "log_position", "note_revocation"]


def log_position(connection: sqlite3.Connection) -> LogPosition:
    """Return the head of the log, within a transaction."""
    ((known, seq),) = connection.execute(sql.LOG_POSITION).fetchall()
    return LogPosition(known, seq)


def note_revocation(connection: sqlite3.Connection, revocation: Revocation) -> LogPosition:
    """Add a revocation to the log, within a transaction. Returns its position."""
    ((seq,),) = connection.execute(sql.NEXT_REVOCATION).fetchall()
    ((known, newest_at, _),) = connection.execute(sql.LOG).fetchall()
    if revocation.until_now:
        at = revocation.at if newest_at is None else max(newest_at, revocation.at)
        connection.execute(sql.MOVE_NEWEST, (at,))
        revocation = replace(revocation, at=at)
    stored = revocation.placed(LogPosition(known, seq))
    connection.execute(sql.ADD_REVOCATION, REVOCATION.row(stored))
    return LogPosition(known, seq)


class SqliteRevocations(Part):
    """The log of revocations."""

    __slots__ = ()

    async def add_revocation(self, revocation: Revocation) -> LogPosition:
        """See `RevocationLog.add_revocation`."""
        return await self._database.write(
            lambda connection: note_revocation(connection, revocation),
            durable=True,
            afterwards=lambda position: epoch.note(self._database.path, position),
        )

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """See `RevocationLog.revocations`. Without new entries it costs one step into the primary key."""
        rows = self._database.look_up(sql.REVOCATIONS_AFTER, (after,))
        return [REVOCATION.value(row) for row in rows]

    async def log_position(self) -> LogPosition:
        """See `RevocationLog.log_position`."""
        ((known, seq),) = self._database.look_up(sql.LOG_POSITION, ())
        return LogPosition(known, seq)

    async def begin_epoch(self, after: str) -> LogPosition:
        """See `RevocationLog.begin_epoch`."""

        def begin(connection: sqlite3.Connection) -> LogPosition:
            found = log_position(connection)
            return found if found.epoch != after else epoch.begin(connection, self._database.path)

        return await self._database.write(begin, durable=True)
