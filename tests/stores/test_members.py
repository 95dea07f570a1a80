"""The nodes in a SQLite file: no write of another process delays a beat."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor.errors import StoreUnavailable
from stormdoor.ports.clock import boot_id
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite import members
from stormdoor.testing.contract.support import STATUS, opened
from tests.stores.processes import lock_held


async def test_beat_does_not_wait_for_a_writer(path: Path) -> None:
    """INVARIANT: while another process holds the write lock, a node still beats."""
    async with opened(SqliteStore(path, busy_seconds=0.05)) as store:
        head = await store.beat("n1", STATUS, joining=True)
        with lock_held(path):
            with pytest.raises(StoreUnavailable):
                await store.remove_member("n1")
            for _ in range(3):
                assert await store.beat("n1", STATUS) == head


@pytest.mark.extended
async def test_nodes_of_an_earlier_boot_are_removed(path: Path) -> None:
    """Their processes have ended. A node of unknown boot may run, so it stays."""
    instances = (f"{boot_id()}.a", "another-boot.b", "of earlier code", "")
    async with opened(SqliteStore(path)) as store:
        for node, instance in enumerate(instances):
            await store.beat(str(node), replace(STATUS, instance=instance), joining=True)
    async with opened(SqliteStore(path)) as store:
        assert [one.node for one in await store.members()] == ["0", "2", "3"]


async def test_machine_without_a_boot_id_removes_no_node(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives no id, no row is of an earlier boot."""
    async with opened(SqliteStore(path)) as store:
        await store.beat("n1", replace(STATUS, instance="some-boot.a"), joining=True)
        await store.beat("n2", replace(STATUS, instance=".a"), joining=True)
    monkeypatch.setattr(members, "boot_id", lambda: "")
    async with opened(SqliteStore(path)) as store:
        assert len(await store.members()) == 2


async def test_clock_is_read_with_the_row(path: Path) -> None:
    """A beat of another process that comes before the row is read is never in the future."""
    async with opened(SqliteStore(path)) as store, opened(SqliteStore(path)) as other:
        await other.beat("n1", STATUS, joining=True)
        free = threading.Event()
        live = store._database._live
        assert live is not None
        waiting = live.list_thread.submit(free.wait)  # as on a machine that is busy
        reading = asyncio.create_task(store.members())
        await asyncio.sleep(0.01)
        await other.beat("n1", STATUS, joining=True)
        free.set()
        [found] = await reading
        assert waiting.result()
        assert found.beat == 2
        assert 0.0 <= found.age < 60.0
