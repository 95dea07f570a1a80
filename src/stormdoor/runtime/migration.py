"""Change and verify the schema of an installation, for `stormdoor migrate`."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stormdoor.config.document import read_document
from stormdoor.config.file import build_options, chosen_store
from stormdoor.errors import ConfigurationError, StoreError
from stormdoor.stores import on_postgresql, open_store, sqlite_path
from stormdoor.stores.sqlite import migration as sqlite
from stormdoor.stores.sqlite import schema as sqlite_schema

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = [
    "Migrated",
    "MissingMigration",
    "Plan",
    "apply",
    "check_migrated",
    "on_postgresql",
    "plan",
    "rotate_epoch",
    "store_url",
    "verify",
]

_ATTEMPTS = 5
_PAUSE_SECONDS = 2.0
_LIVE_SECONDS = 60
"""A node without a beat for so long does not run. A stopped one that continues then refuses the schema."""
_RELEASE = re.compile(r"([0-9]+(?:\.[0-9]+)*)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MissingMigration:
    """One migration that the database lacks.

    Attributes:
        number: Its number.
        name: The name of its file.
        mode: How it runs: in one transaction, concurrently or in batches.
        min_code: The oldest code that works after it.
        contracts: Whether code that only knows the present schema stops working.
    """

    number: int
    name: str
    mode: str
    min_code: int
    contracts: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The missing migrations of a database.

    Attributes:
        present: The schema of the database; 0 if it has none.
        min_code: The oldest code that works on it; 0 if it has none.
        known: The newest schema that this code knows.
        steps: The migrations that are missing.
    """

    present: int
    min_code: int
    known: int
    steps: tuple[MissingMigration, ...]


@dataclass(frozen=True, slots=True)
class Migrated:
    """The result of `apply`.

    Attributes:
        ran: The names of the migrations that were run.
        copy: The copy of a SQLite file from before; None if there is none.
    """

    ran: list[str]
    copy: Path | None = None


def store_url(config: Path | None, store: str | None, *, file: bool = False) -> str:
    """Return the URL of the store that a configuration file names, or `store`.

    Args:
        config: The configuration file.
        store: The URL, without a file, or beside one that names none.
        file: Whether the store may be a SQLite file.

    Raises:
        ConfigurationError: The file is wrong, or the store has no schema to change.
    """
    if config is not None:
        document = read_document(config)
        options = build_options(document, operating=True, trail_key=False)
        document.raise_problems()
        store = chosen_store(config, str(options.arguments["store"]), store)
    if store is None or not (on_postgresql(store) or (file and store.startswith("sqlite:"))):
        raise ConfigurationError("only a store on PostgreSQL needs this command")
    return store


def _file_of(url: str) -> Path:
    """Return the file of a SQLite store.

    Raises:
        StoreError: It does not exist.
    """
    path = sqlite_path(url.partition(":")[2]).expanduser()
    if not path.exists():
        raise StoreError(f"there is no store at {path}; the server makes it at its first start")
    return path


async def check_migrated(url: str) -> None:
    """Check that a command need not migrate a SQLite file: an earlier release may not open it afterwards.

    Raises:
        ConfigurationError: The file has the schema of an earlier release.
        StoreUnavailable: It does not answer.
    """
    if (
        not url.startswith("sqlite:")
        or not sqlite_path(url.partition(":")[2]).expanduser().exists()
    ):
        return
    found = await plan(url)
    if found.present and found.steps:
        raise ConfigurationError(
            f"the store {_file_of(url)} has the schema {found.present} of an earlier release, and this one"
            f" needs {found.known}; a server copies and migrates it at its start. To do that now, run:"
            f" stormdoor migrate apply --store {shlex.quote(url)}"
        )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    """Connect as the login of the URL, with all of its rights."""
    open_store(url)  # so that a missing extra is told first
    import asyncpg  # noqa: PLC0415 - an extra

    from stormdoor.stores.postgresql.address import Address  # noqa: PLC0415
    from stormdoor.stores.postgresql.failure import LOST, unavailable  # noqa: PLC0415
    from stormdoor.stores.postgresql.owner import connected  # noqa: PLC0415

    try:
        async with connected(url, "migrate") as connection:
            yield connection
    except (*LOST, asyncpg.PostgresError) as error:
        raise unavailable(Address(url).name, error) from error


async def plan(url: str) -> Plan:
    """Return the missing migrations of a database or a SQLite file. Changes nothing."""
    if not on_postgresql(url):
        present, lacking = await asyncio.to_thread(sqlite.plan, _file_of(url))
        steps = [(each, file.name, sqlite_schema.min_code(each)) for each, file in lacking.items()]
        return Plan(
            int(present or 0),
            0,
            int(sqlite_schema.HEAD),
            tuple(
                MissingMigration(
                    int(each), name, "transaction", int(oldest), oldest > (present or oldest)
                )
                for each, name, oldest in steps
            ),
        )
    async with _connected(url) as connection:
        return await _plan(connection)


async def _plan(connection: Connection) -> Plan:
    from stormdoor.stores.postgresql import schema  # noqa: PLC0415

    found = await schema.applied(connection)
    present = found[-1].number if found else 0
    return Plan(
        present,
        found[-1].min_code if found else 0,
        schema.HEAD,
        tuple(
            MissingMigration(
                one.number, one.name, one.mode, one.min_code, 0 < present < one.min_code
            )
            for one in schema.missing(found, schema.MIGRATIONS)
        ),
    )


