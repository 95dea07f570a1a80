"""SQLite files for tests: the migrations run once, and each test gets a copy of their result."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stormdoor.stores import SqliteStore
from stormdoor.testing.contract import NewStore

_SAMPLE_OF_PROCESSES = "test_processes_take_each_ticket_once"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the contract's tests that start processes, `make test` runs one."""
    for item in items:
        if "Store::test_processes_" in item.nodeid and _SAMPLE_OF_PROCESSES not in item.nodeid:
            item.add_marker(pytest.mark.extended)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the current schema and nothing in it, closed."""
    path = tmp_path_factory.mktemp("empty") / "store.db"

    async def make() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.close()

    asyncio.run(make())
    return path


@pytest.fixture
def new_path(empty_file: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes the paths of new files with the current schema and nothing in them."""
    made: list[Path] = []

    def new() -> Path:
        path = tmp_path / f"store{len(made)}.db"
        shutil.copy2(empty_file, path)  # with its mode
        made.append(path)
        return path

    return new


@pytest.fixture
def path(new_path: Callable[[], Path]) -> Path:
    """The path of a file with the current schema and nothing in it."""
    return new_path()


@pytest.fixture
def new_sqlite(new_path: Callable[[], Path]) -> NewStore:
    """Makes SQLite stores, each with a file of its own."""
    return lambda trail_key=None: SqliteStore(new_path(), trail_key)
