"""The nodes in a SQLite file: no write of another process delays a beat, and old nodes are removed."""

from pathlib import Path

import pytest

from stormdoor.errors import StoreUnavailable
from stormdoor.ports import SystemClock
from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.testing.contract.support import NOW, STATUS, connection, opened
from tests.stores.processes import lock_held

_HOUR = 3_600.0


async def test_beat_does_not_wait_for_a_writer(path: Path) -> None:
    """INVARIANT: while another process holds the write lock, a node still beats."""
    async with opened(SqliteStore(path, busy_seconds=0.05)) as store:
        head = await store.beat("n1", STATUS, joining=True)
        with lock_held(path):
            with pytest.raises(StoreUnavailable):
                await store.remove_member("n1")
            for _ in range(3):
                assert await store.beat("n1", STATUS) == head


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_silent_node_is_purged(
    kind: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node is removed with its connections an hour after its last beat, by the monotonic clock."""
    store = MemoryStore() if kind == "memory" else SqliteStore(path)
    began = 1000.0  # an hour later is exact, too
    async with opened(store):
        monkeypatch.setattr(SystemClock, "monotonic", staticmethod(lambda: began))
        await store.beat("n1", STATUS, joining=True)
        await store.sync_connections("n1", [connection("c1", "n1")], [])
        monkeypatch.setattr(SystemClock, "monotonic", staticmethod(lambda: began + _HOUR))
        await store.beat("n2", STATUS, joining=True)
        assert await store.purge(NOW) == 0
        monkeypatch.setattr(SystemClock, "monotonic", staticmethod(lambda: began + _HOUR + 1))
        assert await store.purge(NOW) == 1
        assert [(one.node, one.age) for one in await store.members()] == [("n2", 1.0)]
        assert await store.live_connections(["n1"]) == []


@pytest.mark.extended
async def test_node_of_an_earlier_boot_is_silent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of the machine its clock begins anew, and no node counts as alive."""
    began = SystemClock.monotonic()
    async with opened(SqliteStore(path)) as store:
        await store.beat("n1", STATUS, joining=True)
        monkeypatch.setattr(SystemClock, "monotonic", staticmethod(lambda: began - 1_000.0))
        [found] = await store.members()
        assert found.age == float("inf")
        assert await store.purge(NOW) == 1
