"""The schema of PostgreSQL: compare its version with this code's, and run the migrations that are missing.

Only `stormdoor migrate` changes the schema. A node compares the versions at its start. A schema names the
oldest code that works on it (`min_code`), and `MIN_SCHEMA` is the oldest schema that this code works on. So
nodes of two releases can run on one schema while the servers are upgraded one by one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import asyncpg

from stormdoor.errors import ConfigurationError

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = [
    "APP",
    "HEAD",
    "INCOMPLETE",
    "KEEPER",
    "MIGRATIONS",
    "MIN_SCHEMA",
    "SCHEMA",
    "Applied",
    "Migration",
    "applied",
    "apply",
    "check",
    "migrating",
    "missing",
    "read_migrations",
]

SCHEMA: Final = "stormdoor"
"""The namespace of all tables, so that the database may have tables of the application, too."""
APP: Final = "stormdoor_app"
"""The role of the nodes: it can neither change nor remove an entry of the trail."""
KEEPER: Final = "stormdoor_keeper"
"""The role of retention and erasure."""

INCOMPLETE: Final = "incomplete "
"""Prefix of the name of a chain while its copy from another store has not ended."""

_LOCK_SECONDS = 3
"""Seconds that a migration waits for a lock; all later users of the table would wait behind it."""
_STATEMENT_SECONDS = 60
_LOCK = (21316, 1)  # only one migration at a time; the first number is this program's

Mode = Literal["transaction", "concurrent", "batched"]
_HEADER = re.compile(r"-- mode: (transaction|concurrent|batched)\n-- min_code: ([0-9]+)\n")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `stores/migrations/postgresql`.

    Attributes:
        number: Its position, from 1.
        name: The name of the file.
        mode: How it runs: see the README beside the files.
        min_code: The oldest code that works on the schema that it makes.
        sql: The text.
    """

    number: int
    name: str
    mode: Mode
    min_code: int
    sql: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """One migration that a database has.

    Attributes:
        number: Its position.
        min_code: The oldest code that works on the schema that it made.
        digest: The SHA-256 of its text, in hex.
    """

    number: int
    min_code: int
    digest: str


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """Return the migrations in `folder`, in order.

    Raises:
        ConfigurationError: A file has no header, or the numbers are not 1, 2, 3 and so on.
    """
    found: list[Migration] = []
    for number, file in enumerate(sorted(folder.glob("*.sql")), start=1):
        text = file.read_text(encoding="utf-8")
        header = _HEADER.match(text)
        if header is None or file.name[:5] != f"{number:04}_":
            raise ConfigurationError(f"{file} is not migration {number}, or has no header")
        found.append(Migration(number, file.name, header[1], int(header[2]), text))  # type: ignore[arg-type]
    return tuple(found)


MIGRATIONS: Final = read_migrations(Path(__file__).parents[1] / "migrations" / "postgresql")
HEAD: Final = MIGRATIONS[-1].number
"""The newest schema that this code knows."""
MIN_SCHEMA: Final = 3
"""The oldest schema that this code works on."""


async def applied(connection: Connection) -> list[Applied]:
    """Return the migrations that the database has, in order; an empty list if it has none."""
    if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.schema_version") is None:
        return []
    rows = await connection.fetch(
        f"SELECT number, min_code, digest FROM {SCHEMA}.schema_version ORDER BY number"  # noqa: S608 - a constant
    )
    return [Applied(*row) for row in rows]


async def check(
    connection: Connection,
    *,
    head: int = HEAD,
    min_schema: int = MIN_SCHEMA,
    copying: bool = False,
) -> None:
    """Check that this code works on the schema of the database.

    Args:
        connection: A connection to the database.
        head: The newest schema that the code knows.
        min_schema: The oldest schema that the code works on.
        copying: Accept a database into which a copy has not ended.

    Raises:
        ConfigurationError: It does not, or a copy into the database has not ended; the message names the
            command that helps.
    """
    found = await applied(connection)
    if not found:
        raise ConfigurationError(
            "the database has no schema of stormdoor yet; run: stormdoor migrate apply --store URL"
        )
    newest = found[-1]
    if newest.number < min_schema:
        raise ConfigurationError(
            f"the database has schema {newest.number}, and this stormdoor needs {min_schema} or"
            " newer; run, with this version: stormdoor migrate apply --store URL"
        )
    if newest.min_code > head:
        raise ConfigurationError(
            f"the database has schema {newest.number}, which needs a stormdoor that knows schema"
            f" {newest.min_code}; this one knows up to {head}; upgrade stormdoor"
        )
    started = f"SELECT 1 FROM {SCHEMA}.trail_chain WHERE start LIKE '{INCOMPLETE}%'"  # noqa: S608 - constants
    if not copying and await connection.fetchval(started):
        raise ConfigurationError(
            "a copy into this database has not ended; run again: stormdoor store copy SOURCE TARGET"
        )


