"""A host is lost in the middle of a transaction: no packet of it arrives, and no reset."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import asyncpg
import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql.log import LOCK_LOG
from stormdoor.stores.postgresql.owner import connected
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.stores.postgresql.trail_keeping import keep
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.testing.contract.support import NOW, STATUS, opened
from tests.chaos.cutter import Cutter
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]

_ENTRY = Revocation(Target.SESSION, "s1", NOW)


@pytest.mark.parametrize("trail", [False, True], ids=["writes", "trail"])
async def test_lock_of_a_lost_node_delays_one_write(
    trail: bool, new_database: Callable[[], str], postgresql: Server
) -> None:
    """A write of another node waits for the lock of the log, and succeeds. Its heartbeat does not wait."""
    url, port = new_database(), postgresql.port
    async with Cutter(port) as cutter:
        through = url.replace(f":{port}/", f":{cutter.port}/")
        async with opened(PostgresqlStore(url)) as other, opened(PostgresqlStore(through)) as lost:
            locked = asyncio.Event()

            async def lock(transaction: Transaction) -> bool:
                await transaction.rows(LOCK_LOG)
                cutter.hold()
                locked.set()
                return True

            database = lost._database
            write = database.write_trail(lock) if trail else database.write(lock)
            under_way = asyncio.create_task(write)
            await locked.wait()
            await other.beat("n1", STATUS, joining=True)
            writing = asyncio.create_task(other.add_revocation(_ENTRY))
            while not writing.done():
                # It would fail after a second if it waited for the lock, too.
                await other.beat("n1", STATUS)
                await asyncio.sleep(0.05)
            await writing
            cutter.reset()
            with pytest.raises(StoreUnavailable):
                await under_way
            assert [one.value for one in await other.revocations()] == ["s1"]
            cutter.heal()


async def test_node_that_stands_still_repeats_its_transaction(
    new_database: Callable[[], str],
) -> None:
    """A node that was stopped in a transaction has lost the lock, and begins the group again."""
    async with opened(PostgresqlStore(new_database())) as store:
        runs = []

        async def stop(transaction: Transaction) -> bool:
            await transaction.rows(LOCK_LOG)
            transaction.entries.append(_ENTRY)
            runs.append(1)
            if len(runs) == 1:
                time.sleep(1.5)  # noqa: ASYNC251 - as SIGSTOP does
            return True

        assert await store._database.write(stop)
        assert len(runs) == 2
        assert [one.value for one in await store.revocations()] == ["s1"]


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize("command", ["migrate", "retention"])
async def test_lock_of_a_lost_command_ends(
    command: str, new_database: Callable[[], str], postgresql: Server
) -> None:
    """A migration or a retention that is cut off blocks appends to the trail for ten seconds at most."""
    url, port = new_database(), postgresql.port
    lock = "LOCK TABLE stormdoor.trail IN ACCESS EXCLUSIVE MODE"
    async with Cutter(port) as cutter:
        through = url.replace(f":{port}/", f":{cutter.port}/")
        locked = asyncio.Event()

        async def migrate() -> None:
            async with connected(through, "migrate") as connection, connection.transaction():
                await connection.execute(lock)
                cutter.hold()
                locked.set()
                await connection.fetchval("SELECT 1")

        async def retain() -> None:
            async def job(transaction: Transaction) -> None:
                await transaction.rows("SELECT head_seq FROM trail_chain FOR UPDATE")
                cutter.hold()
                locked.set()
                await transaction.rows("SELECT 1")

            async with opened(PostgresqlStore(through)) as store, keep(store._database) as run:
                await run(job)

        under_way = asyncio.create_task(migrate() if command == "migrate" else retain())
        await locked.wait()
        began = time.monotonic()
        query = "SELECT application_name FROM pg_stat_activity WHERE state = 'idle in transaction'"
        while (f"stormdoor {command}",) in postgresql.execute(query):
            await asyncio.sleep(0.1)
            assert time.monotonic() - began < 15.0
        assert time.monotonic() - began > 5.0
        cutter.reset()
        with pytest.raises(
            (StoreUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
        ):
            await under_way
        cutter.heal()
