"""If the SQLite file does not answer, the caller gets an error and nothing changes."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of a test

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from stormdoor.errors import StoreUnavailable
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.life import EVERY_CALL
from stormdoor.testing.contract.support import (
    NOW,
    STATUS,
    account,
    connection,
    event,
    factor,
    key,
    pending,
    placed,
    session,
    ticket,
)
from tests.stores.processes import lock_held, other_process

Trouble = Callable[[SqliteStore, Path], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def file_removed(store: SqliteStore, path: Path) -> AsyncIterator[None]:
    """Move the file away, and back at the end."""
    aside = path.with_suffix(".aside")
    path.rename(aside)
    yield
    aside.rename(path)


@asynccontextmanager
async def replaced_by_directory(store: SqliteStore, path: Path) -> AsyncIterator[None]:
    """There is a directory where the file was."""
    async with file_removed(store, path):
        path.mkdir()
        yield
        path.rmdir()


@asynccontextmanager
async def replaced_by_another_store(store: SqliteStore, path: Path) -> AsyncIterator[None]:
    """A backup is put back while the server runs."""
    async with file_removed(store, path):
        shutil.copy2(path.with_suffix(".aside"), path)
        yield
        path.unlink()


@asynccontextmanager
async def locked_by_another_process(store: SqliteStore, path: Path) -> AsyncIterator[None]:
    """A command, or a backup, keeps the write lock."""
    with lock_held(path):
        yield


async def _pragma(store: SqliteStore, name: str, value: int) -> None:
    """A setting of the connection that writes."""
    live = store._database._live
    assert live is not None
    live.writes.execute(f"PRAGMA {name} = {value}").fetchall()


@asynccontextmanager
async def disk_full(store: SqliteStore, path: Path) -> AsyncIterator[None]:
    """Nothing more fits."""
    await _pragma(store, "max_page_count", 1)  # SQLite takes it for the present size
    yield
    await _pragma(store, "max_page_count", 2**30)


@asynccontextmanager
async def made_read_only(store: SqliteStore, path: Path) -> AsyncIterator[None]:
    """The file system may be read only."""
    await _pragma(store, "query_only", 1)
    yield
    await _pragma(store, "query_only", 0)


GONE = [file_removed, replaced_by_directory, replaced_by_another_store]
NOT_WRITABLE = [locked_by_another_process, made_read_only]
READS = {
    "account", "accounts", "session", "sessions", "key", "keys", "revocations", "entries",
    "trail_chains", "members", "live_connections", "sessions_of_provider", "pending",
    "identity", "identities", "factors", "factor_by_handle", "recovery_codes", "factor_failures",
    "log_position", "head_and_entries", "address_seen", "guess_wait", "trail_faults", "space",
    "wait_for_entry", "tenants",
    "lasting_revocations", "former_ids", "current_session", "connections_after", "reached_sessions",
    "accounts_named", "tenants_of_connections",
}  # fmt: skip


async def _filled(path: Path) -> SqliteStore:
    """An open store with one of each, in which `EVERY_CALL` has something to change."""
    store = SqliteStore(path, busy_seconds=0.05)
    await store.open()
    await store.add_account(account("alice"))
    await store.add_session(session("s1", "alice"))
    await store.add_ticket(ticket("t1", "alice"))
    await store.add_pending(pending("p1", "alice"))
    await store.add_factor(factor("f1", "alice", secret="old"))
    await store.set_recovery_codes("alice", ["h"])
    await store.link_identity("i", "s", "alice", NOW)
    await store.add_key(key("k1", "alice"))
    await store.use_nonce("jti", "v1", NOW)
    await store.append_events([event()])
    await store.beat("n1", STATUS, joining=True)
    await store.sync_connections("n1", [connection("c1", "n1")], [])
    return store


def _contents(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


@pytest.mark.parametrize("trouble", [*GONE, *NOT_WRITABLE])
async def test_no_call_is_answered_and_nothing_changes(trouble: Trouble, path: Path) -> None:
    """Every method (that writes, if only writing fails) is unavailable, until all is well again."""
    store = await _filled(path)
    before = _contents(path)
    calls = [name for name in EVERY_CALL if trouble in GONE or name not in READS]
    calls = [name for name in calls if name != "wait_for_entry"]  # it only waits
    async with trouble(store, path):
        for name in calls:
            with pytest.raises(StoreUnavailable) as failure:
                await EVERY_CALL[name](store)
            assert str(path) in str(failure.value), name
    assert _contents(path) == before
    assert await store.session("s1") == (
        await placed(store, session("s1", "alice")),
        account("alice"),
    )
    assert await store.redeem_ticket("t1") is not None
    await store.close()


@pytest.mark.parametrize("trouble", NOT_WRITABLE)
async def test_handshakes_are_judged_while_nothing_can_be_written(
    trouble: Trouble, path: Path
) -> None:
    """Look-ups are answered, rightly, when only writing fails."""
    store = await _filled(path)
    async with trouble(store, path):
        assert await store.session("s1") == (
            await placed(store, session("s1", "alice")),
            account("alice"),
        )
        assert await store.key("k1") == (await placed(store, key("k1", "alice")), account("alice"))
        assert await store.revocations() == []
        assert len(await store.entries()) == 1
    await store.close()


async def test_full_disk_undoes_the_whole_write(path: Path) -> None:
    """A batch that does not fit is not stored by half, and there is room again after."""
    store = await _filled(path)
    before = _contents(path)
    big = [event(detail="x" * 4_000) for _ in range(50)]
    async with disk_full(store, path):
        with pytest.raises(StoreUnavailable, match="full"):
            await store.append_events(big)
        assert _contents(path) == before
    await store.append_events(big)
    assert len(await store.entries()) == 51
    await store.close()


async def test_writes_behind_a_lock_do_not_wait_for_each_other(path: Path) -> None:
    """Writes that queue behind one that waits fail with it, and not one after the other."""
    store = await _filled(path)
    with lock_held(path):
        started = time.monotonic()
        failures = await asyncio.gather(
            *(store.use_nonce("jti", f"w{n}", NOW) for n in range(1000)), return_exceptions=True
        )
        # One after the other they would take 50 seconds; together they take what one takes.
        assert time.monotonic() - started < 30.0
    assert all(isinstance(each, StoreUnavailable) for each in failures)
    await store.close()


async def test_damaged_pages_are_reported(path: Path) -> None:
    """A file with a whole header and damaged pages gives no wrong answer."""
    store = await _filled(path)
    await store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * (size - 4096))
    with pytest.raises(StoreUnavailable, match="damaged"):
        await _first_answer(path)


async def _first_answer(path: Path) -> object:
    store = SqliteStore(path)
    try:
        await store.open()
        return await store.session("s1")
    finally:
        await store.close()


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is not opened, and stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk " * 300)
    path.chmod(0o600)
    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        await SqliteStore(path).open()
    assert path.read_text() == "remember the milk " * 300


async def test_directory_is_refused(tmp_path: Path) -> None:
    """A path that is a directory is no store."""
    with pytest.raises(StoreUnavailable, match="no regular file"):
        await SqliteStore(tmp_path).open()


async def test_file_in_the_way_of_the_directory_is_refused(tmp_path: Path) -> None:
    """A store cannot be created under a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="Not a directory"):
        await SqliteStore(tmp_path / "file" / "store.db").open()


