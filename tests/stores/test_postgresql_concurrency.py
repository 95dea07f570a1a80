"""Several writers on one PostgreSQL database: invariants that span rows, deadlocks, and the log's order."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import asyncpg
import pytest

from stormdoor.core.backoff import Guess, GuessRules
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError, StoreUnavailable
from stormdoor.ports import Store
from stormdoor.stores.postgresql import look_ups, writes
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.stores.postgresql.transaction import Job, Transaction
from stormdoor.testing.contract.support import (
    NOW,
    account,
    factor,
    key,
    opened,
    pending,
    placed,
    session,
    ticket,
)
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]


@asynccontextmanager
async def _stores(url: str, count: int) -> AsyncIterator[list[PostgresqlStore]]:
    """Store objects on one database, as so many nodes have them."""
    async with AsyncExitStack() as stack:
        stores = [PostgresqlStore(url) for _ in range(count)]
        for store in stores:
            await stack.enter_async_context(opened(store))
        yield stores


async def _connect(url: str) -> asyncpg.Connection:
    connection: asyncpg.Connection = await asyncpg.connect(url)
    await connection.execute("SET search_path = stormdoor")
    return connection


async def test_limit_of_unauthenticated_logins_holds_under_32_writers(
    new_database: Callable[[], str],
) -> None:
    """INVARIANT: of 64 attempts by 8 nodes, 10 are stored if the limit is 10."""
    async with _stores(new_database(), 8) as stores:
        attempts = [
            store.add_pending(pending(f"p{n}-{node}"), max_unauthenticated=10)
            for node, store in enumerate(stores)
            for n in range(8)
        ]
        stored = await asyncio.gather(*attempts)
        assert stored.count(True) == 10
        found = [
            await stores[0].pending(f"p{n}-{node}", "second-factor")
            for node in range(8)
            for n in range(8)
        ]
        assert len([one for one in found if one]) == 10


async def test_one_node_of_many_takes_each_value(new_database: Callable[[], str]) -> None:
    """INVARIANT: of 8 nodes that use one value at once, one succeeds."""
    async with _stores(new_database(), 8) as stores:
        await stores[0].add_account(account("alice"))
        await stores[0].add_factor(factor("f1", "alice", counter=0))
        for n in range(1, 6):
            await stores[0].set_recovery_codes("alice", ["code"])
            await stores[0].add_pending(pending(f"p{n}", "alice", session_id=None))
            await stores[0].add_session(session(f"s{n}", "alice"))
            await stores[0].add_ticket(ticket(f"t{n}", "alice", session_id=f"s{n}"))
            names = map("new{}-{}".format, itertools.repeat(n), itertools.count())
            uses: list[Callable[[Store], Awaitable[object]]] = [
                partial(lambda n, store: store.redeem_ticket(f"t{n}"), n),
                partial(
                    lambda names, n, store: store.replace_session(
                        f"s{n}", session(next(names), "alice")
                    ),
                    *(names, n),
                ),
                partial(lambda n, store: store.use_nonce("jti", f"v{n}", NOW), n),
                partial(lambda n, store: store.take_pending(f"p{n}", "second-factor"), n),
                partial(lambda _, store: store.use_recovery_code("alice", "code"), n),
                partial(lambda n, store: store.use_factor("f1", counter=n, at=NOW), n),
                partial(
                    lambda n, store: store.set_factor_failures("alice", n, NOW, expected=n - 1), n
                ),
            ]
            for use in uses:
                taken = await asyncio.gather(*(use(store) for store in stores))
                assert sum(map(bool, taken)) == 1
            assert len(await stores[0].sessions("alice")) == n


async def test_login_under_way_is_seen_by_the_end_of_all_sessions(
    new_database: Callable[[], str],
) -> None:
    """INVARIANT: a session that another node has added but not committed is removed as well."""
    url = new_database()
    async with _stores(url, 1) as [store]:
        await store.add_account(account("alice"))
        await store.add_session(session("kept", "alice"))
        other = await _connect(url)
        transaction = other.transaction()
        await transaction.start()
        await other.execute(
            "INSERT INTO session SELECT 'late', principal_id, created_at, born_at, authenticated_at,"
            " last_seen_at, expires_at, idle_seconds, address, user_agent, strength FROM session"
        )
        removal = asyncio.create_task(store.remove_sessions("alice", keep="kept"))
        await asyncio.sleep(0.1)
        assert not removal.done()
        await transaction.commit()
        await other.close()
        assert await removal == ["late"]


async def test_removals_of_the_last_two_factors_remove_the_recovery_codes(
    new_database: Callable[[], str],
) -> None:
    """INVARIANT: without a factor there is no recovery code, also if two nodes remove one each at once."""
    async with _stores(new_database(), 2) as (one, other):
        await one.add_account(account("alice"))
        for _ in range(10):
            await one.add_factor(factor("f1", "alice"))
            await one.add_factor(factor("f2", "alice"))
            await one.set_recovery_codes("alice", ["a", "b"])
            removed = await asyncio.gather(
                one.remove_factor("f1", "alice"), other.remove_factor("f2", "alice")
            )
            assert list(removed) == [[], []]
            assert await one.recovery_codes("alice") == 0


async def test_deadlock_is_repeated(new_database: Callable[[], str]) -> None:
    """Of two transactions that lock two rows in opposite order, the server ends one; it is repeated."""
    async with _stores(new_database(), 2) as stores:
        for name in ("alice", "bob"):
            await stores[0].add_account(account(name))
        attempts = 0
        has_first = [asyncio.Event(), asyncio.Event()]

        def change(own: int, first: str, second: str) -> Job[bool]:
            async def run(transaction: Transaction) -> bool:
                nonlocal attempts
                attempts += 1
                await transaction.change("UPDATE account SET tenant = ? WHERE id = ?", first, first)
                has_first[own].set()
                await has_first[1 - own].wait()
                await transaction.change(
                    "UPDATE account SET tenant = ? WHERE id = ?", first, second
                )
                return True

            return run

        done = await asyncio.gather(
            stores[0]._database.change(change(0, "alice", "bob")),
            stores[1]._database.change(change(1, "bob", "alice")),
        )
        assert list(done) == [True, True]
        assert attempts >= 3
        assert {one.tenant for one in await stores[0].accounts()} in ({"alice"}, {"bob"})


async def test_repeated_transaction_has_one_effect(new_database: Callable[[], str]) -> None:
    """A write that deadlocked first adds its entry to the log once, and returns the stored session."""
    async with _stores(new_database(), 4) as stores:
        for name in ("alice", "bob"):
            await stores[0].add_account(account(name, roles=frozenset()))
        entry = Revocation(Target.CHANGED, "alice", NOW)
        # Each group locks both accounts; half of the nodes begin with the other one.
        for n in range(10):
            await asyncio.gather(
                *(
                    stores[node].add_role(name, f"{node}-{n}", entry=entry)
                    for node in range(4)
                    for name in (("alice", "bob") if node % 2 else ("bob", "alice"))
                )
            )
        assert [len(one.roles) for one in await stores[0].accounts()] == [40, 40]
        assert [one.seq for one in await stores[0].revocations()] == list(range(1, 81))


async def test_sequence_has_no_gap_and_follows_the_commits(new_database: Callable[[], str]) -> None:
    """INVARIANT: a reader never sees an entry before one with a smaller position."""
    url = new_database()
    async with _stores(url, 6) as stores:
        await stores[0].add_account(account("alice"))
        await stores[0].add_session(session("taken", "alice"))
        reader = await _connect(url)

        async def write(node: int, store: PostgresqlStore) -> None:
            for n in range(15):
                entry = Revocation(Target.SESSION, f"{node}-{n}", NOW)
                await store.add_session(session(f"{node}-{n}", "alice"))
                refused = store.replace_session(
                    f"{node}-{n}", session("taken", "alice"), entry=entry
                )
                results = await asyncio.gather(
                    store.remove_session(f"{node}-{n}", entry=entry),
                    refused,
                    store.add_revocation(entry),
                    return_exceptions=True,
                )
                assert not isinstance(results[0], BaseException)
                assert isinstance(results[1], StoreError) or results[1] is None

        writers = asyncio.gather(*(write(n, store) for n, store in enumerate(stores)))
        while not writers.done():
            [(count, highest, value)] = await reader.fetch(
                "SELECT (SELECT count(*) FROM revocation), (SELECT max(seq) FROM revocation), value"
                " FROM counter"
            )
            assert count == (highest or 0) == value
        await writers
        await reader.close()
        assert [one.seq for one in await stores[0].revocations()] == list(range(1, 181))


async def test_refused_write_does_not_undo_its_group(new_database: Callable[[], str]) -> None:
    """Writes that are committed together succeed or fail each for itself."""
    async with _stores(new_database(), 1) as [store]:
        await store.add_account(account("alice"))
        await store.add_session(session("s0", "alice"))
        results = await asyncio.gather(
            store.add_session(session("s1", "alice")),
            store.add_session(session("s0", "alice")),
            store.add_session(session("s2", "nobody")),
            store.add_key(key("k1", "alice", name="\0")),
            store.use_nonce("jti", "v", NOW),
            store.use_nonce("jti", "v", NOW),
            store.add_factor(factor("f1", "alice", counter=2**63)),
            store._database.change(lambda _: _raise(ZeroDivisionError("a mistake"))),
            store.add_revocation(Revocation(Target.EVERYTHING, "\ud800", NOW)),
            store.add_session(session("s3", "alice")),
            return_exceptions=True,
        )
        assert [type(one).__name__ for one in results] == [
            "Session",
            "StoreError",
            "StoreError",
            "UnsendableText",
            "bool",
            "bool",
            "StoreError",
            "ZeroDivisionError",
            "UnsendableText",
            "Session",
        ]
        assert sorted(results[4:6], key=bool) == [False, True]
        assert {one.id for one in await store.sessions("alice")} == {"s0", "s1", "s3"}
        assert await store.revocations() == []


async def _raise(error: Exception) -> bool:
    raise error


async def test_look_ups_of_one_turn_are_one_statement(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 handshakes at once need two round trips, and each gets its own session."""
    async with _stores(new_database(), 1) as [store]:
        await store.add_account(account("alice", roles=frozenset({"a", "b", "c"})))
        await store.add_account(account("bob", roles=frozenset()))
        for n in range(10):
            await store.add_session(session(f"s{n}", "alice" if n % 2 else "bob"))
        statements: list[int] = []
        fetch = asyncpg.Connection.fetch

        async def counted(self: asyncpg.Connection, statement: str, *arrays: object) -> object:
            if "unnest" in statement:
                statements.append(len(arrays[0]))  # type: ignore[arg-type]
            return await fetch(self, statement, *arrays)

        monkeypatch.setattr(asyncpg.Connection, "fetch", counted)
        found = await asyncio.gather(*(store.session(f"s{n}") for n in range(300)))
        assert statements == [256, 44]
        assert [one is not None for one in found] == [n < 10 for n in range(300)]
        for n, one in enumerate(found[:10]):
            assert one is not None
            assert one[0] == await placed(store, session(f"s{n}", one[1].id))
            assert one[1].roles == (frozenset("abc") if n % 2 else frozenset())


