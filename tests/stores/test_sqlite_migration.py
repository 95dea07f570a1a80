"""A SQLite file of an earlier release: it is copied before it is migrated, to go back to it."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of a test

import contextlib
import resource
import signal
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from stormdoor.errors import StoreUnavailable
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite import schema
from stormdoor.testing.contract.support import account, opened
from tests.stores.earlier_file import REVISION, write_earlier_file
from tests.stores.processes import other_process, together

_ROLE = "INSERT INTO account_role VALUES ('alice', 'from the log')"


def _revision(path: Path) -> str | None:
    with contextlib.closing(sqlite3.connect(path)) as file:
        return schema.version(file)


def _copy(path: Path) -> Path:
    return Path(f"{path}.schema-{REVISION}")


async def test_copy_is_the_file_from_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The copy has the earlier schema, the content of the write-ahead log, and the mode of the file."""
    path = write_earlier_file(tmp_path / "door.db")
    path.chmod(0o640)
    with contextlib.closing(sqlite3.connect(path)) as earlier:  # keeps the log from being emptied
        earlier.execute(_ROLE)
        earlier.commit()
        assert Path(f"{path}-wal").stat().st_size > 0
        async with opened(SqliteStore(path)) as store:
            found = await store.account("alice")
            assert found is not None
            assert "from the log" in found.roles
    assert _revision(path) == schema.HEAD
    copy = _copy(path)
    assert _revision(copy) == REVISION
    with contextlib.closing(sqlite3.connect(copy)) as file:
        assert ("from the log",) in file.execute("SELECT role FROM account_role").fetchall()
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert f"{copy} is a copy from before" in caplog.text


async def test_copy_can_be_copied_back(tmp_path: Path) -> None:
    """The file that is copied back is migrated again, and its copy replaces the one from before."""
    path = write_earlier_file(tmp_path / "door.db")
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("bob"))
    path.write_bytes(_copy(path).read_bytes())
    async with opened(SqliteStore(path)) as store:
        assert await store.account("bob") is None
        assert await store.account("alice") is not None
    assert sorted(one.name for one in tmp_path.iterdir() if "schema" in one.name) == [
        f"door.db.schema-{REVISION}"
    ]


async def test_new_file_is_not_copied(tmp_path: Path) -> None:
    """A file without a schema has nothing to go back to; nor has one with the schema of this release."""
    path = tmp_path / "door.db"
    for _ in range(2):
        async with opened(SqliteStore(path)):
            pass
    assert not list(tmp_path.glob("*.schema-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of the size of files")
async def test_file_stays_as_it_is_if_the_disk_is_full(tmp_path: Path) -> None:
    """A file that cannot be copied is not migrated: the start is refused, and nothing is left of the copy."""
    path = write_earlier_file(tmp_path / "door.db")
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(StoreUnavailable, match=r"must be copied to .*nothing was changed"):
            await SqliteStore(path).open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert _revision(path) == REVISION
    assert not list(tmp_path.glob("*.schema-*"))
    async with opened(SqliteStore(path)) as store:
        assert await store.account("alice") is not None


async def test_copy_of_a_killed_process_is_begun_anew(tmp_path: Path) -> None:
    """A part of a copy never has the name of a copy."""
    path = write_earlier_file(tmp_path / "door.db")
    partial = Path(f"{_copy(path)}.partial")
    partial.write_bytes(b"half")
    async with opened(SqliteStore(path)):
        pass
    assert not partial.exists()
    assert _revision(_copy(path)) == REVISION


def test_processes_that_start_at_once_make_one_copy(tmp_path: Path) -> None:
    """One process copies and migrates, and the others wait; none copies the migrated file."""
    path = write_earlier_file(tmp_path / "door.db")
    body = """
        import logging
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        wait()
        store = SqliteStore(path)
        await store.open()
        print((await store.account("alice")).id)
        await store.close()
    """
    lines = together(body, path, count=4)
    assert [one[-1] for one in lines] == ["alice"] * 4
    assert sum("is a copy from before" in line for one in lines for line in one) == 1
    assert _revision(_copy(path)) == REVISION
    assert sorted(one.name for one in tmp_path.iterdir() if "schema" in one.name) == [
        f"door.db.schema-{REVISION}"
    ]


def test_kill_leaves_the_file_or_the_migrated_file(tmp_path: Path) -> None:
    """A process that is killed between the copy and the commit has migrated nothing."""
    path = write_earlier_file(tmp_path / "door.db")
    body = """
        from stormdoor.stores.sqlite import schema
        keep = schema.keep_copy
        def kept(*arguments):
            found = keep(*arguments)
            wait()
            return found
        schema.keep_copy = kept
        await SqliteStore(path).open()
    """
    process = other_process(body, path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    finally:
        process.kill()
        process.communicate()
    assert _revision(path) == REVISION
    assert _revision(_copy(path)) == REVISION
