"""The log of revocations, within a transaction."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.dialect import EPOCH
from stormdoor.stores.postgresql.following import NOTIFY
from stormdoor.stores.postgresql.writes import Transaction
from stormdoor.stores.rows import REVOCATION

__all__ = ["BEGIN_EPOCH", "HEAD_OF_LOG", "LOCK_LOG", "add_entries", "log_position"]

HEAD_OF_LOG: Final = f"""
SELECT {EPOCH}, c.value FROM revocation_log l CROSS JOIN counter c WHERE c.name = 'revocation'
"""  # noqa: S608 - a constant
LOCK_LOG: Final = "SELECT value FROM counter WHERE name = 'revocation' FOR UPDATE"
BEGIN_EPOCH: Final = "UPDATE revocation_log SET epoch = ?"
_TAKE_POSITIONS: Final = """
UPDATE counter SET value = value + ? WHERE name = 'revocation' RETURNING value
"""
_LOG: Final = f"SELECT {EPOCH}, l.newest_at FROM revocation_log l"  # noqa: S608 - a constant


async def log_position(transaction: Transaction, *, again: bool = False) -> LogPosition:
    """Return the head of the log at a moment of the transaction; `again` reads it once more.

    INVARIANT: that moment is before the credential is stored. So a later revocation covers it.
    """
    if again or transaction.position is None:
        ((epoch, seq),) = await transaction.rows(HEAD_OF_LOG)
        transaction.position = LogPosition(f"{epoch}.{transaction.system}", seq)
    return transaction.position


async def add_entries(transaction: Transaction, entries: Sequence[Revocation]) -> list[Revocation]:
    """Add entries to the log, and wake the followers at the commit. Returns them as they are stored."""
    # INVARIANT: the lock of this row, kept until the commit, makes the order of `seq` the order of commits.
    ((head,),) = await transaction.rows(_TAKE_POSITIONS, len(entries))
    ((epoch, newest_at),) = await transaction.rows(_LOG)
    known = newest_at
    stored = []
    for seq, entry in enumerate(entries, start=head - len(entries) + 1):
        if entry.until_now:
            newest_at = entry.at if newest_at is None else max(newest_at, entry.at)
            entry = replace(entry, at=newest_at)  # noqa: PLW2901 - as it is stored
        stored.append(entry.placed(LogPosition(f"{epoch}.{transaction.system}", seq)))
    if newest_at != known:
        await transaction.change(sql.MOVE_NEWEST, newest_at)
    await transaction.change_many(sql.ADD_REVOCATION, map(REVOCATION.row, stored))
    await transaction.rows(NOTIFY, str(head))
    return stored
