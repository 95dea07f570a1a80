"""`stormdoor.ports.RevocationLog` on SQLite."""

import asyncio
import sqlite3
from collections.abc import Sequence

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import REVOCATION
from stormdoor.stores.sqlite import epoch
from stormdoor.stores.sqlite.part import Part, log_position
from stormdoor.stores.sqlite.sessions import remove_session_by_id

__all__ = ["SqliteRevocations"]


class SqliteRevocations(Part):
    """The log of revocations."""

    __slots__ = ()

    async def add_revocation(self, revocation: Revocation) -> Revocation:
        """See `RevocationLog.add_revocation`."""
        return await self._database.write(
            lambda connection: self._note(connection, revocation),
            durable=True,
            afterwards=self._note_head,
        )

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """See `RevocationLog.revocations`. Without new entries it costs one step into the primary key."""
        rows = self._database.look_up(sql.REVOCATIONS_AFTER, (after,))
        return [REVOCATION.value(row) for row in rows]

    async def head_and_entries(self, after: int) -> tuple[LogPosition, list[Revocation]]:
        """See `RevocationLog.head_and_entries`. The head is read first."""
        return await self.log_position(), await self.revocations(after)

    async def lasting_revocations(self) -> list[Revocation]:
        """See `RevocationLog.lasting_revocations`."""
        rows = await self._database.list_rows(sql.LASTING_REVOCATIONS)
        return [REVOCATION.value(row) for row in rows]

    async def restore_revocations(self, entries: Sequence[Revocation]) -> int:
        """See `RevocationLog.restore_revocations`."""

        def restore(connection: sqlite3.Connection) -> list[Revocation]:
            missing = [one for one in entries if not _included(connection, one)]
            last = max((one.seq for one in missing), default=0)
            connection.execute(sql.SKIP_REVOCATIONS, (last, last))
            added = []
            for one in missing:
                ((seq,),) = connection.execute(sql.NEXT_REVOCATION).fetchall()
                added.append(one.placed(LogPosition(one.epoch, seq)))
                connection.execute(sql.ADD_REVOCATION, REVOCATION.row(added[-1]))
                if one.target is Target.SESSION:
                    remove_session_by_id(connection, one.value)
            return added

        return len(await self._database.write(restore, durable=True))

    async def log_position(self) -> LogPosition:
        """See `RevocationLog.log_position`."""
        ((known, seq),) = self._database.look_up(sql.LOG_POSITION, ())
        return LogPosition(known, seq)

    async def wait_for_entry(self, after: LogPosition, seconds: float) -> None:
        """See `RevocationLog.wait_for_entry`. SQLite sends no notifications."""
        self._database.check_open()
        await asyncio.sleep(seconds)

    async def begin_epoch(self, after: str) -> LogPosition:
        """See `RevocationLog.begin_epoch`."""

        def begin(connection: sqlite3.Connection) -> LogPosition:
            found = log_position(connection)
            return found if found.epoch != after else epoch.begin(connection, self._database.path)

        return await self._database.write(begin, durable=True)


def _included(connection: sqlite3.Connection, entry: Revocation) -> bool:
    names = (entry.target.value, entry.value)
    rows = connection.execute(sql.REVOCATIONS_OF, names).fetchall()
    return any(entry.included_in(REVOCATION.value(row)) for row in rows)