def missing(
    found: Sequence[Applied], migrations: Sequence[Migration] = MIGRATIONS
) -> list[Migration]:
    """Return the migrations that a database lacks, in order.

    Raises:
        ConfigurationError: It has another text of a migration, or a newer one that needs newer code.
    """
    for one, known in zip(found, migrations, strict=False):
        if (one.number, one.digest) != (known.number, known.digest):
            raise ConfigurationError(
                f"the database has another text of migration {one.number} than {known.name}; a"
                " different stormdoor has written it"
            )
    return list(migrations[len(found) :])


@asynccontextmanager
async def migrating(
    connection: Connection, *, lock_seconds: float = _LOCK_SECONDS
) -> AsyncIterator[None]:
    """Hold the lock of migrations, with time limits for the locks and the statements in it.

    Raises:
        ConfigurationError: Another process migrates.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *_LOCK):
        raise ConfigurationError("another process migrates this database; wait until it has ended")
    try:
        await connection.execute(
            f"SET lock_timeout = '{int(lock_seconds * 1000)}ms';"
            f"SET statement_timeout = '{_STATEMENT_SECONDS}s';"
            f"SET search_path = {SCHEMA}, pg_temp"
        )
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(
                "RESET lock_timeout; RESET statement_timeout; RESET search_path"
            )
            await connection.fetchval("SELECT pg_advisory_unlock($1, $2)", *_LOCK)


async def apply(
    connection: Connection,
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    lock_seconds: float = _LOCK_SECONDS,
    progress: Callable[[Migration, int], None] = lambda *_: None,
) -> list[Migration]:
    """Run the missing migrations. Each is one transaction, except as its mode says; safe to repeat.

    Args:
        connection: A connection of the owner of the tables.
        migrations: All migrations, in order.
        lock_seconds: Seconds that a statement waits for a lock.
        progress: Called with the migration and the number of changed rows, after each step.

    Returns:
        The migrations that were run.

    Raises:
        ConfigurationError: Another process migrates, the database has another text of a migration, or a
            role is missing and this login may not create it.
        asyncpg.PostgresError: A statement failed or timed out. The migrations before it are complete.
    """
    async with migrating(connection, lock_seconds=lock_seconds):
        await _prepare(connection)
        steps = missing(await applied(connection), migrations)
        for one in steps:
            await _run(connection, one, progress)
        return steps


async def _run(
    connection: Connection, one: Migration, progress: Callable[[Migration, int], None]
) -> None:
    match one.mode:
        case "transaction":
            async with connection.transaction():
                await connection.execute(one.sql)
                await _record(connection, one)
        case "concurrent":
            # An index takes as long as its table is large.
            await connection.execute("SET statement_timeout = 0")
            for statement in statements(one.sql):
                await connection.execute(statement)
            await connection.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'")
            await _record(connection, one)
        case "batched":
            (statement,) = statements(one.sql)
            while changed := int((await connection.execute(statement)).rpartition(" ")[2]):
                progress(one, changed)
            await _record(connection, one)
    progress(one, 0)


def statements(sql: str) -> list[str]:
    """Return the statements of a text in which each ends at the end of a line, without its comments."""
    code = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [one.strip() for one in re.split(r";[ \t]*$", code, flags=re.MULTILINE) if one.strip()]


async def _record(connection: Connection, one: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_version (number, name, min_code, digest, applied_by)"
        " VALUES ($1, $2, $3, $4, $5)",
        *(one.number, one.name, one.min_code, one.digest, package_version("stormdoor")),
    )


_PREPARE = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE TABLE IF NOT EXISTS {SCHEMA}.schema_version (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    min_code BIGINT NOT NULL,
    digest TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
"""


async def _prepare(connection: Connection) -> None:
    """Make the roles, the namespace and the table of versions, unless they are there."""
    if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.schema_version") is not None:
        return
    try:
        for role in (APP, KEEPER):
            await _make_role(connection, role)
        # The keeper's login also records in the trail that entries were dropped.
        await connection.execute(f"GRANT {APP} TO {KEEPER}")
        if not await connection.fetchval(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ):
            await connection.execute(f"GRANT {KEEPER} TO CURRENT_USER")
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"this login may not create the roles {APP} and {KEEPER}; run as an administrator of the"
            f" server: CREATE ROLE {APP} NOLOGIN; CREATE ROLE {KEEPER} NOLOGIN; GRANT {APP} TO"
            f" {KEEPER}; GRANT {KEEPER} TO the login that migrates WITH ADMIN OPTION"
        ) from error
    await connection.execute(_PREPARE)


async def _make_role(connection: Connection, role: str) -> None:
    # Roles belong to the whole server: another database may have them already, or make them right now.
    if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        return
    try:
        await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        return
