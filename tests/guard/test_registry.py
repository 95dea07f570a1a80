"""Every connection counts from `add` to `end`, and everything comes back exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from stormdoor import Denial, Guard
from stormdoor.core.denial import Refusal
from stormdoor.core.event import Event
from stormdoor.core.lease import LAPSED
from stormdoor.core.revocation import Revocation, Target
from stormdoor.guard import log_follower, registry
from stormdoor.guard.connection import Connection
from tests.guard.fakes import (
    HANDSHAKE,
    FakeSink,
    admit,
    bearer,
    events,
    make_guard,
    opened,
    settle,
    store_of,
)


async def test_an_end_is_an_end() -> None:
    """A second end of a connection changes, records and sends nothing."""
    guard = await settle(make_guard())
    connection, sink = await opened(guard, bearer("alice"))
    assert guard.registry.end(connection, Refusal(Denial.REVOKED, "first"))
    for _ in range(3):
        assert not guard.registry.end(connection, Refusal(Denial.INTERNAL, "later"))
        assert not guard.registry.end(connection)
    assert sink.closed == (3000, "authentication required")
    closed = [event for event in await events(guard) if event.name == "connection_closed"]
    assert [(event.cause, event.detail) for event in closed] == [("revoked", "first")]
    assert connection.sink is None


async def test_an_application_may_read_a_close_code_in_another_way() -> None:
    """The adapter of Jupyter closes a browser's socket with 1001 in place of 3000; other codes stay."""
    guard = await settle(make_guard())
    guard.registry.close_codes[3000] = 1001
    session = (await guard.sessions.create("carol")).secret
    browser = replace(HANDSHAKE, cookies={"__Host-stormdoor": [session]})
    for handshake, denial, code in (
        (browser, Denial.REVOKED, 1001),
        (browser, Denial.FORBIDDEN, 3003),
        (bearer("alice"), Denial.REVOKED, 3000),
    ):
        connection, sink = await opened(guard, handshake)
        guard.registry.end(connection, Refusal(denial))
        assert sink.closed is not None
        assert sink.closed[0] == code


async def test_what_ended_cannot_be_opened() -> None:
    """The 101 came too late."""
    guard = await settle(make_guard())
    connection = await admit(guard, bearer("alice"))
    guard.registry.end(connection, Refusal(Denial.REVOKED))
    assert not guard.registry.opened(connection)
    assert not connection.open


async def test_what_is_open_cannot_be_opened_again() -> None:
    """One 101, one life."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    assert not guard.registry.opened(connection)
    assert connection.open


async def test_a_connection_that_was_never_open_is_recorded_as_such() -> None:
    """The trail has an end for each beginning."""
    guard = await settle(make_guard())
    connection = await admit(guard, bearer("alice"))
    guard.registry.end(connection, code=1006)
    opened_, closed = (await events(guard))[-2:]
    assert (opened_.name, closed.name) == ("connection_opened", "connection_closed")
    assert opened_.connection == closed.connection == connection.id
    assert closed.detail == "left before it was open"


async def test_listeners_hear_of_every_end_while_the_sink_is_still_there() -> None:
    """Listeners are called at each end before the sink is removed, so that a hub can unsubscribe."""
    guard = await settle(make_guard())
    heard: list[tuple[str, bool, bool]] = []
    guard.registry.on_end.append(lambda one: heard.append((one.id, one.open, one.sink is not None)))
    connection, _ = await opened(guard, bearer("alice"))
    guard.registry.end(connection)
    assert heard == [(connection.id, False, True)]


async def test_a_registry_can_be_walked_while_it_shrinks() -> None:
    """Ending one connection may end others."""
    guard = await settle(make_guard())
    for _ in range(5):
        await opened(guard, bearer("alice"))
    for connection in guard.registry:
        for other in guard.registry:
            guard.registry.end(other)
        assert not connection.open
    assert len(guard.registry) == 0


async def test_connections_are_found() -> None:
    """Connections are found by id and by principal, also those that wait for their first message."""
    guard = await settle(make_guard())
    first, _ = await opened(guard, bearer("alice"))
    second = await admit(guard, bearer("alice"))
    await opened(guard, bearer("bob"))
    assert guard.registry.get(first.id) is first
    assert guard.registry.get("nobody") is None
    assert set(guard.registry.of_principal("alice")) == {first, second}
    assert guard.registry.of_principal("nobody") == []


# -- the list for operators -------------------------------------------------------------------------


async def test_the_list_of_operators_follows() -> None:
    """The list for operators contains the open connections after the next slow tick."""
    guard = await settle(make_guard())
    stays, _ = await opened(guard, bearer("alice"))
    goes, _ = await opened(guard, bearer("bob"))
    await admit(guard, bearer("mia"))  # pending: not listed
    await guard.maintenance_loop.clean_up()
    assert {
        one.id for one in await guard.state.connections.live_connections([guard.registry.node])
    } == {stays.id, goes.id}
    guard.registry.end(goes)
    await guard.maintenance_loop.clean_up()
    [listed] = await guard.state.connections.live_connections([guard.registry.node])
    assert (listed.id, listed.principal_id, listed.node) == (stays.id, "alice", guard.registry.node)


async def test_a_connection_too_short_to_be_listed_leaves_nothing() -> None:
    """Opened and closed between two ticks; and one that was never open."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    pending = await admit(guard, bearer("alice"))
    guard.registry.end(connection)
    guard.registry.end(pending)
    assert guard.registry.changes() == ([], [])


