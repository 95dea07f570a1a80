"""A process that stops closes its connections at the pace of the others, the last ones included."""

from __future__ import annotations

import asyncio
import re

from stormdoor import Guard
from stormdoor.core.drain import HANDSHAKES_PER_SECOND
from stormdoor.core.log_position import LogPosition
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import NodeStatus
from stormdoor.runtime.drain import close_gradually
from tests.guard.fakes import FakeSink, FakeStore, bearer, make_guard, opened, settle
from tests.support.clock import FakeClock
from tests.tornado.wire import settled, until

CLIENTS = 120
MANY = {"connections_per_principal": 1000, "connections_per_address": 1000}


async def _serving(clock: FakeClock, store: FakeStore, others: int) -> tuple[Guard, list[FakeSink]]:
    """A guard with clients, and the other nodes of its installation."""
    guard = make_guard(clock=clock, store=store, limits=MANY)
    await settle(guard)
    status = NodeStatus(applied=LogPosition("e", 0), lease=2.0)
    for number in range(others):
        await guard.state.members.beat(f"other-{number}", status, joining=True)
    return guard, [(await opened(guard, bearer("alice")))[1] for _ in range(CLIENTS)]


def closed(sinks: list[FakeSink]) -> int:
    """Return the number of clients that were told the end."""
    return sum(one.closed is not None for one in sinks)


async def test_no_faster_than_the_others_can_take() -> None:
    """One other process takes 500 clients a second; each client gets 1012 and a time of its own."""
    clock, store = FakeClock(), FakeStore()
    guard, sinks = await _serving(clock, store, others=1)
    draining = asyncio.create_task(
        close_gradually(guard, together=1, seconds=60.0, arriving=lambda: False)
    )
    await until(lambda: closed(sinks) == 1)
    await settled()
    assert closed(sinks) == 1
    clock.advance(0.1)
    await until(lambda: closed(sinks) == 1 + HANDSHAKES_PER_SECOND // 10)
    await settled()
    assert closed(sinks) == 1 + HANDSHAKES_PER_SECOND // 10
    clock.advance(1.0)
    await draining
    assert closed(sinks) == CLIENTS
    told = {one.closed for one in sinks}
    assert {code for code, _ in filter(None, told)} == {1012}
    assert all(
        re.fullmatch(r"service restart; retry after [1-5] s", reason)
        for _, reason in filter(None, told)
    )
    assert len(told) > 1
    await guard.close()


async def test_all_at_once_without_others() -> None:
    """If no other process serves, a pace helps no client: the clients only get different times."""
    guard, sinks = await _serving(FakeClock(), FakeStore(), others=0)
    await close_gradually(guard, together=1, seconds=60.0, arriving=lambda: False)
    assert closed(sinks) == CLIENTS
    await guard.close()


async def test_processes_that_drain_together_share_the_others() -> None:
    """Of two nodes one drains, too: none is left to take the clients."""
    guard, sinks = await _serving(FakeClock(), FakeStore(), others=1)
    await close_gradually(guard, together=2, seconds=60.0, arriving=lambda: False)
    assert closed(sinks) == CLIENTS
    await guard.close()


async def test_a_handshake_on_its_way_is_accepted_and_closed_in_turn() -> None:
    """A client that comes during the drain is admitted, and the drain waits for it."""
    clock = FakeClock()
    guard, _ = await _serving(clock, FakeStore(), others=0)
    coming = True
    draining = asyncio.create_task(
        close_gradually(guard, together=1, seconds=60.0, arriving=lambda: coming)
    )
    await until(lambda: len(guard.registry) == 0)
    assert not draining.done()
    _, late = await opened(guard, bearer("bob"))
    await until(lambda: late.closed is not None)
    coming = False
    await draining
    await guard.close()


async def test_the_time_limit_holds() -> None:
    """After the time limit the drain ends, even if further handshakes may come."""
    clock = FakeClock()
    guard, _ = await _serving(clock, FakeStore(), others=0)
    draining = asyncio.create_task(
        close_gradually(guard, together=1, seconds=60.0, arriving=lambda: True)
    )
    await until(lambda: len(guard.registry) == 0)
    clock.advance(61.0)
    await draining
    await guard.close()


async def test_a_store_that_does_not_answer_delays_no_drain() -> None:
    """Without the list of nodes, the drain assumes one other process."""
    clock, store = FakeClock(), FakeStore()
    guard, sinks = await _serving(clock, store, others=0)
    store.broken["members"] = StoreUnavailable("no answer")
    draining = asyncio.create_task(
        close_gradually(guard, together=1, seconds=60.0, arriving=lambda: False)
    )
    await until(lambda: closed(sinks) == 1)
    await settled()
    assert closed(sinks) == 1
    clock.advance(1.0)
    await draining
    assert closed(sinks) == CLIENTS
    await guard.close()
