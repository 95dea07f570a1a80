"""The alarm before the store runs out of room."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from stormdoor import ConfigurationError, Guard
from stormdoor.core.event import Event
from stormdoor.core.trail_budget import DAY_BYTES
from stormdoor.guard.store_space import StoreSpace
from stormdoor.ports import Space
from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.tornado.metrics import exposition
from tests.support.clock import FakeClock
from tests.tornado.wire import log_lines

ROOM = 10**12
LIMIT = 10**9


class _Sized(MemoryStore):
    size: Space | None = Space(0, ROOM)

    async def space(self) -> Any:
        return self.size


@pytest.mark.parametrize(
    ("used", "free", "alarm"),
    [
        (0, ROOM, False),
        (LIMIT * 8 // 10 - 1, ROOM, False),
        (LIMIT * 8 // 10, ROOM, True),
        (LIMIT * 2, ROOM, True),
        (0, 1000 * 1024**2, False),
        (0, 1000 * 1024**2 - 1, True),
    ],
)
async def test_when_it_is_raised(used: int, free: int, alarm: bool) -> None:
    """Before the limit of the size, and before the end of the disk."""
    store = _Sized()
    store.size = Space(used, free)
    space = StoreSpace(store, FakeClock(), LIMIT)
    with log_lines("stormdoor.store") as lines:
        await space.measure()
    assert (space.alarm, len(lines)) == (alarm, int(alarm))


async def test_it_is_repeated_hourly_and_taken_back() -> None:
    """The alarm is repeated hourly with figures and settings, until there is room."""
    store, clock = _Sized(), FakeClock()
    space = StoreSpace(store, clock, LIMIT)
    store.size = Space(LIMIT, ROOM)
    with log_lines("stormdoor.store") as lines:
        for _ in range(121):
            await space.measure()
            clock.advance(60.0)
        assert len(lines) == 3
        assert "954 MiB of store_limit_bytes = 954 MiB" in lines[0]
        assert "trail_days" in lines[0]
        store.size = Space(0, ROOM)
        await space.measure()
        await space.measure()
    assert lines[3:] == ["the store has room again"]
    assert not space.alarm


async def test_the_room_of_the_disk_is_measured_by_the_budget_of_the_trail() -> None:
    """Ten days of the budget must fit, whether it is the default or another one."""
    store = _Sized()
    store.size = Space(0, 10 * DAY_BYTES)
    for factor, alarm in ((1, False), (2, True)):
        space = StoreSpace(store, FakeClock(), LIMIT, budget_bytes=factor * DAY_BYTES)
        await space.measure()
        assert space.alarm is alarm


async def test_memory_has_no_file() -> None:
    """A store in memory has no file, so it gives no alarm."""
    guard = Guard()
    async with guard:
        await guard.space.measure()
    assert guard.space.last is None
    assert not guard.space.alarm
    assert b"\nstormdoor_store_bytes" not in exposition(guard)


async def test_a_file_is_measured_with_its_log(tmp_path: Path) -> None:
    """The size of a store includes the write-ahead log beside the file; a guard measures it by itself."""
    store = SqliteStore(tmp_path / "store.db")
    guard = Guard(store=store, store_limit_bytes=1_000_000)
    async with guard:
        before = await store.space()
        await store.append_events(
            [Event(time=1.0, name="test", detail="d" * 1000) for _ in range(1000)]
        )
        after = await store.space()
        assert after.used - before.used > 1_000_000
        assert after.free is not None
        assert abs(after.free - shutil.disk_usage(tmp_path).free) < 10**9
        with log_lines("stormdoor.store") as lines:
            while guard.space.last is None:
                await guard.tick()
        assert guard.space.alarm
        assert len(lines) == 1
        text = exposition(guard)
        assert b"stormdoor_store_alarm 1.0" in text
        assert b"stormdoor_store_free_bytes" in text


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(limit: int) -> None:
    """A limit must be positive; the error names a valid value."""
    with pytest.raises(ConfigurationError, match="store_limit_bytes"):
        Guard(store_limit_bytes=limit)
