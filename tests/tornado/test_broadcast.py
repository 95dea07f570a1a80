"""Broadcasts on real sockets: written at once, in order, and never to a client without the right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from stormdoor import Guard
from stormdoor.channels import Topic
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.guard.connection import Connection
from tests.guard.fakes import give_lease
from tests.support.clock import FakeClock
from tests.tornado.loops import on_each_loop
from tests.tornado.test_fast_protocol import Compressing, Echo, at
from tests.tornado.wire import Wire, connect, settled, until

ROOM = Topic("room:a", "chat:say")


@contextlib.asynccontextmanager
async def room(*names: str) -> AsyncIterator[tuple[Guard, FakeClock, list[Wire]]]:
    """A guard with a lease and the open sockets of these principals, which have got one broadcast each.

    From the second one on, a broadcast is written at once.
    """
    clock = FakeClock()
    async with contextlib.AsyncExitStack() as stack:
        served, guard = await stack.enter_async_context(at(clock=clock))
        await guard.state.accounts.add_account(Account(id="carol", roles=frozenset({"member"})))
        give_lease(guard, 600.0)
        wires = []
        for name in names:
            credential = ("Authorization", f"Bearer {name}")
            wires.append(
                await stack.enter_async_context(await connect(served.port, "/ws", credential))
            )
        await until(lambda: len([one for one in guard.registry if one.open]) == len(names))
        for one in guard.registry:
            assert guard.channels.subscribe(one, ROOM).allowed
        assert guard.channels.publish(ROOM, 0) == len(names)
        for wire in wires:
            assert await wire.json() == 0
        assert all(one.writer is not None for one in guard.registry)
        yield guard, clock, wires


def of(guard: Guard, name: str) -> Connection:
    """Return the connection of a principal."""
    [found] = guard.registry.of_principal(name)
    return found


@on_each_loop
async def test_first_broadcast_of_an_iteration_is_written_at_once() -> None:
    """All recipients have it before `publish` returns; later ones of the iteration follow, in order."""
    async with room("alice", "bob") as (guard, _, (alice, bob)):
        delivered = guard.statistics.delivered
        of(guard, "bob").sink.deliver("before")  # type: ignore[union-attr]
        assert [guard.channels.publish(ROOM, number) for number in (1, 2, 3)] == [2, 2, 2]
        assert [await alice.json() for _ in range(3)] == [1, 2, 3]
        assert await bob.text() == "before"
        assert [await bob.json() for _ in range(3)] == [1, 2, 3]
        assert guard.statistics.delivered == delivered + 7
        await settled()
        guard.channels.publish(ROOM, 4)
        assert of(guard, "alice").sink.handler.ws_connection._out == []  # type: ignore[union-attr]
        assert await alice.json() == 4


@pytest.mark.parametrize(
    "end",
    [
        lambda guard, one: guard.registry.end(one, Refusal(Denial.REVOKED, "revoked")),
        lambda guard, one: guard.registry.end(one),
        lambda guard, one: guard.registry.end_all([one], Refusal(Denial.REVOKED, "revoked")),
        lambda guard, one: guard.lease.lapse(),
    ],
    ids=["revoked", "closed", "all revoked", "lease lapsed"],
)
async def test_recipient_that_ends_in_the_middle_of_a_broadcast(
    end: Callable[[Guard, Connection], object],
) -> None:
    """The end of one recipient ends another one: it gets nothing, though it was allowed at the start."""
    async with room("alice", "bob", "carol") as (guard, clock, (alice, bob, carol)):
        victim = of(guard, "carol")
        of(guard, "bob").expire(clock.now(), clock.now(), clock.monotonic())

        def on_end(connection: Connection) -> None:
            if connection.principal.id == "bob":
                end(guard, victim)

        guard.registry.on_end.insert(0, on_end)
        guard.channels.publish(ROOM, "secret")
        assert await alice.json() == "secret"
        await settled()
        assert b"secret" not in carol.reader._buffer  # type: ignore[attr-defined]
        assert b"secret" not in bob.reader._buffer  # type: ignore[attr-defined]


@on_each_loop
async def test_attack_succeeds_on_a_recipient_that_has_not_ended() -> None:
    """The same broadcast reaches Carol if the end of Bob ends no other connection."""
    async with room("alice", "bob", "carol") as (guard, clock, (alice, _, carol)):
        of(guard, "bob").expire(clock.now(), clock.now(), clock.monotonic())
        assert guard.channels.publish(ROOM, "secret") == 2
        assert await alice.json() == await carol.json() == "secret"


@on_each_loop
async def test_removed_role_and_passed_deadline() -> None:
    """Neither of the two gets the next broadcast, before any tick."""
    async with room("alice", "bob", "carol") as (guard, clock, (alice, bob, carol)):
        await guard.admin.grant_role("carol", "reader")
        await guard.admin.withdraw_role("carol", "member")
        of(guard, "bob").expire(clock.now() + 5.0, clock.now(), clock.monotonic())
        clock.advance(5.0)
        assert of(guard, "carol").open
        assert guard.channels.publish(ROOM, "secret") == 1
        assert await alice.json() == "secret"
        await settled()
        assert b"secret" not in bob.reader._buffer  # type: ignore[attr-defined]
        assert b"secret" not in carol.reader._buffer  # type: ignore[attr-defined]


@on_each_loop
async def test_broadcast_behind_the_fence_waits() -> None:
    """It is not written without a lease; after the renewal it follows, unless the right is gone."""
    async with room("alice", "bob") as (guard, clock, (alice, bob)):
        clock.advance(600.0)
        guard.channels.publish(ROOM, "late")
        await settled()
        assert b"late" not in alice.reader._buffer  # type: ignore[attr-defined]
        guard.registry.end(of(guard, "bob"), Refusal(Denial.REVOKED, "revoked"))
        guard.lease.renew(clock.monotonic())
        guard.channels.publish(ROOM, "next")
        assert [await alice.json() for _ in range(2)] == ["late", "next"]
        await settled()
        assert b"late" not in bob.reader._buffer  # type: ignore[attr-defined]


@on_each_loop
async def test_partly_written_broadcast_is_cut_off() -> None:
    """If the right ends while the kernel has not taken all of it, the rest is never sent."""
    async with room("alice") as (guard, _, (alice,)):
        connection = of(guard, "alice")
        protocol = connection.sink.handler.ws_connection  # type: ignore[union-attr]
        alice.writer.transport.pause_reading()  # type: ignore[attr-defined]
        size = 4_000_000
        guard.channels.publish(ROOM, "x" * size)
        assert protocol._blocked
        assert len(protocol._in_transport) == 1
        guard.registry.end(connection, Refusal(Denial.REVOKED, "revoked"))
        await settled()
        alice.writer.transport.resume_reading()  # type: ignore[attr-defined]
        got = 0
        with contextlib.suppress(ConnectionError):
            while part := await asyncio.wait_for(alice.reader.read(1 << 20), 5):
                got += len(part)
        assert got < size


@on_each_loop
async def test_broadcast_waits_behind_other_output() -> None:
    """Behind the unsent rest of a message, it waits in the process, where the limit of bytes counts it."""
    async with room("alice") as (guard, _, (alice,)):
        protocol = of(guard, "alice").sink.handler.ws_connection  # type: ignore[union-attr]
        alice.writer.transport.pause_reading()  # type: ignore[attr-defined]
        guard.channels.publish(ROOM, "x" * 4_000_000)
        await settled()
        waits = protocol.waiting()
        guard.channels.publish(ROOM, "next")
        assert [bytes(one) for one in protocol._out] == [b'\x81\x06"next"']
        assert protocol.waiting() == waits + 8
        alice.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert [len(await alice.json()) for _ in range(2)] == [4_000_000, 4]


@on_each_loop
async def test_broadcast_does_not_overtake_a_fenced_message() -> None:
    """A message that waits for the lease goes first, even if the lease is back before it is sent."""
    async with room("alice") as (guard, clock, (alice,)):
        clock.advance(600.0)
        of(guard, "alice").sink.deliver("first")  # type: ignore[union-attr]
        await settled()
        guard.lease.on_renewal = None  # nothing is resumed yet
        guard.lease.renew(clock.monotonic())
        guard.channels.publish(ROOM, "second")
        of(guard, "alice").sink.resume()  # type: ignore[union-attr]
        assert [await alice.text() for _ in range(2)] == ["first", '"second"']


@on_each_loop
async def test_no_broadcast_follows_a_close_frame() -> None:
    """A library that closes the protocol itself, beside the guard, gets no message after the close frame."""
    async with room("alice") as (guard, _, (alice,)):
        of(guard, "alice").sink.handler.ws_connection.close(1000)  # type: ignore[union-attr]
        await settled()
        assert guard.channels.publish(ROOM, "late") == 0
        assert await alice.close_code() == 1000


class Announcing(Echo):
    """Answers, then tells all."""

    guard: Guard

    def on_message(self, message: str | bytes) -> None:
        self.write_message("answer")
        self.guard.channels.publish(ROOM, message)
        self.write_message("end")


@on_each_loop
async def test_answer_before_a_broadcast_stays_before_it() -> None:
    """The client that causes a broadcast gets the output of its action in the order of the calls."""
    async with at(Announcing) as (served, guard):
        Announcing.guard = guard
        async with await connect(served.port, "/ws", ("Authorization", "Bearer alice")) as wire:
            await until(lambda: len(Announcing.here) == 1)
            assert guard.channels.subscribe(next(iter(guard.registry)), ROOM).allowed
            for _ in range(2):
                wire.send("all")
                assert [await wire.text() for _ in range(3)] == ["answer", '"all"', "end"]


@on_each_loop
async def test_compressed_recipient_is_not_written_to_at_once() -> None:
    """Its message is compressed in its own window, so the shared frame is not for it."""
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    async with at(Compressing) as (served, guard):
        alice = ("Authorization", "Bearer alice")
        async with await connect(served.port, "/ws", alice, offer) as wire:
            await until(lambda: len(Compressing.here) == 1)
            [one] = guard.registry
            assert guard.channels.subscribe(one, ROOM).allowed
            for text in ("one " * 40, "two " * 40):
                assert guard.channels.publish(ROOM, text) == 1
                assert (await wire.receive()).compressed
