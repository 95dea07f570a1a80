"""A client that is too fast is read more slowly, and then refused; nothing else about it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stormdoor import Guard, Target
from tests.guard.fakes import Tokens, authentication, make_guard
from tests.support.clock import FakeClock
from tests.tornado.loops import on_each_loop
from tests.tornado.test_fast_protocol import ALICE, FREE, Commands, Echo, protocol_of
from tests.tornado.wire import CLOSE, PING, PONG, Served, Wire, connect, frame_bytes, serving, until

SLOW = {"messages_per_connection": "1/s burst 3"}
FLOOD = frame_bytes(2, b"x" * 60_000) * 20
SOME = frame_bytes(2, b"x" * 1000) * 20
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])


@contextlib.asynccontextmanager
async def at(
    handler: type[Any] = Echo, *, fast: bool = True, **options: Any
) -> AsyncIterator[tuple[Served, Guard, FakeClock]]:
    """Serve a handler behind a guard with a clock that stands still."""
    clock = FakeClock()
    settings = options.pop("settings", {})
    if issubclass(handler, Echo):
        handler.here, handler.told = [], []
    guard = make_guard(
        **{
            "insecure_allow_any_host": True,
            "clock": clock,
            "fast": fast,
            **options,
            "limits": {**FREE, **SLOW, **options.get("limits", {})},
        }
    )
    async with serving([("/ws", handler)], guard, "chat:connect", **settings) as served:
        yield served, guard, clock


async def held(guard: Guard, times: int = 1) -> None:
    """Wait until a message has been held up."""
    await until(lambda: guard.statistics.held >= times)


async def pushed(wire: Wire, most: int, *, patience: float) -> int:
    """Send so many bytes at most, until the server takes none for so long. Returns how many it took."""
    sent = 0
    while sent < most:
        wire.raw(FLOOD)
        sent += len(FLOOD)
        try:
            async with asyncio.timeout(patience):
                await wire.writer.drain()
        except TimeoutError:
            break
    return sent - wire.writer.transport.get_write_buffer_size()


@on_each_loop
async def test_too_fast_is_read_later() -> None:
    """The server answers messages above the rate later, in order and without an error."""
    limits = {"messages_per_connection": "50/s burst 3", "hold_seconds": 50}
    async with at(Commands, limits=limits) as (served, guard, clock):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(6):
                wire.send({"type": "say", "text": str(number)})
            for number in range(6):
                if number >= 3:
                    await held(guard, guard.statistics.held + 1)
                    assert guard.statistics.messages == number
                    clock.advance(0.02)
                assert (await wire.json())["text"] == str(number)
        assert guard.statistics.rejected == {}


@BOTH
async def test_a_flood_waits_at_the_client(fast: bool) -> None:
    """Refused at once, 14 MB are read to the last byte; held up, they stay where they are."""
    most = 14_000_000
    for seconds in (0, 2):
        limits = {"hold_seconds": seconds, "offences": 1_000_000}
        async with at(Commands, fast=fast, limits=limits) as (served, guard, _):
            async with await connect(served.port, "/ws", ALICE) as wire:
                taken = await pushed(wire, most, patience=0.2 if seconds else 60.0)
                if not seconds:
                    assert taken >= most
                    await until(lambda: guard.statistics.rejected.total() >= most // 60_020 - 20)
                    continue
                assert taken < most
                await held(guard)
                assert guard.statistics.rejected.total() + guard.statistics.messages < 10
                wire.abort()  # the test does not read the rest


@BOTH
async def test_who_goes_on_is_refused_and_then_closed(fast: bool) -> None:
    """The time for which it may be held up runs out, though the clock of the guard stands still."""
    limits = {"messages_per_connection": "100/s burst 3", "hold_seconds": 0.1, "offences": 4}
    async with at(Commands, fast=fast, limits=limits) as (served, guard, _):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(20):
                wire.send({"type": "say", "text": "x", "id": number})
            heard = []
            while (frame := await wire.receive()).opcode != CLOSE:
                heard.append(frame.payload)
            assert frame.code == 1008
        assert len(heard) == 7
        assert all(b"rate-limited" in one for one in heard[3:])
        assert 1 <= guard.statistics.held <= 20


@BOTH
async def test_a_protocol_without_answers(fast: bool) -> None:
    """It is slowed first, and closed only then: a handler of today gets all that there is time for."""
    async with at(fast=fast, limits={"hold_seconds": 0.5}) as (served, guard, _):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(4):
                wire.send(str(number))
            assert [await wire.text() for _ in range(3)] == ["0", "1", "2"]
            assert await wire.close_code() == 1008  # a second would be too long
    async with at(fast=fast) as (served, guard, clock):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(4):
                wire.send(str(number))
            await held(guard)
            clock.advance(1)
            assert [await wire.text() for _ in range(4)] == ["0", "1", "2", "3"]


@BOTH
@pytest.mark.parametrize("how", ["revoked", "expired", "closed", "shutdown"])
async def test_it_ends_like_any_other(how: str, fast: bool) -> None:
    """At once, with the code, and without a message of those that wait; the client's answer is read."""
    token = authentication("alice", expires_at=FakeClock().now() + 60)
    async with at(fast=fast, authenticators=[Tokens({"alice": token})]) as (served, guard, clock):
        async with await connect(served.port, "/ws", ALICE) as wire:
            wire.raw(SOME)
            await held(guard)
            match how:
                case "revoked":
                    await guard.admin.revoke(Target.PRINCIPAL, "alice")
                case "expired":
                    clock.advance(61)
                    await guard.tick()
                case "closed":
                    Echo.here[0].close(4000, "enough")
                case "shutdown":
                    await guard.close()
            expected = {"revoked": 3000, "expired": 3000, "closed": 4000, "shutdown": 1001}
            assert await wire.close_code() == expected[how]
            wire.frame(CLOSE, b"")
            await wire.ended()
            assert len([one for one in Echo.told if isinstance(one, bytes)]) == 3
            await until(lambda: ("close", None, None) in Echo.told)


