"""`stormdoor.ports.TrailStore` on PostgreSQL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple, Unpack

import asyncpg

from stormdoor.core.event import GENESIS, Event
from stormdoor.core.trail_budget import DAY_BYTES, take
from stormdoor.core.trail_filter import Cursor, Filters, TrailFilter, TrailPage
from stormdoor.errors import StoreError, StoreUnavailable
from stormdoor.ports import Space, TrailChain
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.database import PostgresqlDatabase
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.schema import APP, SCHEMA
from stormdoor.stores.postgresql.trail_keeping import drop_month, drop_step, erase, keep, months
from stormdoor.stores.postgresql.trail_root import record_heads
from stormdoor.stores.postgresql.trail_rows import (
    ADD_ENTRIES,
    DIALECT,
    columns,
    entry_of,
    month_of,
    months_of,
    storable,
)
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.sealing import RECENT, seal_all
from stormdoor.stores.trail_search import Search, page_of

__all__ = ["PostgresqlTrail"]

_ROOT_SECONDS: Final = 15.0
"""Seconds after which the head of a chain that grows is recorded in the root chain again."""

# INVARIANT: appends share this lock from before their first number until their commit. A reader that has held
# it alone sees every entry with a number up to the last one given.
_NUMBERS: Final = "21316, 2"
_CHAIN: Final = f"""
WITH barrier AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({_NUMBERS}))
SELECT c.id, c.head_seq, c.head_hash, c.month, c.rooted_at,
    extract(epoch FROM clock_timestamp())::float8
FROM barrier CROSS JOIN trail_chain c WHERE c.start = ? FOR UPDATE OF c
"""  # noqa: S608 - a constant
_LAST_NUMBER: Final = f"""
SELECT (SELECT n.last_value FROM trail_number n WHERE l.locked IS NOT NULL)
FROM (SELECT pg_advisory_xact_lock({_NUMBERS})::text AS locked OFFSET 0) l
"""  # noqa: S608 - a constant
_ADD_CHAIN: Final = """
INSERT INTO trail_chain
    (start, head_seq, head_hash, anchor_seq, anchor_hash, month, rooted_seq, rooted_in, rooted_at)
