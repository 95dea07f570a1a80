"""The rows of nodes, as a process has seen them: a clock that is set removes no node with a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor.guard.observed_rows import ObservedRows, remove_silent
from stormdoor.ports import Store, SystemClock
from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.testing.contract.support import STATUS, connection, opened

_HOUR = 3600.0
_SHORT = replace(STATUS, lease=0.05)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store with a clock that `set_clock` sets."""
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "door.db")


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock of the store forward by so many seconds."""
    read = SystemClock.monotonic

    def forward(seconds: float) -> None:
        monkeypatch.setattr(SystemClock, "monotonic", staticmethod(lambda: read() + seconds))

    return forward


async def _nodes(store: Store) -> dict[str, bool]:
    return {one.node: one.declared for one in await store.members()}


async def test_killed_node_is_declared_lapsed_and_removed(
    store: Store, set_clock: Callable[[float], None]
) -> None:
    """A node that is silent for a minute is declared lapsed, and removed an hour later."""
    rows = ObservedRows()
    async with opened(store):
        await store.beat("n1", _SHORT, joining=True)
        await store.sync_connections("n1", [connection("c1", "n1")], [])
        for seconds, found in (
            (0.0, {"n1": False}),
            (50.0, {"n1": False}),
            (70.0, {"n1": True}),
            (_HOUR, {"n1": True}),  # less than an hour after the declaration
            (_HOUR + 80.0, {}),
        ):
            set_clock(seconds)
            await remove_silent(store, rows)
            assert await _nodes(store) == found, seconds
            await asyncio.sleep(2 * _SHORT.lease)
        assert await store.live_connections(["n1"]) == []


async def test_clock_that_was_set_removes_no_node_with_a_lease(
    store: Store, set_clock: Callable[[float], None]
) -> None:
    """INVARIANT: a change that waits for all nodes still finds each node that may have a lease."""
    rows = ObservedRows()
    async with opened(store):
        await store.beat("alive", STATUS, joining=True)
        await store.beat("lapsed", STATUS, joining=True)
        assert await store.declare_lapsed("lapsed", 1)
        await remove_silent(store, rows)
        set_clock(2 * _HOUR)
        await store.purge(1e12)
        await remove_silent(store, rows)
        assert await _nodes(store) == {"alive": False, "lapsed": True}


async def test_node_that_beats_is_not_declared_lapsed(
    store: Store, set_clock: Callable[[float], None]
) -> None:
    """A clock that was set makes a beat look old. The next one has another number."""
    rows = ObservedRows()
    async with opened(store):
        await store.beat("n1", _SHORT, joining=True)
        await remove_silent(store, rows)
        await asyncio.sleep(2 * _SHORT.lease)
        await store.beat("n1", _SHORT, joining=True)
        set_clock(2 * _HOUR)
        await remove_silent(store, rows)
        assert await _nodes(store) == {"n1": False}
