"""The pair of servers fails as the design assumes: what an old primary still does, and what it does not."""

from __future__ import annotations

import asyncio
import os

import asyncpg
import pytest

from tests.chaos.servers import DATABASE, Pair, can_fill_disk, fill_disk, free_disk
from tests.support.postgresql import Binaries, Missing, Server, binaries

pytestmark = [pytest.mark.extended, pytest.mark.slow, pytest.mark.xdist_group("chaos-servers")]

TABLE = "CREATE TABLE counter (value int); INSERT INTO counter VALUES (0)"
COUNT = "UPDATE counter SET value = value + 1 RETURNING value"
TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
CAUGHT_UP = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication"


def programs() -> Binaries:
    """Return the programs of PostgreSQL. Without them, skip; an error where CI=true."""
    try:
        return binaries()
    except Missing as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {reason}")


async def connect(server: Server) -> tuple[asyncpg.Connection, list[str]]:
    """Return a connection, and the list of the warnings that it gets."""
    warnings: list[str] = []
    made = await asyncpg.connect(server.url(DATABASE), timeout=30)
    made.add_log_listener(lambda _, message: warnings.append(str(message)))
    return made, warnings


async def catch_up(primary: asyncpg.Connection) -> None:
    """Wait until the standby has all that this primary wrote. An asynchronous one may lag."""
    async with asyncio.timeout(30):
        while not await primary.fetchval(CAUGHT_UP):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("synchronous", [True, False])
async def test_an_isolated_old_primary(synchronous: bool) -> None:
    """It confirms writes alone only if its standby is asynchronous. It always answers reads."""
    async with Pair(programs(), synchronous=synchronous) as pair:
        await pair.add_standby()
        old, warnings = await connect(pair.primary)
        await old.execute(TABLE)
        assert await old.fetchval(COUNT) == 1
        before = await old.fetchval(TIMELINE)
        await catch_up(old)
        await pair.fail_over(kill=False)
        new, _ = await connect(pair.primary)
        assert await new.fetchval(COUNT) == 2
        assert await new.fetchval(TIMELINE) > before == await old.fetchval(TIMELINE)
        assert await old.fetchval("SELECT value FROM counter") == 1
        write = asyncio.create_task(old.fetchval(COUNT))
        done, _ = await asyncio.wait([write], timeout=0.5)
        assert bool(done) is not synchronous
        if synchronous:
            # A client that gives up gets a row and success. Only the warning says that no standby has it.
            other, _ = await connect(pair.old or pair.primary)
            await other.execute(f"SELECT pg_cancel_backend({old.get_server_pid()})")
            assert await write == 2
            (warning,) = warnings
            assert "synchronous replication" in warning
            await other.close()
        await old.close()
        await pair.rebuild()
        assert await new.fetchval(COUNT) == 3
        await new.close()


async def test_a_lagging_standby_forgets_what_its_primary_acknowledged() -> None:
    """An asynchronous standby that was cut off before: its log goes back."""
    async with Pair(programs(), synchronous=False) as pair:
        await pair.add_standby()
        old, _ = await connect(pair.primary)
        await old.execute(TABLE)
        await catch_up(old)
        pair.replication.hold()
        assert await old.fetchval(COUNT) == 1
        old.terminate()
        await pair.fail_over(kill=True)
        new, _ = await connect(pair.primary)
        assert await new.fetchval("SELECT value FROM counter") == 0
        await new.close()


@pytest.mark.skipif(not can_fill_disk(), reason="prlimit of util-linux is not on PATH")
async def test_a_full_disk_refuses_writes_until_it_has_space() -> None:
    """No acknowledged write is lost."""
    async with Pair(programs(), synchronous=False) as pair:
        one, _ = await connect(pair.primary)
        await one.execute(TABLE)
        assert await one.fetchval(COUNT) == 1
        fill_disk(pair.primary)
        with pytest.raises((asyncpg.PostgresError, OSError)):
            for _ in range(100):
                await one.fetchval(COUNT)
        one.terminate()
        free_disk(pair.primary)
        two, _ = await connect(pair.primary)
        assert await two.fetchval(COUNT) >= 2
        await two.close()
