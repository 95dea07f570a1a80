"""`stormdoor.ports.TrailStore` on SQLite."""

import logging
import sqlite3
from collections.abc import Sequence
from itertools import starmap
from typing import Unpack

from stormdoor.core.event import Event
from stormdoor.core.trail_budget import DAY_BYTES, take
from stormdoor.core.trail_filter import Cursor, Filters, TrailFilter, TrailPage
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Space, TrailChain
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import entry_from, entry_row
from stormdoor.stores.sealing import CHAIN, RECENT, seal_all
from stormdoor.stores.sqlite.database import Database
from stormdoor.stores.sqlite.part import Part
from stormdoor.stores.trail_search import ADDRESS, REF, Dialect, Search, page_of

__all__ = ["SqliteTrail"]

_log = logging.getLogger("stormdoor.store")

_ADDRESS = f"instr(personal, X'{ADDRESS.hex()}')"
_REF = f"instr(personal, X'{REF.hex()}')"
_DIALECT = Dialect(
    columns=sql.ENTRY,
    contains="instr({column}, ?) > 0",
    address=(
        f"{_ADDRESS} > 0 AND substr(personal, {_ADDRESS} + 7"
        f" + instr(substr(personal, {_ADDRESS} + 11), X'22'), 3) = ?"
    ),
    ref=f"{_REF} > 0 AND substr(personal, {_REF} + 7, 2) = ?",
)
_DROP_STEP = (
    10_000  # entries in one transaction: some 50 ms, so that other writes can run in between
)


class SqliteTrail(Part):
    """The trail. Entries are sealed under the write lock, so that all processes add to one chain.

    Triggers refuse every other change to an entry, so that a mistake in this program or in a shell cannot
    make one. The chain detects the changes of an attacker who removes the triggers. Its key detects an
    attacker who computes the chain again.

    Args:
        database: The file.
        key: Secret of the chain, or None.
    """

    __slots__ = ("_key",)

    def __init__(self, database: Database, key: bytes | None = None) -> None:
        super().__init__(database)
        self._key = key

    async def append_events(
        self, events: Sequence[Event], *, batch: bytes | None = None, again: bool = False
    ) -> None:
        """See `TrailStore.append_events`."""
        if not events:
            return

        def append(connection: sqlite3.Connection) -> None:
            head = connection.execute(sql.TRAIL_HEAD).fetchone()
            if again and batch is not None:
                recent = (head[0] - RECENT, batch.hex())
                if connection.execute(sql.HAS_BATCH, recent).fetchone() is not None:
                    return
            entries = seal_all(events, after=head, key=self._key, batch=batch)
            try:
                connection.executemany(sql.ADD_ENTRY, starmap(entry_row, entries))
            except sqlite3.IntegrityError as error:
                raise StoreUnavailable(
                    f"the trail in {self._database.path} goes beyond its recorded end: a program has"
                    " changed the file; run: stormdoor trail verify"
                ) from error
            last = entries[-1][1]
            connection.execute(sql.MOVE_TRAIL_HEAD, (last.seq, last.hash))

        await self._database.write(append)

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
        wanted = TrailFilter(**filters)
        if chain not in (None, CHAIN):
            return TrailPage()
        search = Search(
            _DIALECT,
            "seq",
            (),
            wanted,
            after=after,
            until=sql.NO_SEQ,
            newest_first=newest_first,
            cursor=cursor,
        )
        end = await self._last(search)
        text, given = search.page(limit, end)
        found = [entry_from(row) for row in await self._database.list_rows(text, tuple(given))]
        return page_of(found, limit, end, chain)

    async def _last(self, search: Search) -> Cursor | None:
        """Return the last entry that a page may read; None for all."""
        if (statement := search.end()) is None:
            return None
        rows = await self._database.list_rows(statement[0], tuple(statement[1]))
        return Cursor(*rows[0]) if rows else None

    async def trail_chains(self) -> list[TrailChain]:
        """See `TrailStore.trail_chains`."""
        (row,) = self._database.look_up(sql.TRAIL_ENDS, ())
        return [TrailChain(CHAIN, (row[0], row[1]), (row[2], row[3]))]

    async def pay_entries(
        self, now: float, sizes: Sequence[int], *, at_least: int = 0, day_bytes: int = DAY_BYTES
    ) -> int:
        """See `TrailStore.pay_entries`."""

        def pay(connection: sqlite3.Connection) -> int:
            (spent_until,) = connection.execute(sql.TRAIL_BUDGET).fetchone()
            paid, spent_until = take(spent_until, now, sizes, at_least, day_bytes)
            if paid:
                connection.execute(sql.SPEND_TRAIL_BUDGET, (spent_until,))
            return paid

        return await self._database.write(pay)

    async def trail_faults(self) -> list[str]:
        """See `TrailStore.trail_faults`. Reads the whole table and its indexes."""
        rows = await self._database.list_rows("PRAGMA integrity_check(trail)")
        faults = [f"the file is damaged: {line}" for (line,) in rows if line != "ok"]
        ((unlocked,),) = self._database.look_up(sql.TRAIL_UNLOCKED, ())
        if unlocked:
            faults.append("the trail is unlocked: its triggers let entries be changed")
        return faults

    async def space(self) -> Space:
        """See `TrailStore.space`."""
        return self._database.space()

    async def drop_entries(self, before: float) -> int:
        """See `TrailStore.drop_entries`. Works in steps: a failure keeps the completed ones."""
        dropped = 0
        while step := await self._database.write(lambda connection: _drop(connection, before)):
            dropped += step
        return dropped

    async def erase_personal(self, principal_id: str) -> int:
        """See `TrailStore.erase_personal`. Also overwrites the erased data in the file."""

        def erase(connection: sqlite3.Connection) -> int:
            about = (principal_id, principal_id)
            return _unlocked(connection, sql.ERASE_PERSONAL, about)

        erased = await self._database.write(erase, durable=True)
        if erased and not await self._database.empty_log():
            _log.warning(
                "the log beside %s holds what was erased until new writes have overwritten it",
                self._database.path,
            )
        return erased


def _drop(connection: sqlite3.Connection, before: float) -> int:
    (seq, _) = connection.execute(sql.TRAIL_ANCHOR).fetchone()
    kept = connection.execute(sql.FIRST_KEPT, (before,)).fetchone()
    last = connection.execute(
        sql.LAST_DROPPED, (kept[0] if kept else sql.NO_SEQ, seq + _DROP_STEP)
    ).fetchone()
    if last is None:
        return 0
    connection.execute(sql.MOVE_TRAIL_ANCHOR, last)
    return _unlocked(connection, sql.DROP_ENTRIES, (last[0],))


def _unlocked(
    connection: sqlite3.Connection, statement: str, parameters: tuple[object, ...]
) -> int:
    connection.execute(sql.UNLOCK_TRAIL, (True,))
    changed = connection.execute(statement, parameters).rowcount
    connection.execute(sql.UNLOCK_TRAIL, (False,))
    return changed
