"""The trail on PostgreSQL: append-only for the nodes, erasable, and no change to it goes unseen."""

# ruff: noqa: S608 - the statements are constants

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

pytest.importorskip("asyncpg")

import asyncpg

from stormdoor.core.event import link
from stormdoor.core.trail_root import ROOT
from stormdoor.errors import StoreError, StoreUnavailable
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.stores.postgresql import trail_keeping, writes
from stormdoor.stores.postgresql.schema import APP, KEEPER
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.stores.postgresql.trail_rows import month_after, month_of
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.testing.contract.support import (
    NOW,
    event,
    opened,
    trail_head,
    wrong_with_trail,
)
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]

KEY = b"k" * 32
DAY = 86_400.0


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    """The URL of an empty database."""
    return new_database()


@asynccontextmanager
async def node(url: str, key: bytes | None = KEY) -> AsyncIterator[PostgresqlStore]:
    """An open store."""
    store = PostgresqlStore(url, key)
    async with opened(store):
        yield store


@asynccontextmanager
async def five_entries(url: str, key: bytes | None = KEY) -> AsyncIterator[PostgresqlStore]:
    """An open store with a trail."""
    async with node(url, key) as store:
        await store.append_events([event(time=NOW + n, detail=f"detail {n}") for n in range(5)])
        yield store


async def by_hand(url: str, *statements: str) -> str:
    """Run statements as the owner of the tables, as an attacker with that login does."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET search_path = stormdoor")
        status = ""
        for statement in statements:
            status = await connection.execute(statement)
        return status
    finally:
        await connection.close()


async def chains(store: PostgresqlStore) -> list[int]:
    """Return the numbers of the chains beside the root chain."""
    return [one.number for one in await store.trail_chains() if one.number != ROOT]


# rights -----------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail SET body = '{}' WHERE seq = 2",
        "UPDATE trail SET personal = NULL, salt = NULL",
        "DELETE FROM trail WHERE seq = 2",
        "TRUNCATE trail",
        "SELECT trail_drop_month(202601)",
        "ALTER TABLE trail ADD COLUMN x BIGINT",
        "DELETE FROM trail_chain",
        "UPDATE trail_chain SET anchor_seq = head_seq",
        "DELETE FROM trail_202601",
    ],
)
async def test_nodes_cannot_change_entries(statement: str, url: str) -> None:
    """INVARIANT: the role of the nodes can neither change nor remove an entry."""
    async with five_entries(url) as store:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await by_hand(url, f"SET ROLE {APP}", statement)
        assert await wrong_with_trail(store, KEY) is None


async def test_nodes_work_with_that_role(url: str) -> None:
    """Every connection of a store takes the role of the nodes, also if its login is the owner."""
    async with node(url, None) as store:
        await store.accounts()
        await store.append_events([event()])
        rows = await store._database.list_rows("SELECT current_user::text")
        assert [tuple(row) for row in rows] == [(APP,)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "change", ["body = '{}'", "hash = 'x'", "seq = 9", "time = 0", "name = 'x'", "month = 0"]
)
async def test_keeper_can_only_erase_what_is_personal(change: str, url: str) -> None:
    """The role of erasure cannot change what is chained."""
    async with five_entries(url):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await by_hand(url, f"SET ROLE {KEEPER}", f"UPDATE trail SET {change}")


@pytest.fixture
def node_url(url: str, postgresql: Server) -> str:
    """The URL of the same database for a login that has the role of the nodes only."""
    parts = urlsplit(url)
    postgresql.execute(
        "DO $$ BEGIN CREATE ROLE test_node LOGIN PASSWORD 'test' IN ROLE stormdoor_app;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    return parts._replace(netloc=f"test_node:test@127.0.0.1:{parts.port}").geturl()


async def test_login_of_a_node_can_neither_drop_nor_erase(node_url: str) -> None:
    """A node appends and reads; retention and erasure name the role that they need."""
    async with five_entries(node_url) as store:
        with pytest.raises(StoreError, match=KEEPER):
            await store.drop_entries(NOW + 2)
        with pytest.raises(StoreError, match=KEEPER):
            await store.erase_personal("alice")
        assert len(await store.entries()) == 5
        assert await wrong_with_trail(store, KEY) is None


async def test_retention_that_loses_its_connection_changes_nothing(url: str) -> None:
    """If the connection is lost, the call fails without a change, and can be repeated."""

    async def erase_and_lose(transaction: Transaction) -> None:
        assert await trail_keeping.erase(transaction, "alice") == 5
        ((pid,),) = await transaction.rows("SELECT pg_backend_pid()")
        await by_hand(url, f"SELECT pg_terminate_backend({pid})")
        await transaction.rows("SELECT 1")

    async with five_entries(url) as store:
        with pytest.raises(StoreUnavailable):
            async with trail_keeping.keep(store._database) as run:
                await run(erase_and_lose)
        assert len(await store.entries(principal="alice")) == 5
        assert await store.erase_personal("alice") == 5
        assert await store.drop_entries(NOW + 2) == 2
        assert await wrong_with_trail(store, KEY) is None


async def test_extended_right_is_found(url: str) -> None:
    """The verification finds that the nodes' role was given the right to change entries."""
    async with five_entries(url) as store:
        try:
            await by_hand(url, f"GRANT UPDATE ON trail TO {APP}")
            assert await store.trail_faults() == [
                f"the role {APP} may change or remove entries of trail"
            ]
        finally:
            await by_hand(url, f"REVOKE UPDATE ON trail FROM {APP}")


