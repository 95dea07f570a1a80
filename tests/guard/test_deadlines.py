"""A connection ends at its deadline, with or without messages, also if the clocks change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormdoor import Connection, Guard, Topic
from stormdoor.core.principal import Principal
from tests.guard.fakes import (
    HANDSHAKE,
    FakeSink,
    FakeStore,
    Tokens,
    authentication,
    bearer,
    make_guard,
    opened,
    settle,
)
from tests.support.clock import FakeClock

START = FakeClock().now()
START_MONOTONIC = FakeClock().monotonic()
TOPIC = Topic("room:lobby", "chat:say")


async def world(
    clock: FakeClock, *, limits: dict[str, Any] | None = None, **facts: Any
) -> tuple[Guard, Connection, FakeSink]:
    """Return a guard and an open connection of alice with these facts in its authentication."""
    known = {"t": authentication("alice", **facts)}
    guard = await settle(make_guard(Tokens(known), clock=clock, limits=limits))
    connection, sink = await opened(guard, bearer("t"))
    assert guard.channels.subscribe(connection, TOPIC)
    return guard, connection, sink


# Each kind of end -------------------------------------------------------------------------------

ENDS: list[tuple[str, dict[str, Any], dict[str, Any], float]] = [
    ("exp of a token", {"expires_at": START + 100}, {}, 100),
    ("the age of a connection", {}, {"connection_seconds": 100.0}, 100),
    ("the nearer of both", {"expires_at": START + 50}, {"connection_seconds": 100.0}, 50),
    ("the other way round", {"expires_at": START + 100}, {"connection_seconds": 50.0}, 50),
    ("idleness", {"idle_seconds": 100.0}, {}, 100),
]
each_end = pytest.mark.parametrize(
    ("facts", "limits", "seconds"), [one[1:] for one in ENDS], ids=[one[0] for one in ENDS]
)


@each_end
async def test_a_silent_connection_ends(
    facts: dict[str, Any], limits: dict[str, Any], seconds: float
) -> None:
    """A tick ends a connection without messages with 3000 exactly at its deadline."""
    clock = FakeClock()
    guard, connection, sink = await world(clock, limits=limits, **facts)
    clock.advance(seconds - 0.001)
    await guard.tick()
    assert connection.open
    clock.advance(0.001)
    await guard.tick()
    assert not connection.open
    assert sink.closed == (3000, "authentication required")
    await guard.close()


@each_end
async def test_nothing_is_published_to_it_after_its_time(
    facts: dict[str, Any], limits: dict[str, Any], seconds: float
) -> None:
    """The tick has not come yet, and the message does not get out all the same."""
    clock = FakeClock()
    guard, connection, sink = await world(clock, limits=limits, **facts)
    clock.advance(seconds - 0.001)
    assert guard.channels.publish(TOPIC, {"n": 1}) == 1
    clock.advance(0.001)
    assert guard.channels.publish(TOPIC, {"n": 2}) == 0
    assert sink.sent == [b'{"n":1}']
    assert not connection.open
    assert sink.closed == (3000, "authentication required")
    await guard.close()


@each_end
async def test_nothing_is_taken_from_it_after_its_time(
    facts: dict[str, Any], limits: dict[str, Any], seconds: float
) -> None:
    """A message of the client after the deadline is not delivered."""
    clock = FakeClock()
    guard, connection, sink = await world(clock, limits=limits, **facts)
    clock.advance(seconds)
    assert guard.inbound.receive_raw(connection, "x", None) is False
    assert sink.closed == (3000, "authentication required")
    await guard.close()


# The clocks -------------------------------------------------------------------------------------


async def test_a_wall_clock_that_is_set_back_prolongs_nothing() -> None:
    """Deadlines are counted on the clock that cannot be set."""
    clock = FakeClock()
    guard, connection, _ = await world(clock, expires_at=START + 100)
    clock.set_wall(START - 86_400)
    clock.advance(100)
    assert guard.channels.publish(TOPIC, {}) == 0
    assert not connection.open
    await guard.close()


async def test_a_wall_clock_that_is_set_forth_ends() -> None:
    """A machine that slept did not count seconds, but its wall clock knows: nothing goes out either."""
    clock = FakeClock()
    guard, connection, sink = await world(clock, expires_at=START + 100)
    clock.set_wall(START + 100)
    assert guard.channels.publish(TOPIC, {}) == 0
    assert sink.sent == []
    assert not connection.open
    await guard.close()


_MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([0.25, 1.0, 9.0, 40.0, 61.0])),
        st.tuples(st.just("set"), st.sampled_from([-1e6, -50.0, 50.0, 1e4])),
        st.tuples(st.sampled_from(["publish", "say", "ping", "tick"]), st.just(0.0)),
    ),
    max_size=25,
)


@settings(max_examples=settings().max_examples * 4 // 5)
@given(
    moves=_MOVES,
    lasts=st.sampled_from([None, 30.0, 100.0]),
    age=st.sampled_from([None, 60.0, 120.0]),
    idle=st.sampled_from([None, 45.0]),
)
def test_nothing_passes_after_the_deadline(
    moves: list[tuple[str, float]], lasts: float | None, age: float | None, idle: float | None
) -> None:
    """After the deadline the guard passes no message in or out, and a tick ends the connection."""
    import asyncio

    async def scenario() -> None:
        clock = FakeClock()
        guard, connection, sink = await world(
            clock,
            limits={"connection_seconds": age},
            expires_at=None if lasts is None else START + lasts,
            idle_seconds=idle,
        )
        elapsed = used = 0.0
        for move, amount in moves:
            over = elapsed >= min(lasts or 1e9, age or 1e9) or elapsed - used >= (idle or 1e9)
            ahead = lasts is not None and clock.now() >= START + lasts
            match move:
                case "pass":
                    clock.advance(amount)
                    elapsed += amount
                case "set":
                    clock.set_wall(START + elapsed + amount)
                case "publish":
                    sent = guard.channels.publish(TOPIC, {})
                    assert not (sent and (over or ahead))
                case "say":
                    passed = guard.inbound.receive_raw(connection, "x", None) is True
                    assert not (passed and over)
                    used = elapsed if passed else used
                case "ping":
                    passed = guard.inbound.receive_control(connection, 1) is not False
                    assert not (passed and elapsed >= min(lasts or 1e9, age or 1e9))
                case _:
                    await guard.tick()
                    assert not (connection.open and (over or ahead))
        assert len(sink.told) <= 1 + 25
        await guard.close()

    asyncio.run(scenario())


# The notice -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lasts", "limit", "before"),
    [(300.0, 60.0, 60.0), (100.0, 60.0, 25.0), (8.0, 60.0, 2.0), (300.0, 10.0, 10.0)],
)
async def test_it_is_told_once_before_its_end(lasts: float, limit: float, before: float) -> None:
    """One notice is sent `expiry_notice_seconds` before the end, at most a quarter of the lifetime."""
    clock = FakeClock()
    guard, _, sink = await world(
        clock, limits={"expiry_notice_seconds": limit}, expires_at=START + lasts
    )
    clock.advance(lasts - before - 0.01)
    await guard.tick()
    assert sink.told == []
    clock.advance(0.01)
    for _ in range(5):
        await guard.tick()
        clock.advance(before / 10)
    assert sink.told == [pytest.approx(before)]
    clock.advance(before)
    await guard.tick()
    assert len(sink.told) == 1
    await guard.close()


async def test_it_is_told_of_the_age_too() -> None:
    """An expiry notice is also sent before the greatest age of a connection."""
    clock = FakeClock()
    guard, _, sink = await world(clock, limits={"connection_seconds": 400.0})
    clock.advance(340)
    await guard.tick()
    assert sink.told == [pytest.approx(60)]
    await guard.close()


async def test_an_end_that_comes_nearer_is_told_of_anew() -> None:
    """A key that was rotated has got an end: that is another deadline."""
    clock = FakeClock()
    guard, connection, sink = await world(clock, expires_at=START + 300)
    clock.advance(240)
    await guard.tick()
    connection.expire(clock.now() + 30, clock.now(), clock.monotonic())
    await guard.tick()
    await guard.tick()
    assert sink.told == [pytest.approx(60), pytest.approx(30)]
    await guard.close()


async def test_one_that_cannot_be_told_does_not_keep_the_others_from_it() -> None:
    """An adapter that raises is logged, and the other connections end in time."""
    clock = FakeClock()
    known = {name: authentication(name, expires_at=START + 300) for name in ("alice", "bob")}
    guard = await settle(make_guard(Tokens(known), clock=clock))
    first, broken = await opened(guard, bearer("alice"))
    _, sink = await opened(guard, bearer("bob"))

    def fail(seconds: float) -> None:
        raise RuntimeError("odd")

    broken.expiring = fail  # type: ignore[method-assign]
    clock.advance(250)
    await guard.tick()
    assert len(sink.told) == 1
    assert first.open
    await guard.close()


# Idle -------------------------------------------------------------------------------------------


async def session_world() -> tuple[FakeClock, FakeStore, Guard, Connection, FakeSink, str]:
    """A connection of carol on a session that ends after 400 idle seconds."""
    clock, store = FakeClock(), FakeStore()
    guard = await settle(
        make_guard(
            clock=clock, store=store, sessions={"idle_seconds": 400.0, "absolute_seconds": 9e3}
        )
    )
    issued = await guard.sessions.create("carol")
    handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    connection, sink = await opened(guard, handshake)
    assert guard.channels.subscribe(connection, TOPIC)
    return clock, store, guard, connection, sink, issued.session.id


async def test_it_is_told_that_it_is_idle() -> None:
    """One notice is sent in each idle time."""
    clock, _, guard, connection, sink, _ = await session_world()
    clock.advance(341)
    await guard.tick()
    await guard.tick()
    assert sink.told == [pytest.approx(59)]
    assert guard.inbound.receive_raw(connection, "x", None) is True
    clock.advance(341)
    await guard.tick()
    assert len(sink.told) == 2
    await guard.close()


async def test_a_session_that_is_used_elsewhere_is_not_idle() -> None:
    """A session in use elsewhere is not idle: no notice is sent, and no outgoing message is withheld."""
    clock, store, guard, connection, sink, id = await session_world()
    clock.advance(200)
    await store.touch_sessions({id: clock.now()})
    clock.advance(150)
    await guard.tick()
    assert sink.told == []
    clock.advance(60)
    assert guard.channels.publish(TOPIC, {}) == 1
    assert connection.open
    await guard.close()


async def test_use_in_the_last_moment_counts() -> None:
    """During the last second the session is read at each run of the loop."""
    clock, store, guard, connection, _, id = await session_world()
    clock.advance(399)
    await guard.tick()
    await store.touch_sessions({id: clock.now()})
    clock.advance(0.5)
    await guard.tick()
    clock.advance(5)
    assert guard.channels.publish(TOPIC, {}) == 1
    assert connection.open
    await guard.close()


async def test_a_store_that_is_down_ends_nothing_early() -> None:
    """With the store down, a connection stays open until its deadline, then ends with 1013."""
    clock, store, guard, connection, sink, _ = await session_world()
    clock.advance(350)
    store.down = True
    await guard.deadlines.expire()
    assert connection.open
    clock.advance(50)
    await guard.deadlines.expire()
    assert sink.closed == (1013, "try again later")
    store.down = False
    await guard.close()


async def test_a_message_while_the_session_is_looked_at_counts() -> None:
    """A message during the look-up of an idle session overrides the answer of the store."""
    import asyncio

    clock, store, guard, connection, _, id = await session_world()
    clock.advance(399.9)
    pause = store.pause("session")
    ticking = asyncio.create_task(guard.deadlines.expire())
    await pause.reached.wait()
    assert guard.inbound.receive_raw(connection, "x", None) is True
    clock.advance(0.2)
    await store.remove_session(id)
    pause.go()
    await ticking
    assert connection.open
    await guard.close()


async def test_the_principal_of_one_that_waits_is_nobody() -> None:
    """A principal may be called as it likes, and is not taken for one that waits."""
    clock = FakeClock()
    _, connection, _ = await world(clock, principal=Principal("unknown", frozenset({"member"})))
    assert not connection.awaiting_authentication


# The queue of due connections ---------------------------------------------------------------------


async def test_a_tick_reads_no_connection_that_is_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither deadlines, nor rechecks, nor the slower jobs go through all connections or principals."""
    clock = FakeClock()
    known = {
        f"t{n}": authentication(f"p{n}", expires_at=START + 1e6, idle_seconds=1e5)
        for n in range(20)
    }
    limits = {"connections_per_address": 100}
    guard = await settle(make_guard(Tokens(known), clock=clock, limits=limits))
    for token in known:
        await opened(guard, bearer(token))
    for _ in range(4):
        await guard.tick()
    read: list[str] = []

    class Counted(dict[str, Any]):
        def __iter__(self) -> Any:
            read.append("keys")
            return super().__iter__()

        def values(self) -> Any:
            read.append("values")
            return super().values()

        def items(self) -> Any:
            read.append("items")
            return super().items()

    registry = guard.registry
    monkeypatch.setattr(registry, "_all", Counted(registry._all))
    monkeypatch.setattr(registry, "_principals", Counted(registry._principals))
    for _ in range(40):
        clock.advance(0.25)
        await guard.tick()
    assert read == []
    await guard.close()


