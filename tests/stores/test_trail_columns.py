"""`trail verify` finds a change to any column of the trail, and reads what earlier releases wrote."""

# ruff: noqa: S608 - names come from the schema

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stormdoor.guard.trail_verification import verify_trail
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import NOW, event, opened

KEY = b"k" * 32
_RECORDED = Path(__file__).parent / "recorded"
_CHANGES = (
    "NULL",
    "'mallory'",
    "'0'",
    "-1",
    "1.5",
    "X'00'",
    "{column} || 'x'",
    "upper({column})",
    "CAST({column} AS BLOB)",
    "(SELECT {column} FROM trail WHERE seq = 2)",
)


def _by_hand(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for name in ("update", "delete", "insert"):
            connection.execute(f"DROP TRIGGER IF EXISTS trail_is_append_only_{name}")
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


async def _store(path: Path) -> SqliteStore:
    store = SqliteStore(path, KEY)
    await store.open()
    await store.append_events(
        [
            event("alice", actor="ada", time=NOW + 0.25, endpoint="/ws/chat"),
            event("bob", actor="", time=NOW + 1, name="authn_login_fail", address="192.0.2.9"),
            event("", actor="", time=NOW + 2),
            event("carol", actor="ada", time=NOW + 3),
        ]
    )
    await store.erase_personal("carol")
    return store


def _read(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def test_every_column_is_covered(path: Path) -> None:
    """Verification finds each change of each column in each entry.

    The columns come from the schema, so that a new column is covered too.
    """
    store = await _store(path)
    columns = [str(row[1]) for row in _read(path, "PRAGMA table_info(trail)")]
    assert {"seq", "body", "principal", "time"} <= set(columns)
    assert (await verify_trail(store, key=KEY)).faults == ()
    tried = dict.fromkeys(columns, 0)
    before = _read(path, "SELECT * FROM trail ORDER BY seq")
    for column in columns:
        for seq in (1, 2, 3, 4):
            for change in _CHANGES:
                statement = (
                    f"UPDATE trail SET {column} = {change.format(column=column)} WHERE seq = {seq}"
                )
                try:
                    _by_hand(path, statement)
                except sqlite3.IntegrityError:
                    continue  # the schema forbids it
                changed = _read(path, "SELECT * FROM trail ORDER BY seq") != before
                faults = (await verify_trail(store, key=KEY)).faults
                assert bool(faults) is changed, statement
                tried[column] += changed
                places = ", ".join("?" * len(columns))
                connection = sqlite3.connect(path)
                with connection:
                    connection.execute("DELETE FROM trail")
                    connection.executemany(f"INSERT INTO trail VALUES ({places})", before)
                connection.close()
    assert min(tried.values()) >= 3, tried
    await store.close()


@pytest.mark.parametrize("column", ["head_seq", "head_hash", "anchor_seq", "anchor_hash"])
async def test_the_recorded_ends_are_covered(column: str, path: Path) -> None:
    """The trail begins behind its anchor and ends at its head."""
    store = await _store(path)
    for value in ("2", f"'{'ab' * 32}'"):
        if (value == "2") is column.endswith("seq"):
            _by_hand(path, f"UPDATE trail_state SET {column} = {value}")
    assert (await verify_trail(store, key=KEY)).faults
    await store.close()


async def test_an_unlocked_trail_is_told(path: Path) -> None:
    """Retention and erasure unlock it within their transaction only."""
    store = await _store(path)
    _by_hand(path, "UPDATE trail_state SET unlocked = 1")
    [fault] = (await verify_trail(store, key=KEY)).faults
    assert "unlocked" in fault
    await store.close()


async def test_an_index_that_lacks_entries_is_told(path: Path) -> None:
    """Verification finds an index that lacks entries, because searches would hide these entries."""
    store = await _store(path)
    _by_hand(
        path,
        "DROP INDEX ix_trail_principal",
        "CREATE INDEX ix_trail_principal ON trail (principal) WHERE seq > 1",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = 'CREATE INDEX ix_trail_principal ON trail (principal)'"
        " WHERE name = 'ix_trail_principal'",
    )
    await store.close()
    async with opened(SqliteStore(path, KEY)) as again:
        assert [entry.seq for entry in await again.entries()] == [1, 2, 3, 4]
        assert await again.entries(principal="alice") == []  # hidden
        faults = (await verify_trail(again, key=KEY)).faults
        assert any("ix_trail_principal" in fault for fault in faults)


async def test_a_trail_of_an_earlier_release_verifies(tmp_path: Path) -> None:
    """A file that the code of fcff54ae (schema 0003) wrote, after retention and an erasure."""
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript((_RECORDED / "trail-0003.sql").read_text(encoding="utf-8"))
    connection.close()
    path.chmod(0o600)
    key = b"the key of the recorded trail..."
    async with opened(SqliteStore(path, key)) as store:
        result = await verify_trail(store, key=key)
        assert (result.faults, result.anchor[0], result.entries, result.erased) == ((), 3, 7, 2)
        assert (await verify_trail(store, key=KEY)).all_fail
        [one] = await store.entries(principal="bób 🔑")
        assert (one.event.user_agent, one.event.policies) == ("\\ud800 half", ("p1", "p2"))
        await store.append_events([event("alice")])
        assert (await verify_trail(store, key=key)).faults == ()
        assert [entry.seq for entry in await store.entries(principal="alice")] == [5, 11]