async def test_mistake_in_a_batch_answers_and_stops_nothing(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that no driver raises is an answer for its callers; the next calls are served."""
    async with _stores(new_database(), 1) as [store]:
        await store.add_account(account("alice"))

        async def broken(*_: object) -> list[object]:
            raise ZeroDivisionError("a mistake")

        with monkeypatch.context() as patch:
            patch.setattr(look_ups.LookUps, "_fetch", broken)
            patch.setattr(store._database._writes, "_add_entries", broken)
            results = await asyncio.gather(
                store.account("alice"),
                store.session("s1"),
                store.add_revocation(Revocation(Target.SESSION, "s1", NOW)),
                return_exceptions=True,
            )
            assert [isinstance(one, StoreUnavailable) for one in results] == [True] * 3
        assert await store.account("alice") == account("alice")
        assert (await store.add_revocation(Revocation(Target.SESSION, "s1", NOW))).seq == 1


async def test_cancelled_callers_leave_the_store_usable(new_database: Callable[[], str]) -> None:
    """A client that goes away during a write or a look-up leaves nothing half done."""
    async with _stores(new_database(), 1) as [store]:
        await store.add_account(account("alice"))
        for n, steps in enumerate(itertools.islice(itertools.cycle(range(4)), 40)):
            tasks = [
                asyncio.create_task(store.add_session(session(f"s{n}", "alice"))),
                asyncio.create_task(store.account("alice")),
                asyncio.create_task(store.revocations()),
                asyncio.create_task(store.accounts()),
            ]
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await store.account("alice") == account("alice")
        await store.add_session(session("last", "alice"))
        assert "last" in {one.id for one in await store.sessions("alice")}


async def test_close_waits_for_writes_under_way(new_database: Callable[[], str]) -> None:
    """A write that began before `close` is stored."""
    url = new_database()
    store = PostgresqlStore(url)
    await store.open()
    await store.add_account(account("alice"))
    added = [asyncio.create_task(store.add_session(session(f"s{n}", "alice"))) for n in range(120)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*added)
    async with _stores(url, 1) as [again]:
        assert len(await again.sessions("alice")) == 120


async def test_queue_of_writes_is_bounded(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If more writes wait than may, the next one is refused, and nothing of it happens."""
    monkeypatch.setattr(writes, "_MOST_WAITING", 3)
    async with _stores(new_database(), 1) as [store]:
        results = await asyncio.gather(
            *(store.use_nonce("jti", f"v{n}", NOW) for n in range(5)), return_exceptions=True
        )
        assert [type(one) for one in results] == [bool] * 3 + [StoreUnavailable] * 2
        assert await store.use_nonce("jti", "v4", NOW)


async def test_locked_row_makes_only_its_own_write_fail(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that keeps a lock makes the writes on that row fail, and the others of the group succeed."""
    monkeypatch.setattr(writes, "_LOCK_SECONDS", 0.05)
    url = new_database()
    async with _stores(url, 1) as [store]:
        await store.add_account(account("alice"))
        other = await _connect(url)
        async with other.transaction():
            await other.execute("SELECT * FROM account FOR UPDATE")
            used, refused, also_used = await asyncio.gather(
                store.use_nonce("jti", "v1", NOW),
                store.add_role("alice", "guest"),
                store.use_nonce("jti", "v2", NOW),
                return_exceptions=True,
            )
            assert isinstance(refused, StoreUnavailable)
            assert "another transaction keeps a lock" in str(refused)
            assert used is True
            assert also_used is True
            assert await store.account("alice") == account("alice")
        assert await store.add_role("alice", "guest")
        await other.close()


async def test_writes_that_wait_too_long_are_refused(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes behind a group that hangs are refused when their time is over, and nothing of them happens."""
    monkeypatch.setattr(writes, "_SECONDS", 0.3)
    monkeypatch.setattr(writes, "_MOST_TOGETHER", 1)
    async with _stores(new_database(), 1) as [store]:

        async def hangs(_: Transaction) -> bool:
            await asyncio.sleep(60.0)
            return True

        results = await asyncio.gather(
            store._database.write(hangs),
            *(store.use_nonce("jti", f"v{n}", NOW) for n in range(3)),
            return_exceptions=True,
        )
        assert [type(one) for one in results] == [StoreUnavailable] * 4
        monkeypatch.undo()
        assert await store.use_nonce("jti", "v0", NOW)


async def test_notification_only_wakes(new_database: Callable[[], str], postgresql: Server) -> None:
    """A follower without notifications, or with false ones, finds the same entries by its reads."""
    url = new_database()
    async with _stores(url, 2) as (one, other):
        head = await other.log_position()
        other_process = await _connect(url)
        for payload in ("", "999999", "-1", "x" * 100):
            await other_process.execute("SELECT pg_notify('stormdoor_revocation', $1)", payload)
            await other.wait_for_entry(head, 0.05)
            assert await other.revocations(head.seq) == []
        waiting = asyncio.create_task(other.wait_for_entry(head, 60.0))
        await asyncio.sleep(0.05)
        stored = await one.add_revocation(Revocation(Target.SESSION, "s1", NOW))
        await asyncio.wait_for(waiting, 30.0)
        assert await other.revocations(head.seq) == [stored]
        # Its connection is cut: what was added meanwhile is there when it reads again.
        await other_process.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'stormdoor follow' AND datname = current_database()"
        )
        later = await one.add_revocation(Revocation(Target.SESSION, "s2", NOW))
        await other.wait_for_entry(stored_position := await one.log_position(), 0.01)
        assert stored_position.seq == later.seq
        assert await other.revocations(stored.seq) == [later]
        await other_process.close()


async def _without_deadlock_detection(url: str) -> str:
    """Let a deadlock in the database last until a lock is refused, which fails a write."""
    connection = await _connect(url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '60s'")
    await connection.close()
    return url


async def test_client_cannot_let_two_nodes_deadlock(new_database: Callable[[], str]) -> None:
    """Single uses, and uses of keys, that reach two nodes in opposite order wait for no deadlock."""
    url = await _without_deadlock_detection(new_database())
    ids = [f"i{n}" for n in range(20)]
    uses: list[Callable[[Store, str], Awaitable[object]]] = [
        lambda store, id: store.use_nonce("jti", id, NOW),
        lambda store, id: store.redeem_ticket(id),
        lambda store, id: store.take_pending(id, "second-factor"),
        lambda store, id: store.use_factor(id, counter=6, at=NOW),
        lambda store, id: store.touch_key(id, NOW, "192.0.2.1"),
        lambda store, id: store.add_pending(
            pending(secrets.token_hex(8), purpose=id), max_unauthenticated=9
        ),
        lambda store, id: store.remove_key(id),
    ]
    async with _stores(url, 2) as stores:
        await stores[0].add_account(account("alice"))
        for id in ids:
            await stores[0].add_session(session(id, "alice"))
            await stores[0].add_ticket(ticket(id, "alice", session_id=id))
            await stores[0].add_pending(pending(id, "alice", session_id=id))
            await stores[0].add_factor(factor(id, "alice"))
            await stores[0].add_key(key(id, "alice"))
        for use in uses:
            await asyncio.gather(
                *(use(stores[0], id) for id in ids), *(use(stores[1], id) for id in ids[::-1])
            )


async def test_logins_and_requests_let_no_two_nodes_deadlock(
    new_database: Callable[[], str],
) -> None:
    """Logins of one principal on two nodes, and requests beside logouts, wait for no deadlock."""
    async with _stores(await _without_deadlock_detection(new_database()), 2) as stores:
        await stores[0].add_account(account("alice"))
        for n in range(10):
            for id in ("i0", "i1"):
                await stores[0].add_session(session(id, "alice"))
            await asyncio.gather(
                *(
                    one.add_session(session(f"{n}-{node}", "alice"))
                    for node, one in enumerate(stores)
                ),
                *(one.remember_address("alice", f"192.0.2.{n}", NOW, most=5) for one in stores),
                *(one.add_role("alice", f"role-{n}") for one in stores),
            )
            await asyncio.gather(
                stores[0].touch_sessions({"i0": NOW + n}),
                stores[0].remove_session("i1"),
                stores[1].remove_session("i1"),
                stores[1].touch_sessions({"i0": NOW + n}),
            )
            await stores[0].remove_session("i0")


async def test_nodes_count_guesses_together(new_database: Callable[[], str]) -> None:
    """INVARIANT: eight nodes together allow the free guesses of one account, also beside its logins."""
    rules = GuessRules()
    url = await _without_deadlock_detection(new_database())
    async with _stores(url, 8) as stores:
        await stores[0].add_account(account("alice"))
        guesses = [
            Guess(account="alice", pair=f"alice at {n % 10}", familiar=False, at=NOW)
            for n in range(200)
        ]
        others: list[Awaitable[object]] = [one.add_role("alice", "guest") for one in stores]
        others += [one.remember_address("alice", "home", NOW, most=5) for one in stores]
        beside = asyncio.gather(*others)
        waits = await asyncio.gather(
            *(stores[n % 8].charge_guess(one, rules) for n, one in enumerate(guesses))
        )
        await beside
        assert waits.count(0.0) == rules.unfamiliar.free
        charged = [guess for guess, seconds in zip(guesses, waits, strict=True) if not seconds]
        assert max(Counter(guess.pair for guess in charged).values()) <= rules.own.free
        await asyncio.gather(
            *(
                stores[n % 8].give_back_guess(one, rules, succeeded=False)
                for n, one in enumerate(charged)
            )
        )
        assert await stores[0].guess_wait(guesses[0], rules) == 0.0
        assert await stores[0].purge(NOW + 1e6) == 0


async def test_ends_of_other_sessions_let_no_two_nodes_deadlock(
    new_database: Callable[[], str],
) -> None:
    """Logins and the end of all other sessions of one principal, on two nodes, wait for no deadlock."""
    async with _stores(await _without_deadlock_detection(new_database()), 2) as stores:
        await stores[0].add_account(account("alice"))
        await stores[0].add_factor(factor("f", "alice"))
        for n in range(10):
            writes: list[Callable[[Store, str], Awaitable[object]]] = [
                lambda store, id: store.add_session(session(id, "alice")),
                lambda store, id: store.add_session(session(f"{id}-later", "alice")),
                lambda store, id: store.remove_sessions("alice", keep=id),
                lambda store, _: store.remove_factor("g", "alice"),
                lambda store, _: store.set_recovery_codes("alice", ["h"]),
            ]
            await asyncio.gather(
                *(write(one, f"{n}-{node}") for node, one in enumerate(stores) for write in writes)
            )
