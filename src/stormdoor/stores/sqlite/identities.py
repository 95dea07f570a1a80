"""`stormdoor.ports.Identities` on SQLite."""

from stormdoor.core.account import Account
from stormdoor.core.identity import Identity
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

    async def unlink_identity(self, issuer: str, subject: str) -> bool:
        """See `Identities.unlink_identity`."""
        return bool(await self._execute(sql.UNLINK_IDENTITY, (issuer, subject)))