async def test_an_error_at_one_connection_drops_no_deadline_of_another() -> None:
    """A sink that raises ends the tick; the next one ends the connections that were due beside it."""
    clock = FakeClock()
    known = {name: authentication(name, expires_at=START + 100) for name in "abcde"}
    guard = await settle(make_guard(Tokens(known), clock=clock))
    both = [await opened(guard, bearer(name)) for name in known]
    await guard.tick()
    clock.advance(80)

    def fail() -> None:
        raise RuntimeError("odd")

    both[0][1].stalled = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await guard.deadlines.expire()
    clock.advance(20)
    await guard.deadlines.expire()
    assert not any(connection.open for connection, _ in both)
    await guard.close()


async def test_a_look_that_is_cancelled_drops_no_deadline() -> None:
    """The store is asked about an idle session while a program cancels the job: the next tick looks again."""
    import asyncio

    clock, store, guard, connection, _, _ = await session_world()
    await guard.tick()
    clock.advance(399.9)
    pause = store.pause("session")
    looking = asyncio.create_task(guard.deadlines.expire())
    await pause.reached.wait()
    looking.cancel()
    await asyncio.wait([looking])
    clock.advance(0.1)
    await guard.tick()
    assert not connection.open
    await guard.close()


@pytest.mark.parametrize("step", [0.02, 50.0])
async def test_a_wall_clock_that_runs_ahead_ends_at_its_time(step: float) -> None:
    """It is set in one step, or a little before each tick, so that no step alone is noticed."""
    clock = FakeClock()
    guard, connection, _ = await world(clock, expires_at=START + 100)
    await guard.tick()
    ahead = 0.0
    for _ in range(5_000):
        clock.advance(0.25)
        ahead += step
        clock.set_wall(START + clock.monotonic() - START_MONOTONIC + ahead)
        await guard.deadlines.expire()
        over = clock.now() - (START + 100)
        assert connection.open or over >= 0
        if not connection.open:
            break
        assert over <= 0.1 + step + 0.25
    assert not connection.open
    await guard.close()


