"""Handlers with a protocol of their own: delayed for half of each minute, and refused only then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stormdoor import Connection, Guard, Limits
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.inbound import Refused
from stormdoor.guard.pause import PauseReading
from tests.guard.fakes import CHAT, FakeSink, bearer, events, make_guard, opened, refused, settle
from tests.support.clock import FakeClock


def endpoints(limits: Limits) -> tuple[Endpoint, Endpoint]:
    """An endpoint of commands, and one with a protocol of its own."""
    return (
        replace(CHAT, limits=limits.applied(own_protocol=False)),
        replace(CHAT, limits=limits.applied(own_protocol=True)),
    )


async def terminal(**limits: Any) -> tuple[Guard, Connection, FakeSink, FakeClock]:
    """An open connection of alice on a protocol of its own."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock, limits=limits))
    connection, sink = await opened(guard, bearer("alice"), endpoints(guard.limits)[1])
    return guard, connection, sink, clock


def flooded(
    guard: Guard, connection: Connection, clock: FakeClock, *, seconds: float, size: int = 1
) -> tuple[int, Refused | None]:
    """Send without a pause. Returns how many messages were taken, and the refusal, if one came in time."""
    taken, until, message = 0, clock.monotonic() + seconds, b"x" * size
    while clock.monotonic() < until:
        verdict = guard.inbound.receive_raw(connection, message, None)
        if isinstance(verdict, Refused):
            return taken, verdict
        if isinstance(verdict, PauseReading):
            clock.advance(verdict.seconds)
        else:
            assert verdict is True
            taken += 1
    return taken, None


async def test_a_flood_is_slowed_for_a_minute_and_then_refused() -> None:
    """A flood is slowed to 500 messages a second for a minute, then refused with both limits."""
    guard, connection, _, clock = await terminal()
    began = clock.monotonic()
    taken, verdict = flooded(guard, connection, clock, seconds=300)
    took = clock.monotonic() - began
    assert verdict is not None
    assert 30 < took < 90
    assert taken <= 2000 + 500 * took + 1
    assert (
        "limits.own_protocol.messages_per_connection = '500/s burst 2000'" in verdict.refusal.detail
    )
    assert "limits.own_protocol.hold_seconds = 30.0 of a minute" in verdict.refusal.detail
    refusal = (await events(guard))[-1]
    assert (refusal.name, refusal.cause) == ("excess_rate_limit_exceeded", "message-rate")
    await guard.close()


async def test_a_flood_of_bytes() -> None:
    """Sixteen megabytes a second, after decompression; then the same."""
    guard, connection, _, clock = await terminal()
    began, size = clock.monotonic(), 1 << 20
    taken, verdict = flooded(guard, connection, clock, seconds=300, size=size)
    took = clock.monotonic() - began
    assert verdict is not None
    assert taken <= 64 + 16 * took + 1
    assert "bytes_per_connection" in verdict.refusal.detail
    await guard.close()


async def test_sixty_seconds_never_refuse() -> None:
    """An operator who wants no close gets the delay alone."""
    guard, connection, _, clock = await terminal(hold_seconds=60)
    taken, verdict = flooded(guard, connection, clock, seconds=300)
    assert verdict is None
    assert taken == pytest.approx(2000 + 500 * 300, rel=0.01)
    assert guard.statistics.rejected == {}
    await guard.close()


async def test_twice_the_rate_for_some_seconds_is_only_delayed() -> None:
    """1000 messages a second for ten seconds, as no application sends: all of them arrive."""
    guard, connection, _, clock = await terminal()
    taken = 0
    for _ in range(10):
        done = clock.monotonic() + 1
        for _ in range(1000):
            while isinstance(
                verdict := guard.inbound.receive_raw(connection, b"x", None), PauseReading
            ):
                clock.advance(verdict.seconds)
            assert verdict is True
            taken += 1
        clock.advance(max(0.0, done - clock.monotonic()))
    assert taken == 10_000
    assert connection.open
    await guard.close()


async def test_what_a_terminal_uses_up_is_not_missing_for_commands() -> None:
    """The messages of a principal are counted for each set of limits."""
    guard, connection, _, clock = await terminal()
    flooded(guard, connection, clock, seconds=20)
    chat, _ = await opened(guard, bearer("alice"), endpoints(guard.limits)[0])
    assert guard.inbound.receive_raw(chat, b"x", None) is True
    await guard.close()


async def test_a_limit_of_the_whole_guard_counts_both() -> None:
    """A rate for the whole guard counts messages of both protocols together."""
    guard, connection, _, _ = await terminal(messages_per_principal="1/h burst 2", hold_seconds=0)
    chat, _ = await opened(guard, bearer("alice"), endpoints(guard.limits)[0])
    assert guard.inbound.receive_raw(connection, b"x", None) is True
    assert guard.inbound.receive_raw(chat, b"x", None) is True
    for one in (chat, connection):
        assert isinstance(guard.inbound.receive_raw(one, b"x", None), Refused)
    await guard.close()


async def test_sockets_are_counted_for_each_set() -> None:
    """Twenty for commands and sixty-four with another protocol, in any order."""
    guard = await settle(make_guard())
    commands, own = endpoints(guard.limits)
    for endpoint, most in ((own, 64), (commands, 20)):
        for _ in range(most):
            await opened(guard, bearer("alice"), endpoint)
    for endpoint, setting in (
        (own, "limits.own_protocol.connections_per_principal = 64"),
        (commands, "limits.connections_per_principal = 20"),
    ):
        refusal = await refused(guard, bearer("alice"), endpoint)
        assert refusal.detail == f"{setting} is reached"
        await opened(guard, bearer("bob"), endpoint)
    await guard.close()


async def test_sockets_of_the_whole_guard() -> None:
    """Set in `Limits` itself, the number counts all of them."""
    guard = await settle(make_guard(limits={"connections_per_principal": 3}))
    commands, own = endpoints(guard.limits)
    for endpoint in (own, commands, own):
        await opened(guard, bearer("alice"), endpoint)
    for endpoint in (own, commands):
        refusal = await refused(guard, bearer("alice"), endpoint)
        assert refusal.detail == "limits.connections_per_principal = 3 is reached"
    await guard.close()
