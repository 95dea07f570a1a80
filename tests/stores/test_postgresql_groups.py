"""Groups of writes on PostgreSQL: like ones are one statement, and a failed one undoes only itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.stores.memory import MemoryStore
from stormdoor.stores.postgresql import writes
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.support import NOW, account, opened, pending, session, ticket
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]


async def _fill(store: PostgresqlStore, *, principals: int, sessions: int) -> None:
    for p in range(principals):
        await store.add_account(account(f"p{p}"))
        for n in range(sessions):
            await store.add_session(session(f"p{p}-s{n}", f"p{p}"))
            await store.add_ticket(ticket(f"p{p}-t{n}", f"p{p}", session_id=f"p{p}-s{n}"))
            await store.add_pending(pending(f"p{p}-d{n}", f"p{p}", session_id=f"p{p}-s{n}"))


def _count_round_trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record each statement of `asyncpg`, which are the round trips of a write."""
    seen: list[str] = []
    for name in ("fetch", "execute", "executemany"):
        kept = getattr(asyncpg.Connection, name)

        async def counted(
            self: asyncpg.Connection, statement: str, *rest: object, _kept: object = kept
        ) -> object:
            seen.append(" ".join(statement.split())[:20])
            return await _kept(self, statement, *rest)  # type: ignore[operator]

        monkeypatch.setattr(asyncpg.Connection, name, counted)
    return seen