async def test_a_renewal_to_an_earlier_end_counts() -> None:
    """A token that ends sooner replaces one that ends late; and the other way round."""
    clock = FakeClock()
    known = {
        "t": authentication("alice", expires_at=START + 1_000),
        "short": authentication("alice", expires_at=START + 50),
        "long": authentication("alice", expires_at=START + 5_000),
    }
    guard = await settle(make_guard(Tokens(known), clock=clock))
    first, _ = await opened(guard, bearer("t"))
    other, _ = await opened(guard, bearer("t"))
    await guard.tick()
    assert await guard.credential_refresh.refresh(first, "short") is None
    assert await guard.credential_refresh.refresh(other, "long") is None
    clock.advance(50)
    await guard.tick()
    assert (first.open, other.open) == (False, True)
    clock.advance(1_000)
    await guard.tick()
    assert other.open
    clock.advance(3_950)
    await guard.tick()
    assert not other.open
    await guard.close()


async def test_closed_connections_stay_in_no_queue() -> None:
    """A connection that closes before its deadline, looked at or not, leaves nothing behind."""
    clock = FakeClock()
    guard, connection, _ = await world(clock, expires_at=START + 1e6)
    await guard.tick()
    guard.registry.end(connection)
    second, _ = await opened(guard, bearer("t"))
    guard.registry.end(second)
    await guard.tick()
    assert len(guard.deadlines._queue) == 0
    assert guard.registry.take_moved() == []
    await guard.close()
