"""The guard as a whole: its start, its maintenance loop, its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from stormdoor import (
    Denial,
    Guard,
    SessionAuthenticator,
    StoreUnavailable,
)
from stormdoor.core.event import Event
from stormdoor.core.revocation import Revocation, Target
from stormdoor.guard.heartbeat import Heartbeat
from stormdoor.ports import SystemClock
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    FakeStore,
    Tokens,
    admit,
    authentication,
    bearer,
    events,
    make_guard,
    of_account,
    opened,
    refused,
    settle,
    store_of,
)
from tests.support.clock import FakeClock
from tests.tornado.wire import log_lines, until


async def test_it_starts_once() -> None:
    """Many handshakes at once start one guard."""
    store = FakeStore()
    guard = make_guard(store=store)
    assert await asyncio.gather(*(guard.ready() for _ in range(10))) == [True] * 10
    assert store.calls.count("lasting_revocations") == 1
    await guard.close()


async def test_a_store_that_is_down_keeps_it_from_starting() -> None:
    """Each caller that waits for the start gets the error; the next call starts anew."""
    store = FakeStore()
    store.down = True
    guard = make_guard(store=store)
    with log_lines("stormdoor"):
        assert await asyncio.gather(*(guard.ready() for _ in range(3))) == [False] * 3
        with pytest.raises(StoreUnavailable):
            await guard.start()
    store.down = False
    assert await guard.ready()
    await guard.close()


async def test_those_who_wait_for_a_start_that_fails_are_told() -> None:
    """The waiting callers get the error of any kind, also if the first caller was cancelled."""
    for fault in (RuntimeError("odd"), StoreUnavailable("no")):
        store = FakeStore()
        guard = make_guard(store=store)
        pause = store.pause("lasting_revocations")
        first = asyncio.create_task(guard.start())
        await pause.reached.wait()
        others = [asyncio.create_task(guard.ready()) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert await asyncio.gather(*others) == [False] * 3
        store.broken["lasting_revocations"] = fault
        with log_lines("stormdoor"), pytest.raises(type(fault)):
            await guard.start()
        store.broken.clear()
        assert await guard.ready()
        await guard.close()


async def test_the_loop_runs_by_itself() -> None:
    """A revocation of another process takes effect without a call of `tick()`."""
    guard = make_guard()
    async with guard:
        connection, _ = await opened(guard, bearer("alice"))
        await guard.state.revocations.add_revocation(
            Revocation(Target.PRINCIPAL, "alice", guard.clock.now())
        )
        await until(lambda: not connection.open)


async def test_the_loop_survives_errors() -> None:
    """An error in every job of every tick ends no loop."""
    store = FakeStore()
    guard = make_guard(store=store)
    async with guard:
        for method in ("revocations", "append_events", "sync_connections"):
            store.broken[method] = RuntimeError("odd")
        with log_lines("stormdoor") as lines:
            before = guard.maintenance_loop.ticks
            await until(lambda: guard.maintenance_loop.ticks >= before + 2)
            assert guard._maintenance is not None
            assert not guard._maintenance.done()
        assert any("odd" in line for line in lines)
        store.broken.clear()


@pytest.mark.parametrize("error", [RuntimeError, RecursionError, MemoryError])
@pytest.mark.parametrize("job", ["_sample", "_fence"])
async def test_a_job_that_waits_for_nothing_fails_alone(
    job: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error ended the loop, and the heartbeat with it, without a word; /livez stayed 200."""
    guard = make_guard(store=FakeStore())

    def fail() -> None:
        raise error("odd")

    loop = guard.maintenance_loop
    broken, name = (loop._fence, "look") if job == "_fence" else (loop, job)
    async with guard:
        monkeypatch.setattr(broken, name, fail)
        with log_lines("stormdoor.maintenance") as lines:
            before = loop.ticks
            await until(lambda: loop.ticks >= before + 2)
        assert len([line for line in lines if "fails" in line]) == 1
        assert not guard.maintenance_ended.is_set()
        monkeypatch.undo()


