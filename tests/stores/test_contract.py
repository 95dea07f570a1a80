"""Every store runs the contract suite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.testing.contract import NewPair, NewStore, Shared, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def new_store(self) -> NewStore:
        return MemoryStore


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def new_store(self, new_sqlite: NewStore) -> NewStore:
        return new_sqlite

    @pytest.fixture
    def new_pair(self, new_path: Callable[[], Path]) -> NewPair:
        def pair() -> tuple[SqliteStore, SqliteStore]:
            path = new_path()
            return SqliteStore(path), SqliteStore(path)

        return pair

    @pytest.fixture
    def shared(self, path: Path) -> Shared:
        return Shared(SqliteStore(path), "stormdoor.stores:open_store", f"sqlite://{path}")
