"""`stormdoor.ports.Identities` on SQLite."""

import sqlite3

from stormdoor.core.account import Account
from stormdoor.core.identity import Identity
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import IDENTITY, account_from
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteIdentities"]


class SqliteIdentities(Part):
    """Links to users of identity providers."""

    __slots__ = ()

    async def identity(self, issuer: str, subject: str) -> Account | None:
        """See `Identities.identity`."""
        rows = self._database.look_up(sql.ACCOUNT_OF_IDENTITY, (issuer, subject))
        return account_from(rows) if rows else None

    async def identities(self, principal_id: str) -> list[Identity]:
        """See `Identities.identities`."""
        rows = await self._database.list_rows(sql.IDENTITIES_OF, (principal_id,))
        return [IDENTITY.value(row) for row in rows]

    async def link_identity(self, issuer: str, subject: str, principal_id: str, at: float) -> None:
        """See `Identities.link_identity`."""
        row = (issuer, subject, principal_id, at)
        await self._database.write(lambda connection: connection.execute(sql.LINK_IDENTITY, row))

    async def unlink_identity(self, issuer: str, subject: str, at: float) -> Changed:
        """See `Identities.unlink_identity`."""

        def unlink(connection: sqlite3.Connection) -> Changed:
            row = connection.execute(sql.UNLINK_IDENTITY, (issuer, subject)).fetchone()
            if row is None:
                return False
            return self._note(connection, IDENTITY.value(row).removal.entry(at))

        return await self._database.write(unlink, durable=True, afterwards=self._note_head)
