"""The store on PostgreSQL runs the contract suite."""

from collections.abc import Callable

import pytest

from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract import NewPair, NewStore, Shared, StoreContract
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
