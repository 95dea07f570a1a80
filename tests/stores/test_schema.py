"""The schema: brought up once, never down, and the same for another database."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of a test

import io
import sqlite3
import subprocess
import sys
from pathlib import Path

import alembic.command
import alembic.config
import alembic.script
import pytest

from stormdoor.errors import ConfigurationError
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite.schema import HEAD
from tests.stores.contract.support import account, opened


def _config(**options: object) -> alembic.config.Config:
    config = alembic.config.Config(**options)  # type: ignore[arg-type]
    config.set_main_option("script_location", "stormdoor.stores:migrations")
    return config


def _schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    finally:
        connection.close()


def test_head_is_known() -> None:
    """INVARIANT: the version that is compared without Alembic is the one it would reach."""
    assert alembic.script.ScriptDirectory.from_config(_config()).get_current_head() == HEAD


async def test_opening_again_changes_nothing(path: Path) -> None:
    """A file with the current schema keeps it, and what is in it."""
    before = _schema(path)
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
    async with opened(SqliteStore(path)) as store:
        assert await store.account("alice") == account("alice")
    assert _schema(path) == before


async def test_empty_file_is_brought_up(tmp_path: Path, empty_file: Path) -> None:
    """A file of no bytes, as `mktemp` makes it, becomes a store."""
    path = tmp_path / "store.db"
    path.touch(mode=0o600)
    async with opened(SqliteStore(path)):
        pass
    assert _schema(path) == _schema(empty_file)


def test_current_file_needs_no_alembic(path: Path) -> None:
    """To open a file with the current schema imports neither Alembic nor SQLAlchemy."""
    code = """
import asyncio, sys
from stormdoor.stores import open_store
async def main():
    store = open_store("sqlite:" + sys.argv[1])
    await store.open()
    await store.close()
asyncio.run(main())
print({"alembic", "sqlalchemy"} & set(sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    assert run.stdout == "set()\n"


async def test_newer_schema_is_refused(path: Path) -> None:
    """A file that a newer version has written is refused by name, and stays as it is."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(ConfigurationError, match=r"9999.*upgrade stormdoor"):
        await store.open()
    assert path.read_bytes() == before


async def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    """Tables of something else are not mixed with those of a store."""
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE account (id TEXT)")
    connection.close()
    path.chmod(0o600)
    before = _schema(path)
    with pytest.raises(ConfigurationError, match="belongs to another program"):
        await SqliteStore(path).open()
    assert _schema(path) == before


async def test_failed_migration_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_file: Path
) -> None:
    """A migration that fails half-way is undone, and the next start does all of it."""
    import sqlalchemy as sa

    path = tmp_path / "store.db"

    def refuse_triggers(*args: object) -> None:
        if "CREATE TRIGGER" in str(args[2]):
            raise sa.exc.OperationalError("CREATE", {}, sqlite3.OperationalError("disk I/O error"))

    sa.event.listen(sa.Engine, "before_cursor_execute", refuse_triggers)
    try:
        with pytest.raises(Exception, match="disk I/O error"):
            await SqliteStore(path).open()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", refuse_triggers)
    assert _schema(path) == []
    async with opened(SqliteStore(path)):
        pass
    assert _schema(path) == _schema(empty_file)


async def test_lock_comes_before_the_version(tmp_path: Path) -> None:
    """A migration locks the file before it reads what is done: two at once do not both begin."""
    import sqlalchemy as sa

    said: list[str] = []

    def note(*args: object) -> None:
        said.append(str(args[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        async with opened(SqliteStore(tmp_path / "store.db")):
            pass
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert said[0] == "BEGIN IMMEDIATE"
    assert any("alembic_version" in statement for statement in said[1:])


def test_schema_is_shared_with_postgresql() -> None:
    """The tables can be made on PostgreSQL; the triggers are not forgotten there, but refused."""
    buffer = io.StringIO()
    config = _config(output_buffer=buffer)
    config.attributes["dialect"] = "postgresql"
    with pytest.raises(NotImplementedError, match="append-only on postgresql"):
        alembic.command.upgrade(config, "head", sql=True)
    statements = buffer.getvalue()
    for table in ("account", "session", "ticket", "api_key", "revocation", "trail", "node"):
        assert f"CREATE TABLE {table} (" in statements
    assert "BYTEA" in statements
    assert "DOUBLE PRECISION" in statements
