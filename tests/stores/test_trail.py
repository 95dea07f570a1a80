"""The trail in a SQLite file: append-only, erasable, and no change to it goes unseen."""

# ruff: noqa: S608 - the statements are constants; nothing else runs in the loop

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor.core.event import link
from stormdoor.errors import StoreUnavailable
from stormdoor.stores import SqliteStore
from stormdoor.stores.rows import entry_from
from stormdoor.stores.sqlite import trail as sqlite_trail
from stormdoor.testing.contract.support import NOW, event, opened, trail_anchor, wrong_with_trail

KEY = b"k" * 32


@asynccontextmanager
async def five_entries(path: Path, key: bytes | None = KEY) -> AsyncIterator[SqliteStore]:
    """An open store with a trail."""
    store = SqliteStore(path, key)
    async with opened(store):
        await store.append_events([event(time=NOW + n, detail=f"detail {n}") for n in range(5)])
        yield store


def by_hand(path: Path, *statements: str) -> None:
    """Run statements on the file, as the `sqlite3` command does."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


WITHOUT_TRIGGERS = (
    "DROP TRIGGER trail_is_append_only_update",
    "DROP TRIGGER trail_is_append_only_delete",
    "DROP TRIGGER trail_is_append_only_insert",
)
COPY = """
    INSERT OR REPLACE INTO trail (seq, body, personal, salt, commitment, previous, hash, time, name)
    SELECT {seq}, body, personal, salt, commitment, previous, hash, time, name
    FROM trail WHERE seq = 2
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail SET body = '{}' WHERE seq = 2",
        "UPDATE trail SET personal = NULL, salt = NULL WHERE seq = 2",
        "UPDATE trail SET principal = 'bob'",
        "DELETE FROM trail WHERE seq = 2",
        "DELETE FROM trail",
        COPY.format(seq=3),
        COPY.format(seq=0),
    ],
)
async def test_entries_are_not_changed_by_accident(statement: str, path: Path) -> None:
    """The file itself refuses a change, a removal and a replacement."""
    async with five_entries(path) as store:
        with pytest.raises(sqlite3.IntegrityError, match="the trail is append-only"):
            by_hand(path, statement)
        assert await wrong_with_trail(store, KEY) is None


@pytest.mark.parametrize(
    "change",
    [
        "body = '{}'",
        "hash = 'x'",
        "seq = 9",
        "time = 0",
        "name = 'x'",
        "salt = '00'",
        "actor = 'x'",
    ],
)
async def test_unlocked_entry_can_only_lose_what_is_personal(change: str, path: Path) -> None:
    """Even while an erasure is under way, what is chained stays as it is."""
    erasure = "personal = NULL, salt = NULL, principal = NULL, actor = NULL"
    async with five_entries(path):
        with pytest.raises(sqlite3.IntegrityError, match="the trail is append-only"):
            by_hand(
                path,
                "BEGIN",
                "UPDATE trail_state SET unlocked = 1",
                f"UPDATE trail SET {erasure} WHERE seq = 2",
                f"UPDATE trail SET {change} WHERE seq = 2",
            )


@pytest.mark.parametrize("call", ["drop", "erase"])
async def test_trail_is_locked_again(call: str, path: Path) -> None:
    """Retention and erasure leave the trail as closed as it was."""
    async with five_entries(path) as store:
        if call == "drop":
            await store.drop_entries(NOW + 2)
        else:
            await store.erase_personal("alice")
        with pytest.raises(sqlite3.IntegrityError, match="the trail is append-only"):
            by_hand(path, "DELETE FROM trail")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE trail SET body = CAST(replace(body, 'fail', 'pass') AS BLOB) WHERE seq = 2",
            "entry 2 was changed",
        ),
        ("UPDATE trail SET body = 'text' WHERE seq = 2", "entry 2 is damaged"),
        ("UPDATE trail SET personal = '{}' WHERE seq = 2", "personal part of entry 2"),
        ("UPDATE trail SET salt = '00' WHERE seq = 2", "personal part of entry 2"),
        ("UPDATE trail SET salt = NULL WHERE seq = 2", "personal part of entry 2"),
        ("UPDATE trail SET hash = 'zz' WHERE seq = 2", "entry 2 was changed"),
        ("UPDATE trail SET commitment = 'zz' WHERE seq = 2", "entry 2 is damaged"),
        ("DELETE FROM trail WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM trail WHERE seq = 1", "entry 1 is missing"),
        ("DELETE FROM trail WHERE seq = 5", "cut off"),
        ("DELETE FROM trail", "cut off"),
        (COPY.format(seq=6), "entry 6 does not follow"),
        (COPY.format(seq=4), "entry 4 does not follow"),
    ],
)
async def test_tampering_is_found(change: str, found: str, path: Path) -> None:
    """A change behind the triggers shows in the chain, at the entry that it was made to."""
    async with five_entries(path) as store:
        assert await wrong_with_trail(store, KEY) is None
        by_hand(path, *WITHOUT_TRIGGERS, change)
        wrong = await wrong_with_trail(store, KEY)
        assert wrong is not None
        assert found in wrong