async def apply(
    url: str,
    *,
    contract: bool = False,
    lock_seconds: float = 3.0,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> Migrated:
    """Run the missing migrations.

    A SQLite file is copied before, and nothing else of this applies to it. A lock that is not available in
    time is tried again a few times. A migration after which a running node of an older release would stop
    working is not run.

    Args:
        url: The URL of the database, with the login of the owner of the tables.
        contract: Also run migrations after which code that only knows the present schema stops working.
        lock_seconds: Seconds that a statement waits for a lock.
        progress: Called with the name of a migration and the number of changed rows, after each step.

    Raises:
        ConfigurationError: A migration contracts, and `contract` is false or a node of an older release runs.
            The migrations before it are complete.
        StoreUnavailable: A statement failed. The migrations before it are complete; those of a SQLite file
            are undone.
    """
    if not on_postgresql(url):
        names = [one.name for one in (await plan(url)).steps]
        return Migrated(names, await asyncio.to_thread(sqlite.apply, _file_of(url)))
    from stormdoor.stores.postgresql import schema  # noqa: PLC0415
    from stormdoor.stores.postgresql.failure import TRANSIENT  # noqa: PLC0415

    async with _connected(url) as connection:
        step, why = await _next_refused(connection, await _plan(connection), contract=contract)
        allowed = schema.MIGRATIONS[: step.number - 1] if step else schema.MIGRATIONS
        ran: list[str] = []
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                done = await schema.apply(
                    connection,
                    allowed,
                    lock_seconds=lock_seconds,
                    progress=lambda one, rows: progress(one.name, rows),
                )
            except TRANSIENT:
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                ran += [one.name for one in done]
                break
    if step is not None:
        raise ConfigurationError(
            f"{step.name} ends the support for code that does not know schema {step.min_code}; {why}, then"
            " run: stormdoor migrate apply --contract"
        )
    return Migrated(ran)


async def _next_refused(
    connection: Connection, plan: Plan, *, contract: bool
) -> tuple[MissingMigration | None, str]:
    """Return the first migration that must not run now, and what the operator does first."""
    for one in plan.steps:
        if one.contracts and not contract:
            return one, "upgrade all nodes (see stormdoor nodes)"
        if 0 < plan.min_code < one.min_code:
            older = await _older_nodes(connection, one.min_code)
            if older:
                return one, f"upgrade or stop these nodes of older releases: {', '.join(older)}"
    return None, ""


async def _older_nodes(connection: Connection, code: int) -> list[str]:
    """Return the running nodes of releases that may not know a schema.

    The release that has made this schema knows it; without one, the release of this program does.
    """
    from stormdoor.stores.postgresql.schema import SCHEMA  # noqa: PLC0415

    made_by = await connection.fetchval(
        f"SELECT applied_by FROM {SCHEMA}.schema_version WHERE number = $1",  # noqa: S608 - a constant
        code,
    )
    needed = _release(made_by or version("stormdoor"))
    nodes = await connection.fetch(
        f"SELECT id, version FROM {SCHEMA}.node WHERE NOT declared"  # noqa: S608 - a constant
        " AND alive_at > extract(epoch FROM clock_timestamp()) - $1 ORDER BY id",
        float(_LIVE_SECONDS),
    )
    return [f"{id} ({text or 'unknown'})" for id, text in nodes if _release(text) < needed]


def _release(text: str) -> tuple[tuple[int, ...], bool]:
    """Return the order of a version: its numbers, and False for one before the final release.

    A text that is no version comes before all others.
    """
    match = _RELEASE.fullmatch(text)
    if match is None:
        return (), False
    numbers = tuple(map(int, match[1].split(".")))
    while numbers[-1:] == (0,):
        numbers = numbers[:-1]  # 1.0 is 1
    return numbers, not re.match(r"\.?(a|b|rc|dev)", match[2])


async def verify(url: str) -> list[str]:
    """Return the differences between the schema of a database and what the migrations make.

    Raises:
        ConfigurationError: The schema does not fit this code.
        StoreUnavailable: The database does not answer, or the login lacks a right.
    """
    from stormdoor.stores.postgresql import schema  # noqa: PLC0415
    from stormdoor.stores.postgresql.comparison import differences  # noqa: PLC0415

    async with _connected(url) as connection:
        await schema.check(connection, head=schema.HEAD)
        found = await schema.applied(connection)
        lacking = [f"not run yet: {one.name}" for one in schema.missing(found, schema.MIGRATIONS)]
        return lacking + await differences(connection, schema.MIGRATIONS[: len(found)])


async def rotate_epoch(url: str) -> str:
    """Begin another epoch of the log of revocations, after a restore. Returns its random part."""
    from stormdoor.stores.postgresql.schema import SCHEMA  # noqa: PLC0415

    async with _connected(url) as connection:
        epoch = await connection.fetchval(
            f"UPDATE {SCHEMA}.revocation_log SET epoch = replace(gen_random_uuid()::text, '-', '')"  # noqa: S608 - a constant
            " RETURNING epoch"
        )
        return str(epoch)
