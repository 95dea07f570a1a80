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

from stormdoor.core.event import GENESIS
from stormdoor.errors import ConfigurationError
from stormdoor.stores import SqliteStore
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import account_row, entry_row, key_row, session_row, ticket_row
from stormdoor.stores.sealing import seal_all
from stormdoor.stores.sqlite.schema import HEAD
from tests.stores.contract.support import (
    NOW,
    account,
    event,
    factor,
    key,
    opened,
    session,
    ticket,
    wrong_with_trail,
)


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


async def test_file_of_0001_is_upgraded_with_all_that_is_in_it(
    tmp_path: Path, empty_file: Path
) -> None:
    """A file that the first schema wrote keeps its data, and gets the schema of a new file."""
    path = tmp_path / "store.db"
    path.touch(mode=0o600)
    _write_as_0001(path)
    async with opened(SqliteStore(path, b"key")) as store:
        found = await store.session("s1")
        assert found is not None
        old, owner = found
        assert owner == account("alice")
        new = session(
            "s1",
            "alice",
            device_id=None,
            acr=None,
            issuer=None,
            provider_subject=None,
            provider_session=None,
            # The old schema has no time of birth: the oldest possible time.
            born_at=NOW - 5.25,
        )
        assert old == new
        again, _ = await store.session("s2") or (None, None)
        assert again is not None
        assert again.born_at == again.created_at < again.authenticated_at
        assert await store.redeem_ticket("t1") == (ticket("t1", "alice"), account("alice"))
        assert await store.key("k1") == (key("k1", "alice"), account("alice"))
        assert await store.use_nonce("jti", "v1", NOW) is False
        assert [one.value for one in await store.revocations()] == ["s9"]
        assert await wrong_with_trail(store, b"key") is None
        assert len(await store.entries()) == 1
        assert await store.factors("alice") == []
        await store.add_factor(factor("f1", "alice"))
        await store.remove_account("alice")
        assert await store.session("s1") is None
    # SQLite writes an added column into the text of the table as it stands in the statement.
    assert [name for name, _ in _schema(path)] == [name for name, _ in _schema(empty_file)]
    assert _columns(path) == _columns(empty_file)


def _columns(path: Path) -> dict[str, list[object]]:
    connection = sqlite3.connect(path)
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            for (name,) in tables.fetchall()
        }
    finally:
        connection.close()


def _write_as_0001(path: Path) -> None:
    """Write a file as the first schema's version of stormdoor did."""
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        ((_, entry),) = seal_all([event()], after=(0, GENESIS), key=b"key")
        for statement, row in (
            (sql.ADD_ACCOUNT, account_row(account("alice"))),
            *((sql.ADD_ROLE, ("alice", role)) for role in sorted(account("alice").roles)),
            (
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                session_row(session("s1", "alice"))[:10],
            ),
            (
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                session_row(session("s2", "alice", authenticated_at=NOW + 1))[:10],
            ),
            (
                "INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ticket_row(ticket("t1", "alice"))[:9],
            ),
            (
                "INSERT INTO api_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                key_row(key("k1", "alice"))[:11],
            ),
            (sql.USE_NONCE, ("jti", "v1", NOW)),
            (
                "INSERT INTO revocation VALUES (?, ?, ?, ?, ?)",
                (1, "session", "s9", NOW, "logout"),
            ),
            ("UPDATE counter SET value = ?", (1,)),
            (sql.ADD_ENTRY, entry_row(entry.event, entry)),
            (sql.MOVE_TRAIL_HEAD, (entry.seq, entry.hash)),
        ):
            connection.exec_driver_sql(statement, row)
    engine.dispose()
