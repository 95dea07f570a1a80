"""`revoke(wait="cluster")`: it returns when every live node has applied the entry, or is declared lapsed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stormdoor import ApiKeyAuthenticator, Guard, SessionAuthenticator, StoreUnavailable, Target
from stormdoor.core.log_position import LogPosition
from stormdoor.guard import acknowledgement
from stormdoor.guard.acknowledgement import Acknowledgement
from stormdoor.ports import Member, NodeStatus, SystemClock
from stormdoor.stores import MemoryStore, SqliteStore
from tests.guard.fakes import HANDSHAKE, FakeStore, bearer, make_guard, opened, settle
from tests.guard.test_heartbeat import Networked


def _node(store: MemoryStore | SqliteStore, name: str = "n1") -> Guard:
    guard = make_guard(store=store, clock=SystemClock())  # type: ignore[arg-type]
    guard.registry.node = name
    return guard


async def test_each_running_node_has_applied_it(tmp_path: Path) -> None:
    """Three nodes on one file: all have ended the socket when the call returns."""
    nodes = [_node(SqliteStore(tmp_path / "door.db"), name) for name in "abc"]
    async with nodes[0], nodes[1], nodes[2]:
        sockets = [(await opened(node, bearer("alice")))[0] for node in nodes]
        done = await nodes[0].admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        assert done == Acknowledgement(closed=1, applied=3, lapsed=0, known=True)
        assert not any(socket.open for socket in sockets)


class _SlowBeats(Networked):
    """A server that commits no beat any more, until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()

    async def beat(self, node: str, status: NodeStatus, **options: Any) -> LogPosition:
        await self.answers.wait()
        return await super().beat(node, status, **options)


async def test_the_node_that_waits_need_not_report() -> None:
    """The node that revokes knows that it has applied the entry: its own beat delays no answer."""
    guard = _node(store := _SlowBeats())
    async with guard:
        connection, _ = await opened(guard, bearer("alice"))
        store.answers.clear()
        done = await guard.admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        assert done == Acknowledgement(closed=1, applied=1, lapsed=0, known=True)
        assert not connection.open
        store.answers.set()


async def test_a_dead_node_is_declared_lapsed() -> None:
    """A node that no longer beats is declared lapsed, counted, and cannot beat as before."""
    guard = _node(store := Networked())
    async with guard:
        dead = NodeStatus(applied=LogPosition("", 0), lease=0.05)
        await store.beat("dead", dead, joining=True)
        done = await guard.admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        assert (done.applied, done.lapsed) == (1, 1)
        with pytest.raises(StoreUnavailable):
            await store.beat("dead", dead)


class _ClockSet(Networked):
    """A server with a clock that was set, or that was promoted and has another clock than the former one.

    Args:
        age: Seconds since a beat or a declaration, by that clock.
    """

    def __init__(self, age: float) -> None:
        super().__init__()
        self.age = age

    async def members(self) -> list[Member]:
        return [replace(one, age=self.age) for one in await super().members()]


@pytest.mark.parametrize("applied", ["before a failover", ""], ids=["earlier epoch", "same epoch"])
@pytest.mark.parametrize("age", [3600.0, float("inf"), 0.0])
async def test_no_clock_of_a_store_ends_the_wait(age: float, applied: str) -> None:
    """INVARIANT: a declaration counts when the process has seen it for a lease, by its own clock."""
    guard = _node(store := _ClockSet(age))
    async with guard:
        epoch = applied or (await store.log_position()).epoch
        cut_off = NodeStatus(applied=LogPosition(epoch, 0), lease=0.5)
        await store.beat("cut off", cut_off, joining=True)
        [seen] = [one.beat for one in await store.members() if one.node == "cut off"]
        assert await store.declare_lapsed("cut off", seen)
        began = time.monotonic()
        done = await guard.admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        assert time.monotonic() - began >= cut_off.lease
        assert (done.applied, done.lapsed) == (1, 1)
        began = time.monotonic()  # from then on, this process knows it
        await guard.admin.revoke(Target.PRINCIPAL, "bob", wait="cluster")
        assert time.monotonic() - began < cut_off.lease


async def test_a_declaration_counts_anew_in_another_epoch() -> None:
    """A promoted server may have lost the declaration: its beats get the same numbers again."""
    guard = _node(store := Networked())
    async with guard:
        cut_off = NodeStatus(applied=LogPosition("", 0), lease=0.3)
        await store.beat("cut off", cut_off, joining=True)
        assert await store.declare_lapsed("cut off", 1)
        await guard.admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        await store.begin_epoch((await store.log_position()).epoch)
        began = time.monotonic()
        await guard.admin.revoke(Target.PRINCIPAL, "bob", wait="cluster")
        assert time.monotonic() - began >= cut_off.lease


