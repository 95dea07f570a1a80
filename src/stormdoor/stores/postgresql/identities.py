"""`stormdoor.ports.Identities` and `stormdoor.ports.Addresses` on PostgreSQL."""

from __future__ import annotations

from stormdoor.core.account import Account
from stormdoor.core.identity import Identity
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.accounts import change_account
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import IDENTITY, account_from

__all__ = ["PostgresqlAddresses", "PostgresqlIdentities"]


class PostgresqlIdentities(PostgresqlPart):
    """Links to users of identity providers."""

    __slots__ = ()

    async def identity(self, issuer: str, subject: str) -> Account | None:
        """See `Identities.identity`."""
        rows = await self._database.look_up(sql.ACCOUNT_OF_IDENTITY, issuer, subject)
        return account_from(rows) if rows else None

    async def identities(self, principal_id: str) -> list[Identity]:
        """See `Identities.identities`."""
        rows = await self._database.list_rows(sql.IDENTITIES_OF, (principal_id,))
        return [IDENTITY.value(row) for row in rows]

    async def link_identity(self, issuer: str, subject: str, principal_id: str, at: float) -> None:
        """See `Identities.link_identity`."""
        await self._run(sql.LINK_IDENTITY, (issuer, subject, principal_id, at), order=principal_id)

    async def unlink_identity(self, issuer: str, subject: str, at: float) -> Changed:
        """See `Identities.unlink_identity`."""

        async def unlink(transaction: Transaction) -> bool:
            rows = await transaction.rows(sql.UNLINK_IDENTITY, issuer, subject)
            transaction.entries += [IDENTITY.value(row).removal.entry(at) for row in rows]
            return bool(rows)

        changed, entries = await self._database.write_entries(unlink)
        return entries[0] if entries else changed


class PostgresqlAddresses(PostgresqlPart):
    """Addresses from which principals have logged in."""

    __slots__ = ()

    async def address_seen(self, principal_id: str, address: str) -> float | None:
        """See `Addresses.address_seen`."""
        rows = await self._database.look_up(sql.ADDRESS_SEEN, principal_id, address)
        return float(rows[0][0]) if rows else None

    async def remember_address(
        self, principal_id: str, address: str, at: float, *, most: int
    ) -> None:
        """See `Addresses.remember_address`."""

        async def remember(transaction: Transaction) -> None:
            # One at a time for a principal: each counts the rows of the others.
            if await change_account(transaction, principal_id):
                await transaction.change(sql.REMEMBER_ADDRESS, address, at, principal_id)
                await transaction.change(sql.FORGET_ADDRESSES, principal_id, principal_id, most)

        await self._database.write(remember, order=principal_id, durable=False)
