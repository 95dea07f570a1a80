"""Processes with one node name: each lease has a row of its own, so no acknowledgement forgets a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from stormdoor import ConfigurationError, Guard, Target
from stormdoor.ports import Store, SystemClock
from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.stores.postgresql.store import PostgresqlStore
from tests.guard.fakes import bearer, make_guard, opened, stop_maintenance
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]

NewNode = Callable[[], Guard]


class _Patient(PostgresqlStore):
    """A store with nodes that keep their lease on a machine that is busy with other tests."""

    __slots__ = ()

    lease_seconds = 1.0


@pytest.fixture(params=["sqlite", "postgresql"])
def new_node(request: pytest.FixtureRequest, tmp_path: Path) -> NewNode:
    """Make a function that makes guards, all with the node name `web` and one store."""
    if request.param == "sqlite":
        new: Callable[[], Store] = lambda: SqliteStore(tmp_path / "door.db")  # noqa: E731 - short
    else:
        pytest.importorskip("asyncpg")
        url = request.getfixturevalue("new_database")()
        new = lambda: _Patient(url)  # noqa: E731 - short
    return lambda: make_guard(store=new(), clock=SystemClock(), node="web")  # type: ignore[arg-type]


def _may_send(guard: Guard) -> bool:
    return not guard.lease.has_lapsed(guard.clock.monotonic())


async def _started(guard: Guard) -> bool:
    try:
        await guard.start()
    except ConfigurationError:
        return False
    return True


async def _ends_every_socket(revoking: Guard, other: Guard) -> None:
    """Revoke at one process while the other is slow: then the other must not send any more."""
    connection, _ = await opened(other, bearer("alice"))
    async with other.follower._applying:  # it has read the log, and applies it later
        await revoking.admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        assert not (connection.open and _may_send(other))


async def test_no_acknowledgement_forgets_a_process(new_node: NewNode) -> None:
    """INVARIANT: a process with the same name has no lease, or is waited for."""
    first, second = new_node(), new_node()
    async with first:
        if await _started(second):
            await _ends_every_socket(first, second)
        assert not _may_send(second)
        assert _may_send(first)
    await second.close()


@pytest.mark.extended
async def test_second_process_of_a_name_does_not_start(new_node: NewNode) -> None:
    """The error names the fix, and the first process keeps its lease and its row."""
    first, second = new_node(), new_node()
    async with first:
        with pytest.raises(
            ConfigurationError, match=r"another process has the node name 'web': give each"
        ):
            await second.start()
        await second.close()
        [member] = await first.state.members.members()
        assert member.status.instance == first.heartbeat.instance
        assert not member.declared
        assert first.statistics.fences == 0


async def test_process_replaces_a_killed_one(new_node: NewNode) -> None:
    """INVARIANT: it joins when the earlier one has no lease any more, and that one gets none again."""
    first, second = new_node(), new_node()
    await first.start()
    await stop_maintenance(first)  # it beats no more, as after a kill
    async with second:
        assert not _may_send(first)
        for _ in range(2):
            await first.heartbeat.beat()
            assert not _may_send(first)
        # The row is not of the process that revokes, also if its name is.
        await _ends_every_socket(first, second)
        await first.close()
        [member] = await second.state.members.members()
        assert member.status.instance == second.heartbeat.instance


async def test_a_clean_end_gives_the_name_back(new_node: NewNode) -> None:
    """The next process joins with its first attempt."""
    first, second = new_node(), new_node()
    async with first:
        pass
    await second.state.open()
    await second.heartbeat._join()
    await second.state.close()


async def test_process_that_was_declared_lapsed_joins_again(new_node: NewNode) -> None:
    """After an outage, a process joins its own row with its first attempt."""
    guard = new_node()
    async with guard:
        members = guard.state.members
        async with asyncio.timeout(20):
            while not await members.declare_lapsed("web", (await members.members())[0].beat):
                await asyncio.sleep(0.01)  # it has beaten meanwhile
        await guard.heartbeat._join()
        await members.remove_member("web", guard.heartbeat.instance)  # as a purge does
        await guard.heartbeat._join()


async def test_guard_that_forked_is_another_process(tmp_path: Path) -> None:
    """The instance is made at the start, so that processes that forked from one guard differ."""
    assert new_guard().heartbeat.instance == ""
    async with new_guard() as one, new_guard() as other:
        assert len(bytes.fromhex(one.heartbeat.instance.rpartition(".")[2])) >= 8
        assert one.heartbeat.instance != other.heartbeat.instance


def new_guard() -> Guard:
    """Return a guard with a store of its own."""
    return make_guard(store=MemoryStore(), node="web")