async def test_failed_open_leaves_it_closed(tmp_path: Path, empty_file: Path) -> None:
    """A store that could not be opened can be opened when the cause is gone."""
    path = tmp_path / "store.db"
    path.mkdir()
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable):
        await store.open()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.account("alice")
    path.rmdir()
    shutil.copy2(empty_file, path)
    await store.open()
    assert await store.accounts() == []
    await store.close()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("mode", "owner", "says"),
    [(0o400, 65534, "may not be written"), (0o644, 0, "chmod o-rwx")],
)
def test_file_that_this_account_may_not_use(
    mode: int, owner: int, says: str, empty_file: Path
) -> None:
    """A file that may not be written, or not be closed to others, is reported at the start."""
    root = os.geteuid() == 0
    if owner == 0 and not root:
        pytest.skip("only root can make a file that is not its own")
    # Not `tmp_path`: where the tests run as root, the account used here may not enter that.
    directory = Path(tempfile.mkdtemp(prefix="stormdoor-"))
    path = directory / "store.db"
    shutil.copy(empty_file, path)
    path.chmod(mode)
    if root:
        os.chown(directory, 65534, 65534)
        os.chown(path, owner, owner)
    process = other_process(
        """
        import os
        from stormdoor.errors import StormdoorError
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            await SqliteStore(path).open()
        except StormdoorError as error:
            print(error)
        """,
        path,
    )
    out, error = process.communicate(timeout=60)
    shutil.rmtree(directory)
    assert says in out, error


def test_forked_process_is_told_to_open_its_own(path: Path) -> None:
    """A store that was opened before a fork answers nothing in the child, and hangs nothing."""
    process = other_process(
        """
        import os, warnings
        from stormdoor.errors import StoreUnavailable
        warnings.simplefilter("ignore", DeprecationWarning)
        store = SqliteStore(path)
        await store.open()
        if os.fork() == 0:
            for call in (store.account("x"), store.accounts(), store.append_events([event()])):
                try:
                    await call
                except StoreUnavailable as error:
                    print("forked" in str(error), flush=True)
            await store.close()
            os._exit(0)
        os.wait()
        await store.append_events([event()])
        await store.close()
        print("parent works")
        """,
        path,
    )
    out, error = process.communicate(timeout=60)
    assert out.splitlines() == ["True", "True", "True", "parent works"], error
