"""Retention and erasure of the trail on PostgreSQL, which need a role of their own.

A login with this role has rights that the nodes should not have. It connects only for the time of one call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from stormdoor.core.trail_root import ROOT
from stormdoor.errors import StoreError, StoreInDoubt
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.database import PostgresqlDatabase
from stormdoor.stores.postgresql.failure import LOST, UnsendableText, unavailable
from stormdoor.stores.postgresql.link import PostgresqlLink
from stormdoor.stores.postgresql.schema import KEEPER, SCHEMA
from stormdoor.stores.postgresql.trail_root import record_heads
from stormdoor.stores.postgresql.trail_rows import month_after, month_of
from stormdoor.stores.postgresql.transaction import Transaction

__all__ = ["drop_month", "drop_step", "erase", "keep", "months"]

T = TypeVar("T")

_DROP_STEP = 10_000  # entries in one transaction
_SETTINGS: Final = {"lock_timeout": "2000ms", "statement_timeout": "60000ms"}

_MONTHS: Final = f"""
SELECT substring(c.relname FROM '^trail_([0-9]+)$')::bigint AS month
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = '{SCHEMA}.trail'::regclass ORDER BY month
"""  # noqa: S608 - a constant
# Only one retention at a time.
_ALONE: Final = "SELECT pg_advisory_xact_lock(21316, 5)"
# An append locks its own chain first, then the root chain; so does retention.
_LOCK_ROOT: Final = "SELECT head_seq, anchor_seq FROM trail_chain WHERE id = ? FOR UPDATE"
_LOCK_OF_MONTH: Final = """
SELECT c.id FROM trail_chain c
WHERE EXISTS (SELECT 1 FROM trail t WHERE t.chain = c.id AND t.month = ?) AND c.id <> ?
ORDER BY c.id FOR UPDATE
"""
_LOCK_OLD: Final = """
SELECT c.id, c.anchor_seq FROM trail_chain c
WHERE c.id IN (SELECT t.chain FROM trail t WHERE t.time < ?) AND c.id <> ?
ORDER BY c.id FOR UPDATE
"""
# The chains that keep entries, and of which the newest root entry is one of the first.
_ROOTED_IN: Final = f"""
SELECT id FROM trail_chain
WHERE head_seq > anchor_seq AND rooted_in <= ? AND id <> {ROOT} ORDER BY id FOR UPDATE
"""  # noqa: S608 - a constant
_FIRST_NEEDED: Final = f"""
SELECT coalesce(min(rooted_in), {sql.NO_SEQ}) FROM trail_chain
WHERE head_seq > anchor_seq AND id <> {ROOT}
"""  # noqa: S608 - constants
_ROOT_LAST: Final = "SELECT coalesce(max(seq), 0) FROM trail WHERE chain = ? AND month = ?"
_OUTSIDE: Final = """
SELECT 1 FROM trail WHERE month < ? OR (month = ? AND chain <> ? AND time >= ?) LIMIT 1
"""
_LAST_OF_MONTH: Final = """
SELECT c.id, t.seq, t.hash FROM trail_chain c CROSS JOIN LATERAL (
    SELECT seq, hash FROM trail WHERE chain = c.id AND month = ? ORDER BY seq DESC LIMIT 1
) t
"""
_COUNT_MONTH: Final = "SELECT count(*) FROM trail WHERE month = ? AND chain <> ?"
_NOW: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
_DROP_MONTH: Final = "SELECT trail_drop_month(?)"
_MOVE_ANCHOR: Final = "UPDATE trail_chain SET anchor_seq = ?, anchor_hash = ? WHERE id = ?"
_FIRST_KEPT: Final = """
SELECT seq FROM trail WHERE chain = ? AND seq > ? AND time >= ? ORDER BY seq LIMIT 1
"""
_LAST_DROPPED: Final = """
SELECT seq, hash FROM trail WHERE chain = ? AND seq < ? AND seq <= ? ORDER BY seq DESC LIMIT 1
"""
_DROP: Final = "DELETE FROM trail WHERE chain = ? AND seq <= ?"
# A chain without entries, of a process that ended long ago, that the root chain does not name any more.
_FORGET_CHAINS: Final = f"""
DELETE FROM trail_chain c USING trail_chain r
WHERE r.id = {ROOT} AND c.id <> {ROOT} AND c.anchor_seq = c.head_seq AND c.rooted_seq = c.head_seq
AND c.rooted_in <= r.anchor_seq AND c.rooted_at < extract(epoch FROM clock_timestamp()) - 86400
"""  # noqa: S608 - a constant

Run = Callable[[Callable[[Transaction], Awaitable[Any]]], Awaitable[Any]]


@asynccontextmanager
async def keep(database: PostgresqlDatabase) -> AsyncIterator[Run]:
    """Connect with the role of retention and erasure; yield a function that runs a transaction.

    Raises:
        StoreError: This login does not have the role.
        StoreUnavailable: The database does not answer.
        StoreInDoubt: The answer to a commit was lost.
    """
    link = PostgresqlLink(database.address, "retention", None, settings=_SETTINGS, role=KEEPER)
    name = database.address.name

    async def run(job: Callable[[Transaction], Awaitable[T]]) -> T:
        sent = False
        try:
            connection = await link.connection()
            await connection.execute("BEGIN")
            result = await job(Transaction(connection, link.identity[1]))
            sent = True
            await connection.execute("COMMIT")
        except asyncpg.InsufficientPrivilegeError as error:
            link.drop()
            raise StoreError(
                f"this login of {name} does not have the role {KEEPER}, which drops and erases entries of"
                " the trail; run the command with a login that has it"
            ) from error
        except (*LOST, asyncpg.PostgresError) as error:
            link.drop()
            if sent:
                raise StoreInDoubt(f"the store {name}: the answer to a commit was lost") from error
            raise unavailable(name, error) from error
        except BaseException:
            link.drop()
            raise
        return result

    try:
        yield run
    finally:
        await link.close()


async def months(transaction: Transaction) -> list[int]:
    """Return the months that the trail has a partition for, the oldest first."""
    return [month for (month,) in await transaction.rows(_MONTHS)]


async def drop_month(transaction: Transaction, month: int, before: float, key: bytes | None) -> int:
    """Drop the partition of a month, if all of its entries are older than `before`.

    Returns:
        The number of dropped entries, without those of the root chain.
    """
    await transaction.rows(_ALONE)
    ((now,),) = await transaction.rows(_NOW)
    # The root chain always has the partition of the server's present month.
    if month_after(month) > min(before, now):
        return 0
    await transaction.rows(_LOCK_OF_MONTH, month, ROOT)
    if await transaction.rows(_OUTSIDE, month, month, ROOT, before):
        return 0
    last = await transaction.rows(_LAST_OF_MONTH, month)
    ((count,),) = await transaction.rows(_COUNT_MONTH, month, ROOT)
    await transaction.change_many(_MOVE_ANCHOR, [(seq, hashed, id) for id, seq, hashed in last])
    # A chain that keeps entries must stay in the root chain.
    ((root_last,),) = await transaction.rows(_ROOT_LAST, ROOT, month)
    left_out = [id for (id,) in await transaction.rows(_ROOTED_IN, root_last)]
    await transaction.rows(_LOCK_ROOT, ROOT)
    if left_out:
        await transaction.rows("SELECT trail_add_month(?)", month_of(now))
        await record_heads(transaction, left_out, key)
    await transaction.rows(_DROP_MONTH, month)
    return int(count)


async def drop_step(transaction: Transaction, before: float) -> int:
    """Drop single entries from the beginnings of the chains, and chains that have none left.

    Returns:
        The number of dropped entries, without those of the root chain; 0 if there is nothing left to drop.
    """
    await transaction.rows(_ALONE)
    dropped = 0
    for id, anchor in await transaction.rows(_LOCK_OLD, before, ROOT):
        dropped += await _drop_beginning(transaction, id, anchor, before, sql.NO_SEQ)
    ((needed,),) = await transaction.rows(_FIRST_NEEDED)
    ((_, anchor),) = await transaction.rows(_LOCK_ROOT, ROOT)
    # The root chain keeps its newest entry about each chain that has entries.
    await _drop_beginning(transaction, ROOT, anchor, before, needed)
    await transaction.change(_FORGET_CHAINS)
    return dropped


async def _drop_beginning(
    transaction: Transaction, chain: int, anchor: int, before: float, end: int
) -> int:
    kept = await transaction.rows(_FIRST_KEPT, chain, anchor, before)
    end = min(kept[0][0] if kept else sql.NO_SEQ, end)
    last = await transaction.rows(_LAST_DROPPED, chain, end, anchor + _DROP_STEP)
    if not last or last[0][0] <= anchor:
        return 0
    await transaction.change(_MOVE_ANCHOR, *last[0], chain)
    return await transaction.change(_DROP, chain, last[0][0])


async def erase(transaction: Transaction, principal_id: str) -> int:
    """Erase the personal part of every entry about a principal. Returns the number of entries."""
    try:
        return await transaction.change(sql.ERASE_PERSONAL, principal_id, principal_id)
    except UnsendableText:
        return 0