@pytest.mark.parametrize(("key", "found"), [(None, False), (KEY, True)])
async def test_chain_computed_anew_is_found_by_its_key(
    key: bytes | None, found: bool, path: Path
) -> None:
    """An attacker with write access can forge the chain without a key, and not with one."""
    async with five_entries(path, key) as store:
        by_hand(path, *WITHOUT_TRIGGERS)
        connection = sqlite3.connect(path)
        columns = (
            "seq, body, personal, salt, commitment, previous, hash, time, name, principal, actor"
        )
        rows = connection.execute(f"SELECT {columns} FROM trail WHERE seq > 2").fetchall()
        previous = rows[0][5]
        with connection:
            for entry in map(entry_from, rows):
                body = entry.body.replace(b"fail", b"pass")
                sealed = link(previous, entry.seq, body, entry.commitment, None)
                connection.execute(
                    "UPDATE trail SET body = ?, name = 'authz_pass', previous = ?, hash = ? WHERE seq = ?",
                    (body, previous, sealed, entry.seq),
                )
                previous = sealed
            connection.execute("UPDATE trail_state SET head_hash = ?", (previous,))
        connection.close()
        assert (await wrong_with_trail(store, key) is not None) is found


async def test_append_after_a_forged_head_is_refused(path: Path) -> None:
    """The store refuses to append after a forged head, and the error names the cause."""
    async with five_entries(path) as store:
        by_hand(path, "UPDATE trail_state SET head_seq = 3")
        with pytest.raises(StoreUnavailable, match="stormdoor trail verify"):
            await store.append_events([event()])
        assert len(await store.entries()) == 5


async def test_erased_data_is_gone_from_the_file(path: Path) -> None:
    """After an erasure neither database nor log holds what was erased, not even as free space."""
    async with five_entries(path) as store:
        secret = event("carol-the-forgotten", address="203.0.113.77")
        await store.append_events([secret])
        assert any(b"carol-the-forgotten" in file.read_bytes() for file in path.parent.iterdir())
        assert await store.erase_personal("carol-the-forgotten") == 1
        for file in path.parent.iterdir():
            assert b"carol-the-forgotten" not in file.read_bytes(), file
            assert b"203.0.113.77" not in file.read_bytes(), file


async def test_erasure_says_that_the_log_could_not_be_emptied(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader under way keeps the log; the erasure counts, and the operator hears of it."""
    store = SqliteStore(path, KEY, busy_seconds=0.05)
    async with opened(store):
        await store.append_events([event()])
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM trail").fetchall()
        assert await store.erase_personal("alice") == 1
        reader.close()
    assert "holds what was erased" in caplog.text


async def test_retention_works_in_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries are dropped in several transactions; each leaves a chain that verifies."""
    monkeypatch.setattr(sqlite_trail, "_DROP_STEP", 2)
    async with five_entries(path) as store:
        await store.append_events([event(time=NOW + n) for n in range(5, 10)])
        assert await store.drop_entries(NOW + 7) == 7
        assert (await trail_anchor(store))[0] == 7
        assert await wrong_with_trail(store, KEY) is None


async def test_other_key_continues_what_the_first_began(path: Path) -> None:
    """A store with another key appends; each part verifies with its own key."""
    async with five_entries(path):
        pass
    async with opened(SqliteStore(path, b"another")) as store:
        await store.append_events([event()])
        assert await wrong_with_trail(store, KEY) == "entry 6 was changed, or the key is another"
        entry = (await store.entries(after=5))[0]
        expected = link(entry.previous, 6, entry.body, entry.commitment, b"another")
        assert entry == replace(entry, hash=expected)
