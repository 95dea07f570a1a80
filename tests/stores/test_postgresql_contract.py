"""The store on PostgreSQL runs the contract suite."""

from collections.abc import Callable

import pytest

from stormdoor.errors import StoreError
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract import NewPair, NewStore, Shared, StoreContract
from stormdoor.testing.contract.in_doubt import fill
from stormdoor.testing.contract.life import EVERY_CALL
from stormdoor.testing.contract.support import account, opened
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]


@pytest.mark.sampled(12)
class TestPostgresqlStore(StoreContract):
    @pytest.fixture
    def new_store(self, new_database: Callable[[], str]) -> NewStore:
        return lambda trail_key=None: PostgresqlStore(new_database(), trail_key)

    @pytest.fixture
    def new_pair(self, new_database: Callable[[], str]) -> NewPair:
        def pair() -> tuple[PostgresqlStore, PostgresqlStore]:
            url = new_database()
            return PostgresqlStore(url), PostgresqlStore(url)

        return pair

    @pytest.fixture
    def shared(self, new_database: Callable[[], str]) -> Shared:
        url = new_database()
        return Shared(PostgresqlStore(url), "stormdoor.stores:open_store", url)


async def test_every_call_works(new_database: Callable[[], str]) -> None:
    """Each call of a store gets an answer from a filled store, on each release of PostgreSQL."""
    async with opened(PostgresqlStore(new_database())) as store:
        await store.add_account(account("alice"))
        await fill(store)
        refused = []
        # Those that remove the account and its data come last.
        last = ("remove_account", "remove_member", "purge")
        for name in sorted(EVERY_CALL, key=lambda name: (name in last, name)):
            try:
                await EVERY_CALL[name](store)
            except StoreError:
                refused.append(name)
        assert refused == ["replace_key"]  # `add_key` has taken the id
