"""`stormdoor.ports.Connections` on SQLite."""

import sqlite3
from collections.abc import Iterable

from stormdoor.ports import LiveConnection
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import CONNECTION, connection_row
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteConnections"]


class SqliteConnections(Part):
    """The list of open connections."""

    __slots__ = ()

    async def sync_connections(
        self, node: str, now: float, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """See `Connections.sync_connections`."""
        added = [connection_row(node, each) for each in opened]
        removed = [(node, id) for id in closed]

        def sync(connection: sqlite3.Connection) -> None:
            connection.execute(sql.NODE_ALIVE, (node, now))
            connection.executemany(sql.ADD_CONNECTION, added)
            connection.executemany(sql.REMOVE_CONNECTION, removed)

        await self._database.write(sync)

    async def live_connections(self, alive_since: float) -> list[LiveConnection]:
        """See `Connections.live_connections`."""
        rows = await self._database.list_rows(sql.LIVE_CONNECTIONS, (alive_since,))
        return [CONNECTION.value(row) for row in rows]

    async def forget_node(self, node: str) -> None:
        """See `Connections.forget_node`. The schema also removes its connections."""
        await self._database.write(lambda connection: connection.execute(sql.REMOVE_NODE, (node,)))
