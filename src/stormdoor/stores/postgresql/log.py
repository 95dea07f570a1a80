"""The log of revocations, within a transaction."""

from collections.abc import Sequence
from typing import Final

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.stores.postgresql.dialect import EPOCH
from stormdoor.stores.postgresql.following import NOTIFY
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import REVOCATION

__all__ = [
    "BEGIN_EPOCH",
    "HEAD_AND_ENTRIES",
    "HEAD_OF_LOG",
    "LOCK_LOG",
    "add_entries",
    "log_position",
]

HEAD_OF_LOG: Final = f"""
SELECT {EPOCH}, c.value FROM revocation_log l CROSS JOIN counter c WHERE c.name = 'revocation'
"""  # noqa: S608 - a constant
HEAD_AND_ENTRIES: Final = f"""
SELECT {EPOCH}, c.value, {REVOCATION.of("r")}
FROM revocation_log l CROSS JOIN counter c LEFT JOIN revocation r ON r.seq > ?
WHERE c.name = 'revocation' ORDER BY r.seq
"""  # noqa: S608 - a constant
LOCK_LOG: Final = "SELECT value FROM counter WHERE name = 'revocation' FOR UPDATE"
BEGIN_EPOCH: Final = "UPDATE revocation_log SET epoch = ?"
_TAKE_POSITIONS: Final = """
UPDATE counter SET value = value + ? WHERE name = 'revocation' RETURNING value
"""
# The row of the counter is locked before this statement begins. So it reads the newest row of the log.
_ADD: Final = f"""
WITH log AS (SELECT {EPOCH} AS epoch, l.newest_at FROM revocation_log l),
given AS (
    SELECT g.*, CASE WHEN until_now THEN greatest(
        log.newest_at, max(at) FILTER (WHERE until_now) OVER (ORDER BY seq)
    ) ELSE at END AS dated
    FROM log CROSS JOIN unnest(
        ?::bigint[], ?::text[], ?::text[], ?::float8[], ?::text[], ?::bool[], ?::bool[]
    ) AS g (seq, target, value, at, reason, by_time, until_now)
),
moved AS (
    UPDATE revocation_log l SET newest_at = n.at
    FROM (SELECT max(dated) FILTER (WHERE until_now) AS at FROM given) n
    WHERE n.at > l.newest_at OR (l.newest_at IS NULL AND n.at IS NOT NULL)
),
added AS (
    INSERT INTO revocation (seq, target, value, at, reason, epoch, by_time)
    SELECT seq, target, value, dated, reason, log.epoch || '.' || CAST(? AS TEXT), by_time
    FROM given CROSS JOIN log
    RETURNING seq, at, epoch
)
SELECT a.at, a.epoch, n.* FROM ({NOTIFY} OFFSET 0) n CROSS JOIN added a ORDER BY a.seq
"""  # noqa: S608 - constants


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
    first = head - len(entries) + 1
    given = [
        (seq, one.target.value, one.value, one.at, one.reason, one.by_time, one.until_now)
        for seq, one in enumerate(entries, start=first)
    ]
    rows = await transaction.rows(
        _ADD, *map(list, zip(*given, strict=True)), transaction.system, str(head)
    )
    return [
        Revocation(one.target, one.value, row[0], seq, one.reason, row[1], one.by_time)
        for seq, (one, row) in enumerate(zip(entries, rows, strict=True), start=first)
    ]
