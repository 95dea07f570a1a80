"""`stormdoor.ports.Factors` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.factor import Factor
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreError
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.accounts import change_account, has_account, lock_account
from stormdoor.stores.postgresql.failure import UnsendableText
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import FACTOR

__all__ = ["PostgresqlFactors"]


class PostgresqlFactors(PostgresqlPart):
    """Second factors. The lock of a row serialises all uses of one code."""

    __slots__ = ()

    async def factors(self, principal_id: str) -> list[Factor]:
        """See `Factors.factors`."""
        rows = await self._database.look_up(sql.FACTORS_OF, principal_id)
        return [FACTOR.value(row) for row in rows]

    async def factor_by_handle(self, handle: str) -> tuple[Factor, Account] | None:
        """See `Factors.factor_by_handle`."""
        return FACTOR.with_account(await self._database.look_up(sql.FACTOR_BY_HANDLE, handle))

    async def add_factor(self, factor: Factor, *, entry: Revocation | None = None) -> Changed:
        """See `Factors.add_factor`."""
        row = FACTOR.row(factor)
        return await self._execute(sql.ADD_FACTOR, row, entry, order=factor.principal_id)

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

        async def remove(transaction: Transaction) -> bool:
            # Two removals at once would each see the factor of the other, and leave the recovery codes. A
            # session that another transaction adds is seen here, or added after.
            await lock_account(transaction, principal_id)
            if await transaction.change(sql.REMOVE_FACTOR, id, principal_id) == 0:
                return False
            if not await transaction.rows(sql.HAS_FACTOR, principal_id):
                await transaction.change(sql.REMOVE_RECOVERY_CODES, principal_id)
            if entry is not None:
                await transaction.change(sql.REMOVE_OTHER_TICKETS, *others)
                await transaction.change(sql.REMOVE_OTHER_PENDING, *others)
                ended = await transaction.rows(sql.REMOVE_OTHER_SESSIONS, *others)
                transaction.entries += [
                    replace(entry, value=one) for one in sorted(id for (id,) in ended)
                ]
            if change is not None:
                transaction.entries.append(change)
            return True

        removed, entries = await self._database.write_entries(
            remove, order=principal_id, alone=True
        )
        return entries if removed else None

    async def use_factor(
        self, id: str, *, counter: int, at: float, entry: Revocation | None = None
    ) -> Changed:
        """See `Factors.use_factor`."""
        use = (counter, at, id, counter, counter)
        return await self._execute(sql.USE_FACTOR, use, entry, row=id)

    async def reseal_factor(self, id: str, old: str, new: str) -> bool:
        """See `Factors.reseal_factor`."""
        return await self._run(sql.RESEAL_FACTOR, (new, id, old), row=id) > 0

    async def set_recovery_codes(
        self, principal_id: str, hashes: Iterable[str], *, entry: Revocation | None = None
    ) -> Changed:
        """See `RecoveryCodes.set_recovery_codes`."""
        rows = [(principal_id, each) for each in sorted(set(hashes))]

        async def put(transaction: Transaction) -> bool:
            if not await change_account(transaction, principal_id):
                raise StoreError("there is no such account")
            await transaction.change(sql.REMOVE_RECOVERY_CODES, principal_id)
            await transaction.change_many(sql.ADD_RECOVERY_CODE, rows)
            return True

        return await self._database.change(put, entry, order=principal_id)

    async def use_recovery_code(
        self, principal_id: str, code_hash: str, *, entry: Revocation | None = None
    ) -> Changed:
        """See `RecoveryCodes.use_recovery_code`."""
        code = (principal_id, code_hash)
        try:
            return await self._execute(sql.USE_RECOVERY_CODE, code, entry, order=principal_id)
        except UnsendableText:
            return False

    async def recovery_codes(self, principal_id: str) -> int:
        """See `RecoveryCodes.recovery_codes`."""
        rows = await self._database.look_up(sql.COUNT_RECOVERY_CODES, principal_id)
        return int(rows[0][0]) if rows else 0

    async def factor_failures(self, principal_id: str) -> tuple[int, float]:
        """See `Factors.factor_failures`."""
        rows = await self._database.look_up(sql.FACTOR_FAILURES, principal_id)
        return (rows[0][0], rows[0][1]) if rows else (0, 0.0)

    async def set_factor_failures(
        self, principal_id: str, count: int, at: float, *, expected: int
    ) -> bool:
        """See `Factors.set_factor_failures`."""

        async def change(transaction: Transaction) -> bool:
            if not await has_account(transaction, principal_id):
                return False
            if count == 0 and expected == 0:
                return not await transaction.rows(sql.FACTOR_FAILURES, principal_id)
            if count == 0:
                return (
                    await transaction.change(sql.CLEAR_FACTOR_FAILURES, principal_id, expected) > 0
                )
            if expected == 0:
                return (
                    await transaction.change(sql.ADD_FACTOR_FAILURES, principal_id, count, at) > 0
                )
            row = (count, at, principal_id, expected)
            return await transaction.change(sql.SET_FACTOR_FAILURES, *row) > 0

        return await self._database.write(change, order=principal_id)
