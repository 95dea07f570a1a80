"""`stormdoor.ports.Revocations` on SQLite."""

import sqlite3

from stormdoor.core.revocation import Revocation
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import revocation_from
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteRevocations", "note_revocation"]


def note_revocation(connection: sqlite3.Connection, revocation: Revocation) -> int:
    """Add it to the feed, within a transaction. Returns its position."""
    ((seq,),) = connection.execute(sql.NEXT_REVOCATION).fetchall()
    row = (seq, revocation.target.value, revocation.value, revocation.at, revocation.reason)
    connection.execute(sql.ADD_REVOCATION, row)
    return int(seq)


class SqliteRevocations(Part):
    """The feed of revocations."""

    __slots__ = ()

    async def add_revocation(self, revocation: Revocation) -> int:
        """See `Revocations.add_revocation`."""
        return await self._database.write(
            lambda connection: note_revocation(connection, revocation), durable=True
        )

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """See `Revocations.revocations`. Nothing new: one step into the primary key."""
        rows = self._database.look(sql.REVOCATIONS_AFTER, (after,))
        return [revocation_from(row) for row in rows]
