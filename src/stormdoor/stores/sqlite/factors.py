"""`stormdoor.ports.Factors` on SQLite."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.factor import Factor
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreError
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import FACTOR
from stormdoor.stores.sqlite.database import UnstorableText
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteFactors"]


class SqliteFactors(Part):
    """Second factors. As with nonces, the write lock serialises all uses of one code."""

    __slots__ = ()

    async def factors(self, principal_id: str) -> list[Factor]:
        """See `Factors.factors`."""
        rows = self._database.look_up(sql.FACTORS_OF, (principal_id,))
        return [FACTOR.value(row) for row in rows]

    async def factor_by_handle(self, handle: str) -> tuple[Factor, Account] | None:
        """See `Factors.factor_by_handle`."""
        return FACTOR.with_account(self._database.look_up(sql.FACTOR_BY_HANDLE, (handle,)))

    async def add_factor(self, factor: Factor, *, entry: Revocation | None = None) -> Changed:
        """See `Factors.add_factor`."""
        return await self._execute(sql.ADD_FACTOR, FACTOR.row(factor), entry)

    async def remove_factor(
        self,
        id: str,
        principal_id: str,
        *,
        entry: Revocation | None = None,
        change: Revocation | None = None,
    ) -> list[Revocation] | None:
        """See `Factors.remove_factor`."""
        others = (principal_id, "")  # no id is empty

        def remove(connection: sqlite3.Connection) -> list[Revocation] | None:
            if connection.execute(sql.REMOVE_FACTOR, (id, principal_id)).rowcount == 0:
                return None
            if connection.execute(sql.HAS_FACTOR, (principal_id,)).fetchone() is None:
                connection.execute(sql.REMOVE_RECOVERY_CODES, (principal_id,))
            entries = [] if change is None else [change]
            if entry is not None:
                connection.execute(sql.REMOVE_OTHER_TICKETS, others)
                connection.execute(sql.REMOVE_OTHER_PENDING, others)
                ended = connection.execute(sql.SESSIONS_BUT_ONE, others).fetchall()
                connection.execute(sql.REMOVE_OTHER_SESSIONS, others).fetchall()
                entries = [*(replace(entry, value=one) for (one,) in ended), *entries]
            return [self._note(connection, one) for one in entries]

        return await self._database.write(remove, durable=True, afterwards=self._note_head)

    async def use_factor(
        self, id: str, *, counter: int, at: float, entry: Revocation | None = None
    ) -> Changed:
        """See `Factors.use_factor`."""
        # Durable: otherwise a power cut could make a used code valid again.
        return await self._execute(sql.USE_FACTOR, (counter, at, id, counter, counter), entry)

    async def reseal_factor(self, id: str, old: str, new: str) -> bool:
        """See `Factors.reseal_factor`."""
        return bool(await self._execute(sql.RESEAL_FACTOR, (new, id, old)))

    async def set_recovery_codes(
        self, principal_id: str, hashes: Iterable[str], *, entry: Revocation | None = None
    ) -> Changed:
        """See `RecoveryCodes.set_recovery_codes`."""
        rows = [(principal_id, each) for each in set(hashes)]

        def put(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.HAS_ACCOUNT, (principal_id,)).fetchone() is None:
                raise StoreError("there is no such account")
            connection.execute(sql.REMOVE_RECOVERY_CODES, (principal_id,))
            connection.executemany(sql.ADD_RECOVERY_CODE, rows)
            return True

        return await self._change(put, entry)

    async def use_recovery_code(
        self, principal_id: str, code_hash: str, *, entry: Revocation | None = None
    ) -> Changed:
        """See `RecoveryCodes.use_recovery_code`."""
        try:
            return await self._execute(sql.USE_RECOVERY_CODE, (principal_id, code_hash), entry)
        except UnstorableText:
            return False

    async def recovery_codes(self, principal_id: str) -> int:
        """See `RecoveryCodes.recovery_codes`."""
        ((count,),) = self._database.look_up(sql.COUNT_RECOVERY_CODES, (principal_id,)) or [(0,)]
        return int(count)

    async def factor_failures(self, principal_id: str) -> tuple[int, float]:
        """See `Factors.factor_failures`."""
        rows = self._database.look_up(sql.FACTOR_FAILURES, (principal_id,))
        return (rows[0][0], rows[0][1]) if rows else (0, 0.0)

    async def set_factor_failures(
        self, principal_id: str, count: int, at: float, *, expected: int
    ) -> bool:
        """See `Factors.set_factor_failures`."""

        def change(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.HAS_ACCOUNT, (principal_id,)).fetchone() is None:
                return False
            if count == 0:
                if expected == 0:
                    return (
                        connection.execute(sql.FACTOR_FAILURES, (principal_id,)).fetchone() is None
                    )
                gone = connection.execute(sql.CLEAR_FACTOR_FAILURES, (principal_id, expected))
                return gone.rowcount > 0
            if expected == 0:
                added = connection.execute(sql.ADD_FACTOR_FAILURES, (principal_id, count, at))
                return added.rowcount > 0
            row = (count, at, principal_id, expected)
            return connection.execute(sql.SET_FACTOR_FAILURES, row).rowcount > 0

        return await self._database.write(change)
