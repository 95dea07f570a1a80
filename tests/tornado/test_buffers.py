"""One principal cannot fill the memory of the process: what is kept for all connections has a bound."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor import Guard, protect
from tests.guard.fakes import events, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import BINARY, CONTINUATION, Wire, connect, log_lines, serving, until

BOUND, LARGE = 4 << 20, 900_000
READ = 64 << 10
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])


class Mailbox(WebSocketHandler):
    """Counts what it hears, and says what the test wants."""

    here: list[Mailbox]
    heard: list[int]

    def open(self, *args: str, **kwargs: str) -> None:
        Mailbox.here.append(self)

    def on_message(self, message: str | bytes) -> None:
        Mailbox.heard.append(len(message))


@contextlib.asynccontextmanager
async def served(fast: bool, **limits: Any) -> AsyncIterator[tuple[Guard, int]]:
    """A guard with a small bound, and the port of its server."""
    Mailbox.here, Mailbox.heard = [], []
    guard = make_guard(
        clock=FakeClock(),
        fast=fast,
        insecure_allow_any_host=True,
        limits={"buffered_bytes": BOUND, **limits},
    )
    application = Application([("/ws", Mailbox)])
    protect(application, guard, "chat:connect")
    async with serving(application, guard) as at:
        yield guard, at.port


async def opened(port: int, name: str, **options: Any) -> Wire:
    """An open socket of a principal."""
    return await connect(port, "/ws", ("Authorization", f"Bearer {name}"), **options)


def announce(wire: Wire, size: int, arrives: int) -> None:
    """Send the head of a message, and only the first bytes of it."""
    wire.raw(bytes([0x80 | BINARY, 0xFF]) + struct.pack(">Q", size) + b"\0\0\0\0" + b"x" * arrives)


def fragments(wire: Wire, size: int) -> None:
    """Send a message in pieces, without an end."""
    piece = 60_000
    wire.frame(BINARY, b"x" * piece, final=False)
    for _ in range(size // piece - 1):
        wire.frame(CONTINUATION, b"x" * piece, final=False)


@BOTH
@pytest.mark.parametrize("how", ["one frame", "fragments"])
async def test_unfinished_messages(how: str, fast: bool) -> None:
    """Connections of the principal with most bytes are closed; the other principal can finish its message."""
    async with served(fast) as (guard, port), contextlib.AsyncExitStack() as stack:
        with log_lines("stormdoor.closed") as lines:
            bob = await stack.enter_async_context(await opened(port, "bob"))
            announce(bob, 200_000, 150_000)
            await until(lambda: guard.buffers.total >= 150_000 - READ)
            wires = []

            async def sent(number: int) -> None:
                """Each has arrived, or another one has made room for it."""
                await until(
                    lambda: (
                        len(guard.registry) < number + 2
                        or guard.buffers.total >= (number + 1) * (LARGE - READ)
                    )
                )
                assert guard.buffers.total <= BOUND

            for number in range(12):
                wire = await stack.enter_async_context(await opened(port, "alice"))
                if how == "one frame":
                    announce(wire, LARGE * 2, LARGE)
                else:
                    fragments(wire, LARGE)
                wires.append(wire)
                await sent(number)
            await until(lambda: guard.statistics.closed.total() >= 12 - BOUND // (LARGE - READ) - 1)
            bob.raw(b"x" * 50_000)
            await until(lambda: Mailbox.heard == [200_000])
            closed = [one for one in await events(guard) if one.cause == "busy"]
            assert closed
            assert {one.principal for one in closed} == {"alice"}
            assert all(
                f"limits.buffered_bytes = {BOUND} are in use" in one.detail for one in closed
            )
            assert f"limits.buffered_bytes = {BOUND}" in lines[0]
            assert len(guard.registry.of_principal("bob")) == 1
            for wire in (*wires, bob):
                wire.abort()
            await until(lambda: len(guard.registry) == 0 and guard.buffers.total == 0)


@BOTH
async def test_the_client_hears_why(fast: bool) -> None:
    """1013: it may try again later."""
    async with served(fast, buffered_bytes=300_000) as (guard, port):
        async with await opened(port, "alice") as wire:
            announce(wire, LARGE, 400_000)
            await until(lambda: len(guard.registry) == 0)
            if fast:
                assert await wire.close_code() == 1013
        assert guard.buffers.total == 0


@BOTH
async def test_messages_that_wait_for_slow_readers(fast: bool) -> None:
    """Each may wait for its own connection, all together for the process: the largest one is cut off."""
    async with served(fast) as (guard, port), contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(await opened(port, "bob", receive_buffer=4096))
        for _ in range(4):
            await stack.enter_async_context(await opened(port, "alice", receive_buffer=4096))
        await until(lambda: len(Mailbox.here) == 5)
        bob, *others = Mailbox.here
        # The kernels of both sides take some megabytes before anything waits in the process.
        while guard.buffers.total < 500_000:
            bob.write_message(b"x" * 100_000, binary=True)
            await asyncio.sleep(0)
        for handler in others:
            with contextlib.suppress(WebSocketClosedError):
                for _ in range(80):
                    handler.write_message(b"x" * 100_000, binary=True)
                    await asyncio.sleep(0)
            assert guard.buffers.total <= BOUND
        closed = [one for one in await events(guard) if one.name == "connection_closed"]
        assert {(one.cause, one.principal) for one in closed} == {("busy", "alice")}
        for wire in Mailbox.here:
            wire.close()
    await until(lambda: guard.buffers.total == 0)


@BOTH
async def test_delayed_messages(fast: bool) -> None:
    """A message that waits for its rate is kept, and counts until the handler has it."""
    async with served(fast, messages_per_connection="20/s burst 1") as (guard, port):
        async with await opened(port, "alice") as wire:
            wire.frame(BINARY, b"x")
            wire.frame(BINARY, b"x" * 500_000)
            await until(lambda: guard.statistics.held == 1)
            assert guard.buffers.total >= 500_000
            clock: Any = guard.clock
            clock.advance(1)
            await until(lambda: Mailbox.heard == [1, 500_000])
            await until(lambda: guard.buffers.total == 0)


@BOTH
async def test_ordinary_messages_leave_nothing_behind(fast: bool) -> None:
    """Large and small, whole and in pieces: when the handler has them, nothing is kept."""
    async with served(fast) as (guard, port), await opened(port, "alice") as wire:
        expected = []
        for size in (1, 125, 70_000, 200_000, 1_000_000):
            wire.frame(BINARY, b"x" * size)
            wire.frame(BINARY, b"x" * size, final=False)
            wire.frame(CONTINUATION, b"x" * size)
            expected += [size, 2 * size]
        await until(lambda: Mailbox.heard == expected)
        await until(lambda: guard.buffers.total == 0)
