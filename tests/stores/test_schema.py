"""The schema: brought up once, never down, from every revision that Alembic wrote."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of a test

import sqlite3
from pathlib import Path

import pytest

from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite import schema
from stormdoor.stores.sqlite.connection import connect
from stormdoor.testing.contract.support import (
    NOW,
    account,
    factor,
    key,
    opened,
    session,
    ticket,
    wrong_with_trail,
)

_RECORDED = Path(__file__).parent / "recorded"


def _schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    finally:
        connection.close()


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


async def test_newer_schema_is_refused(path: Path) -> None:
    """A file that a newer version has written is refused by name, and stays as it is."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999', min_code = '9999'")
    connection.close()
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(ConfigurationError, match=r"9999.*upgrade stormdoor"):
        await store.open()
    assert path.read_bytes() == before


async def test_file_of_newer_code_that_only_adds_is_opened(path: Path) -> None:
    """INVARIANT: this code works on a newer schema that names it, and does not change it."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("ALTER TABLE account ADD COLUMN later TEXT")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = _schema(path)
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        assert await store.account("alice") == account("alice")
    assert _schema(path) == before


async def test_file_of_unknown_code_is_refused(tmp_path: Path) -> None:
    """A newer file without `min_code` is refused: nothing says that this code works on it."""
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.commit()
    connection.close()
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"9999.*upgrade stormdoor"):
        await SqliteStore(path).open()


async def test_migration_names_the_oldest_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line of a migration becomes the `min_code` of the file; its number does without one."""
    for name, text, expected in (
        ("9001_adds.sql", f"-- min_code: {schema.HEAD}\nSELECT 1;\n", schema.HEAD),
        ("9002_removes.sql", "SELECT 1;\n", "9002"),
    ):
        path = tmp_path / f"{name}.db"
        (tmp_path / name).write_text(text)
        with monkeypatch.context() as patch:
            patch.setitem(schema._FILES, name[:4], tmp_path / name)
            patch.setattr(schema, "HEAD", name[:4])
            async with opened(SqliteStore(path)):
                pass
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [
            (name[:4], expected)
        ]
        connection.close()


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
    path = tmp_path / "store.db"

    def without_triggers(*where: str, timeout: float) -> sqlite3.Connection:
        connection = connect(*where, timeout=timeout)
        connection.set_authorizer(
            lambda action, *_: (
                sqlite3.SQLITE_DENY
                if action == sqlite3.SQLITE_CREATE_TRIGGER
                else sqlite3.SQLITE_OK
            )
        )
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(schema, "connect", without_triggers)
        with pytest.raises(StoreUnavailable, match="not authorized"):
            await SqliteStore(path).open()
    assert _schema(path) == []
    async with opened(SqliteStore(path)):
        pass
    assert _schema(path) == _schema(empty_file)


async def test_failed_migration_undoes_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_file: Path
) -> None:
    """All migrations are one transaction: an earlier release still opens the file. The next start repeats."""
    path = tmp_path / "store.db"
    broken = tmp_path / "0005_broken.sql"
    broken.write_text("CREATE TABLE familiar_address (id TEXT);\nSELECT id FROM missing;\n")
    with monkeypatch.context() as patch:
        patch.setitem(schema._FILES, "0005", broken)
        with pytest.raises(StoreUnavailable, match="missing"):
            await SqliteStore(path).open()
    assert _schema(path) == []
    async with opened(SqliteStore(path)):
        pass
    assert _schema(path) == _schema(empty_file)


async def test_lock_comes_before_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration locks the file before it reads the version: two at once do not both begin."""
    executed: list[str] = []

    def traced(*where: str, timeout: float) -> sqlite3.Connection:
        connection = connect(*where, timeout=timeout)
        connection.set_trace_callback(executed.append)
        return connection

    monkeypatch.setattr(schema, "connect", traced)
    async with opened(SqliteStore(tmp_path / "store.db")):
        pass
    begins = [at for at, each in enumerate(executed) if each == "BEGIN IMMEDIATE"]
    reads = [at for at, each in enumerate(executed) if "sqlite_master" in each]
    assert begins
    assert reads[: len(begins)] == [at + 1 for at in begins]


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006"])
async def test_file_of_alembic_is_upgraded_with_all_that_is_in_it(
    revision: str, tmp_path: Path, empty_file: Path
) -> None:
    """A file that Alembic wrote at any revision keeps its data, and gets the schema of a new file."""
    path = tmp_path / "store.db"
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    connection.executescript((_RECORDED / f"alembic-{revision}.sql").read_text(encoding="utf-8"))
    assert schema.version(connection) == revision
    connection.close()
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
