"""`stormdoor.ports.Members` on SQLite."""

import sqlite3
from typing import Final

from stormdoor.core.lease import LEASE_SECONDS
from stormdoor.core.log_position import LogPosition
from stormdoor.errors import NodeNameTaken, NotAMember
from stormdoor.ports import Member, NodeStatus, SystemClock
from stormdoor.ports.clock import boot_id
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import join_row, member_from, status_row
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteMembers"]

_RECORD_SECONDS = 1.0
# SQLite reads the clock with the row, so a beat of another process is never later.
_MEMBERS: Final = sql.MEMBERS.replace("? - alive_at", "monotonic() - alive_at")
_DECLARE: Final = sql.DECLARE_LAPSED.replace("alive_at = ?", "alive_at = monotonic()")
_OTHER_BOOT: Final = "FROM node WHERE instance LIKE '_%._%' AND instance NOT LIKE ? || '.%'"


class SqliteMembers(Part):
    """The nodes: processes of one machine. Its monotonic clock, which they share, is the engine's."""

    __slots__ = ()

    lease_seconds = LEASE_SECONDS["SQLite"]

    async def remove_earlier_boots(self) -> None:
        """Remove the nodes of earlier starts of this machine: their processes have ended.

        Raises:
            StoreUnavailable: The file does not answer.
        """
        boot = (boot_id(),)
        if all(boot) and self._database.look_up(f"SELECT 1 {_OTHER_BOOT} LIMIT 1", boot):
            remove = f"DELETE {_OTHER_BOOT}"
            await self._database.write(lambda connection: connection.execute(remove, boot))

    async def beat(
        self,
        node: str,
        status: NodeStatus,
        *,
        joining: bool = False,
        replacing: Member | None = None,
    ) -> LogPosition:
        """See `Members.beat`. It is a read, so that no write of another process delays it."""
        now, recorded = SystemClock.monotonic(), self._database.recorded_beats
        if joining:
            row = (node, now, *join_row(status, replacing))

            def join(connection: sqlite3.Connection) -> int:
                return connection.execute(sql.JOIN_NODE, row).rowcount

            if not await self._database.write(join):
                raise NodeNameTaken(node)
            recorded[node] = status, now
        own = (node, status.instance)
        ((epoch, seq, declared),) = self._database.look_up(sql.HEAD_FOR_NODE, own)
        if declared is None or declared:
            raise NotAMember
        known, at = recorded.get(node, (None, 0.0))
        if status.applied != getattr(known, "applied", None) or now >= at + _RECORD_SECONDS:
            values = (now, *status_row(status), *own)

            def record(connection: sqlite3.Connection) -> None:
                connection.execute(sql.RECORD_BEAT, values)

            def done(_: None) -> None:
                recorded[node] = status, now

            self._database.write_soon(record, done)
        return LogPosition(epoch, seq)

    async def members(self) -> list[Member]:
        """See `Members.members`."""
        return [member_from(row) for row in await self._database.list_rows(_MEMBERS)]

    async def declare_lapsed(self, node: str, seen: int) -> bool:
        """See `Members.declare_lapsed`."""

        def declare(connection: sqlite3.Connection) -> bool:
            return (
                connection.execute(_DECLARE, (node, seen)).rowcount > 0
                or connection.execute(sql.DECLARED, (node, seen)).fetchone() is not None
            )

        return await self._database.write(declare)

    async def remove_member(self, node: str, instance: str = "") -> None:
        """See `Members.remove_member`. The schema also removes its connections."""
        own = (node, instance)
        await self._database.write(lambda connection: connection.execute(sql.REMOVE_NODE, own))

    async def remove_lapsed(self, seen: Member) -> None:
        """See `Members.remove_lapsed`. The schema also removes its connections."""
        row = (seen.node, seen.status.instance, seen.beat)
        await self._database.write(lambda connection: connection.execute(sql.REMOVE_LAPSED, row))
