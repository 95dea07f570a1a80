"""Commits on PostgreSQL with a lost answer, through a proxy that cuts the connection at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stormdoor.errors import StoreInDoubt
from stormdoor.ports import Store
from stormdoor.stores.postgresql import writes
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.in_doubt import REPEATED, USED, contents, fill
from stormdoor.testing.contract.support import account, event, opened, session, wrong_with_trail
from tests.support.commit_proxy import CommitProxy, Loss, commit_proxy
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]


@asynccontextmanager
async def _behind_a_proxy(
    server: Server, new_database: Callable[[], str]
) -> AsyncIterator[tuple[Store, CommitProxy, Store]]:
    """A filled store behind a proxy, the proxy, and a store beside it on the same database."""
    url = new_database()
    async with commit_proxy(server.port) as proxy:
        through = url.replace(f":{server.port}/", f":{proxy.port}/")
        async with opened(PostgresqlStore(through)) as store, opened(PostgresqlStore(url)) as other:
            for name in ("alice", "bob"):
                await store.add_account(account(name))
            await fill(store)
            yield store, proxy, other


# A beat does not count after a lost answer. `purge` and retention are several transactions.
_ONE_COMMIT = [
    name for name in REPEATED if name not in ("beat", "wait_for_entry", "purge", "drop_entries")
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", _ONE_COMMIT)
async def test_repeated_call_after_a_lost_answer_has_the_effect_of_one(
    name: str, postgresql: Server, new_database: Callable[[], str]
) -> None:
    """The caller learns that the change is in doubt, repeats it, and nothing is stored twice."""
    async with _behind_a_proxy(postgresql, new_database) as (store, proxy, other):
        proxy.lose = Loss.ANSWER
        with pytest.raises(StoreInDoubt):
            await REPEATED[name](store)
        assert proxy.lost == 1
        once = await contents(other)
        await REPEATED[name](store)
        assert await contents(other) == once
        assert await other.account("bob") == account("bob")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("loss", [Loss.ANSWER, Loss.COMMIT])
@pytest.mark.parametrize("name", USED)
async def test_value_whose_use_is_in_doubt_is_accepted_at_most_once(
    name: str, loss: Loss, postgresql: Server, new_database: Callable[[], str]
) -> None:
    """If the server has committed the use, the value is used; if not, one later use succeeds."""
    async with _behind_a_proxy(postgresql, new_database) as (store, proxy, _):
        proxy.lose = loss
        with pytest.raises(StoreInDoubt):
            await USED[name](store)
        assert bool(await USED[name](store)) == (loss is Loss.COMMIT)
        assert not await USED[name](store)


async def test_batch_of_the_trail_in_doubt_is_stored_once(
    postgresql: Server, new_database: Callable[[], str]
) -> None:
    """INVARIANT: the trail never contains an entry twice, and its chain stays intact."""
    async with _behind_a_proxy(postgresql, new_database) as (store, proxy, other):
        before = len(await other.entries())
        for n, loss in enumerate((Loss.ANSWER, Loss.COMMIT), start=1):
            proxy.lose = loss
            batch = bytes([n]) * 16
            with pytest.raises(StoreInDoubt):
                await store.append_events([event(), event()], batch=batch)
            await store.append_events([event(), event()], batch=batch, again=True)
            assert len(await other.entries()) == before + 2 * n
        assert await wrong_with_trail(other) is None


async def test_answer_that_never_comes_is_a_doubt_in_time(
    postgresql: Server, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit without an answer ends with `StoreInDoubt`, and the next write uses a new connection."""
    async with _behind_a_proxy(postgresql, new_database) as (store, proxy, other):
        monkeypatch.setattr(writes, "_SECONDS", 1.0)
        proxy.lose = Loss.ANSWER_SILENTLY
        with pytest.raises(StoreInDoubt):
            await store.add_session(session("s2", "alice"))
        assert await other.session("s2") is not None
        monkeypatch.undo()
        await store.add_session(session("s3", "alice"))
        assert await other.session("s3") is not None


async def test_connection_lost_before_a_transaction_is_no_doubt(
    postgresql: Server, new_database: Callable[[], str]
) -> None:
    """After all connections were cut, the next look-up and the next write make new ones."""
    async with _behind_a_proxy(postgresql, new_database) as (store, proxy, _):
        for n in range(3):
            proxy.reset()
            await store.add_session(session(f"n{n}", "alice"))
            assert f"n{n}" in [one.id for one in await store.sessions("alice")]
            assert await store.account("alice") == account("alice")
            assert (await store.log_position()).seq == 0
