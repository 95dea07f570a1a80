"""Behind the fence, no byte of a message leaves or enters the application, on each protocol and transport."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Reply,
    Target,
    Transport,
    action,
    protect,
    role,
)
from stormdoor.channels import Topic
from stormdoor.core.log_position import LogPosition
from stormdoor.core.policy import PolicySet
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import SystemClock
from stormdoor.stores import open_store
from tests.guard.fakes import events, give_lease, make_guard
from tests.support.clock import FakeClock
from tests.tornado import wire as wires
from tests.tornado.loops import LOOPS
from tests.tornado.test_unsent_output import Streaming, _fill, _rest, _slack, _small_buffer, _unsent
from tests.tornado.test_unsent_output import here as streaming
from tests.tornado.transports.plain_http import ALICE, send
from tests.tornado.wire import Wire, connect, request, serving, settled, until

SECONDS = 0.4
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])
here: list[Any] = []
heard: list[str | bytes] = []
ROOM = Topic("room", "chat:say")


class Chat(WebSocketHandler):
    """Writes down what it hears."""

    def open(self, *args: str, **kwargs: str) -> None:
        _small_buffer(self)
        here.append(self)

    def on_message(self, message: str | bytes) -> None:
        heard.append(message)

    def on_ping(self, data: bytes) -> None:
        heard.append(data)


class Say(Command, tag="say"):
    text: str


class Said(Reply, tag="said"):
    text: str


class Commands(GuardedHandler):
    """Answers, also while the fence has been raised since the question came."""

    permission = "chat:connect"

    @action("chat:say")
    async def say(self, command: Say) -> Said:
        heard.append(command.text)
        if command.text == "slow":
            here.append(asyncio.Event())
            await here[-1].wait()
        return Said(command.text)


class First(Commands):
    """Its client sends its credential in the first message."""

    first_message = True


class Slow(WebSocketHandler):
    """Its handshake waits, until the test lets it continue."""

    async def prepare(self) -> None:
        here.append(asyncio.Event())
        await here[-1].wait()

    def on_message(self, message: str | bytes) -> None:
        """Ignore it."""


@contextlib.asynccontextmanager
async def fenced(fast: bool = True, **options: Any) -> AsyncIterator[tuple[Guard, FakeClock, int]]:
    """A guard with a lease, its clock, and the port of its server."""
    here.clear()
    heard.clear()
    clock = FakeClock()
    guard = make_guard(clock=clock, fast=fast, insecure_allow_any_host=True, **options)
    give_lease(guard, SECONDS)
    application = Application(
        [
            ("/ws", Chat),
            ("/compressed", Compressed),
            ("/commands", Commands),
            ("/first", First),
            ("/slow", Slow),
            ("/streaming", Streaming),
            ("/poll/(.*)", Poll),
        ]
    )
    protect(
        application,
        guard,
        "chat:connect",
        transports={"/streaming": Transport.none(), "/poll/(.*)": Transport.by_path()},
    )
    async with serving(application, guard) as at:
        yield guard, clock, at.port


async def silent(wire: Wire) -> bool:
    """Return whether the server sends nothing while everything runs that can run."""
    await settled(50)
    await asyncio.sleep(0.02)
    return not wire.reader._buffer  # type: ignore[attr-defined]


@BOTH
async def test_messages_wait_in_both_directions(fast: bool) -> None:
    """Then all of them arrive, once and in order, and the socket was never closed."""
    async with fenced(fast) as (guard, clock, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        clock.advance(SECONDS)
        for number in range(5):
            wire.send(f"in {number}")
            here[0].write_message(f"out {number}")
        assert await silent(wire)
        assert heard == []
        guard.lease.renew(clock.monotonic())
        assert [await wire.text() for _ in range(5)] == [f"out {number}" for number in range(5)]
        await until(lambda: len(heard) == 5)
        assert heard == [f"in {number}" for number in range(5)]
        assert len(guard.registry) == 1


@BOTH
async def test_a_first_message_waits(fast: bool) -> None:
    """Its credential is verified after the fence, and the connection is open then."""
    async with fenced(fast) as (guard, clock, port), await connect(port, "/first") as wire:
        clock.advance(SECONDS)
        wire.send('{"type":"stormdoor.authenticate","token":"alice"}')
        assert await silent(wire)
        guard.lease.renew(clock.monotonic())
        assert "stormdoor.authenticated" in await wire.text()
        wire.send('{"type":"say","text":"in"}')
        assert "in" in await wire.text()
        assert heard == ["in"]


@BOTH
async def test_a_ping_waits(fast: bool) -> None:
    """Its data are not delivered behind the fence."""
    async with fenced(fast) as (guard, clock, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        clock.advance(SECONDS)
        wire.frame(wires.PING, b"secret")
        assert await silent(wire)
        assert heard == []
        guard.lease.renew(clock.monotonic())
        assert (await wire.receive()).opcode == wires.PONG


@BOTH
async def test_a_lease_that_lapses_between_the_check_and_the_send(fast: bool) -> None:
    """The message was allowed a moment ago, and no `send()` of it starts later."""
    async with fenced(fast) as (guard, clock, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        if fast:
            here[0].write_message("queued in this iteration")
            clock.advance(SECONDS)
        else:  # Tornado's protocol sends at once: the lapse comes before its `send()`
            protocol = here[0].ws_connection
            write_frame = protocol._write_frame

            def late(*args: Any, **options: Any) -> Any:
                clock.advance(SECONDS)
                return write_frame(*args, **options)

            protocol._write_frame = late
            here[0].write_message("queued in this iteration")
            del protocol._write_frame
        assert await silent(wire)
        guard.lease.renew(clock.monotonic())
        assert await wire.text() == "queued in this iteration"


@BOTH
async def test_the_answer_of_an_action_that_began_before(fast: bool) -> None:
    """Its result waits behind the fence."""
    async with fenced(fast) as (guard, clock, port):
        async with await connect(port, "/commands", ALICE) as wire:
            wire.send({"type": "say", "text": "slow"})
            await until(lambda: here)
            clock.advance(SECONDS)
            here[0].set()
            assert await silent(wire)
            guard.lease.renew(clock.monotonic())
            assert (await wire.json())["text"] == "slow"


@BOTH
async def test_a_command_is_decided_after_the_fence(fast: bool) -> None:
    """The permission that its client has then counts, not the one at its arrival."""
    async with fenced(fast) as (guard, clock, port):
        async with await connect(port, "/commands", ALICE) as wire:
            assert (await wire.ask({"type": "say", "text": "before"}))["text"] == "before"
            clock.advance(SECONDS)
            wire.send({"type": "say", "text": "behind"})
            assert await silent(wire)
            [connection] = guard.registry
            connection.apply_policies(PolicySet([role("member", "chat:connect")]))
            guard.lease.renew(clock.monotonic())
            assert (await wire.json())["error"] == "forbidden"
            assert heard == ["before"]


@BOTH
async def test_a_revocation_behind_the_fence_drops_what_waited(fast: bool) -> None:
    """The client gets the close frame, and none of the messages."""
    async with fenced(fast) as (guard, clock, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        clock.advance(SECONDS)
        wire.send("in")
        here[0].write_message("out")
        assert await silent(wire)
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        guard.lease.renew(clock.monotonic())
        rest = await _rest(wire)
        assert rest <= 64
        assert heard == []


@BOTH
async def test_a_publication_behind_the_fence(fast: bool) -> None:
    """Each recipient is checked again; without the permission of the topic, it gets no message of it."""
    async with fenced(fast) as (guard, clock, port):
        async with await connect(port, "/ws", ALICE) as wire:
            await until(lambda: here)
            [connection] = guard.registry
            assert guard.channels.subscribe(connection, ROOM).allowed
            guard.channels.publish(ROOM, {"number": 1})
            assert await wire.json() == {"number": 1}
            clock.advance(SECONDS)
            guard.channels.publish(ROOM, {"number": 2})
            assert await silent(wire)
            connection.apply_policies(PolicySet([role("member", "chat:connect")]))
            if fast:
                here[0].write_message("and this one")
                guard.lease.renew(clock.monotonic())
                assert await wire.text() == "and this one"
            else:  # the bytes of one message cannot be removed from Tornado's stream
                guard.lease.renew(clock.monotonic())
                assert await _rest(wire) == 0


@BOTH
async def test_a_publication_that_is_still_allowed(fast: bool) -> None:
    """It arrives after the fence, in order with the others."""
    async with fenced(fast) as (guard, clock, port):
        async with await connect(port, "/ws", ALICE) as wire:
            await until(lambda: here)
            [connection] = guard.registry
            assert guard.channels.subscribe(connection, ROOM).allowed
            clock.advance(SECONDS)
            here[0].write_message("first")
            guard.channels.publish(ROOM, "second", view=lambda _: "second")
            guard.channels.publish(ROOM, "third")
            assert await silent(wire)
            guard.lease.renew(clock.monotonic())
            assert [await wire.text() for _ in range(3)] == ["first", '"second"', '"third"']


@BOTH
async def test_a_slow_reader_behind_the_fence(fast: bool) -> None:
    """What waited in the process before the lapse is not sent, even if the client begins to read."""
    async with fenced(fast) as (guard, clock, port):
        async with await connect(port, "/ws", ALICE, receive_buffer=4096) as wire:
            await until(lambda: here)
            written = await _fill(here[0])
            clock.advance(SECONDS)
            unsent = _unsent(here[0])
            received = 0
            with contextlib.suppress(TimeoutError):
                while True:
                    async with asyncio.timeout(0.3):
                        received += len(await wire.reader.read(65_536))
            assert received <= written - unsent + _slack()
            assert _unsent(here[0]) == unsent
            clock.advance(30)  # longer than outbound_seconds: the server itself does not write
            await guard.deadlines.expire()
            assert len(guard.registry) == 1
            guard.lease.renew(clock.monotonic())
            async with asyncio.timeout(30):
                while received < written:
                    received += len(await wire.reader.read(65_536))
            assert len(guard.registry) == 1


@BOTH
@pytest.mark.parametrize("fence", [False, True])
async def test_a_client_that_never_reads_is_closed(fast: bool, fence: bool) -> None:
    """Its connection ends after `outbound_seconds` without a fence; they do not count behind one."""
    async with fenced(fast, limits={"outbound_seconds": 30.0}) as (guard, clock, port):
        async with await connect(port, "/ws", ALICE, receive_buffer=4096):
            await until(lambda: here)
            await _fill(here[0])
            await guard.deadlines.expire()
            if fence:
                clock.advance(SECONDS)
                await asyncio.sleep(0.1)
                clock.advance(40)
                await guard.deadlines.expire()
                assert len(guard.registry) == 1
            guard.lease.seconds = 1_000.0
            guard.lease.renew(clock.monotonic())
            await asyncio.sleep(0.1)
            await guard.deadlines.expire()
            clock.advance(29.0)
            await guard.deadlines.expire()
            assert len(guard.registry) == 1
            clock.advance(1.5)
            await guard.deadlines.expire()
            assert len(guard.registry) == 0


@BOTH
async def test_output_behind_the_fence_is_bounded(fast: bool) -> None:
    """A server that goes on writing does not fill its memory: the connection ends as a slow reader's does."""
    async with fenced(fast, limits={"outbound_bytes": 50_000}) as (guard, clock, port):
        async with await connect(port, "/ws", ALICE) as wire:
            await until(lambda: here)
            clock.advance(SECONDS)
            with pytest.raises(Exception):  # noqa: B017, PT011 - WebSocketClosedError, on both
                for _ in range(20):
                    here[0].write_message(b"x" * 10_000, binary=True)
                    await asyncio.sleep(0)
            assert len(guard.registry) == 0
            assert await _rest(wire) <= 64