@pytest.mark.parametrize("count", [1, 64])
async def test_revocations_at_once_are_five_round_trips(
    count: int, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One revoked session needs as many round trips as 64 of them."""
    async with opened(PostgresqlStore(new_database())) as store:
        await store.add_account(account("alice"))
        for n in range(count):
            await store.add_session(session(f"s{n}", "alice"))
        seen = _count_round_trips(monkeypatch)
        stored = await asyncio.gather(
            *(
                store.remove_session(f"s{n}", entry=Revocation(Target.SESSION, f"s{n}", NOW))
                for n in range(count)
            )
        )
        assert len(seen) == 5
        assert (seen[0], seen[-1]) == ("BEGIN", "COMMIT")
        monkeypatch.undo()
        assert stored == await store.revocations()
        assert [one.seq for one in stored if isinstance(one, Revocation)] == [*range(1, count + 1)]
        assert await store.sessions("alice") == []


async def test_removals_of_several_principals_keep_the_rest(
    new_database: Callable[[], str],
) -> None:
    """Each principal loses its own sessions, tickets and pending entries, except those of one session."""
    async with opened(PostgresqlStore(new_database())) as store:
        await _fill(store, principals=4, sessions=3)
        removed = await asyncio.gather(
            store.remove_sessions("p0"),
            store.remove_sessions("p1", keep="p1-s1"),
            store.remove_sessions("p2", keep="p2-s0"),
            store.remove_sessions("p2", keep="p2-s2"),
            store.remove_sessions("unknown"),
        )
        assert list(removed) == [
            ["p0-s0", "p0-s1", "p0-s2"],
            ["p1-s0", "p1-s2"],
            ["p2-s1", "p2-s2"],
            ["p2-s0"],
            [],
        ]
        left = {"p1-1", "p3-0", "p3-1", "p3-2"}
        for p in range(4):
            for n in range(3):
                there = f"p{p}-{n}" in left
                assert (await store.session(f"p{p}-s{n}") is not None) == there
                found = await store.pending(f"p{p}-d{n}", "second-factor")
                assert (found is not None) == there
                assert (await store.redeem_ticket(f"p{p}-t{n}") is not None) == there


async def test_session_that_two_calls_remove_at_once_belongs_to_one(
    new_database: Callable[[], str],
) -> None:
    """Of two calls in one statement, one has removed the session, and only its entry is added."""
    async with opened(PostgresqlStore(new_database())) as store:
        await _fill(store, principals=1, sessions=2)
        entries = [Revocation(Target.SESSION, "p0-s0", NOW, reason=f"{n}") for n in range(3)]
        removed = await asyncio.gather(
            *(store.remove_session("p0-s0", entry=one) for one in entries),
            store.remove_session("unknown", entry=entries[0]),
        )
        assert [bool(one) for one in removed] == [True, False, False, False]
        assert [one.reason for one in await store.revocations()] == ["0"]
        assert [one.id for one in await store.sessions("p0")] == ["p0-s1"]


async def test_failed_write_does_not_undo_like_ones(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure in a group, each other write of it is stored, and its entry is added once."""
    async with opened(PostgresqlStore(new_database())) as store:
        await _fill(store, principals=2, sessions=3)

        def entry(id: str) -> Revocation:
            return Revocation(Target.SESSION, id, NOW)

        results = await asyncio.gather(
            store.remove_session("p0-s0", entry=entry("p0-s0")),
            store.remove_session("\0", entry=entry("x")),
            store.add_session(session("p0-s1", "p0")),
            store.remove_session("p0-s2", entry=entry("p0-s2")),
            store.remove_sessions("p1"),
            store.add_session(session("new", "unknown")),
            store.add_revocation(Revocation(Target.TOKEN, "t1", NOW)),
            return_exceptions=True,
        )
        assert [isinstance(one, StoreError) for one in results] == [
            *(False, True, True, False, False, True, False)
        ]
        assert {one.value for one in await store.revocations()} == {"p0-s0", "p0-s2", "t1"}
        assert [one.seq for one in await store.revocations()] == [1, 2, 3]
        assert [one.id for one in await store.sessions("p0")] == ["p0-s1"]
        assert await store.sessions("p1") == []


async def test_failure_of_one_statement_for_many_concerns_only_its_cause(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one lock makes a statement for many fail, only the write that needs this lock fails."""
    monkeypatch.setattr(writes, "_LOCK_SECONDS", 0.05)
    url = new_database()
    async with opened(PostgresqlStore(url)) as store:
        await _fill(store, principals=1, sessions=3)
        other = await asyncpg.connect(url)
        async with other.transaction():
            await other.execute("SELECT FROM stormdoor.session WHERE id = 'p0-s1' FOR UPDATE")
            results = await asyncio.gather(
                *(store.remove_session(f"p0-s{n}") for n in range(3)), return_exceptions=True
            )
        await other.close()
        assert [one if isinstance(one, bool) else "failed" for one in results] == [
            *(True, "failed", True)
        ]
        assert [one.id for one in await store.sessions("p0")] == ["p0-s1"]


async def test_times_of_entries_that_are_added_at_once_never_go_back(
    new_database: Callable[[], str],
) -> None:
    """Entries of one statement get the times that the store in memory gives them one after the other."""
    entries = [
        Revocation(Target.PRINCIPAL, "a", NOW + 5),
        Revocation(Target.SESSION, "s1", NOW + 1),
        Revocation(Target.PRINCIPAL, "b", NOW + 3),
        Revocation(Target.TENANT, "t", NOW + 2, by_time=True),
        Revocation(Target.EVERYTHING, "", NOW + 9),
        Revocation(Target.ROLE, "r", NOW + 8),
        Revocation(Target.CHANGED, "c", NOW),
    ]
    async with opened(PostgresqlStore(new_database())) as store, opened(MemoryStore()) as memory:
        for group in (entries[1:4], entries, entries[:1]):
            stored = await asyncio.gather(*map(store.add_revocation, group))
            expected = [await memory.add_revocation(one) for one in group]
            assert [one.at for one in stored] == [one.at for one in expected]
        assert [one.at for one in await store.revocations()] == [
            one.at for one in await memory.revocations()
        ]


async def test_groups_of_two_nodes_that_remove_the_same_sessions_both_end(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """Two nodes that remove the same sessions at once, in opposite order, remove each of them once."""
    url = new_database()
    async with opened(PostgresqlStore(url)) as one, opened(PostgresqlStore(url)) as other:
        await one.add_account(account("alice"))
        for _ in range(5):
            ids = [f"s{n}" for n in range(20)]
            for id in ids:
                await one.add_session(session(id, "alice"))
            removed = await asyncio.gather(
                *(one.remove_session(id) for id in ids),
                *(other.remove_session(id) for id in reversed(ids)),
            )
            assert sum(map(bool, removed)) == 20
            assert await one.sessions("alice") == []
