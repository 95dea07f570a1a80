"""`stormdoor.ports.Accounts` on SQLite."""

import sqlite3
from collections.abc import Mapping

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import ACCOUNT, account_from, accounts_from, json_text
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteAccounts", "find_account"]


def find_account(connection: sqlite3.Connection, id: str) -> Account | None:
    """Return the account of that id, within a transaction."""
    rows = connection.execute(sql.ACCOUNT_BY_ID, (id,)).fetchall()
    return account_from(rows) if rows else None


class SqliteAccounts(Part):
    """Principals, each with a row for every role."""

    __slots__ = ()

    async def account(self, id: str) -> Account | None:
        """See `Accounts.account`."""
        found = self._database.look_up_cached(
            sql.ACCOUNT_BY_ID, (id,), lambda rows: account_from(rows) if rows else None
        )
        return None if found is None else found.with_own_attributes()

    async def accounts(self) -> list[Account]:
        """See `Accounts.accounts`."""
        return accounts_from(await self._database.list_rows(sql.ALL_ACCOUNTS))

    async def tenants(
        self, *, role: str | None = None, device: str | None = None
    ) -> set[str | None]:
        """See `Accounts.tenants`."""
        if role is not None:
            rows = await self._database.list_rows(sql.TENANTS_WITH_ROLE, (role,))
        elif device is not None:
            rows = await self._database.list_rows(sql.TENANTS_WITH_DEVICE, (device,))
        else:
            rows = await self._database.list_rows(sql.ALL_TENANTS)
        return {tenant for (tenant,) in rows}

    async def accounts_named(
        self, target: Target, value: str, *, after: str = "", limit: int
    ) -> list[tuple[str, str | None]]:
        """See `Accounts.accounts_named`."""
        found = await self._database.list_rows(*sql.accounts_named(target, value, after, limit))
        return [(id, tenant) for id, tenant in found]

    async def add_account(self, account: Account) -> None:
        """See `Accounts.add_account`."""
        row = ACCOUNT.row(account)

        def add(connection: sqlite3.Connection) -> None:
            connection.execute(sql.ADD_ACCOUNT, row)
            connection.executemany(sql.ADD_ROLE, [(account.id, role) for role in account.roles])

        await self._database.write(add)

    async def remove_account(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.remove_account`. The schema also removes the data that belongs to it."""
        return await self._execute(sql.REMOVE_ACCOUNT, (id,), entry)

    async def set_password_hash(
        self, id: str, password_hash: str | None, *, entry: Revocation | None = None
    ) -> Changed:
        """See `Accounts.set_password_hash`."""
        return await self._execute(sql.SET_PASSWORD_HASH, (password_hash, id), entry)

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        """See `Accounts.replace_password_hash`."""
        # Not durable: after a power cut the old hash of the same password is there again.
        return await self._database.write(
            lambda connection: (
                connection.execute(sql.REPLACE_PASSWORD_HASH, (new, id, old)).rowcount > 0
            )
        )

    async def set_disabled(
        self,
        id: str,
        disabled: bool,  # noqa: FBT001 - says itself
        *,
        entry: Revocation | None = None,
    ) -> Changed:
        """See `Accounts.set_disabled`."""
        return await self._execute(sql.SET_DISABLED, (disabled, id), entry)

    async def add_role(self, id: str, role: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.add_role`."""
        return await self._change_role(id, sql.ADD_ROLE_ONCE, role, entry)

    async def remove_role(self, id: str, role: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.remove_role`."""
        return await self._change_role(id, sql.REMOVE_ROLE, role, entry)

    async def set_attributes(
        self, id: str, attributes: Mapping[str, object], *, entry: Revocation | None = None
    ) -> Changed:
        """See `Accounts.set_attributes`."""
        return await self._execute(sql.SET_ATTRIBUTES, (json_text(attributes), id), entry)

    async def _change_role(
        self, id: str, statement: str, role: str, entry: Revocation | None
    ) -> Changed:
        def change(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.HAS_ACCOUNT, (id,)).fetchone() is None:
                return False
            connection.execute(statement, (id, role))
            return True

        return await self._change(change, entry)
