"""`stormdoor.ports.Members` on SQLite."""

import sqlite3

from stormdoor.core.log_position import LogPosition
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Member, NodeStatus, SystemClock
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import member_from, status_row
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteMembers"]

_RECORD_SECONDS = 1.0


class SqliteMembers(Part):
    """The nodes: processes of one machine. Its monotonic clock, which they share, is the engine's."""

    __slots__ = ()

    lease_seconds = 2.0

    async def beat(self, node: str, status: NodeStatus, *, joining: bool = False) -> LogPosition:
        """See `Members.beat`. It is a read, so that no write of another process delays it."""
        now, recorded = SystemClock.monotonic(), self._database.recorded_beats
        if joining:
            row = (node, now, *status_row(status))
            await self._database.write(lambda connection: connection.execute(sql.JOIN_NODE, row))
            recorded[node] = status, now
        ((epoch, seq, declared),) = self._database.look_up(sql.HEAD_FOR_NODE, (node,))
        if declared is None or declared:
            raise StoreUnavailable(f"the node {node} was declared lapsed, or removed")
        known, at = recorded.get(node, (None, 0.0))
        if status.applied != getattr(known, "applied", None) or now >= at + _RECORD_SECONDS:
            values = (now, *status_row(status), node)

            def record(connection: sqlite3.Connection) -> None:
                connection.execute(sql.RECORD_BEAT, values)

            def done(_: None) -> None:
                recorded[node] = status, now

            self._database.write_soon(record, done)
        return LogPosition(epoch, seq)

    async def members(self) -> list[Member]:
        """See `Members.members`."""
        rows = await self._database.list_rows(sql.MEMBERS, (SystemClock.monotonic(),))
        return [member_from(row) for row in rows]

    async def declare_lapsed(self, node: str, seen: int) -> bool:
        """See `Members.declare_lapsed`."""

        def declare(connection: sqlite3.Connection) -> bool:
            values = (SystemClock.monotonic(), node, seen)
            return (
                connection.execute(sql.DECLARE_LAPSED, values).rowcount > 0
                or connection.execute(sql.DECLARED, (node, seen)).fetchone() is not None
            )

        return await self._database.write(declare)

    async def remove_member(self, node: str) -> None:
        """See `Members.remove_member`. The schema also removes its connections."""
        await self._database.write(lambda connection: connection.execute(sql.REMOVE_NODE, (node,)))
