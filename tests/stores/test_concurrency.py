"""Several processes and tasks on one SQLite file."""

import asyncio
import sqlite3
from pathlib import Path

from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite.schema import HEAD
from tests.stores.contract.support import account, event, opened, ticket, wrong_with_trail
from tests.stores.processes import lock_held, together


async def test_one_of_two_processes_gets_each_ticket(path: Path) -> None:
    """INVARIANT: a ticket that two processes redeem at once opens one connection."""
    ids = {f"t{n}" for n in range(100)}
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        for id in ids:
            await store.add_ticket(ticket(id, "alice"))
    first, second = together(
        """
        store = SqliteStore(path)
        await store.open()
        wait()
        for n in range(100):
            if await store.redeem_ticket(f"t{n}"):
                print(f"t{n}")
        await store.close()
        """,
        path,
    )
    assert sorted(first + second) == sorted(ids)


async def test_one_of_two_processes_uses_each_nonce(path: Path) -> None:
    """INVARIANT: a nonce that two processes use at once counts once."""
    first, second = together(
        """
        store = SqliteStore(path)
        await store.open()
        wait()
        for n in range(100):
            if await store.use_nonce("jti", f"v{n}", NOW):
                print(f"v{n}")
        await store.close()
        """,
        path,
    )
    assert sorted(first + second) == sorted(f"v{n}" for n in range(100))


async def test_two_processes_write_one_chain(path: Path) -> None:
    """INVARIANT: entries of two processes are one chain, without a gap and without a fork."""
    together(
        """
        store = SqliteStore(path, b"key")
        await store.open()
        wait()
        for n in range(50):
            await store.append_events([event(), event()])
        await store.close()
        """,
        path,
    )
    async with opened(SqliteStore(path, b"key")) as store:
        assert await wrong_with_trail(store, b"key") is None
        assert (await store.trail_head())[0] == 200


def test_two_processes_create_one_file(tmp_path: Path) -> None:
    """Of two processes that start at once on nothing, one migrates, and both work."""
    path = tmp_path / "new" / "store.db"
    answers = together(
        """
        store = SqliteStore(path)
        wait()
        await store.open()
        await store.append_events([event()])
        print("works")
        await store.close()
        """,
        path,
    )
    assert answers == [["works"], ["works"]]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    assert connection.execute("SELECT count(*) FROM trail").fetchone() == (2,)
    connection.close()


async def test_process_sees_what_another_wrote(path: Path) -> None:
    """What one store has written, the other sees at its next look-up."""
    async with opened(SqliteStore(path)) as server, opened(SqliteStore(path)) as command:
        await server.add_account(account("alice"))
        assert await command.account("alice") == account("alice")
        await command.set_roles("alice", frozenset({"guest"}))
        assert await server.account("alice") == account("alice", roles=frozenset({"guest"}))


async def test_waiting_write_stops_neither_loop_nor_look_up(path: Path) -> None:
    """While a write waits for another process, handshakes go on; then it is done."""
    async with opened(SqliteStore(path, busy_seconds=30.0)) as store:
        await store.add_account(account("alice"))
        with lock_held(path):
            write = asyncio.create_task(store.append_events([event()]))
            for _ in range(100):
                await asyncio.sleep(0)
                assert await store.account("alice") == account("alice")
            assert await store.entries() == []
            assert not write.done()
        await write
        assert len(await store.entries()) == 1


async def test_close_waits_for_writes_under_way(path: Path) -> None:
    """What was asked for before `close` is stored."""
    store = SqliteStore(path)
    await store.open()
    writes = [asyncio.create_task(store.append_events([event()])) for _ in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    async with opened(SqliteStore(path)) as again:
        assert len(await again.entries()) == 20


async def test_cancelled_caller_leaves_the_store_usable(path: Path) -> None:
    """A client that goes away during a write leaves no lock and no half of a write behind."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        for n in range(20):
            write = asyncio.create_task(store.add_ticket(ticket(f"t{n}", "alice")))
            await asyncio.sleep(0)
            write.cancel()
        await store.append_events([event()])
        assert await wrong_with_trail(store) is None
