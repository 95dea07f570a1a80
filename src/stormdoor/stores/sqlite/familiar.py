"""`stormdoor.ports.Addresses` on SQLite."""

import sqlite3

from stormdoor.stores import statements as sql
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteAddresses"]


class SqliteAddresses(Part):
    """Addresses from which principals have logged in."""

    __slots__ = ()

    async def address_seen(self, principal_id: str, address: str) -> float | None:
        """See `Addresses.address_seen`."""
        rows = self._database.look_up(sql.ADDRESS_SEEN, (principal_id, address))
        return float(rows[0][0]) if rows else None

    async def remember_address(
        self, principal_id: str, address: str, at: float, *, most: int
    ) -> None:
        """See `Addresses.remember_address`."""

        def remember(connection: sqlite3.Connection) -> None:
            connection.execute(sql.REMEMBER_ADDRESS, (address, at, principal_id))
            connection.execute(sql.FORGET_ADDRESSES, (principal_id, principal_id, most))

        await self._database.write(remember)
