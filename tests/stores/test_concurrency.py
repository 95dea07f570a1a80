"""Several processes and tasks on one SQLite file."""

import asyncio
import itertools
import sqlite3
from pathlib import Path

import pytest

from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite.schema import HEAD
from stormdoor.testing.contract.support import (
    NOW,
    account,
    event,
    factor,
    opened,
    pending,
    session,
    ticket,
    trail_head,
    wrong_with_trail,
)
from tests.stores.processes import lock_held, together

pytestmark = pytest.mark.sampled(4)


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


@pytest.mark.extended
async def test_one_of_two_processes_rotates_each_session(path: Path) -> None:
    """INVARIANT: a session and a pending login that two processes take at once have one successor."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        for n in range(100):
            await store.add_session(session(f"s{n}", "alice"))
            await store.add_pending(pending(f"p{n}", session_id=None))
    first, second = together(
        """
        import os
        store = SqliteStore(path)
        await store.open()
        wait()
        for n in range(100):
            if await store.replace_session(f"s{n}", session(f"{os.getpid()}-{n}", "alice")):
                print(f"s{n}")
            if await store.take_pending(f"p{n}", "second-factor"):
                print(f"p{n}")
        await store.close()
        """,
        path,
    )
    assert sorted(first + second) == sorted(f"{kind}{n}" for kind in "ps" for n in range(100))
    async with opened(SqliteStore(path)) as store:
        assert len(await store.sessions("alice")) == 100


@pytest.mark.extended
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
        assert (await trail_head(store))[0] == 200


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
    """A store sees another store's write at its next look-up."""
    async with opened(SqliteStore(path)) as server, opened(SqliteStore(path)) as command:
        await server.add_account(account("alice"))
        assert await command.account("alice") == account("alice")
        await command.remove_role("alice", "moderator")
        assert await server.account("alice") == account("alice", roles=frozenset({"member"}))


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
    """A write that began before `close` is stored."""
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


async def test_one_of_two_processes_uses_a_code(path: Path) -> None:
    """INVARIANT: a code that is sent to two servers at once lets one of them in, each time."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        await store.add_factor(factor("f1", "alice", counter=0))
        await store.set_recovery_codes("alice", [f"h{n}" for n in range(30)])
    body = """
        store = SqliteStore(path)
        await store.open()
        wait()
        for n in range(1, 30):
            code = await store.use_factor("f1", counter=n, at=NOW)
            recovery = await store.use_recovery_code("alice", f"h{n}")
            guess = await store.set_factor_failures("alice", n, NOW, expected=n - 1)
            print(n, code, recovery, guess)
        await store.close()
    """
    first, second = (
        {int(n): rest for n, *rest in (line.split() for line in lines)}
        for lines in together(body, path)
    )
    for n in range(1, 30):
        for mine, theirs in zip(first[n], second[n], strict=True):
            # One that is behind finds the counter beyond it: never do both get it.
            assert [mine, theirs].count("True") <= 1
    used = [one[0] for lines in (first, second) for one in lines.values()]
    assert used.count("True") >= 15


async def test_roles_from_two_processes_are_all_kept(path: Path) -> None:
    """INVARIANT: what one grants while another withdraws is neither lost nor brought back."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice", roles=frozenset({"odd"})))
    body = """
        import os
        store = SqliteStore(path)
        await store.open()
        wait()
        for n in range(20):
            await store.add_role("alice", f"{os.getpid()}-{n}")
            await store.remove_role("alice", "odd")
        await store.close()
    """
    together(body, path)
    async with opened(SqliteStore(path)) as store:
        found = await store.account("alice")
    assert found is not None
    assert len(found.roles) == 40
    assert "odd" not in found.roles


async def test_two_processes_issue_and_revoke_in_one_order(path: Path) -> None:
    """INVARIANT: what a process issues after its own revocation stands after it, and before its next one.

    The other process does the same at the same time, with a clock that runs backwards.
    """
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
    lines = together(
        """
        import os
        from stormdoor.core.revocation import Revocation, Target
        from stormdoor.testing.contract.support import key
        store = SqliteStore(path)
        await store.open()
        wait()
        for n in range(40):
            made = await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", NOW - n))
            issued = await store.add_key(key(f"{os.getpid()}-{n}", "alice"))
            print(made.epoch, made.seq, issued.position.seq)
        await store.close()
        """,
        path,
    )
    rows = [[line.split() for line in of_one] for of_one in lines]
    assert len({epoch for of_one in rows for epoch, _, _ in of_one}) == 1
    assert sorted(int(seq) for of_one in rows for _, seq, _ in of_one) == list(range(1, 81))
    for of_one in rows:
        for (_, made, issued), (_, following, _) in itertools.pairwise(of_one):
            assert int(made) <= int(issued) < int(following)
    async with opened(SqliteStore(path)) as store:
        assert {one.at for one in await store.revocations()} == {NOW}
