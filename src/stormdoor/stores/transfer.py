"""Copy a store from a SQLite file to PostgreSQL: all of it, verified, and continued after an interruption.

INVARIANT: until everything is there and was compared, no node works on the copy, and no writer on the file.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stormdoor.core.event import GENESIS
from stormdoor.errors import StoreError
from stormdoor.ports import SystemClock
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql import schema
from stormdoor.stores.postgresql.owner import connected
from stormdoor.stores.postgresql.trail_root import record_heads
from stormdoor.stores.postgresql.trail_rows import month_of
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import Row, member_from

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["TABLES", "Table", "transfer"]

_STEP = 2_000  # rows in one transaction
_FILE_SECONDS = 5.0  # seconds to wait for a writer of the file
_ALIVE_SECONDS = 60.0
_LOCK: Final = (21316, 4)  # only one copy at a time


@dataclass(frozen=True, slots=True)
class Table:
    """One table that is copied.

    Attributes:
        name: Its name.
        key: The columns of its primary key.
    """

    name: str
    key: tuple[str, ...]


TABLES: Final = (
    # Each after those that it refers to. Nodes and their connections end with the servers.
    Table("account", ("id",)),
    Table("account_role", ("account_id", "role")),
    Table("session", ("id",)),
    Table("former_session_id", ("id",)),
    Table("api_key", ("id",)),
    Table("ticket", ("id",)),
    Table("nonce", ("purpose", "value")),
    Table("pending", ("id",)),
    Table("identity", ("issuer", "subject")),
    Table("familiar_address", ("principal_id", "address")),
    Table("guess", ("key",)),
    Table("factor", ("id",)),
    Table("recovery_code", ("principal_id", "hash")),
    Table("factor_failure", ("principal_id",)),
    Table("revocation", ("seq",)),
)
_TRAIL: Final = (
    *("seq", "body", "personal", "salt", "commitment", "previous", "hash"),
    *("time", "name", "principal", "actor"),
)
_CASTS: Final[dict[str, Callable[[Any], Any]]] = {
    "boolean": bool,
    "double precision": float,
    "bigint": int,
    "text": str,
}
_COLUMNS: Final = """
SELECT a.attname::text, format_type(a.atttypid, NULL) FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

Progress = Callable[[str, int], None]


async def transfer(
    source: Path, url: str, *, key: bytes | None, progress: Progress = lambda *_: None
) -> dict[str, int]:
    """Copy the store in a SQLite file, which has the current schema, to an empty database.

    Safe to repeat after an interruption at any moment: it continues, and compares everything at the end. It
    locks the file against all writers, but only while it runs: stop the servers first.

    Args:
        source: The file.
        url: The database, with the login of the owner of its tables. Its schema is the current one.
        key: Secret of the trail's chain, or None. The trail in the file must verify with it.
        progress: Called with the name of a table and the number of its rows so far.

    Returns:
        The number of rows of each table.

    Raises:
        StoreError: A server uses the file, the database has other contents, a row cannot be stored there, or
            the comparison found a difference.
        ConfigurationError: The schema of the database does not fit.
        sqlite3.Error, asyncpg.PostgresError, OSError: A database failed.
    """
    async with connected(url, "copy") as connection:
        await schema.check(connection, copying=True)
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *_LOCK):
            raise StoreError("another process copies to this database")
        with _locked(source) as file:
            return await _Transfer(file, connection, key, progress).run()


@contextlib.contextmanager
def _locked(source: Path) -> Iterator[sqlite3.Connection]:
    """Open the file, and keep its writers out."""
    with contextlib.closing(
        sqlite3.connect(source, isolation_level=None, timeout=_FILE_SECONDS)
    ) as file:
        file.execute("BEGIN IMMEDIATE")
        try:
            # INVARIANT: behind the lock, so that no server starts unnoticed.
            for row in file.execute(sql.MEMBERS, (SystemClock.monotonic(),)):
                member = member_from(row)
                if not member.declared and member.age < _ALIVE_SECONDS:
                    raise StoreError(
                        f"the node {member.node} used this file {member.age:.0f} s ago; stop all servers,"
                        " and wait a minute if one was killed"
                    )
            yield file
        finally:
            file.execute("ROLLBACK")