# tampering --------------------------------------------------------------------------------------

COPY = """
    INSERT INTO trail
        (month, chain, seq, number, body, personal, salt, commitment, previous, hash, time, name)
    SELECT month, chain, {seq}, nextval('trail_number'), body, personal, salt, commitment, previous, hash,
        time, name
    FROM trail WHERE chain = 1 AND seq = 2
"""
RECORD = """
    UPDATE trail_chain SET (head_seq, head_hash) =
        (SELECT seq, hash FROM trail WHERE chain = 1 AND seq = 4)
    WHERE id = 1
"""


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            (
                "UPDATE trail SET body = replace(convert_from(body, 'UTF8'), 'fail', 'pass')::bytea"
                " WHERE chain = 1 AND seq = 2"
            ),
            "chain 1: entry 2 was changed",
        ),
        (
            "UPDATE trail SET personal = '{}' WHERE chain = 1 AND seq = 2",
            "personal part of entry 2",
        ),
        ("UPDATE trail SET salt = '00' WHERE chain = 1 AND seq = 2", "personal part of entry 2"),
        ("UPDATE trail SET salt = NULL WHERE chain = 1 AND seq = 2", "personal part of entry 2"),
        ("UPDATE trail SET hash = 'zz' WHERE chain = 1 AND seq = 2", "entry 2 was changed"),
        ("UPDATE trail SET commitment = 'zz' WHERE chain = 1 AND seq = 2", "entry 2 is damaged"),
        ("UPDATE trail SET principal = NULL WHERE chain = 1 AND seq = 2", "a search may miss it"),
        ("UPDATE trail SET number = NULL WHERE chain = 1 AND seq = 2", "a list may miss it"),
        ("UPDATE trail SET number = 1 WHERE chain = 1 AND seq = 2", "a list may miss it"),
        ("DELETE FROM trail WHERE chain = 1 AND seq = 2", "entry 2 is missing"),
        ("DELETE FROM trail WHERE chain = 1 AND seq = 1", "entry 1 is missing"),
        ("DELETE FROM trail WHERE chain = 1 AND seq = 5", "chain 1 was cut off"),
        ("DELETE FROM trail WHERE chain = 1", "chain 1 was cut off"),
        (
            f"DELETE FROM trail WHERE chain = 1 AND seq = 5; {RECORD}",
            "entry 5 is missing or another than the root chain records",
        ),
        (
            "DELETE FROM trail WHERE chain = 1; DELETE FROM trail_chain WHERE id = 1",
            "chain 1 is missing",
        ),
        ("DELETE FROM trail WHERE chain = 0", "the root chain was cut off"),
        ("UPDATE trail SET body = '{}' WHERE chain = 0", "the root chain: entry 1 was changed"),
        (
            (
                "DELETE FROM trail WHERE chain = 0;"
                " UPDATE trail_chain SET head_seq = 0, head_hash = repeat('0', 64) WHERE id = 0"
            ),
            "chain 1 is not in the root chain",
        ),
        (COPY.format(seq=6), "entry 6 does not follow"),
        (
            "DELETE FROM trail WHERE chain = 1 AND seq = 4; " + COPY.format(seq=4),
            "entry 4 does not follow",
        ),
    ],
)
async def test_tampering_is_found(change: str, found: str, url: str) -> None:
    """A change by the owner of the tables shows in the chains, at the entry that it was made to."""
    async with five_entries(url) as store:
        assert await wrong_with_trail(store, KEY) is None
        assert (await by_hand(url, change)).rpartition(" ")[2] != "0"
        wrong = " / ".join((await verify_trail(store, key=KEY)).faults)
        assert found in wrong