async def test_a_node_that_beats_and_does_not_apply_is_declared_lapsed() -> None:
    """A node that reports no progress within twice its lease holds none, and is declared lapsed."""
    guard = _node(store := Networked())
    async with guard:
        stuck = NodeStatus(applied=await store.log_position(), lease=0.2)
        await store.beat("stuck", stuck, joining=True)
        ended = asyncio.Event()

        async def beat() -> None:
            while not ended.is_set():
                try:
                    await store.beat("stuck", stuck)
                except StoreUnavailable:
                    ended.set()
                await asyncio.sleep(0.01)

        beating = asyncio.create_task(beat())
        done = await guard.admin.revoke(Target.PRINCIPAL, "alice", wait="cluster")
        assert (done.applied, done.lapsed) == (1, 1)
        await asyncio.wait_for(beating, 20)


async def test_another_epoch_is_no_acknowledgement() -> None:
    """The log that follows may lack the entry, so the caller must revoke again."""
    guard = await settle(make_guard(store=(store := MemoryStore())))
    await store.beat("other", NodeStatus(applied=LogPosition("", 0), lease=60.0), joining=True)
    revoking = asyncio.create_task(guard.admin.revoke(Target.PRINCIPAL, "x", wait="cluster"))
    await asyncio.sleep(0.05)
    await store.begin_epoch((await store.log_position()).epoch)
    with pytest.raises(StoreUnavailable, match="another epoch"):
        await asyncio.wait_for(revoking, 20)
    await guard.close()


async def test_the_wait_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that joins again and again without the entry is named after a while."""
    monkeypatch.setattr(acknowledgement, "_PATIENCE_SECONDS", 0.1)
    guard = await settle(make_guard(store=(store := MemoryStore())))
    status = NodeStatus(applied=LogPosition("", 0), lease=0.05)

    async def join() -> None:
        while True:
            await store.beat("restless", replace(status), joining=True)
            await asyncio.sleep(0.005)

    joining = asyncio.create_task(join())
    await asyncio.sleep(0.01)
    with pytest.raises(StoreUnavailable, match="restless"):
        await asyncio.wait_for(guard.admin.revoke(Target.ROLE, "x", wait="cluster"), 20)
    joining.cancel()
    await guard.close()


async def _removal(guard: Guard) -> object:
    return await guard.admin.withdraw_role("carol", "member")


async def _disabling(guard: Guard) -> object:
    return await guard.admin.set_disabled("carol", True)


async def _end_of_session(guard: Guard) -> object:
    sessions = await guard.state.sessions.sessions("carol")
    return await guard.admin.end_session(sessions[0].id)


async def _end_of_key(guard: Guard) -> object:
    [key] = await guard.keys.keys("carol")
    return await guard.admin.revoke_key(key.id)


async def _end_of_connection(guard: Guard) -> object:
    nodes = [one.node for one in await guard.state.members.members()]
    for one in await guard.state.connections.live_connections(nodes):
        await guard.admin.revoke(Target.CONNECTION, one.id)
    return None


CHANGES = [_removal, _disabling, _end_of_session, _end_of_key, _end_of_connection]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
async def test_every_change_can_wait_for_all_nodes(
    change: Callable[[Guard], Awaitable[object]], tmp_path: Path
) -> None:
    """A change that ends connections or lowers rights returns when no node has them open."""
    authenticators = (SessionAuthenticator(), ApiKeyAuthenticator())
    nodes = []
    for name in "ab":
        store = SqliteStore(tmp_path / "door.db")
        guard = make_guard(*authenticators, store=store, clock=SystemClock())  # type: ignore[arg-type]
        guard.registry.node = name
        nodes.append(guard)
    async with nodes[0] as one, nodes[1] as other:
        await one.admin.add_principal("carol", roles=["member"])
        issued = await one.sessions.create("carol")
        key = await one.admin.issue_key("carol", name="sensor", scopes=["*"])
        await other.tick()
        cookie = {one.sessions.cookie.name: [issued.secret]}
        by_cookie, _ = await opened(other, replace(HANDSHAKE, cookies=cookie))
        by_key, _ = await opened(other, bearer(key.secret))
        await other.maintenance_loop.clean_up()
        _, reached = await one.admin.on_every_node(lambda: change(one))
        assert reached == (2, 0)
        ended = [by_cookie] if change is _end_of_session else [by_key]
        if change not in (_end_of_session, _end_of_key):
            ended = [by_cookie, by_key]
        assert not any(one.open for one in ended)


async def test_change_comes_before_a_store_that_is_down() -> None:
    """The change takes effect in this process, although the head of the log cannot be read."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    connection, _ = await opened(guard, bearer("alice"))
    store.down = True
    with pytest.raises(StoreUnavailable):
        await guard.admin.on_every_node(lambda: guard.admin.revoke(Target.PRINCIPAL, "alice"))
    assert not connection.open
    store.down = False


async def test_change_in_another_epoch_is_not_acknowledged() -> None:
    """A log that begins another epoch during the change may lack its entry: the caller repeats it."""
    guard = await settle(make_guard())
    log = guard.state.revocations

    async def change() -> None:
        await guard.admin.withdraw_role("carol", "member")
        await log.begin_epoch((await log.log_position()).epoch)

    with pytest.raises(StoreUnavailable, match="another epoch"):
        await guard.admin.on_every_node(change)
    await guard.close()