@BOTH
async def test_an_application_that_closes_behind_the_fence(fast: bool) -> None:
    """Its close frame may be sent, the messages before it not."""
    async with fenced(fast) as (_, clock, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        clock.advance(SECONDS)
        here[0].write_message("secret")
        here[0].close(1000, "bye")
        if fast:
            assert await wire.close_code() == 1000
        else:  # Tornado's protocol gives up after its own time-out
            assert await silent(wire)


@BOTH
async def test_a_handshake_that_waits_over_the_lapse(fast: bool) -> None:
    """The handler's `prepare` took longer than the lease: no 101."""
    async with fenced(fast) as (guard, clock, port):
        asking = asyncio.ensure_future(request(port, "/slow", ALICE))
        await until(lambda: here)
        clock.advance(SECONDS)
        here[0].set()
        async with await asking as wire:
            assert wire.status == 503
        await until(lambda: len(guard.registry) == 0)


@BOTH
async def test_after_the_hold_the_client_is_told_when_to_return(fast: bool) -> None:
    """1013, with a time of its own, and none of the messages that waited."""
    async with fenced(fast) as (guard, clock, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        clock.advance(SECONDS)
        wire.send("in")
        await settled()
        assert guard.fence.look() == 0
        assert len(guard.registry) == 1
        clock.advance(guard.fence.hold_seconds)
        assert guard.fence.look() == 1
        frame = await wire.receive()
        assert (frame.opcode, frame.code) == (wires.CLOSE, 1013)
        assert b"retry after" in frame.payload
        assert heard == []
        assert any(one.cause == "unavailable" for one in await events(guard))


async def test_a_streaming_answer_behind_the_fence() -> None:
    """The streaming transports of SockJS wait as well."""
    async with fenced() as (guard, clock, port):
        streaming.clear()
        wire = await request(port, "/streaming", ALICE, upgrade=False, wait=False)
        async with wire:
            await until(lambda: streaming)
            await asyncio.sleep(0.05)
            wire.reader._buffer.clear()  # type: ignore[attr-defined]
            clock.advance(SECONDS)
            streaming[0].write(b"behind the fence")
            streaming[0].flush()
            assert await silent(wire)
            guard.lease.renew(clock.monotonic())
            assert b"behind the fence" in await wire.reader.read(1000)
            streaming[0].done.set()


@pytest.mark.skipif("uvloop" not in LOOPS, reason="uvloop is not installed")
def test_a_slow_reader_behind_the_fence_on_uvloop() -> None:
    """Its own transport would send what it has buffered whenever the socket is writable."""
    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(test_a_slow_reader_behind_the_fence(True))


async def test_a_store_that_stops_answering(tmp_path: Path) -> None:
    """The whole chain, on a file and the clock of the machine: beats, lapse, fence, renewal."""
    guard = make_guard(
        clock=SystemClock(),  # type: ignore[arg-type]
        store=open_store(f"sqlite://{tmp_path}/door.db"),
        insecure_allow_any_host=True,
    )
    guard.lease.seconds = SECONDS
    here.clear()
    heard.clear()
    application = Application([("/ws", Chat)])
    protect(application, guard, "chat:connect")
    async with serving(application, guard, heart=True) as at:
        async with await connect(at.port, "/ws", ALICE) as wire:
            wire.send("before")
            await until(lambda: heard == ["before"])
            ask = guard.heartbeat._ask

            async def fail() -> LogPosition:
                raise StoreUnavailable("as told")

            guard.heartbeat._ask = fail  # type: ignore[method-assign]
            await until(lambda: guard.fence.raised)
            wire.send("behind")
            here[0].write_message("behind")
            assert await silent(wire)
            assert heard == ["before"]
            guard.heartbeat._ask = ask  # type: ignore[method-assign]
            assert await wire.text() == "behind"
            await until(lambda: heard == ["before", "behind"])
        assert guard.statistics.fences == 1


class Compressed(Chat):
    """Compresses its messages, with a window that all of them share."""

    def get_compression_options(self) -> dict[str, Any]:
        return {}


async def test_a_dropped_message_is_not_missing_in_the_compression() -> None:
    """Messages are compressed when they are sent, so that the client can inflate the later ones."""
    async with fenced() as (guard, clock, port):
        offer = ("Sec-WebSocket-Extensions", "permessage-deflate")
        async with await connect(port, "/compressed", ALICE, offer) as wire:
            await until(lambda: here)
            [connection] = guard.registry
            assert guard.channels.subscribe(connection, ROOM).allowed
            inflater = zlib.decompressobj(-15)

            async def inflated() -> str:
                payload = (await wire.receive()).payload
                return inflater.decompress(payload + b"\x00\x00\xff\xff").decode()

            here[0].write_message("the same words as before")
            assert await inflated() == "the same words as before"
            clock.advance(SECONDS)
            guard.channels.publish(ROOM, "a dropped message of other words")
            here[0].write_message("the same words as in a dropped message")
            assert await silent(wire)
            connection.apply_policies(PolicySet([role("member", "chat:connect")]))
            guard.lease.renew(clock.monotonic())
            assert await inflated() == "the same words as in a dropped message"
            here[0].write_message("the same words as in a dropped message")
            assert await inflated() == "the same words as in a dropped message"


class Poll(RequestHandler):
    """Answers a poll of a session."""

    def post(self, id: str) -> None:
        heard.append(self.request.body)
        self.write("polled")


async def test_a_poll_of_an_open_session_waits() -> None:
    """Its body is delivered after the fence; a new session is refused meanwhile."""
    async with fenced() as (guard, clock, port):
        assert (await send(port, "POST", "/poll/one", ALICE, body=b"first")).status == 200
        clock.advance(SECONDS)
        asking = asyncio.ensure_future(send(port, "POST", "/poll/one", ALICE, body=b"second"))
        assert (await send(port, "POST", "/poll/two", ALICE, body=b"other")).status == 503
        await asyncio.sleep(0.05)
        assert heard == [b"first"]
        assert not asking.done()
        guard.lease.renew(clock.monotonic())
        assert (await asking).status == 200
        assert heard == [b"first", b"second"]
