"""Bring a SQLite file to the current schema with the numbered SQL files in `stores/migrations/sqlite`.

A process migrates the file when it opens it, because the file belongs to one machine. The first line of a
file may name the oldest code that works on its schema: `-- min_code: 0008`. Older code then opens a file that
newer code has migrated, so that the processes of one machine can be upgraded one by one.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stormdoor.errors import ConfigurationError
from stormdoor.stores.sqlite.connection import connect, transaction

__all__ = ["HEAD", "bring_up", "version"]

_FILES: Final = {
    file.name.partition("_")[0]: file
    for file in sorted((Path(__file__).parents[1] / "migrations" / "sqlite").glob("*.sql"))
}

HEAD: Final = max(_FILES)
"""The revision of the newest migration."""

_MIN_CODE = re.compile(r"-- min_code: ([0-9]{4})\n")
_WITH_MIN_CODE = "0008"  # the migration from which on a file records `min_code`
_MIGRATION_SECONDS = 60.0  # time limit while another process migrates


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


def bring_up(path: Path, connection: sqlite3.Connection) -> None:
    """Run the missing migrations of the file at `path`, which `connection` is open on.

    Each migration is one transaction. If several processes start at once, one migrates and the others wait.

    Raises:
        ConfigurationError: The schema needs a newer version of stormdoor, or is foreign.
        sqlite3.Error: SQLite failed; the schema is that of the last complete migration.
    """
    if version(connection) == HEAD:
        return
    with contextlib.closing(connect(str(path), timeout=_MIGRATION_SECONDS)) as migrating:
        while transaction(migrating, lambda locked: _step(locked, path), durable=True) != HEAD:
            pass


def _step(connection: sqlite3.Connection, path: Path) -> str:
    """Run the first missing migration, within a transaction. Returns the revision that it reached."""
    # INVARIANT: read under the lock, so that a process that waited for it finds the migration done.
    found = version(connection)
    if found is not None and found > HEAD and _min_code(connection) <= HEAD:
        return HEAD
    if found is not None and found not in _FILES:
        raise ConfigurationError(
            f"{path} has the schema {found}, and this stormdoor knows up to {HEAD}: a newer"
            " stormdoor, or another program, has written it; upgrade stormdoor, or name another"
            " file"
        )
    if found == HEAD:
        return HEAD
    following = next(each for each in _FILES if found is None or each > found)
    script = _FILES[following].read_text(encoding="utf-8")
    for statement in _statements(script):
        connection.execute(statement)
    connection.execute("UPDATE alembic_version SET version_num = ?", (following,))
    if following >= _WITH_MIN_CODE:
        named = _MIN_CODE.match(script)
        oldest = named[1] if named else following
        connection.execute("UPDATE alembic_version SET min_code = ?", (oldest,))
    return following


def _min_code(connection: sqlite3.Connection) -> str:
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
