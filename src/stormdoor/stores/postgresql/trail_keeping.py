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
from stormdoor.stores.postgresql.database import Database
from stormdoor.stores.postgresql.failure import LOST, UnstorableText, unavailable
from stormdoor.stores.postgresql.link import Link
from stormdoor.stores.postgresql.schema import KEEPER, SCHEMA
from stormdoor.stores.postgresql.trail_root import record_heads
from stormdoor.stores.postgresql.trail_rows import month_after, month_of
from stormdoor.stores.postgresql.writes import Transaction

__all__ = ["drop_month", "drop_step", "erase", "keep", "months"]

T = TypeVar("T")

_DROP_STEP = 10_000  # entries in one transaction
_SETTINGS: Final = {"lock_timeout": "2000ms", "statement_timeout": "60000ms"}

_MONTHS: Final = f"""
SELECT substring(c.relname FROM '^trail_([0-9]+)$')::bigint AS month
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = '{SCHEMA}.trail'::regclass ORDER BY month
"""  # noqa: S608 - a constant
# The root chain last: an append locks its own chain first, then the root chain.
_LOCK: Final = f"""
SELECT id, head_seq, head_hash, anchor_seq, rooted_in FROM trail_chain
ORDER BY id = {ROOT}, id FOR UPDATE
"""  # noqa: S608 - a constant
_OUTSIDE: Final = """
SELECT 1 FROM trail WHERE month < ? OR (month = ? AND chain <> ? AND time >= ?) LIMIT 1
"""
_LAST_OF_MONTH: Final = """
SELECT c.id, t.seq, t.hash FROM trail_chain c CROSS JOIN LATERAL (
    SELECT seq, hash FROM trail WHERE chain = c.id AND month = ? ORDER BY seq DESC LIMIT 1
) t
"""
_COUNT_MONTH: Final = "SELECT count(*) FROM trail WHERE month = ? AND chain <> ?"
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
async def keep(database: Database) -> AsyncIterator[Run]:
    """Connect with the role of retention and erasure; yield a function that runs a transaction.

    Raises:
        StoreError: This login does not have the role.
        StoreUnavailable: The database does not answer.
        StoreInDoubt: The answer to a commit was lost.
    """
    link = Link(database.address, "retention", None, settings=_SETTINGS, role=KEEPER)
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
    if month_after(month) > before:
        return 0
    chains = await transaction.rows(_LOCK)
    if await transaction.rows(_OUTSIDE, month, month, ROOT, before):
        return 0
    last = {
        chain: (seq, hashed) for chain, seq, hashed in await transaction.rows(_LAST_OF_MONTH, month)
    }
    # A chain that keeps entries must stay in the root chain.
    root_last = last[ROOT][0] if ROOT in last else 0
    left_out = [
        id
        for id, head, _, anchor, rooted_in in chains
        if id != ROOT and head > max(anchor, last.get(id, (0, ""))[0]) and rooted_in <= root_last
    ]
    if left_out:
        ((now,),) = await transaction.rows("SELECT extract(epoch FROM clock_timestamp())::float8")
        if month_of(now) == month:
            return 0
        await transaction.rows("SELECT trail_add_month(?)", month_of(now))
        await record_heads(transaction, left_out, key)
    ((count,),) = await transaction.rows(_COUNT_MONTH, month, ROOT)
    await transaction.change_many(
        _MOVE_ANCHOR, [(seq, hashed, chain) for chain, (seq, hashed) in last.items()]
    )
    await transaction.rows(_DROP_MONTH, month)
    return int(count)


async def drop_step(transaction: Transaction, before: float) -> int:
    """Drop single entries from the beginnings of the chains, and chains that have none left.

    Returns:
        The number of dropped entries, without those of the root chain; 0 if there is nothing left to drop.
    """
    dropped = 0
    needed = sql.NO_SEQ
    for id, head, _, anchor, rooted_in in await transaction.rows(_LOCK):
        kept = await transaction.rows(_FIRST_KEPT, id, anchor, before)
        end = min(kept[0][0] if kept else sql.NO_SEQ, needed if id == ROOT else sql.NO_SEQ)
        last = await transaction.rows(_LAST_DROPPED, id, end, anchor + _DROP_STEP)
        seq, hashed = last[0] if last else (anchor, "")
        if seq > anchor:
            await transaction.change(_MOVE_ANCHOR, seq, hashed, id)
            count = await transaction.change(_DROP, id, seq)
            dropped += count if id != ROOT else 0
        if head > seq:
            # The root chain keeps its newest entry about each chain that has entries.
            needed = min(needed, rooted_in)
    await transaction.change(_FORGET_CHAINS)
    return dropped


async def erase(transaction: Transaction, principal_id: str) -> int:
    """Erase the personal part of every entry about a principal. Returns the number of entries."""
    try:
        return await transaction.change(sql.ERASE_PERSONAL, principal_id, principal_id)
    except UnstorableText:
        return 0