@pytest.mark.parametrize(("key", "found"), [(None, False), (KEY, True)])
async def test_chain_computed_anew_is_found_by_its_key(
    key: bytes | None, found: bool, url: str
) -> None:
    """An attacker with write access can forge the chains without a key, and not with one."""
    async with five_entries(url, key) as store:
        connection = await asyncpg.connect(url)
        await connection.execute("SET search_path = stormdoor")
        previous = (await store.entries(chain=1, after=1, limit=1))[0].hash
        for entry in await store.entries(chain=1, after=2):
            body = entry.body.replace(b"fail", b"pass")
            sealed = link(previous, entry.seq, body, entry.commitment, None)
            await connection.execute(
                "UPDATE trail SET body = $1, name = 'authz_pass', previous = $2, hash = $3"
                " WHERE chain = 1 AND seq = $4",
                *(body, previous, sealed, entry.seq),
            )
            previous = sealed
        await connection.execute("UPDATE trail_chain SET head_hash = $1 WHERE id = 1", previous)
        (root,) = await store.entries(chain=0)
        old = (await store.trail_chains())[0].head[1]
        body = root.body.replace(old.encode(), b"")
        body = body.replace(body.split(b'"hash":"')[1][:64], previous.encode())
        sealed = link(root.previous, 1, body, root.commitment, None)
        await connection.execute(
            "UPDATE trail SET body = $1, hash = $2 WHERE chain = 0", body, sealed
        )
        await connection.execute("UPDATE trail_chain SET head_hash = $1 WHERE id = 0", sealed)
        await connection.close()
        assert (await wrong_with_trail(store, key) is not None) is found


async def test_append_after_a_forged_head_is_refused(url: str) -> None:
    """The store refuses to append after a forged head, and the error names the cause."""
    async with five_entries(url) as store:
        await by_hand(url, "UPDATE trail_chain SET head_seq = 3 WHERE id = 1")
        with pytest.raises(StoreUnavailable, match="stormdoor trail verify"):
            await store.append_events([event()])
        assert len(await store.entries()) == 5


async def test_append_after_a_forged_head_of_the_root_chain_is_refused(url: str) -> None:
    """The store refuses to record a head after a forged head of the root chain, too."""
    async with five_entries(url):
        await by_hand(url, "UPDATE trail_chain SET head_seq = 0 WHERE id = 0")
        async with node(url) as other:
            with pytest.raises(StoreUnavailable, match="stormdoor trail verify"):
                await other.append_events([event()])
            await by_hand(url, "UPDATE trail_chain SET head_seq = 1 WHERE id = 0")
            await other.append_events([event()])
            assert await wrong_with_trail(other, KEY) is None


# several chains ---------------------------------------------------------------------------------


async def test_each_start_has_a_chain_that_the_root_chain_records(url: str) -> None:
    """A node that starts again begins another chain, and all of them verify."""
    for n in range(3):
        async with node(url) as store:
            await store.append_events([event(detail=f"{n}")])
            await store.append_events([event(detail=f"{n} again")])
    async with node(url) as store:
        found = await verify_trail(store, key=KEY)
        assert (found.faults, found.entries, found.chains) == ((), 6, 3)
        assert len(await store.entries(chain=ROOT)) == 6  # at the first entries, and at the end
        numbers = [one.number for one in await store.entries()]
        assert numbers == sorted(set(numbers))


async def test_noted_head_shows_a_root_chain_that_was_cut_off(url: str) -> None:
    """A noted head is one of the root chain; it is missed after the end was removed everywhere."""
    async with five_entries(url) as store:
        head = (await verify_trail(store, key=KEY)).head
        await by_hand(
            url,
            "DELETE FROM trail",
            "DELETE FROM trail_chain WHERE id = 1",
            "UPDATE trail_chain SET head_seq = 0, head_hash = repeat('0', 64) WHERE id = 0",
        )
        assert await wrong_with_trail(store, KEY) is None
        found = await verify_trail(store, key=KEY, expected=head)
        assert found.faults == ("entry 1 is missing: the trail ends at 0, and was longer once",)


