"""`stormdoor.ports.RevocationLog` on PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.following import NOTIFY
from stormdoor.stores.postgresql.log import (
    BEGIN_EPOCH,
    HEAD_AND_ENTRIES,
    HEAD_OF_LOG,
    LOCK_LOG,
    log_position,
)
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.sessions import remove_sessions_by_id
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import REVOCATION

__all__ = ["PostgresqlRevocations"]


class PostgresqlRevocations(PostgresqlPart):
    """The log of revocations."""

    __slots__ = ()

    async def add_revocation(self, revocation: Revocation) -> Revocation:
        """See `RevocationLog.add_revocation`."""
        stored = await self._database.change(None, revocation)
        if not isinstance(stored, Revocation):
            raise TypeError("the log has added no entry")
        return stored

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """See `RevocationLog.revocations`."""
        rows = await self._database.follow_rows(sql.REVOCATIONS_AFTER, (after,))
        return [REVOCATION.value(row) for row in rows]

    async def head_and_entries(self, after: int) -> tuple[LogPosition, list[Revocation]]:
        """See `RevocationLog.head_and_entries`. One statement, so both are of one moment."""
        rows = await self._database.follow_rows(HEAD_AND_ENTRIES, (after,))
        epoch, seq, *_ = rows[0]
        # Without an entry, its columns are NULL.
        entries = [REVOCATION.value(row[2:]) for row in rows if row[2] is not None]
        return LogPosition(self._database.full_epoch(epoch), seq), entries

    async def lasting_revocations(self) -> list[Revocation]:
        """See `RevocationLog.lasting_revocations`."""
        rows = await self._database.list_rows(sql.LASTING_REVOCATIONS)
        return [REVOCATION.value(row) for row in rows]

    async def restore_revocations(self, entries: Sequence[Revocation]) -> int:
        """See `RevocationLog.restore_revocations`."""

        async def restore(transaction: Transaction) -> int:
            await transaction.rows(LOCK_LOG)
            missing = [one for one in entries if not await _included(transaction, one)]
            sessions = [(one.value,) for one in missing if one.target is Target.SESSION]
            await remove_sessions_by_id(transaction, sessions)
            last = max((one.seq for one in missing), default=0)
            await transaction.change(sql.SKIP_REVOCATIONS, last, last)
            added = []
            for one in missing:
                ((seq,),) = await transaction.rows(sql.NEXT_REVOCATION)
                added.append(one.placed(LogPosition(one.epoch, seq)))
            await transaction.change_many(sql.ADD_REVOCATION, map(REVOCATION.row, added))
            if added:
                await transaction.rows(NOTIFY, str(added[-1].seq))
            return len(added)

        return await self._database.write(restore)

    async def log_position(self) -> LogPosition:
        """See `RevocationLog.log_position`."""
        ((epoch, seq),) = await self._database.follow_rows(HEAD_OF_LOG)
        return LogPosition(self._database.full_epoch(epoch), seq)

    async def wait_for_entry(self, after: LogPosition, seconds: float) -> None:
        """See `RevocationLog.wait_for_entry`. NOTIFY wakes it."""
        await self._database.wait_for_entry(after, seconds)

    async def begin_epoch(self, after: str) -> LogPosition:
        """See `RevocationLog.begin_epoch`."""

        async def begin(transaction: Transaction) -> LogPosition:
            await transaction.rows(LOCK_LOG)
            found = await log_position(transaction, again=True)
            if found.epoch != after:
                return found
            await transaction.change(BEGIN_EPOCH, secrets.token_hex(16))
            return await log_position(transaction, again=True)

        return await self._database.write(begin)


async def _included(transaction: Transaction, entry: Revocation) -> bool:
    rows = await transaction.rows(sql.REVOCATIONS_OF, entry.target.value, entry.value)
    return any(entry.included_in(REVOCATION.value(row)) for row in rows)
