"""The store on PostgreSQL runs the contract suite."""

from collections.abc import Callable

import pytest

from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing import contract
from stormdoor.testing.contract import NewPair, NewStore, Shared
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]


class TestPostgresqlStore(
    contract.AccountsContract,
    contract.SessionsContract,
    contract.SingleUseContract,
    contract.NoncesContract,
    contract.IdentitiesContract,
    contract.AddressesContract,
    contract.FactorsContract,
    contract.KeysContract,
    contract.RevocationsContract,
    contract.ConnectionsContract,
    contract.MembersContract,
    contract.TrailContract,
    contract.ClockJumpsContract,
):
    @pytest.fixture
    def new_store(self, new_database: Callable[[], str]) -> NewStore:
        return lambda trail_key=None: PostgresqlStore(new_database(), trail_key)  # type: ignore[return-value]

    @pytest.fixture
    def new_pair(self, new_database: Callable[[], str]) -> NewPair:
        def pair() -> tuple[PostgresqlStore, PostgresqlStore]:
            url = new_database()
            return PostgresqlStore(url), PostgresqlStore(url)

        return pair  # type: ignore[return-value]

    @pytest.fixture
    def shared(self, new_database: Callable[[], str]) -> Shared:
        url = new_database()
        return Shared(PostgresqlStore(url), "stormdoor.stores:open_store", url)  # type: ignore[arg-type]
