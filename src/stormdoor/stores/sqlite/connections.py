"""`stormdoor.ports.Connections` on SQLite."""

import sqlite3
from collections.abc import Iterable

from stormdoor.core.revocation import Target
from stormdoor.ports import LiveConnection
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import CONNECTION, connection_row, tenants_from
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteConnections"]


class SqliteConnections(Part):
    """The list of open connections."""

    __slots__ = ()

    async def sync_connections(
        self, node: str, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """See `Connections.sync_connections`."""
        added = [connection_row(node, each) for each in opened]
        removed = list(closed)

        def sync(connection: sqlite3.Connection) -> None:
            connection.executemany(sql.ADD_CONNECTION, added)
            # One row at a time: ten thousand tuples at once would start a garbage collection.
            connection.executemany(sql.REMOVE_CONNECTION, ((node, id) for id in removed))

        if added or removed:
            await self._database.write(sync)

    async def live_connections(self, nodes: Iterable[str]) -> list[LiveConnection]:
        """See `Connections.live_connections`."""
        known = frozenset(nodes)
        found = map(CONNECTION.value, await self._database.list_rows(sql.LIVE_CONNECTIONS))
        return [one for one in found if one.node in known]

    async def connections_after(
        self, place: tuple[str, str], *, limit: int
    ) -> list[LiveConnection]:
        """See `Connections.connections_after`."""
        rows = await self._database.list_rows(sql.CONNECTIONS_AFTER, (*place, limit))
        return [CONNECTION.value(row) for row in rows]

    async def tenants_of_connections(self, target: Target, value: str) -> set[str | None]:
        """See `Connections.tenants_of_connections`."""
        rows = await self._database.list_rows(*sql.tenants_of_connections(target, value))
        return tenants_from(rows, target, value)
