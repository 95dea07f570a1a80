"""A SQLite file knows if its log of revocations is the one that was written last, or another."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of a test

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import NOW, account, opened, session

EVERYTHING = Revocation(Target.EVERYTHING, "", NOW)


async def _head(path: Path) -> LogPosition:
    async with opened(SqliteStore(path)) as store:
        return await store.log_position()


async def _revoked(path: Path, times: int = 1) -> LogPosition:
    async with opened(SqliteStore(path)) as store:
        for _ in range(times):
            await store.add_revocation(EVERYTHING)
        return await store.log_position()


async def test_epoch_belongs_to_the_file(path: Path) -> None:
    """A file keeps its epoch when it is opened again, by several processes, or moved."""
    before = await _revoked(path)
    assert await _head(path) == before
    one, other = SqliteStore(path), SqliteStore(path)
    async with opened(one), opened(other):
        assert await one.log_position() == await other.log_position() == before
    moved = path.with_name("moved.db")
    path.rename(moved)
    Path(f"{path}-log").rename(f"{moved}-log")
    assert await _head(moved) == before


async def test_a_crash_after_the_commit_is_no_restored_backup(path: Path) -> None:
    """The file beside the database may lag: the head of the log is ahead of it."""
    before = await _revoked(path)
    noted = Path(f"{path}-log").read_bytes()
    after = await _revoked(path, 3)
    Path(f"{path}-log").write_bytes(noted)
    assert await _head(path) == after == (before.epoch, before.seq + 3)


async def test_a_copy_has_another_epoch(path: Path, tmp_path: Path) -> None:
    """Alone, and with the file beside it; the original keeps its own."""
    before = await _revoked(path)
    for name, beside in (("alone.db", False), ("both.db", True)):
        copy = tmp_path / name
        shutil.copy2(path, copy)
        if beside:
            shutil.copy2(f"{path}-log", f"{copy}-log")
        found = await _head(copy)
        assert (found.epoch == before.epoch, found.seq) == (False, before.seq)
        assert await _head(copy) == found
    assert await _head(path) == before


@pytest.mark.parametrize("how", ["over the file", "in its place", "with .restore"])
async def test_a_restored_backup_has_another_epoch(how: str, path: Path, tmp_path: Path) -> None:
    """A session that it brings back keeps the epoch that it was born in."""
    backup = tmp_path / "backup.db"
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        await store.add_revocation(EVERYTHING)
        born = await store.add_session(session("s1", "alice"))
    shutil.copy2(path, backup)
    before = await _revoked(path, 2)
    if how == "over the file":
        path.write_bytes(backup.read_bytes())
    elif how == "in its place":
        shutil.copy2(backup, f"{path}.new")
        Path(f"{path}.new").replace(path)
    else:
        with (
            contextlib.closing(sqlite3.connect(backup)) as source,
            contextlib.closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
    async with opened(SqliteStore(path)) as store:
        after = await store.log_position()
        assert (after.epoch == before.epoch, after.seq) == (False, 1)
        found = await store.session("s1")
        assert found is not None
        assert found[0].position == born.position == (before.epoch, 1)
        new = await store.add_session(session("s2", "alice"))
        assert new.position == after


async def test_what_lies_beside_the_file_is_not_believed(path: Path) -> None:
    """Without it, or with nonsense in it, another epoch begins."""
    beside, known = Path(f"{path}-log"), set()
    for text in (None, "", "nonsense", "a b", "a 1 2", "\udcff"):
        if text is None:
            beside.unlink(missing_ok=True)
        else:
            beside.write_text(text, encoding="utf-8", errors="surrogateescape")
        known.add((await _head(path)).epoch)
    assert len(known) == 6


async def test_many_processes_that_open_a_new_file_agree(path: Path) -> None:
    """One of them begins the epoch; the others find it."""
    code = """
import asyncio, sys
from stormdoor.stores import open_store
async def main():
    store = open_store("sqlite:" + sys.argv[1])
    await store.open()
    print((await store.log_position()).epoch)
    await store.close()
asyncio.run(main())
"""
    runs = await asyncio.gather(
        *(
            asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", code, str(path)],
                check=True,
                capture_output=True,
                text=True,
            )
            for _ in range(4)
        )
    )
    assert {run.stdout.strip() for run in runs} == {(await _head(path)).epoch}


async def test_a_head_that_cannot_be_noted_stops_no_revocation(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The revocation counts; the operator hears that a restored backup may not be recognised."""
    async with opened(SqliteStore(path)) as store:
        beside = Path(f"{path}-log")
        beside.unlink()
        beside.mkdir()
        assert (await store.add_revocation(EVERYTHING)).seq == 1
        assert len(await store.revocations()) == 1
        beside.rmdir()
    assert "-log cannot be written" in caplog.text