async def test_a_pong_that_lies_unread() -> None:
    """A paused connection does not time out by ping; one that is read and does not answer does."""
    settings = {"websocket_ping_interval": 1000}
    async with at(limits={"hold_seconds": 50}, settings=settings) as (served, guard, clock):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(4):
                wire.send(str(number))
            await held(guard)
            protocol = protocol_of(Echo)
            protocol._stop_pinging()
            protocol._ping()
            while (frame := await wire.receive()).opcode != PING:
                pass
            wire.frame(PONG, frame.payload)
            await until(lambda: protocol._paused)
            protocol._expect_pong()
            assert not protocol.server_terminated
            clock.advance(5)
            await until(lambda: protocol._received_pong)
            protocol._stop_pinging()
            protocol._ping()
            protocol._expect_pong()
            assert await wire.close_code() == 1000


async def test_a_pong_that_lies_unread_on_tornados() -> None:
    """As far as Tornado asks when it is read again."""
    async with at(fast=False, limits={"hold_seconds": 50}) as (served, guard, clock):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(4):
                wire.send(str(number))
            await held(guard)
            protocol: Any = Echo.here[0].ws_connection
            protocol._received_pong = False
            clock.advance(1)
            assert [await wire.text() for _ in range(4)] == ["0", "1", "2", "3"]
            assert protocol._received_pong


async def test_a_client_that_is_gone() -> None:
    """It is noticed when it is read again, and nothing is left of it."""
    async with at(limits={"messages_per_connection": "50/s burst 3"}) as (served, guard, clock):
        wire = await connect(served.port, "/ws", ALICE)
        wire.raw(SOME)
        await held(guard)
        wire.abort()
        clock.advance(60)
        await until(lambda: len(guard.registry) == 0)
        await until(lambda: Echo.told[-1] == ("close", None, None))


@BOTH
async def test_pings_are_slowed_too(fast: bool) -> None:
    """In a protocol of its own none is lost and none closes it, until the time runs out as for messages."""
    limits = {"messages_per_connection": "100/s burst 3", "hold_seconds": 50}
    async with at(fast=fast, limits=limits) as (served, guard, clock):
        async with await connect(served.port, "/ws", ALICE) as wire:
            for number in range(30):
                wire.frame(PING, b"%d" % number)
                assert (await wire.receive()).payload == b"%d" % number
                clock.advance(0.005)
            await until(lambda: ("ping", b"29") in Echo.told)
            assert 10 <= guard.statistics.held <= 30
            assert guard.statistics.rejected == {}
    async with at(fast=fast, limits=limits | {"hold_seconds": 0.1}) as (served, guard, _):
        async with await connect(served.port, "/ws", ALICE) as wire:
            wire.raw(frame_bytes(PING, b"x") * 100)
            assert await wire.close_code() == 1008
            assert guard.statistics.held >= 5
