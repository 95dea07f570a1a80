"""`stormdoor.ports.Accounts` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import ACCOUNT, account_from, accounts_from, json_text

__all__ = [
    "PostgresqlAccounts",
    "change_account",
    "find_account",
    "has_account",
    "lock_account",
]

_LOCK = "SELECT 1 FROM account WHERE id = ? FOR UPDATE"
_CHANGE = "SELECT 1 FROM account WHERE id = ? FOR NO KEY UPDATE"
_SHARE = "SELECT 1 FROM account WHERE id = ? FOR KEY SHARE"


async def find_account(transaction: Transaction, id: str) -> Account | None:
    """Return the account of that id."""
    rows = await transaction.rows(sql.ACCOUNT_BY_ID, id)
    return account_from(rows) if rows else None


async def lock_account(transaction: Transaction, id: str) -> bool:
    """Wait for the transactions that add rows of the account, and keep out others until the commit.

    Returns:
        Whether there is such an account.
    """
    return bool(await transaction.rows(_LOCK, id))


async def change_account(transaction: Transaction, id: str) -> bool:
    """Keep out other changes of the account until the commit, but not transactions that add rows of it.

    Of two groups that add rows of the account and then change it, neither waits for the other's rows.

    Returns:
        Whether there is such an account.
    """
    return bool(await transaction.rows(_CHANGE, id))


async def has_account(transaction: Transaction, id: str) -> bool:
    """Return whether there is such an account, which stays until the commit."""
    return bool(await transaction.rows(_SHARE, id))


class PostgresqlAccounts(PostgresqlPart):
    """Principals, each with a row for every role."""

    __slots__ = ()

    async def account(self, id: str) -> Account | None:
        """See `Accounts.account`."""
        rows = await self._database.look_up(sql.ACCOUNT_BY_ID, id)
        return account_from(rows) if rows else None

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

        async def add(transaction: Transaction) -> None:
            await transaction.change(sql.ADD_ACCOUNT, *row)
            await transaction.change_many(
                sql.ADD_ROLE, [(account.id, role) for role in account.roles]
            )

        await self._database.write(add, order=account.id)

    async def remove_account(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.remove_account`. The schema also removes the data that belongs to it."""
        return await self._execute(sql.REMOVE_ACCOUNT, (id,), entry, order=id)

    async def set_password_hash(
        self, id: str, password_hash: str | None, *, entry: Revocation | None = None
    ) -> Changed:
        """See `Accounts.set_password_hash`."""
        return await self._execute(sql.SET_PASSWORD_HASH, (password_hash, id), entry, order=id)

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        """See `Accounts.replace_password_hash`."""
        # Not durable: after a power cut the old hash of the same password is there again.
        row = (new, id, old)
        return await self._run(sql.REPLACE_PASSWORD_HASH, row, order=id, durable=False) > 0

    async def set_disabled(
        self,
        id: str,
        disabled: bool,  # noqa: FBT001 - says itself
        *,
        entry: Revocation | None = None,
    ) -> Changed:
        """See `Accounts.set_disabled`."""
        return await self._execute(sql.SET_DISABLED, (disabled, id), entry, order=id)

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
        row = (json_text(attributes), id)
        return await self._execute(sql.SET_ATTRIBUTES, row, entry, order=id)

    async def _change_role(
        self, id: str, statement: str, role: str, entry: Revocation | None
    ) -> Changed:
        async def change(transaction: Transaction) -> bool:
            # INVARIANT: the changes of one account's roles happen one after the other.
            if not await change_account(transaction, id):
                return False
            await transaction.change(statement, id, role)
            return True

        return await self._database.change(change, entry, order=id)
