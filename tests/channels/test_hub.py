"""Messages of topics reach other nodes, and never a principal that was removed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor import Guard, Target
from stormdoor.channels import LocalBroker, Topic
from stormdoor.core.log_position import LogPosition
from stormdoor.ports import Publication, StoredState
from stormdoor.stores import SqliteStore
from tests.guard.fakes import FakeSink, bearer, make_guard, opened, settle, stop_maintenance
from tests.support.clock import FakeClock

LOBBY = Topic("room:lobby", "chat:say")


@asynccontextmanager
async def nodes(path: Path, clock: FakeClock) -> AsyncIterator[tuple[Guard, Guard]]:
    """Two nodes on one file, which learn of revocations only when a test lets them read the log."""
    broker, guards = LocalBroker(), []
    for name in ("n1", "n2"):
        state = replace(StoredState.of(SqliteStore(path)), broker=broker)
        guards.append(make_guard(store=state, node=name, clock=clock))  # type: ignore[arg-type]
    one, other = guards
    await settle(one)
    await other.start()
    await stop_maintenance(other)
    yield one, other
    await one.close()
    await other.close()


async def listener(guard: Guard, name: str) -> FakeSink:
    """Open a connection that subscribes to the topic."""
    connection, sink = await opened(guard, bearer(name))
    assert guard.channels.subscribe(connection, LOBBY).allowed
    return sink


@pytest.mark.parametrize(
    "change",
    [
        lambda guard: guard.admin.revoke(Target.PRINCIPAL, "bob"),
        lambda guard: guard.admin.revoke(Target.CREDENTIAL, "credential-of-bob"),
    ],
)
async def test_removed_subscriber_never_gets_a_later_message(
    change: Callable[[Guard], Awaitable[object]], tmp_path: Path
) -> None:
    """Remove Bob, then post: on the other node, which has not heard of it yet, Bob gets nothing.

    The message waits there for the revocation, and the other subscriber gets it afterwards.
    """
    async with nodes(tmp_path / "door.db", FakeClock()) as (one, other):
        alice, bob = await listener(other, "alice"), await listener(other, "bob")
        one.channels.publish(LOBBY, {"n": 1})
        assert alice.sent == bob.sent == [b'{"n":1}']
        await change(one)
        one.channels.publish(LOBBY, {"n": 2})
        one.channels.publish(LOBBY, {"n": 3})
        assert alice.sent == [b'{"n":1}']
        await other.follower.follow()
        assert alice.sent == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
        assert bob.sent == [b'{"n":1}']
        assert bob.closed is not None


async def test_role_is_checked_on_the_receiving_node(tmp_path: Path) -> None:
    """A subscriber that lost the permission on its node gets nothing from another node."""
    async with nodes(tmp_path / "door.db", FakeClock()) as (one, other):
        connection, sink = await opened(other, bearer("carol"))
        assert other.channels.subscribe(connection, LOBBY).allowed
        await one.admin.grant_role("carol", "reader")
        await one.admin.withdraw_role("carol", "member")
        await one.follower.follow()
        one.channels.publish(LOBBY, {"n": 1})
        await other.follower.follow()
        assert connection.open
        assert sink.sent == []


async def test_message_that_cannot_pass_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A message is dropped if its revocations do not arrive in time, or if its log was left."""
    clock = FakeClock()
    async with nodes(tmp_path / "door.db", clock) as (one, other):
        sink = await listener(other, "alice")
        seen = other.follower.applied
        later = seen._replace(seq=seen.seq + 5)
        other.channels.receive(Publication(LOBBY.name, b"never", later))
        other.channels.receive(Publication(LOBBY.name, b"behind", seen))
        assert sink.sent == []
        clock.advance(10.1)
        await other.follower.follow()
        assert sink.sent == [b"behind"]
        assert caplog.text.count("1 messages of other nodes are dropped") == 1
        await one.state.revocations.begin_epoch(seen.epoch)
        await other.follower.follow()
        other.channels.receive(Publication(LOBBY.name, b"old log", seen))
        other.channels.receive(Publication(LOBBY.name, b"new", other.follower.applied))
        assert sink.sent == [b"behind", b"new"]


async def test_view_stays_on_its_node(tmp_path: Path) -> None:
    """A message with a view for each principal is not sent to nodes that do not have the function."""
    async with nodes(tmp_path / "door.db", FakeClock()) as (one, other):
        near, far = await listener(one, "alice"), await listener(other, "alice")
        assert one.channels.publish(LOBBY, {}, view=lambda principal: {"to": principal.id}) == 1
        assert near.sent == [b'{"to":"alice"}']
        assert far.sent == []
        assert one.channels.publish(LOBBY, {"n": 1}) == 1
        assert far.sent == [b'{"n":1}']


async def test_publication_passes_at_its_position() -> None:
    """A node that has applied less, or another log, holds the message."""
    sent = Publication("room:lobby", b"{}", LogPosition("epoch", 7))
    assert sent.may_pass(LogPosition("epoch", 7))
    assert sent.may_pass(LogPosition("epoch", 8))
    assert not sent.may_pass(LogPosition("epoch", 6))
    assert not sent.may_pass(LogPosition("another", 8))


class Writer:
    """The adapter's side of broadcasts: a frame takes a millisecond, and is taken if `ready`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.frames, self.ready = clock, 0, True

    def write_now(self, frame: bytes, now: float) -> bool:
        """See `FrameWriter`."""
        self.clock.advance(0.001)
        self.frames += self.ready
        return self.ready


async def test_writing_at_once_has_a_time_budget() -> None:
    """The first recipients get a message at once, for 10 ms; all others get it by the queue of their sink.

    So do all recipients of another message in the same iteration of the event loop.
    """
    clock = FakeClock()
    guard = make_guard(
        clock=clock, limits={"connections_per_principal": 999, "connections_per_address": 999}
    )
    await settle(guard)
    sinks, writer = [], Writer(clock)
    for _ in range(200):
        connection, sink = await opened(guard, bearer("alice"))
        connection.writer = writer
        assert guard.channels.subscribe(connection, LOBBY).allowed
        sinks.append(sink)
    assert guard.channels.publish(LOBBY, 1) == 200
    assert writer.frames == 64
    assert sum(sink.sent == [b"1"] for sink in sinks) == 136
    assert guard.channels.publish(LOBBY, 2) == 200
    assert writer.frames == 64
    await asyncio.sleep(0)
    writer.ready = False
    assert guard.channels.publish(LOBBY, 3) == 200
    assert all(sink.sent[-2:] == [b"2", b"3"] for sink in sinks)
    await guard.close()
