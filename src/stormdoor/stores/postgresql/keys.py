"""`stormdoor.ports.Keys` on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.revocation import Revocation
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.log import log_position
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import KEY

__all__ = ["PostgresqlKeys"]


class PostgresqlKeys(PostgresqlPart):
    """API keys."""

    __slots__ = ()

    async def key(self, id: str) -> tuple[ApiKey, Account] | None:
        """See `Keys.key`."""
        return KEY.with_account(await self._database.look_up(sql.KEY_BY_ID, id))

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """See `Keys.keys`."""
        if principal_id is None:
            rows = await self._database.list_rows(sql.ALL_KEYS)
        else:
            rows = await self._database.list_rows(sql.KEYS_OF, (principal_id,))
        return [KEY.value(row) for row in rows]

    async def add_key(self, key: ApiKey) -> ApiKey:
        """See `Keys.add_key`."""

        async def add(transaction: Transaction) -> ApiKey:
            return await _add(transaction, key)

        return await self._database.write(add, order=key.principal_id)

    async def replace_key(
        self, id: str, key: ApiKey, *, expires_at: float | None, entry: Revocation
    ) -> ApiKey | None:
        """See `Keys.replace_key`."""
        stored = key

        async def put(transaction: Transaction) -> bool:
            nonlocal stored
            # INVARIANT: the position is read before `entry` is added, which must not end the new key.
            stored = await _add(transaction, key)
            if expires_at is None:
                changed = await transaction.change(sql.REMOVE_KEY_WITHOUT_SUCCESSOR, id)
            else:
                parameters = (expires_at, expires_at, key.id, id)
                changed = await transaction.change(sql.EXPIRE_KEY, *parameters)
            # Without a key of its id, a key was stored in place of itself.
            replaced = changed > 0 and id != key.id
            if not replaced:
                await transaction.change(sql.REMOVE_KEY, key.id)
            return replaced

        return stored if await self._database.change(put, entry, order=key.principal_id) else None

    async def remove_key(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Keys.remove_key`."""
        return await self._execute(sql.REMOVE_KEY, (id,), entry, row=id)

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """See `Keys.touch_key`."""
        await self._run(sql.TOUCH_KEY, (at, address, id, at), row=id, durable=False)


async def _add(transaction: Transaction, key: ApiKey) -> ApiKey:
    stored = replace(key, position=await log_position(transaction))
    await transaction.change(sql.ADD_KEY, *KEY.row(stored))
    return stored
