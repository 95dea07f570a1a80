"""The heartbeat: it renews the lease only after it applied the log; a failure never renews."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path

import pytest

from stormdoor import Denial, Guard, Target
from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreInDoubt, StoreUnavailable
from stormdoor.ports import SystemClock
from stormdoor.stores import MemoryStore, SqliteStore
from tests.guard.fakes import bearer, make_guard, opened, refused, settle
from tests.stores.processes import other_process
from tests.support.clock import FakeClock


class Networked(MemoryStore):
    """A store in memory with the lease of a store that nodes reach over a network."""

    lease_seconds = 0.4


async def _node() -> tuple[Guard, FakeClock, Networked]:
    clock, store = FakeClock(), Networked()
    return await settle(make_guard(store=store, clock=clock)), clock, store


async def test_start_joins_and_gets_the_lease() -> None:
    """A guard that has started is a member, holds a lease, and reports its version and policies."""
    guard, clock, store = await _node()
    assert not guard.lease.has_lapsed(clock.monotonic())
    [member] = await store.members()
    assert member.node == guard.registry.node
    assert member.status.applied == await store.log_position()
    assert member.status.policies == guard.policies.digest
    assert member.status.lease == 0.4
    await guard.close()
    await store.open()
    assert await store.members() == []


async def test_lease_counts_from_the_question() -> None:
    """INVARIANT: a slow answer makes the lease shorter: it counts from before the question."""
    guard, clock, store = await _node()
    answer = store.beat

    async def slow(*arguments: object, **options: object) -> LogPosition:
        clock.advance(0.3)
        return await answer(*arguments, **options)  # type: ignore[arg-type]

    store.beat = slow  # type: ignore[method-assign]
    asked_at = clock.monotonic()
    await guard.heartbeat.beat()
    assert guard.lease.until == pytest.approx(asked_at + 0.4)
    await guard.close()


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("beat", StoreUnavailable("down")),
        ("beat", StoreInDoubt("the answer was lost")),
        ("beat", RuntimeError("odd")),
        ("revocations", StoreUnavailable("down")),
        ("revocations", ValueError("an entry of a newer version")),
    ],
)
async def test_failure_renews_nothing(
    method: str, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: without an answer, or without the entries up to the head, the lease is not renewed."""
    guard, clock, store = await _node()
    connection, _ = await opened(guard, bearer("alice"))
    await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", clock.now()))

    async def fails(*_: object, **__: object) -> object:
        raise fault

    until = guard.lease.until
    with monkeypatch.context() as patched:
        patched.setattr(store, method, fails)
        clock.advance(0.1)
        await guard.heartbeat.beat()
    assert guard.lease.until == until
    assert connection.open
    await guard.heartbeat.beat()
    assert guard.lease.until > until
    assert not connection.open
    await guard.close()


async def test_declared_node_joins_again_without_a_lease() -> None:
    """A node that was declared lapsed gets no lease before its own has ended; then it joins again."""
    guard, clock, store = await _node()
    connection, _ = await opened(guard, bearer("alice"))
    await guard.maintenance_loop.clean_up()
    [member] = await store.members()
    assert await store.declare_lapsed(member.node, member.beat)
    until = guard.lease.until
    clock.advance(0.2)
    await guard.heartbeat.beat()
    assert guard.lease.until == until
    assert guard.heartbeat.joined
    clock.advance(0.3)
    await store.remove_member(member.node)  # as a purge does
    assert guard.lease.has_lapsed(clock.monotonic())
    await guard.heartbeat.beat()
    assert not guard.lease.has_lapsed(clock.monotonic())
    await guard.maintenance_loop.clean_up()
    [listed] = await store.live_connections([member.node])
    assert listed.id == connection.id
    await guard.close()


async def test_entries_are_reported_soon() -> None:
    """The loop applies an entry as soon as it wakes, and reports the applied position with a beat."""
    guard = make_guard(store=(store := Networked()))
    async with guard:
        connection, _ = await opened(guard, bearer("alice"))
        entry = await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", guard.clock.now()))
        async with asyncio.timeout(20):
            while (await store.members())[0].status.applied.seq < entry.seq:
                await asyncio.sleep(0.01)
        assert not connection.open
        assert guard.heartbeat.running
    assert not guard.heartbeat.running


async def test_loop_survives_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error of a wait does not end the heartbeat."""
    guard = make_guard(store=(store := Networked()))
    failed = asyncio.Event()

    async def fails(*_: object) -> None:
        failed.set()
        raise RuntimeError("odd")

    async with guard:
        with monkeypatch.context() as patched:
            patched.setattr(store, "wait_for_entry", fails)
            await asyncio.wait_for(failed.wait(), 20)
        connection, _ = await opened(guard, bearer("alice"))
        await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", guard.clock.now()))
        async with asyncio.timeout(20):
            while connection.open:
                await asyncio.sleep(0.01)


@pytest.mark.extended
async def test_long_purge_of_another_process_fences_no_node(tmp_path: Path) -> None:
    """INVARIANT: on SQLite, a write lock that another process holds longer than the lease fences no node."""
    path = tmp_path / "door.db"
    guard = make_guard(
        store=SqliteStore(path, busy_seconds=0.2),
        clock=SystemClock(),  # type: ignore[arg-type]
    )
    async with guard:
        connection, _ = await opened(guard, bearer("alice"))
        body = textwrap.dedent(
            """
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM session WHERE expires_at < 0")
            wait()
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            """
        )
        process = other_process(body, path)
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        began = guard.clock.monotonic()
        lapsed = 0
        while guard.clock.monotonic() < began + 2 * guard.lease.seconds:
            lapsed += guard.lease.has_lapsed(guard.clock.monotonic())
            await asyncio.sleep(0.05)
        with pytest.raises(StoreUnavailable):
            await guard.state.members.remove_member("another")
        await asyncio.to_thread(process.communicate, "\n", timeout=60)
        assert lapsed == 0
        assert connection.open
        assert guard.statistics.fences == 0


async def test_node_without_a_lease_admits_no_client() -> None:
    """After the lease has lapsed, a handshake is refused until a beat renews it."""
    guard, clock, _ = await _node()
    clock.advance(1.0)
    assert (await refused(guard, bearer("alice"))).denial is Denial.UNAVAILABLE
    await guard.tick()
    await opened(guard, bearer("alice"))
    await guard.close()
