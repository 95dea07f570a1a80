"""`stormdoor.ports.Keys` on SQLite."""

import sqlite3
from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.revocation import Revocation
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import KEY
from stormdoor.stores.sqlite.part import Part, log_position

__all__ = ["SqliteKeys"]


class SqliteKeys(Part):
    """API keys."""

    __slots__ = ()

    async def key(self, id: str) -> tuple[ApiKey, Account] | None:
        """See `Keys.key`. One statement, on the calling thread."""
        found = self._database.look_up_cached(sql.KEY_BY_ID, (id,), KEY.with_account)
        return None if found is None else (found[0], found[1].with_own_attributes())

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """See `Keys.keys`."""
        if principal_id is None:
            rows = await self._database.list_rows(sql.ALL_KEYS)
        else:
            rows = await self._database.list_rows(sql.KEYS_OF, (principal_id,))
        return [KEY.value(row) for row in rows]

    async def add_key(self, key: ApiKey) -> ApiKey:
        """See `Keys.add_key`."""
        return await self._database.write(lambda connection: _add(connection, key))

    async def replace_key(
        self, id: str, key: ApiKey, *, expires_at: float | None, entry: Revocation
    ) -> ApiKey | None:
        """See `Keys.replace_key`."""
        stored = key

        def put(connection: sqlite3.Connection) -> bool:
            nonlocal stored
            # INVARIANT: the position is read before `entry` is added, which must not end the new key.
            stored = _add(connection, key)
            if expires_at is None:
                parameters: tuple[object, ...] = (id,)
                changed = connection.execute(sql.REMOVE_KEY_WITHOUT_SUCCESSOR, parameters)
            else:
                parameters = (expires_at, expires_at, key.id, id)
                changed = connection.execute(sql.EXPIRE_KEY, parameters)
            # Without a key of its id, a key was stored in place of itself.
            replaced = changed.rowcount > 0 and id != key.id
            if not replaced:
                connection.execute(sql.REMOVE_KEY, (key.id,))
            return replaced

        return stored if await self._change(put, entry) else None

    async def remove_key(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Keys.remove_key`."""
        return await self._execute(sql.REMOVE_KEY, (id,), entry)

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """See `Keys.touch_key`."""
        parameters = (at, address, id, at)
        await self._database.write(lambda connection: connection.execute(sql.TOUCH_KEY, parameters))


def _add(connection: sqlite3.Connection, key: ApiKey) -> ApiKey:
    stored = replace(key, position=log_position(connection))
    connection.execute(sql.ADD_KEY, KEY.row(stored))
    return stored