@pytest.mark.parametrize("how", ["cancelled", "error", "GeneratorExit"])
async def test_a_loop_that_ends_admits_nobody_and_starts_again(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard answers 503 until the loop runs again; the log says CRITICAL."""
    guard = make_guard(store=FakeStore())
    monkeypatch.setattr("stormdoor.runtime.guard._RESTART_SECONDS", 0.05)
    async with guard:
        await admit(guard, bearer("alice"))
        assert guard._maintenance is not None
        with log_lines("stormdoor") as lines:
            if how == "cancelled":
                guard._maintenance.cancel()  # by a program that cancels every task
            else:
                fault: BaseException = GeneratorExit() if how != "error" else RuntimeError("odd")

                async def fail() -> None:
                    raise fault

                with monkeypatch.context() as patch:
                    patch.setattr(guard.maintenance_loop, "tick", fail)
                    await guard.maintenance_ended.wait()
            await until(guard.maintenance_ended.is_set)
            assert (await refused(guard, bearer("alice"))).denial is Denial.UNAVAILABLE
            await until(lambda: not guard.maintenance_ended.is_set())
            await until(lambda: not guard.checks.revocations_stale)
        await admit(guard, bearer("alice"))
        assert any("the maintenance loop had ended" in line for line in lines)


@pytest.mark.parametrize(("part", "number"), [("_repeat", 0), ("_repeat", 1), ("run", 0)])
async def test_no_part_of_the_heartbeat_ends_alone(
    part: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program cancels one of its tasks: the lease lapsed for good, and the process counted as alive."""
    store = FakeStore()
    store.lease_seconds = 0.4
    guard = make_guard(store=store, clock=SystemClock())  # type: ignore[arg-type]
    monkeypatch.setattr("stormdoor.runtime.guard._RESTART_SECONDS", 0.05)
    async with guard:
        await until(lambda: guard.heartbeat.running)
        await asyncio.sleep(0.05)
        with log_lines("stormdoor") as lines:
            tasks = [one for one in asyncio.all_tasks() if f"Heartbeat.{part}()" in repr(one)]
            sorted(tasks, key=asyncio.Task.get_name)[number].cancel()
            await until(guard.maintenance_ended.is_set)
            await until(lambda: not guard.maintenance_ended.is_set())
            await until(lambda: guard.heartbeat.running and not guard.fence.raised)
        assert any("the heartbeat has ended" in line for line in lines)
        await until(lambda: not guard.checks.revocations_stale)
        await admit(guard, bearer("alice"))


async def test_a_job_that_is_cancelled_is_logged() -> None:
    """A program cancels a job of the loop: it runs again in the next iteration, and the log says so."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    pause = store.pause("append_events", after=False)
    guard.trail.note(Event(time=guard.clock.now(), name="user_updated"))
    with log_lines("stormdoor.maintenance") as lines:
        ticking = asyncio.create_task(guard.tick())
        await pause.reached.wait()
        guard.maintenance_loop.jobs["trail"].cancel()
        await ticking
        assert len([line for line in lines if "trail fails" in line]) == 1
        await guard.tick()
    assert len(guard.trail) == 0
    await guard.close()


@pytest.mark.parametrize(
    "broken", ["revocations", "session", "account", "append_events", "sync_connections"]
)
async def test_no_job_prevents_another(broken: str) -> None:
    """While one job fails, connections expire, revocations are followed, and the trail is written."""
    store = FakeStore()
    guard = make_guard(
        Tokens(
            {
                "alice": authentication("alice", expires_at=FakeClock().now() + 100),
                "bob": authentication("bob"),
                "carol": of_account("carol"),
            }
        ),
        SessionAuthenticator(),
        store=store,
        clock=(clock := FakeClock()),
        sessions={"idle_seconds": 60.0},
    )
    await settle(guard)
    issued = await guard.sessions.create("carol")
    await opened(guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]}))
    alice, _ = await opened(guard, bearer("alice"))
    bob, _ = await opened(guard, bearer("bob"))
    await store.add_revocation(Revocation(Target.CHANGED, "carol", clock.now()))
    await store.add_revocation(Revocation(Target.PRINCIPAL, "bob", clock.now()))
    clock.advance(100)
    store.broken[broken] = RuntimeError("odd")
    with log_lines("stormdoor", "stormdoor.supervisor"):
        for _ in range(4):
            await guard.tick()
    assert not alice.open
    assert bob.open is (broken == "revocations")
    assert (len(guard.trail) > 0) is (broken == "append_events")


async def test_two_ticks_may_wait_for_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application may call `tick()` while the maintenance loop runs: both see the job end."""
    guard = await settle(make_guard())
    second: list[asyncio.Task[None]] = []

    async def beat(_: Heartbeat) -> int:
        if not second:
            # Its first step comes after the end of this job, and before the first tick continues.
            second.append(asyncio.get_running_loop().create_task(guard.tick()))
        return 0

    monkeypatch.setattr(Heartbeat, "beat", beat)
    await guard.tick()
    await second[0]
    await guard.close()


async def test_shutdown_closes_connections_and_refuses_handshakes() -> None:
    """Open connections close with 1001, new handshakes get 503, and the trail records both."""
    guard = await settle(make_guard())
    connection, sink = await opened(guard, bearer("alice"))
    pending = await admit(guard, bearer("alice"))
    store = store_of(guard)
    await guard.close()
    assert sink.closed == (1001, "going away")
    assert not connection.open
    assert not guard.registry.opened(pending)
    refusal = await refused(guard, bearer("alice"))
    assert (refusal.denial, refusal.answer.status) == (Denial.SHUTDOWN, 503)
    await store.open()
    written = [entry.event for entry in await store.entries()]
    assert written[-1].name == "sys_shutdown"
    assert [one.cause for one in written if one.name == "connection_closed"] == ["shutdown"] * 2


async def test_a_handshake_that_was_under_way_at_the_end_does_not_come_in() -> None:
    """A handshake that was under way at the shutdown is refused, because no loop would end its connection."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    pause = store.pause("account")
    coming = asyncio.create_task(guard.admission.admit(bearer("carol"), CHAT))
    await pause.reached.wait()
    await guard.close()
    pause.go()
    outcome = await coming
    assert getattr(outcome, "denial", None) is Denial.SHUTDOWN
    assert len(guard.registry) == 0


async def test_late_handshake_opens_no_store() -> None:
    """A handshake that comes late opens no store and starts no heart."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    await guard.close()
    store.calls.clear()
    assert await guard.ready()
    assert guard._maintenance is None
    assert store.calls == []
    await refused(guard, bearer("alice"))


async def test_entries_under_way_at_the_end_are_written_once() -> None:
    """The last run is awaited, not cancelled: a store may go on writing after a cancellation."""
    store = FakeStore()
    guard = make_guard(store=store)
    await guard.start()
    await until(lambda: guard.trail.written)
    await admit(guard, bearer("alice"))
    pause = store.pause("append_events")  # written, and not answered yet
    await pause.reached.wait()
    closing = asyncio.create_task(guard.close())
    await asyncio.sleep(0)
    pause.go()
    await closing
    await store.open()
    names = [entry.event.name for entry in await store.entries()]
    assert names.count("connection_opened") == 1


async def test_it_can_be_closed_twice_or_without_a_start() -> None:
    """A second close, or a close without a start, has no effect."""
    guard = make_guard()
    await guard.close()
    await guard.close()


@pytest.mark.usefixtures("impatient")
async def test_a_store_that_is_down_at_the_end() -> None:
    """With the store down the guard shuts down, and logs which entries could not be written."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    store.down = True
    with log_lines("stormdoor", "stormdoor.trail") as lines:
        await guard.close()
    assert any("cannot be written" in line for line in lines)


async def test_insecure_options_are_named() -> None:
    """Each that is in use, and no other."""
    assert make_guard().insecure_options == []
    guard = make_guard(insecure_allow_plaintext=True, insecure_allow_missing_origin=True)
    assert guard.insecure_options == ["insecure_allow_plaintext", "insecure_allow_missing_origin"]


async def test_a_clean_start_is_in_the_trail() -> None:
    """The trail records a start with the name of the process."""
    guard = await settle(make_guard())
    [first, *_] = await events(guard)
    assert (first.name, first.detail) == ("sys_startup", guard.registry.node)


# -- a store that never answers ----------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time limit of a job."""
    monkeypatch.setattr("stormdoor.runtime.maintenance_loop._JOB_SECONDS", 0.1)
    for module in ("guard", "last_write"):
        monkeypatch.setattr(f"stormdoor.runtime.{module}.PATIENCE_SECONDS", 0.2)
    for module in ("connection_ender", "log_follower", "present_rights"):
        monkeypatch.setattr(f"stormdoor.guard.{module}.ANSWER_SECONDS", 0.02)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("silent", ["revocations", "session", "account", "append_events"])
async def test_a_call_that_never_returns_keeps_nothing_else_from_being_done(silent: str) -> None:
    """Connections expire and revocations are followed, or handshakes are refused."""
    store = FakeStore()
    guard = make_guard(
        Tokens(
            {
                "alice": authentication("alice", expires_at=FakeClock().now() + 100),
                "bob": authentication("bob"),
                "carol": of_account("carol"),
            }
        ),
        SessionAuthenticator(),
        store=store,
        clock=(clock := FakeClock()),
        sessions={"idle_seconds": 60.0},
    )
    await settle(guard)
    issued = await guard.sessions.create("carol")
    of_session, _ = await opened(
        guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    )
    alice, _ = await opened(guard, bearer("alice"))
    bob, _ = await opened(guard, bearer("bob"))
    carol, _ = await opened(guard, bearer("carol"))
    await store.add_revocation(Revocation(Target.PRINCIPAL, "bob", clock.now()))
    await store.add_revocation(Revocation(Target.CHANGED, "carol", clock.now()))
    clock.advance(100)
    pause = store.pause(silent)
    with log_lines("stormdoor", "stormdoor.supervisor", "stormdoor.refused"):
        await guard.tick()
        await until(lambda: not alice.open)
        if silent == "revocations":
            assert bob.open
            assert guard.checks.revocations_stale
            assert (await refused(guard, bearer("alice"))).denial is Denial.UNAVAILABLE
        else:
            await until(lambda: not bob.open)
        if silent == "session":
            # It exceeds its idle time, and the store does not say whether it is used elsewhere.
            await until(lambda: not of_session.open)
        if silent == "account":
            # Its roles changed, and the store does not return the new ones.
            await until(lambda: not carol.open)
        pause.go()
        async with asyncio.timeout(60):
            while guard.checks.revocations_stale or len(guard.trail):
                await guard.tick()
    await guard.close()


@pytest.mark.usefixtures("impatient")
async def test_a_feed_that_hangs_refuses_every_handshake() -> None:
    """The store does not answer, and its call cannot be cancelled."""
    guard = await settle(make_guard())
    forever = asyncio.Event()

    async def hang() -> int:
        while not forever.is_set():
            try:
                await forever.wait()
            except asyncio.CancelledError:
                continue
        return 0

    guard.heartbeat.beat = hang  # type: ignore[method-assign]
    with log_lines("stormdoor", "stormdoor.refused") as lines:
        await guard.tick()
        assert any("follow" in line for line in lines)
        assert (await refused(guard, bearer("alice"))).denial is Denial.UNAVAILABLE
        forever.set()
        async with asyncio.timeout(60):
            while guard.checks.revocations_stale:
                await guard.tick()
    await admit(guard, bearer("alice"))
    await guard.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("silent", ["append_events", "remove_member"])
async def test_a_store_that_never_answers_does_not_keep_the_process_from_ending(
    silent: str,
) -> None:
    """A store that never answers does not delay the end of the process; the log names the lost entries."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    await admit(guard, bearer("alice"))
    pause = store.pause(silent)
    with log_lines("stormdoor", "stormdoor.trail") as lines:
        await guard.close()
    assert any("no answer" in line for line in lines)
    assert any("are lost" in line for line in lines) is (silent == "append_events")
    pause.go()


class Lost(FakeStore):
    """A store that is lost for a time, at once or after a wait."""

    _seconds: float | None = None

    async def append_events(self, *events: Any, **options: Any) -> None:
        await self._lose()
        await super().append_events(*events, **options)

    async def sync_connections(self, *lists: Any) -> None:
        await self._lose()
        await super().sync_connections(*lists)

    async def _lose(self) -> None:
        if self._seconds is not None:
            await asyncio.sleep(self._seconds)
            raise StoreUnavailable("the store is down")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seconds", [0.0, 0.15])
async def test_an_outage_of_the_store_is_logged_once(seconds: float) -> None:
    """Each job that fails writes one line at the beginning of an outage, and one at its end."""
    store = Lost()
    guard = await settle(make_guard(store=store))

    async def run(ticks: int) -> None:
        for _ in range(ticks):
            guard.trail.note(Event(time=guard.clock.now(), name="user_updated"))
            await guard.tick()

    with log_lines("stormdoor.maintenance", "stormdoor.trail") as lines:
        for number in (1, 2):
            store._seconds = seconds
            await run(16)
            store._seconds = None
            async with asyncio.timeout(60):
                while guard.maintenance_loop.jobs:
                    await guard.tick()
            await run(8)
            expected = ["clean_up fails", "clean_up succeeds again"]
            # The trail itself logs that it cannot be written; only a job that takes long is logged beside it.
            expected += ["trail fails", "trail succeeds again"] if seconds else []
            for each in expected:
                assert sum(f"the maintenance job {each}" in line for line in lines) == number, lines
            assert sum("trail cannot be written" in line for line in lines) == number
            assert len(lines) == number * (len(expected) + 2)
    await guard.close()


async def test_another_failure_during_an_outage_is_logged() -> None:
    """A mistake in the program has its traceback in the log, once, also while the store is down."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    with log_lines("stormdoor.maintenance") as lines:
        for error in (StoreUnavailable("the store is down"), RuntimeError("odd")):
            store.broken["sync_connections"] = error
            for _ in range(8):
                await guard.tick()
    assert len(lines) == 2
    assert "RuntimeError: odd" in lines[1]
    assert "Traceback" in lines[1]
    store.broken.clear()
    await guard.close()


# -- thousands at once -------------------------------------------------------------------------------


class Ticking(FakeClock):
    """Each reading takes a millisecond: what costs time in the world costs it here."""

    def monotonic(self) -> float:
        self.advance(0.001)
        return super().monotonic()


async def many(guard: Guard, count: int) -> list[tuple[object, object]]:
    """Open a number of connections of one principal."""
    return [await opened(guard, bearer("alice")) for _ in range(count)]


async def test_all_connections_stop_at_once_and_close_in_batches() -> None:
    """Each turn of the event loop is short, and no message of an ended connection is accepted."""
    limits = {"connections_per_principal": 1000, "connections_per_address": 1000}
    limits |= {"handshakes_per_address": "100000/s"}  # type: ignore[dict-item]
    guard = await settle(make_guard(clock=Ticking(), limits=limits))
    both = await many(guard, 60)
    turns: list[int] = []
    loop = asyncio.get_running_loop()

    def count() -> None:
        turns.append(sum(sink.closed is not None for _, sink in both))  # type: ignore[attr-defined]
        if turns[-1] < len(both):
            loop.call_soon(count)

    ended = await guard.admin.revoke(Target.PRINCIPAL, "alice")
    assert ended.closed == 60
    assert not any(connection.open for connection, _ in both)  # type: ignore[attr-defined]
    # The store was waited for, so some close jobs have run, but never many in one iteration.
    count()
    await guard.registry.drain_close_queue()
    await until(lambda: turns[-1] == len(both))
    assert max(b - a for a, b in pairwise(turns)) <= 10
    assert len(turns) > 3
    assert len(guard.registry) == 0
    closed = [event for event in await events(guard) if event.name == "connection_closed"]
    assert len(closed) == 60
    await guard.close()


async def test_the_end_waits_for_the_close_queue() -> None:
    """The trail is written after the last of them."""
    limits = {"connections_per_principal": 1000, "connections_per_address": 1000}
    limits |= {"handshakes_per_address": "100000/s"}  # type: ignore[dict-item]
    guard = await settle(make_guard(clock=Ticking(), limits=limits))
    both = await many(guard, 60)
    await guard.close()
    assert all(sink.closed == (1001, "going away") for _, sink in both)  # type: ignore[attr-defined]
    await guard.state.open()
    names = [entry.event.name for entry in await guard.state.trail.entries()]
    assert names.count("connection_closed") == 60
    assert names[-1] == "sys_shutdown"


async def test_a_look_at_thousands_lets_others_in_between() -> None:
    """The loop serves other work between the look-ups of many connections that are due together."""
    limits = {"connections_per_principal": 1000, "connections_per_address": 1000}
    limits |= {"handshakes_per_address": "100000/s"}  # type: ignore[dict-item]
    guard = await settle(make_guard(clock=Ticking(), limits=limits))
    await many(guard, 60)
    turns = 0
    looking = asyncio.create_task(guard.deadlines.expire())
    while not looking.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 5
    await guard.close()


async def test_what_is_not_due_costs_a_tick_nothing() -> None:
    """An idle connection is looked at when a write begins to wait, else only when a deadline is due."""
    guard = await settle(make_guard(clock=(clock := FakeClock())))
    connection, sink = await opened(guard, bearer("alice"))
    looks = 0

    def stalled() -> None:
        nonlocal looks
        looks += 1

    sink.stalled = stalled  # type: ignore[method-assign]
    await guard.tick()
    first = looks
    for _ in range(100):
        clock.advance(0.25)
        await guard.tick()
    assert looks == first
    connection.look_soon()
    await guard.tick()
    assert looks > first
    await guard.close()
