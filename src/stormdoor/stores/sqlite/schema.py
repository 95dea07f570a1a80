"""Bring a SQLite file to the current schema with the numbered SQL files in `stores/migrations/sqlite`.

A server migrates the file when it opens it, because the file belongs to one machine. It copies the file
before. The first line of a migration may name the oldest code that works on its schema: `-- min_code: 0008`.
Older code then opens a file that newer code has migrated, so that the processes of one machine can be
upgraded one by one.
"""

import contextlib
import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stormdoor.errors import ConfigurationError
from stormdoor.stores.sqlite.connection import connect, transaction
from stormdoor.stores.sqlite.copy import keep_copy

__all__ = ["HEAD", "bring_up", "min_code", "missing", "version"]

_log = logging.getLogger("stormdoor.store")

_FILES: Final = {
    file.name.partition("_")[0]: file
    for file in sorted((Path(__file__).parents[1] / "migrations" / "sqlite").glob("*.sql"))
}

HEAD: Final = max(_FILES)
"""The revision of the newest migration."""

_MIN_CODE = re.compile(r"-- min_code: ([0-9]{4})\n")
_WITH_MIN_CODE = "0008"  # the migration from which on a file records `min_code`
_MIGRATION_SECONDS = 300.0  # time limit while another process copies and migrates


def version(connection: sqlite3.Connection) -> str | None:
    """Return the revision of the schema, or None if there is none yet.

    Raises:
        ConfigurationError: The file contains tables of another program.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None
    if tables:
        raise ConfigurationError(
            "this SQLite file belongs to another program; give stormdoor a file of its own:"
            ' store = "sqlite:///path/of/a/new/file"'
        )
    return None


def bring_up(path: Path, connection: sqlite3.Connection) -> Path | None:
    """Run the missing migrations of the file at `path`, which `connection` is open on, in one transaction.

    A file with an earlier schema is copied before. If several processes start at once, one of them copies
    and migrates, and the others wait.

    Returns:
        The copy, if this process has made one.

    Raises:
        ConfigurationError: The schema needs a newer version of stormdoor, or is foreign.
        StoreUnavailable: The file cannot be copied. It is unchanged.
        sqlite3.Error: SQLite failed. The schema is unchanged.
    """
    if version(connection) == HEAD:
        return None
    with contextlib.closing(connect(str(path), timeout=_MIGRATION_SECONDS)) as migrating:
        found, copy = transaction(migrating, lambda locked: _migrate(locked, path), durable=True)
    if copy is not None:
        _log.warning(
            "the store %s had the schema %s of an earlier release, and has %s now; %s is a copy from"
            " before. To return, stop all servers and copy it back; delete it when you will not return",
            path,
            found,
            HEAD,
            copy,
        )
    return copy


def missing(connection: sqlite3.Connection, path: Path) -> dict[str, Path]:
    """Return the missing migrations of the file at `path` by their revisions, in their order.

    Raises:
        ConfigurationError: The schema needs a newer version of stormdoor, or is foreign.
    """
    found = version(connection)
    if found is not None and found > HEAD and _min_code_of(connection) <= HEAD:
        return {}
    if found is not None and found not in _FILES:
        raise ConfigurationError(
            f"{path} has the schema {found}, and this stormdoor knows up to {HEAD}: a newer"
            " stormdoor, or another program, has written it; upgrade stormdoor, or name another"
            " file"
        )
    return {each: file for each, file in _FILES.items() if found is None or each > found}


def min_code(revision: str) -> str:
    """Return the oldest code that works after a migration."""
    named = _MIN_CODE.match(_FILES[revision].read_text(encoding="utf-8"))
    return named[1] if named else revision


def _migrate(connection: sqlite3.Connection, path: Path) -> tuple[str | None, Path | None]:
    """Copy the file and run the missing migrations, within a transaction.

    Returns:
        The revision that it had, and the copy. None if there was no schema, or nothing to migrate.
    """
    # INVARIANT: read under the lock, so that a process that waited for it finds the migrations done.
    found, steps = version(connection), missing(connection, path)
    copy = keep_copy(path, found) if steps and found is not None else None
    for revision, file in steps.items():
        for statement in _statements(file.read_text(encoding="utf-8")):
            connection.execute(statement)
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        if revision >= _WITH_MIN_CODE:
            connection.execute("UPDATE alembic_version SET min_code = ?", (min_code(revision),))
    return found, copy


def _min_code_of(connection: sqlite3.Connection) -> str:
    """Return the oldest code that works on the schema of a file that newer code has migrated."""
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(alembic_version)")}
    if "min_code" not in columns:
        return "9999"
    ((oldest,),) = connection.execute("SELECT min_code FROM alembic_version").fetchall()
    return str(oldest)


def _statements(script: str) -> Iterator[str]:
    # `executescript` would commit the transaction that it runs in.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
