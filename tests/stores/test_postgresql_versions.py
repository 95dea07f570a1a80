"""A part of the contract on each version of PostgreSQL; the whole of it runs on one version.

`TEST_POSTGRESQL=18 pytest tests/stores` runs all tests of PostgreSQL on another version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from stormdoor.errors import StoreError
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract import (
    MembersContract,
    NewPair,
    NewStore,
    TrailContract,
    VisibilityContract,
)
from stormdoor.testing.contract.in_doubt import fill
from stormdoor.testing.contract.life import EVERY_CALL
from stormdoor.testing.contract.support import account, opened
from tests.support.postgresql import Missing, Server, binaries, databases, migrated, server_or_skip

VERSIONS = ("15", "16", "17", "18")


def _others() -> list[str | None]:
    """Return the versions that this machine has, without the one of the other tests."""
    found: list[str | None] = []
    for version in VERSIONS:
        try:
            if binaries(version).folder != binaries().folder:
                found.append(version)
        except Missing:
            continue
    return found


@pytest.fixture(scope="module", params=_others() or [None])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each other version."""
    if request.param is None:
        pytest.skip("this machine has no second version of PostgreSQL")
    found = server_or_skip(request.param)
    migrated(found)
    yield found
    found.remove()


@pytest.mark.sampled(12)
class TestPostgresqlVersions(VisibilityContract, MembersContract, TrailContract):
    @pytest.fixture
    def database(self, server: Server) -> Iterator[Callable[[], str]]:
        with databases(server) as new:
            yield new

    @pytest.fixture
    def new_store(self, database: Callable[[], str]) -> NewStore:
        return lambda trail_key=None: PostgresqlStore(database(), trail_key)

    @pytest.fixture
    def new_pair(self, database: Callable[[], str]) -> NewPair:
        def pair() -> tuple[PostgresqlStore, PostgresqlStore]:
            url = database()
            return PostgresqlStore(url), PostgresqlStore(url)

        return pair

    async def test_every_call_works(self, new_store: NewStore) -> None:
        """Each call of a store gets an answer from a filled store."""
        async with opened(new_store()) as store:
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
