"""`stormdoor store copy`: an installation moves from SQLite to PostgreSQL, and loses nothing."""

import asyncio
import dataclasses
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("asyncpg")

import asyncpg

from stormdoor.core.backoff import Backoff, GuessRules
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import ConfigurationError
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.ports import NodeStatus, Store
from stormdoor.stores import SqliteStore, open_store, transfer
from stormdoor.testing.contract.guesses import GUESS
from stormdoor.testing.contract.support import (
    NOW,
    account,
    event,
    factor,
    key,
    opened,
    pending,
    session,
    ticket,
    wrong_with_trail,
)
from tests.cli.conftest import Cli, Result
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]

KEY = b"k" * 32
DAY = 86_400.0
ONE_FREE = Backoff(free=1, first=7.0, cap=7.0, forget=600.0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with rows in every table."""
    path = tmp_path / "door.db"

    async def fill() -> None:
        async with opened(SqliteStore(path, KEY)) as store:
            for n in range(5):
                await store.add_account(account(f"p{n}", attributes={"näme": n}))
            await store.set_disabled("p4", True, entry=Revocation(Target.CHANGED, "p4", NOW))
            await store.add_revocation(Revocation(Target.TOKEN, "t", NOW))
            await store.add_session(session("s0", "p0"))
            await store.replace_session("s0", session("s1", "p0"))
            await store.add_ticket(ticket("t1", "p0"))
            await store.add_key(key("k1", "p1", last_used_at=None))
            await store.use_nonce("jti", "v1", NOW + 60)
            await store.add_pending(pending("x1", "p0"))
            await store.link_identity("iss", "sub", "p2", NOW)
            await store.remember_address("p0", "192.0.2.1", NOW, most=4)
            await store.charge_guess(GUESS, GuessRules())
            await store.add_factor(factor("f1", "p0"))
            await store.set_recovery_codes("p0", ["h1", "h2"])
            await store.set_factor_failures("p0", 1, NOW, expected=0)
            times = (NOW - 40 * DAY, NOW - 40 * DAY, *(NOW + n for n in range(5)), NOW + 40 * DAY)
            await store.append_events([event("p0", time=time) for time in times])
            await store.append_events([event("p1", detail="½ \0 ")])
            await store.drop_entries(NOW)
            await store.erase_personal("p1")
            await store.pay_entries(NOW, [1000])

    asyncio.run(fill())
    return path


@pytest.fixture
def copy(cli: Cli, monkeypatch: pytest.MonkeyPatch, source: Path) -> Callable[..., object]:
    """Runs `stormdoor store copy` from the file."""
    monkeypatch.delenv("STORMDOOR_CONFIG")
    monkeypatch.setenv("STORMDOOR_TRAIL_KEY", KEY.decode())
    return lambda target, *arguments: cli("store", "copy", f"sqlite:{source}", target, *arguments)


async def contents(store: Store) -> list[object]:
    """Return what applications and operators see of a store."""
    return [
        await store.accounts(),
        [await store.sessions(f"p{n}") for n in range(5)],
        await store.keys(),
        [await store.factors("p0"), await store.recovery_codes("p0")],
        await store.identities("p2"),
        await store.address_seen("p0", "192.0.2.1"),
        await store.guess_wait(GUESS, GuessRules(own=ONE_FREE)),
        await store.pending("x1", "second-factor"),
        await store.factor_failures("p0"),
        await store.revocations(),
        [dataclasses.replace(one, chain=1, listed=None) for one in await store.entries()],
        (await store.trail_chains())[-1],
    ]


def test_everything_is_copied(copy: Cli, source: Path, new_database: Callable[[], str]) -> None:
    """The copy has every row of the file, the nodes go on from there, and the trail is one trail."""
    url = new_database()
    result = copy(url)
    assert result.code == 0, result.err
    assert "Every row is in the database" in result.out

    async def look() -> None:
        async with (
            opened(SqliteStore(source, KEY)) as old,
            opened(open_store(url, trail_key=KEY)) as new,
        ):
            assert await contents(new) == await contents(old)
            # What was used stays used, and numbers go on.
            assert not await new.use_nonce("jti", "v1", NOW + 60)
            assert (await new.redeem_ticket("t1")) is not None
            last = (await old.log_position()).seq
            added = await new.add_revocation(Revocation(Target.PRINCIPAL, "p0", NOW))
            assert added.seq == last + 1
            newest = (await old.entries(newest_first=True, limit=1))[0]
            await new.append_events([event("p0")])
            assert [one.number for one in await new.entries(after=newest.number)] == [
                newest.number + 1
            ]
            found = await verify_trail(new, key=KEY)
            assert (found.faults, found.chains) == ((), 2)
            assert await new.drop_entries(NOW + 3) == 4  # three of the old chain, one of the new
            assert await wrong_with_trail(new, KEY) is None

    asyncio.run(look())


def test_every_table_is_copied(source: Path) -> None:
    """Each table of the file is copied, is a counter, or belongs to the processes that have ended."""
    connection = sqlite3.connect(source)
    tables = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    copied = {table.name for table in transfer.TABLES}
    for table in copied:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0], table  # noqa: S608
    connection.close()
    counters = {"counter", "revocation_log", "trail_state", "trail"}
    assert tables - copied - counters == {"alembic_version", "node", "live_connection"}


def test_second_copy_changes_nothing(copy: Cli, new_database: Callable[[], str]) -> None:
    """A copy that is complete is not repeated: a session that has ended since must not come back."""
    url = new_database()
    assert copy(url, "--json").json["rows"]["account"] == 5

    async def end() -> int:
        async with opened(open_store(url, trail_key=KEY)) as store:
            await store.remove_sessions("p0")
            return len(await store.sessions("p0"))

    assert asyncio.run(end()) == 0
    result = copy(url)
    assert result.code == 1
    assert "was copied to this database before" in result.err
    assert asyncio.run(end()) == 0


def test_used_database_is_refused(copy: Cli, new_database: Callable[[], str]) -> None:
    """A database with contents of its own gets nothing."""
    url = new_database()

    async def use() -> list[object]:
        async with opened(open_store(url)) as store:
            if await store.account("own") is None:
                await store.add_account(account("own"))
            return [one.id for one in await store.accounts()]

    asyncio.run(use())
    result = copy(url)
    assert result.code == 1
    assert "the database is not empty: account has rows" in result.err
    assert asyncio.run(use()) == ["own"]


async def _join(source: Path) -> None:
    async with opened(SqliteStore(source, KEY)) as store:
        status = NodeStatus(applied=await store.log_position(), lease=2.0)
        await store.beat("n1", status, joining=True)


@pytest.mark.parametrize("starts", ["before the copy", "while the trail is verified"])
def test_running_server_is_refused(
    starts: str,
    copy: Cli,
    source: Path,
    new_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a node uses the file, nothing is copied: its later changes would be lost."""

    async def verify(*arguments: object, **options: object) -> object:
        await _join(source)
        return await verify_trail(*arguments, **options)  # type: ignore[arg-type]

    if starts == "before the copy":
        asyncio.run(_join(source))
    else:
        monkeypatch.setattr("stormdoor.runtime.store_copy.verify_trail", verify)
    url = new_database()
    result = copy(url)
    assert result.code == 1
    assert "the node n1 used this file" in result.err
    monkeypatch.undo()

    async def accounts() -> list[object]:
        async with opened(open_store(url)) as store:
            return list(await store.accounts())

    assert asyncio.run(accounts()) == []


def test_only_a_file_is_copied_and_only_to_postgresql(
    cli: Cli, source: Path, new_database: Callable[[], str]
) -> None:
    """Other pairs of stores are refused with an example of the command."""
    url = new_database()
    for pair in ((f"sqlite:{source}", "sqlite:other.db"), (url, url), ("memory:", url)):
        result = cli("store", "copy", *pair)
        assert result.code == 2
        assert "stormdoor store copy sqlite:door.db" in result.err


def test_database_that_does_not_answer_is_told(copy: Cli) -> None:
    """A database that does not answer ends the command with 3; the file is not changed."""
    result = copy("postgresql://door@127.0.0.1:1/door")
    assert result.code == 3
    assert "nothing listens there" in result.err


def test_locked_file_is_told(
    copy: Cli, source: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another program writes to is not copied."""
    monkeypatch.setattr(transfer, "_FILE_SECONDS", 0.05)
    connection = sqlite3.connect(source, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    result = copy(new_database())
    connection.close()
    assert result.code == 3
    assert "locked" in result.err


def test_two_copies_at_once_are_refused(copy: Cli, new_database: Callable[[], str]) -> None:
    """While one copy runs, another to the same database is refused."""
    url = new_database()

    async def beside() -> Result:
        holder = await asyncpg.connect(url)
        await holder.fetchval("SELECT pg_advisory_lock($1, $2)", *transfer._LOCK)
        result = await asyncio.to_thread(copy, url)
        await holder.close()
        return result

    result = asyncio.run(beside())
    assert result.code == 1
    assert "another process copies" in result.err


def test_file_with_another_column_is_refused(
    copy: Cli, source: Path, new_database: Callable[[], str]
) -> None:
    """A column that the database lacks would be lost, so nothing is copied."""
    connection = sqlite3.connect(source)
    connection.execute("ALTER TABLE factor ADD COLUMN later TEXT")
    connection.close()
    result = copy(new_database())
    assert result.code == 1
    assert "the columns of factor differ: ['later']" in result.err


def test_damaged_trail_is_refused(copy: Cli, source: Path, new_database: Callable[[], str]) -> None:
    """A trail that does not verify is not copied, nor is one with another key."""
    url = new_database()
    connection = sqlite3.connect(source)
    connection.execute("DROP TRIGGER trail_is_append_only_update")
    connection.execute("UPDATE trail SET name = 'x' WHERE seq = 4")
    connection.commit()
    connection.close()
    result = copy(url)
    assert result.code == 1
    assert "the trail of the file does not verify" in result.err


def test_text_that_postgresql_cannot_store_is_named(
    copy: Cli, source: Path, new_database: Callable[[], str]
) -> None:
    """A row with U+0000 is named; nothing is left out silently."""
    connection = sqlite3.connect(source)
    connection.execute("UPDATE session SET user_agent = 'a' || char(0) || 'b'")
    connection.commit()
    connection.close()
    result = copy(new_database())
    assert result.code == 1
    assert "session 's1' has U+0000 in user_agent" in result.err


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM session",
        "UPDATE session SET user_agent = 'other'",
        "UPDATE factor SET counter = 0",
        "INSERT INTO account VALUES ('intruder', NULL, '{}', NULL, FALSE, 0)",
        "UPDATE trail SET personal = NULL WHERE seq = 4",
        "UPDATE trail_chain SET head_hash = repeat('0', 64) WHERE id <> 0",
    ],
)
def test_difference_is_found(
    change: str,
    copy: Cli,
    source: Path,
    new_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The comparison finds a row that was lost, changed or added, and the copy stays incomplete."""
    url = new_database()
    compare = transfer._Transfer._compare

    async def disturbed(self: transfer._Transfer, table: transfer.Table) -> None:
        if table.name == "account":
            await self.connection.execute(change)
        await compare(self, table)

    monkeypatch.setattr(transfer._Transfer, "_compare", disturbed)
    result = copy(url)
    assert result.code == 1
    assert "differ" in result.err or "more rows" in result.err
    with pytest.raises(ConfigurationError, match="has not ended"):
        asyncio.run(open_store(url, trail_key=KEY).open())


def _large(path: Path) -> None:
    async def fill() -> None:
        async with opened(SqliteStore(path, KEY)) as store:
            await store.add_account(account("alice"))
            for n in range(40):
                await store.append_events([event(time=NOW + n * DAY) for _ in range(100)])

    asyncio.run(fill())
    connection = sqlite3.connect(path)
    rows = [(f"n{n:05}",) for n in range(4000)]
    connection.executemany("INSERT INTO nonce VALUES ('jti', ?, 0)", rows)
    connection.commit()
    connection.close()


_KILLED = """
import asyncio, sys, time
from stormdoor.stores import transfer
from stormdoor.runtime.store_copy import copy_to_postgresql
transfer._STEP = 200
asyncio.run(copy_to_postgresql(sys.argv[1], sys.argv[2], trail_key=b"k" * 32,
    progress=lambda name, rows: time.sleep(0.05)))
"""


@pytest.mark.extended
@pytest.mark.parametrize("table", ["nonce", "trail"])
def test_killed_copy_is_continued(
    table: str, tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After SIGKILL in the middle of a table, no node starts on the copy, and the next run completes it."""
    path, url = tmp_path / "large.db", new_database()
    _large(path)
    process = subprocess.Popen([sys.executable, "-c", _KILLED, f"sqlite:{path}", url])

    async def count() -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval(f"SELECT count(*) FROM stormdoor.{table}"))  # noqa: S608
        finally:
            await connection.close()

    try:
        deadline = time.monotonic() + 60
        while asyncio.run(count()) < 400:
            assert process.poll() is None
            assert time.monotonic() < deadline
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 400 <= asyncio.run(count()) < 4000
    with pytest.raises(ConfigurationError, match="has not ended; run again: stormdoor store copy"):
        asyncio.run(open_store(url, trail_key=KEY).open())
    code = _KILLED.replace("time.sleep(0.05)", "None")
    subprocess.run([sys.executable, "-c", code, f"sqlite:{path}", url], check=True, timeout=120)
    assert asyncio.run(count()) == 4000 + (table == "trail")  # with the root entry

    async def verified() -> None:
        async with opened(open_store(url, trail_key=KEY)) as store:
            found = await verify_trail(store, key=KEY)
            assert (found.faults, found.entries) == ((), 4000)

    asyncio.run(verified())