class _Transfer:
    def __init__(
        self,
        file: sqlite3.Connection,
        connection: Connection,
        key: bytes | None,
        progress: Progress,
    ) -> None:
        self.file = file
        self.connection = connection
        self.key = key
        self.progress = progress
        ((self.epoch,),) = file.execute("SELECT epoch FROM revocation_log").fetchall()
        self.name = f"copy of {self.epoch}"

    async def run(self) -> dict[str, int]:
        chain = await self._begin()
        if chain is None:
            raise StoreError(
                "this store was copied to this database before, completely; start the servers with it"
            )
        counts = {}
        for table in TABLES:
            counts[table.name] = await self._copy(table)
        counts["trail"] = await self._copy_trail(chain)
        for table in TABLES:
            await self._compare(table)
        await self._compare_trail(chain)
        await self._finish(chain)
        return counts

    async def _begin(self) -> int | None:
        """Mark the database as an incomplete copy. Returns the number of its chain; None if complete."""
        incomplete = f"{schema.INCOMPLETE}{self.name}"
        rows = await self.connection.fetch(
            "SELECT id, start FROM trail_chain WHERE start = ANY($1::text[])",
            [self.name, incomplete],
        )
        if rows:
            return int(rows[0][0]) if rows[0][1] == incomplete else None
        for table in ("account", "revocation", "trail", "node"):
            if await self.connection.fetchval(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608 - a constant
                raise StoreError(
                    f"the database is not empty: {table} has rows; copy to a new database"
                )
        ((anchor, anchor_hash),) = self.file.execute(
            "SELECT anchor_seq, anchor_hash FROM trail_state"
        ).fetchall()
        return int(
            await self.connection.fetchval(
                "INSERT INTO trail_chain (start, head_seq, head_hash, anchor_seq, anchor_hash, month,"
                " rooted_seq, rooted_in, rooted_at) VALUES ($1, $2, $3, $2, $3, 0, 0, 0, 0) RETURNING id",
                *(incomplete, anchor, anchor_hash or GENESIS),
            )
        )

    async def _columns(self, table: str) -> tuple[list[str], list[Callable[[Any], Any]]]:
        found = await self.connection.fetch(_COLUMNS, f"{schema.SCHEMA}.{table}")
        names = [str(row[0]) for row in found]
        known = {row[1] for row in self.file.execute(f"PRAGMA table_info({table})")}
        if set(names) != known:
            raise StoreError(f"the columns of {table} differ: {sorted(set(names) ^ known)}")
        return names, [_CASTS[str(row[1])] for row in found]

    def _rows(
        self, table: Table, names: Sequence[str], casts: Sequence[Callable[[Any], Any]]
    ) -> Iterator[Row]:
        """Return the rows of a table of the file as PostgreSQL stores them, in the order of the key."""
        cursor = self.file.execute(
            f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {', '.join(table.key)}"  # noqa: S608 - a constant
        )
        for row in cursor:
            for name, value in zip(names, row, strict=True):
                if isinstance(value, str) and "\0" in value:
                    key = dict(zip(names, row, strict=True))[table.key[0]]
                    raise StoreError(
                        f"{table.name} {key!r} has U+0000 in {name}, which PostgreSQL cannot store; remove"
                        " it first"
                    )
            yield tuple(
                None if value is None else cast(value)
                for cast, value in zip(casts, row, strict=True)
            )

    async def _copy(self, table: Table) -> int:
        names, casts = await self._columns(table.name)
        marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
        # A row that an interrupted copy has stored already is skipped.
        insert = (
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - constants
        )
        done = 0
        for step in _steps(self._rows(table, names, casts)):
            async with self.connection.transaction():
                await self.connection.executemany(insert, step)
            done += len(step)
            self.progress(table.name, done)
        return done

    async def _copy_trail(self, chain: int) -> int:
        ((anchor,),) = self.file.execute("SELECT anchor_seq FROM trail_state").fetchall()
        ((seq, month),) = await self.connection.fetch(
            "SELECT head_seq, month FROM trail_chain WHERE id = $1", chain
        )
        done: int = seq - anchor
        months: set[int] = set()
        cursor = self.file.execute(
            f"SELECT {', '.join(_TRAIL)} FROM trail WHERE seq > ? ORDER BY seq",  # noqa: S608 - a constant
            (seq,),
        )
        for step in _steps(cursor):
            records = []
            for entry in step:
                month = max(month, month_of(entry[7]))
                records.append((month, chain, entry[0], *entry))
            async with self.connection.transaction():
                for each in sorted({record[0] for record in records} - months):
                    await self.connection.execute("SELECT trail_add_month($1)", each)
                    months.add(each)
                await self.connection.copy_records_to_table(
                    "trail",
                    records=records,
                    columns=["month", "chain", "number", *_TRAIL],
                    schema_name=schema.SCHEMA,
                )
                await self.connection.execute(
                    "UPDATE trail_chain SET head_seq = $1, head_hash = $2, month = $3 WHERE id = $4",
                    *(step[-1][0], step[-1][6], month, chain),
                )
            done += len(step)
            self.progress("trail", done)
        return done

    async def _compare(self, table: Table) -> None:
        names, casts = await self._columns(table.name)
        query = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {', '.join(table.key)}"  # noqa: S608 - constants
        await self._same(table.name, self._rows(table, names, casts), query)

    async def _compare_trail(self, chain: int) -> None:
        columns = ", ".join(_TRAIL)
        rows = self.file.execute(f"SELECT {columns} FROM trail ORDER BY seq")  # noqa: S608 - a constant
        query = f"SELECT {columns} FROM trail WHERE chain = $1 ORDER BY seq"  # noqa: S608 - a constant
        await self._same("trail", rows, query, chain)
        ends = "SELECT anchor_seq, anchor_hash, head_seq, head_hash FROM"
        (expected,) = self.file.execute(f"{ends} trail_state").fetchall()
        found = await self.connection.fetchrow(f"{ends} trail_chain WHERE id = $1", chain)
        if found is None or tuple(found) != expected:
            raise StoreError("the ends of the copied trail differ from those of the file")

    async def _same(self, name: str, rows: Iterator[Row], query: str, *parameters: object) -> None:
        """Compare each row of the file with that of the database."""
        count = 0
        async with self.connection.transaction():
            async for stored in _cursor(self.connection, query, *parameters):
                count += 1
                if next(rows, None) != stored:
                    raise StoreError(f"row {count} of {name} differs from that of the file")
        if next(rows, None) is not None:
            raise StoreError(f"{name} has more rows in the file than the {count} of the database")

    async def _finish(self, chain: int) -> None:
        """Copy the counters, record the chain in the root chain, and remove the mark: in one transaction."""
        ((seq,),) = self.file.execute(
            "SELECT value FROM counter WHERE name = 'revocation'"
        ).fetchall()
        ((newest,),) = self.file.execute("SELECT newest_at FROM revocation_log").fetchall()
        ((head, spent),) = self.file.execute(
            "SELECT head_seq, budget_spent_until FROM trail_state"
        ).fetchall()
        connection = self.connection
        async with connection.transaction():
            await connection.execute("UPDATE counter SET value = $1 WHERE name = 'revocation'", seq)
            await connection.execute("UPDATE revocation_log SET newest_at = $1", newest)
            await connection.execute("UPDATE trail_state SET budget_spent_until = $1", spent)
            if head:
                await connection.execute("SELECT setval('trail_number', $1)", head)
                now = await connection.fetchval(
                    "SELECT extract(epoch FROM clock_timestamp())::float8"
                )
                await connection.execute("SELECT trail_add_month($1)", month_of(now))
                await record_heads(Transaction(connection, ""), chain, self.key)
            await connection.execute(
                "UPDATE trail_chain SET start = $1 WHERE id = $2", self.name, chain
            )


def _steps(rows: Iterator[Row]) -> Iterator[list[Row]]:
    step: list[Row] = []
    for row in rows:
        step.append(row)
        if len(step) == _STEP:
            yield step
            step = []
    if step:
        yield step


async def _cursor(connection: Connection, query: str, *parameters: object) -> AsyncIterator[Row]:
    async for record in connection.cursor(query, *parameters, prefetch=_STEP):
        yield tuple(record)
