"""Every store runs the contract suite."""

import pytest

from stormdoor.stores import MemoryStore
from tests.stores.contract import NewStore, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def new_store(self) -> NewStore:
        return MemoryStore


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def new_store(self, new_sqlite: NewStore) -> NewStore:
        return new_sqlite