VALUES (?, 0, ?, 0, ?, 0, 0, 0, 0) ON CONFLICT (start) DO NOTHING
"""
_ADD_MONTH: Final = "SELECT trail_add_month(?)"
_HAS_BATCH: Final = "SELECT 1 FROM trail WHERE chain = ? AND seq > ? AND salt = ? LIMIT 1"
_ADD_LISTED: Final = ADD_ENTRIES.format(number="nextval('trail_number')")
_MOVE_HEAD: Final = "UPDATE trail_chain SET head_seq = ?, head_hash = ?, month = ? WHERE id = ?"
_CHAINS: Final = """
SELECT id, anchor_seq, anchor_hash, head_seq, head_hash FROM trail_chain ORDER BY id
"""
_BUDGET: Final = "SELECT budget_spent_until FROM trail_state FOR UPDATE"
_FAULTS: Final = f"""
SELECT 'the index ' || i.indexrelid::regclass || ' is not valid'
FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indrelid
WHERE h.inhparent = '{SCHEMA}.trail'::regclass AND NOT i.indisvalid
UNION ALL
SELECT 'the role {APP} may change or remove entries of ' || c.oid::regclass
FROM pg_class c
WHERE (c.oid = '{SCHEMA}.trail'::regclass
    OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{SCHEMA}.trail'::regclass))
AND (has_table_privilege('{APP}', c.oid, 'UPDATE, DELETE, TRUNCATE')
    OR has_any_column_privilege('{APP}', c.oid, 'UPDATE'))
"""  # noqa: S608 - constants
_SIZE: Final = f"""
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relnamespace = '{SCHEMA}'::regnamespace
"""  # noqa: S608 - a constant


class _Chain(NamedTuple):
    id: int
    head_seq: int
    head_hash: str
    month: int
    rooted_at: float
    now: float  # of the server


class PostgresqlTrail(PostgresqlPart):
    """The trail. Each process appends to a chain of its own, so that no node waits for another.

    The root chain records the head of each chain at its first entries, then every 15 seconds while it grows,
    and when the store is closed.

    Args:
        database: The database.
        key: Secret of the chains, or None.
    """

    __slots__ = ("_key", "_known_months", "_start")

    def __init__(self, database: PostgresqlDatabase, key: bytes | None = None) -> None:
        super().__init__(database)
        self._key = key
        self._known_months: frozenset[int] = frozenset()
        self._start = (0, "")

    @property
    def _own_start(self) -> str:
        """The name of the chain of this process."""
        if self._start[0] != os.getpid():
            self._start = (os.getpid(), secrets.token_hex(16))
        return self._start[1]

    async def append_events(
        self, events: Sequence[Event], *, batch: bytes | None = None, again: bool = False
    ) -> None:
        """See `TrailStore.append_events`."""
        if not events:
            return
        given = [storable(event) for event in events]

        async def append(transaction: Transaction) -> frozenset[int]:
            chain = await self._lock_chain(transaction)
            if again and batch is not None:
                recent = (chain.id, chain.head_seq - RECENT, batch.hex())
                if await transaction.rows(_HAS_BATCH, *recent):
                    return frozenset()
            entries = seal_all(
                given, after=(chain.head_seq, chain.head_hash), key=self._key, batch=batch
            )
            placed = months_of(entries, chain.month)
            due = not 0.0 <= chain.now - chain.rooted_at < _ROOT_SECONDS
            needed = {*placed, month_of(chain.now)} if due else set(placed)
            await self._add_months(transaction, needed)
            try:
                await transaction.change(_ADD_LISTED, chain.id, *columns(placed, entries))
                last = entries[-1][1]
                await transaction.change(_MOVE_HEAD, last.seq, last.hash, placed[-1], chain.id)
                if due:
                    await record_heads(transaction, chain.id, self._key)
            except asyncpg.UniqueViolationError as error:
                raise StoreUnavailable(
                    f"the trail in {self._database.address.name} goes beyond its recorded end: a"
                    " program has changed the tables; run: stormdoor trail verify"
                ) from error
            except asyncpg.CheckViolationError as error:
                self._known_months = frozenset()
                raise StoreUnavailable(
                    f"the trail in {self._database.address.name} lost a month: {error}"
                ) from error
            return frozenset(needed)

        self._known_months |= await self._database.write_trail(append)

    async def _lock_chain(self, transaction: Transaction) -> _Chain:
        start = self._own_start
        while not (rows := await transaction.rows(_CHAIN, start)):
            await transaction.change(_ADD_CHAIN, start, GENESIS, GENESIS)
        return _Chain(*rows[0])

    async def _add_months(self, transaction: Transaction, needed: Iterable[int]) -> None:
        for month in sorted(needed):
            if month not in self._known_months:
                await transaction.rows(_ADD_MONTH, month)

    async def record_head(self) -> None:
        """Record the head of this process's chain in the root chain, before the store is closed."""
        if self._start[0] != os.getpid():
            return

        async def record(transaction: Transaction) -> None:
            for row in await transaction.rows(_CHAIN, self._own_start):
                chain = _Chain(*row)
                await self._add_months(transaction, {month_of(chain.now)})
                await record_heads(transaction, chain.id, self._key)

        with suppress(StoreUnavailable, StoreError):
            await self._database.write_trail(record)

    async def entries(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        newest_first: bool = False,
        chain: int | None = None,
        cursor: Cursor | None = None,
        **filters: Unpack[Filters],
    ) -> TrailPage:
        """See `TrailStore.entries`."""
        last = sql.NO_SEQ
        if chain is None and not newest_first:
            ((last,),) = await self._database.list_rows(_LAST_NUMBER)
        search = Search(
            DIALECT,
            "number" if chain is None else "seq",
            () if chain is None else [("chain = ?", [chain])],
            TrailFilter(**filters),
            after=after,
            until=last,
            newest_first=newest_first,
            cursor=cursor,
        )
        end = None
        if (statement := search.end()) is not None:
            ends = await self._database.list_rows(*statement)
            end = Cursor(*ends[0]) if ends else None
        rows = await self._database.list_rows(*search.page(limit, end))
        return page_of([entry_of(row) for row in rows], limit, end, chain)

    async def trail_chains(self) -> list[TrailChain]:
        """See `TrailStore.trail_chains`."""
        return [
            TrailChain(id, (anchor, anchor_hash), (head, head_hash))
            for id, anchor, anchor_hash, head, head_hash in await self._database.list_rows(_CHAINS)
        ]

    async def pay_entries(
        self, now: float, sizes: Sequence[int], *, at_least: int = 0, day_bytes: int = DAY_BYTES
    ) -> int:
        """See `TrailStore.pay_entries`."""

        async def pay(transaction: Transaction) -> int:
            ((spent_until,),) = await transaction.rows(_BUDGET)
            paid, spent_until = take(spent_until, now, sizes, at_least, day_bytes)
            if paid:
                await transaction.change(sql.SPEND_TRAIL_BUDGET, spent_until)
            return paid

        return await self._database.write_trail(pay, durable=False)

    async def trail_faults(self) -> list[str]:
        """See `TrailStore.trail_faults`."""
        return [fault for (fault,) in await self._database.list_rows(_FAULTS)]

    async def space(self) -> Space:
        """See `TrailStore.space`. The disk of the server is not measured."""
        ((used,),) = await self._database.list_rows(_SIZE)
        return Space(used, None)

    async def drop_entries(self, before: float) -> int:
        """See `TrailStore.drop_entries`. Whole months first, each in one step, then single entries."""
        self._database.check_open()
        dropped = 0
        async with keep(self._database) as run:
            for month in await run(months):
                dropped += await run(partial(drop_month, month=month, before=before, key=self._key))
            while step := await run(lambda transaction: drop_step(transaction, before)):
                dropped += step
        return dropped

    async def erase_personal(self, principal_id: str) -> int:
        """See `TrailStore.erase_personal`. The server frees the erased rows at its next VACUUM."""
        self._database.check_open()
        async with keep(self._database) as run:
            erased: int = await run(partial(erase, principal_id=principal_id))
            return erased
