"""Use of a SQLite file: the statements, their thread, and durability."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite.connection import use_write_ahead_log
from stormdoor.testing.contract.life import EVERY_CALL
from stormdoor.testing.contract.support import account, event, key, opened, session, ticket

DURABLE = {
    "add_factor",
    "add_role",
    "remove_factor",
    "remove_role",
    "reseal_factor",
    "set_recovery_codes",
    "unlink_identity",
    "use_factor",
    "use_recovery_code",
    "remove_account", "set_password_hash", "set_disabled", "set_attributes",
    "replace_session", "remove_session", "remove_sessions", "replace_key",
    "remove_reached_sessions", "restore_revocations", "remove_key",
    "add_revocation", "begin_epoch", "erase_personal",
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY_CALL)
async def test_what_takes_a_right_away_is_durable(name: str, path: Path) -> None:
    """INVARIANT: what ends or narrows a right survives a power cut; what is frequent need not."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        assert isinstance(store, SqliteStore)
        live = store._database._live
        assert live is not None
        said: list[str] = []
        live.writes.set_trace_callback(said.append)
        await EVERY_CALL[name](store)
        live.writes.set_trace_callback(None)
        assert live.writes.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL again
        assert ("PRAGMA synchronous = FULL" in said) is (name in DURABLE)


@pytest.mark.parametrize("name", ["session", "key", "account", "revocations"])
async def test_look_up_is_one_statement_on_this_thread(name: str, path: Path) -> None:
    """A handshake waits for one statement, without a change of threads."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        await store.add_session(session("s1", "alice"))
        await store.add_key(key("k1", "alice"))
        assert isinstance(store, SqliteStore)
        live = store._database._live
        assert live is not None
        threads: list[int] = []
        # Beside the cheap question whether anything was written since.
        live.lookups.set_trace_callback(
            lambda said: None if "PRAGMA" in said else threads.append(threading.get_ident())
        )
        await EVERY_CALL[name](store)
        live.lookups.set_trace_callback(None)
        assert threads == [threading.get_ident()]


async def test_store_outlives_an_event_loop(path: Path) -> None:
    """A store works in any event loop, because it keeps no loop."""
    store = SqliteStore(path)

    def elsewhere() -> None:
        async def main() -> None:
            await store.open()
            await store.add_account(account("alice"))

        asyncio.run(main())

    await asyncio.to_thread(elsewhere)
    assert await store.account("alice") == account("alice")
    assert await store.accounts() == [account("alice")]
    await store.close()


async def test_failed_job_undoes_what_it_did(path: Path) -> None:
    """An exception in the middle of a write leaves nothing of it, and no lock."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        roles = frozenset({"ok", "\ud800"})
        with pytest.raises(StoreError, match="surrogate"):
            await store.add_account(account("bob", roles=roles))
        assert await store.accounts() == [account("alice")]
        await store.append_events([event()])


async def test_unstorable_text_is_refused_or_unknown(path: Path) -> None:
    """Text that SQLite cannot hold is refused when stored and finds nothing when looked for."""
    async with opened(SqliteStore(path)) as store:
        with pytest.raises(StoreError, match="surrogate"):
            await store.add_account(account("\ud800"))
        assert await store.session("\ud800") is None
        assert await store.sessions("\ud800") == []
        assert await store.entries(principal="\ud800") == []


async def test_other_constraints_are_refusals_too(path: Path) -> None:
    """Other violations of the schema raise with SQLite's message."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        with pytest.raises(StoreError, match="NOT NULL"):
            await store.add_ticket(ticket("t1", "alice", endpoint=None))


async def test_file_locked_at_start_is_unavailable(tmp_path: Path) -> None:
    """A start fails after `busy_seconds` if another process locks the file."""
    path = tmp_path / "store.db"
    path.touch(mode=0o600)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await SqliteStore(path, busy_seconds=0.1).open()
    other.close()


def test_no_write_ahead_log_is_an_error() -> None:
    """A place without a write-ahead log (memory, network) is an error."""
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError, match="use a local disk"):
        use_write_ahead_log(connection, 0.0)
    connection.close()


async def test_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python with a SQLite that lacks RETURNING is told so at the start."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match=r"3\.35 or later"):
        await SqliteStore(path).open()