async def test_many_nodes_append_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All appends of 8 nodes succeed, and each entry is there once."""
    # On a busy machine, the eighth node waits for the locks of the others for seconds.
    monkeypatch.setattr(writes, "_LOCK_SECONDS", 60.0)
    monkeypatch.setattr(writes, "_SECONDS", 60.0)
    stores = [PostgresqlStore(url, KEY) for _ in range(8)]
    for one in stores:
        await one.open()
    try:
        await asyncio.gather(
            *(
                one.append_events([event(detail=f"{n} {m} {k}") for k in range(3)])
                for n, one in enumerate(stores)
                for m in range(10)
            )
        )
        found = [one.event.detail for one in await stores[0].entries()]
        assert len(found) == len(set(found)) == 240
        assert await wrong_with_trail(stores[0], KEY) is None
    finally:
        for one in stores:
            await one.close()


async def test_reader_in_order_misses_no_entry(url: str) -> None:
    """A reader that continues after the last number sees each entry, also those that commit late."""
    writers = [PostgresqlStore(url) for _ in range(3)]
    reader = PostgresqlStore(url)
    for one in (*writers, reader):
        await one.open()
    seen: list[int] = []
    after = 0

    async def read() -> None:
        nonlocal after
        for entry in await reader.entries(after=after):
            seen.append(entry.number)
            after = entry.number

    try:
        # A transaction that has taken a number, and has not committed it.
        slow = await asyncpg.connect(url)
        await slow.execute(
            "SET search_path = stormdoor; BEGIN; SELECT pg_advisory_xact_lock_shared(21316, 2);"
            "SELECT nextval('trail_number')"
        )
        waiting = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await slow.execute("COMMIT")
        await slow.close()
        await waiting
        writing = [
            asyncio.create_task(one.append_events([event(), event()])) for one in writers * 10
        ]
        while not all(task.done() for task in writing):
            await read()
        await read()
        everything = [one.number for one in await reader.entries()]
        assert seen == everything
        assert len(seen) == 60
    finally:
        for one in (*writers, reader):
            await one.close()


async def test_head_of_a_killed_node_is_recorded_by_another(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that ends without recording its last entries leaves that to the next."""
    async with five_entries(url) as killed:
        await killed.append_events([event()])
        await by_hand(url, "UPDATE trail_chain SET rooted_at = rooted_at - 600")
        async with node(url) as other:
            await other.append_events([event()])
            await by_hand(
                url,
                f"DELETE FROM trail WHERE chain = 1 AND seq = 6; {RECORD.replace('seq = 4', 'seq = 5')}",
            )
            found = (await verify_trail(other, key=KEY)).faults
            assert "chain 1: entry 6 is missing or another than the root chain records" in found


# retention and erasure --------------------------------------------------------------------------


def test_months() -> None:
    """A month is named by its number, and ends where the next one begins."""
    assert month_of(NOW) == 202601
    assert month_after(202601) == NOW + 31 * DAY
    assert month_of(month_after(202612)) == 202701
    assert month_of(-5.0) == 197001
    assert month_of(1e300) == 999912


async def test_old_months_are_dropped_whole(url: str) -> None:
    """A month that is old enough is dropped with its partition, and the rest verifies."""
    async with node(url) as store:
        for month in range(4):
            await store.append_events([event(time=NOW + (31 * month + n) * DAY) for n in range(3)])
        assert await store.drop_entries(NOW + 59 * DAY) == 6
        head = await trail_head(store)
        assert head[0] == 12
        assert await wrong_with_trail(store, KEY) is None
        rows = await store._database.list_rows(
            "SELECT c.relname::text FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " WHERE h.inhparent = 'stormdoor.trail'::regclass"
        )
        names = {row[0] for row in rows}
        assert {"trail_202601", "trail_202602"}.isdisjoint(names)
        assert "trail_202603" in names
        await store.append_events([event(time=NOW + 130 * DAY)])
        assert [one.seq for one in await store.entries()] == [7, 8, 9, 10, 11, 12, 13]
        assert await wrong_with_trail(store, KEY) is None