async def test_a_connection_that_closes_while_it_is_being_listed_is_taken_off_again() -> None:
    """The store is told of its end afterwards."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    news, gone = guard.registry.changes()
    guard.registry.end(connection)
    guard.registry.synced(news, gone)
    assert guard.registry.changes() == ([], [connection.id])
    guard.registry.synced(*guard.registry.changes())
    assert guard.registry.changes() == ([], [])


@pytest.mark.parametrize("times", [1, 3])
async def test_a_list_that_could_not_be_written_is_written_later(times: int) -> None:
    """Changes of the list that could not be written are written later."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    store = store_of(guard)
    store.broken["sync_connections"] = RuntimeError("odd")
    for _ in range(times):
        with pytest.raises(RuntimeError):
            await guard.maintenance_loop.clean_up()
    store.broken.clear()
    await guard.maintenance_loop.clean_up()
    [listed] = await store.live_connections([one.node for one in await store.members()])
    assert listed.id == connection.id


async def test_a_sink_that_raises_is_no_reason_to_stay() -> None:
    """A connection leaves the registry also if its sink raises."""
    guard = await settle(make_guard())
    connection, sink = await opened(guard, bearer("alice"))
    sink.fault = OSError("odd")
    assert guard.registry.end(connection, Refusal(Denial.EXPIRED))
    assert len(guard.registry) == 0
    assert isinstance(sink, FakeSink)


async def test_all_gates_are_shut_before_anybody_is_told() -> None:
    """All connections change their state before the first sink is told."""
    guard = await settle(make_guard())
    all_of_them = [await opened(guard, bearer("alice")) for _ in range(5)]
    seen: list[bool] = []

    class Curious(FakeSink):
        def shut(self, code: int, reason: str) -> None:
            seen.append(any(connection.open for connection, _ in all_of_them))
            raise RuntimeError("and it fails")

    for connection, _ in all_of_them:
        connection.sink = Curious()
    why = Refusal(Denial.REVOKED)
    connections = [connection for connection, _ in all_of_them]
    assert guard.registry.end_all([*connections, *connections], why) == 5
    assert guard.registry.end_all(connections, why) == 0
    await guard.registry.drain_close_queue()
    assert seen == [False] * 5
    assert len(guard.registry) == 0


async def test_only_an_open_connection_has_a_lease_to_send() -> None:
    """Each way to end a connection ends its lease at once, so that no `send()` needs another comparison."""
    guard = await settle(make_guard())
    pending = await admit(guard, bearer("alice"))
    assert pending.send_lease is LAPSED
    for end in (
        guard.registry.end,
        lambda one: guard.registry.end_all([one], Refusal(Denial.REVOKED)),
    ):
        connection, _ = await opened(guard, bearer("alice"))
        assert connection.send_lease is guard.lease
        assert end(connection)
        assert connection.send_lease is LAPSED
    await guard.close()


def test_where_no_loop_runs_everybody_is_told_at_once() -> None:
    """A program may end its guard from wherever it likes."""
    with asyncio.Runner() as runner:

        async def begin() -> tuple[Guard, Connection, FakeSink]:
            guard = await settle(make_guard())
            return guard, *await opened(guard, bearer("alice"))

        guard, connection, sink = runner.run(begin())
        assert guard.registry.end_all([connection], Refusal(Denial.REVOKED)) == 1
        assert sink.closed == (3000, "authentication required")
        runner.run(guard.close())


async def test_many_revocations_of_others_come_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop serves other clients between the revocations that another process made."""
    monkeypatch.setattr(log_follower, "CLOSE_BUDGET_SECONDS", 0.0)
    guard = await settle(make_guard())
    connection, sink = await opened(guard, bearer("alice"))
    for name in ("nobody", "nobody else", "alice"):
        await guard.state.revocations.add_revocation(
            Revocation(Target.PRINCIPAL, name, guard.clock.now())
        )
    served: list[bool] = []
    asyncio.get_running_loop().call_soon(lambda: served.append(connection.open))
    assert await guard.follower.follow() == 1
    assert served == [True]
    assert sink.closed == (3000, "authentication required")


async def test_a_close_job_that_fails_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A close job that fails does not stop the other deferred close jobs."""
    guard = await settle(make_guard())
    monkeypatch.setattr(
        registry, "CLOSE_BUDGET_SECONDS", 0.0
    )  # all are put off, and one is said in each turn
    both = [await opened(guard, bearer("alice")) for _ in range(2)]
    note_end = guard.trail.note_end
    failed: list[Event] = []

    def fail_once(event: Event) -> None:
        if not failed:
            failed.append(event)
            raise MemoryError
        note_end(event)

    monkeypatch.setattr(guard.trail, "note_end", fail_once)
    for connection, _ in both:
        guard.registry.end(connection, Refusal(Denial.REVOKED))
    async with asyncio.timeout(60):
        await guard.registry.drain_close_queue()
    assert failed
    assert both[1][1].closed == (3000, "authentication required")