async def test_late_entry_of_an_earlier_month_stays_behind_the_later_ones(url: str) -> None:
    """After a clock was set back, entries stay in the later month: no month has a gap."""
    async with node(url) as store:
        times = [NOW, NOW + 32 * DAY, NOW + 1, NOW + 33 * DAY]
        await store.append_events([event(time=time) for time in times])
        assert await store.drop_entries(NOW + 32 * DAY) == 1
        assert [one.seq for one in await store.entries()] == [2, 3, 4]
        assert await wrong_with_trail(store, KEY) is None


async def test_retention_works_in_steps(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries are dropped in several transactions; each leaves chains that verify."""
    monkeypatch.setattr(trail_keeping, "_DROP_STEP", 2)
    async with five_entries(url) as store:
        await store.append_events([event(time=NOW + n) for n in range(5, 10)])
        assert await store.drop_entries(NOW + 7) == 7
        assert [one.seq for one in await store.entries()] == [8, 9, 10]
        assert await wrong_with_trail(store, KEY) is None


async def test_chains_of_ended_nodes_are_forgotten(url: str) -> None:
    """When retention has dropped all about an old chain, its row goes, too, and the rest verifies."""
    async with five_entries(url):
        pass
    # It ended long ago.
    old = NOW - 90 * DAY
    await by_hand(url, f"UPDATE trail_chain SET rooted_at = {old} WHERE id = 1")
    async with node(url) as store:
        await store.append_events([event(time=month_after(209901))])
        assert await chains(store) == [1, 2]
        assert await store.drop_entries(month_after(209901)) == 5
        assert await chains(store) == [2]
        assert await wrong_with_trail(store, KEY) is None


async def test_month_of_a_node_that_runs_is_dropped_with_its_root_entries(url: str) -> None:
    """Root entries of the dropped month are dropped, too, and a node that runs is recorded again."""
    async with node(url) as store:
        for n in range(3):
            await store.append_events([event(time=NOW + n)])
        await store.append_events([event(time=NOW + 40 * DAY)])
        # As if the root entry of the first append had been written in that month.
        await by_hand(url, "UPDATE trail SET month = 202601 WHERE chain = 0")
        assert await store.drop_entries(NOW + 35 * DAY) == 3
        assert await wrong_with_trail(store, KEY) is None
        root = (await store.trail_chains())[0]
        assert (root.anchor[0], root.head[0]) == (1, 2)


async def test_living_chain_stays_in_the_root_chain(url: str) -> None:
    """If retention drops the month in which the root chain records a chain, it is recorded again."""
    async with five_entries(url) as store:
        later = month_after(month_of(4e9))
        await store.append_events([event(time=later + 1)])
        # As if the root entry had been written in the first month.
        await by_hand(
            url,
            "UPDATE trail SET month = 202601, time = 0 WHERE chain = 0",
            "UPDATE trail_chain SET month = 202601 WHERE id = 0",
        )
        assert await store.drop_entries(later) == 5
        (one,) = [each for each in await store.trail_chains() if each.number != ROOT]
        assert one.anchor[0] == 5
        faults = (await verify_trail(store, key=KEY)).faults
        assert [fault for fault in faults if "is not in the root chain" in fault] == []


async def test_erased_data_is_gone_after_a_vacuum(url: str, postgresql: Server) -> None:
    """An erasure leaves no copy in the columns for searches, and the chain verifies."""
    async with five_entries(url) as store:
        await store.append_events([event("carol-the-forgotten", address="203.0.113.77")])
        assert await store.erase_personal("carol-the-forgotten") == 1
        rows = await store._database.list_rows(
            "SELECT 1 FROM trail WHERE principal IS NULL AND personal IS NULL AND salt IS NULL AND seq = 6"
        )
        assert len(rows) == 1
        assert await wrong_with_trail(store, KEY) is None


async def test_month_that_another_node_has_dropped_is_made_again(url: str) -> None:
    """A node that knows a month as present finds that it was dropped, and the next call succeeds."""
    async with node(url) as store:
        await store.append_events([event()])
        await by_hand(url, "DROP TABLE IF EXISTS trail_202602")
        store._known_months = frozenset({202602, *store._known_months})
        with pytest.raises(StoreUnavailable, match="lost a month"):
            await store.append_events([event(time=NOW + 40 * DAY)])
        await store.append_events([event(time=NOW + 40 * DAY)])
        assert len(await store.entries()) == 2


async def test_processes_have_chains_of_their_own(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was forked before the store was opened begins another chain."""
    async with node(url) as store:
        before = store._own_start
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 1)
            assert store._own_start != before
