"""After a revocation, a client receives nothing that still waited in the process, however slowly it reads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor import Denial, Guard, PolicySet, Target, Topic, Transport, protect, role
from stormdoor.core.denial import Refusal
from tests.guard.fakes import make_guard
from tests.support.clock import FakeClock
from tests.tornado.loops import LOOPS
from tests.tornado.transports.plain_http import ALICE
from tests.tornado.wire import Encrypted, Wire, connect, request, serving, until

SIZE, BOUND = 20_000, 1 << 20
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])
here: list[Any] = []


def _small_buffer(handler: Any) -> None:
    """Let the kernel of the server keep little, so that most of the output waits in the process."""
    protocol = getattr(handler, "ws_connection", None) or handler.request.connection
    protocol.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


class Feed(WebSocketHandler):
    """Sends what the test wants."""

    def open(self, *args: str, **kwargs: str) -> None:
        _small_buffer(self)
        here.append(self)

    def on_message(self, message: str | bytes) -> None:
        """Ignore it."""


class Streaming(RequestHandler):
    """An answer that goes on until the test ends it, as the streaming transports of SockJS have."""

    async def get(self) -> None:
        _small_buffer(self)
        self.done = asyncio.Event()
        here.append(self)
        self.write(b"begun")
        await self.flush()
        await self.done.wait()


class Polled(Streaming):
    """An answer that is complete in the process long before the client has read it."""

    async def get(self) -> None:
        _small_buffer(self)
        here.append(self)
        self.write(b"x" * BOUND)


@contextlib.asynccontextmanager
async def served(fast: bool = True, **options: Any) -> AsyncIterator[tuple[Guard, int]]:
    """A guard with a feed and an HTTP transport of it, and the port of its server."""
    here.clear()
    guard = make_guard(clock=FakeClock(), fast=fast, insecure_allow_any_host=True, **options)
    application = Application(
        [("/ws", Feed), ("/streaming", Streaming), ("/polled", Polled)],
        websocket_ping_interval=0,
    )
    protect(
        application,
        guard,
        "chat:connect",
        transports={"/streaming": Transport.none(), "/polled": Transport.none()},
    )
    async with serving(application, guard) as at:
        yield guard, at.port


def _slack() -> int:
    """Bytes of heads; with TLS also a block of which OpenSSL has sent an unknown part."""
    return 2000 if Encrypted.server is None else 2000 + (256 << 10)


def _unsent(handler: Any) -> int:
    """Bytes that wait in the process for the client of `handler`."""
    protocol: Any = getattr(handler, "ws_connection", None)
    if hasattr(protocol, "waiting"):
        return int(protocol.waiting())
    stream = (protocol or handler.request.connection).stream
    return 0 if stream.closed() or stream._write_buffer is None else len(stream._write_buffer)


async def _slow_reader(port: int) -> Wire:
    return await connect(port, "/ws", ALICE, receive_buffer=4096)


async def _fill(handler: Any, least: int = 600_000) -> int:
    """Write messages until so many bytes wait in the process. Returns the bytes that were written."""
    written = 0
    while _unsent(handler) < least:
        handler.write_message(b"x" * SIZE, binary=True)
        written += SIZE
        await asyncio.sleep(0)
    return written


async def _rest(wire: Wire) -> int:
    """Read up to the end of the TCP connection. Returns the number of bytes."""
    read = 0
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            while more := await wire.reader.read(65_536):
                read += len(more)
    return read


@BOTH
async def test_a_revoked_slow_reader_gets_nothing_more(fast: bool) -> None:
    """Up to 1 MiB waited in the process, and the close frame behind it: now the connection is aborted."""
    async with served(fast) as (guard, port), await _slow_reader(port) as wire:
        await until(lambda: here)
        written = await _fill(here[0])
        unsent = _unsent(here[0])
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        assert await _rest(wire) <= written - unsent + _slack()
        await until(lambda: guard.buffers.total == 0)


@pytest.mark.skipif("uvloop" not in LOOPS, reason="uvloop is not installed")
def test_a_revoked_slow_reader_on_uvloop() -> None:
    """Likewise with a transport in C."""
    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(test_a_revoked_slow_reader_gets_nothing_more(True))


@BOTH
async def test_messages_of_the_same_moment_are_dropped(fast: bool) -> None:
    """A message that is queued when the revocation takes effect is not sent; the close frame is."""
    async with served(fast) as (guard, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        [connection] = guard.registry
        if fast:  # Tornado's protocol sends at once
            here[0].write_message("secret")
        guard.registry.end(connection, Refusal(Denial.REVOKED, "now"))
        with pytest.raises(WebSocketClosedError):
            here[0].write_message("secret")
        assert await wire.close_code() == 3000


@BOTH
@pytest.mark.parametrize("denial", [Denial.SHUTDOWN, Denial.INTERNAL])
async def test_other_ends_send_what_was_queued(fast: bool, denial: Denial) -> None:
    """A server that stops does not lose the messages that it has just sent."""
    async with served(fast) as (guard, port), await connect(port, "/ws", ALICE) as wire:
        await until(lambda: here)
        [connection] = guard.registry
        here[0].write_message("last words")
        guard.registry.end(connection, Refusal(denial, "now"))
        assert await wire.text() == "last words"
        assert await wire.close_code() == Refusal(denial).answer.close_code


@BOTH
async def test_a_revocation_whose_close_frame_is_late(fast: bool) -> None:
    """Ten thousand ends take several iterations; no connection sends its queued messages meanwhile."""
    async with served(fast) as (guard, port), await _slow_reader(port) as wire:
        await until(lambda: here)
        written = await _fill(here[0])
        unsent = _unsent(here[0])
        [connection] = guard.registry
        guard.registry._spent = 1.0  # this iteration has no time left for close jobs
        later: list[tuple[Any, ...]] = []
        loop = asyncio.get_running_loop()
        call_soon, loop.call_soon = loop.call_soon, lambda *args, **_: later.append(args)  # type: ignore[method-assign, assignment]
        try:
            guard.registry.end(connection, Refusal(Denial.REVOKED, "now"))
        finally:
            loop.call_soon = call_soon  # type: ignore[method-assign]
        assert len(later) == 1
        reading = asyncio.ensure_future(wire.reader.read(written - unsent + 2001))
        await asyncio.sleep(0.2)
        received = len(await reading) + (len(wire.reader._buffer))  # type: ignore[attr-defined]
        assert received <= written - unsent + 2000
        callback, *arguments = later[0]
        call_soon(callback, *arguments)
        await until(lambda: guard.buffers.total == 0)


@pytest.mark.parametrize("path", ["/streaming", "/polled"])
async def test_a_revoked_slow_reader_of_another_transport(path: str) -> None:
    """Answers of HTTP transports are cut off, also one that is complete in the process."""
    async with served() as (guard, port):
        wire = await request(port, path, ALICE, upgrade=False, wait=False, receive_buffer=4096)
        async with wire:
            await until(lambda: here)
            handler = here[0]
            if path == "/streaming":
                while _unsent(handler) < 600_000:
                    handler.write(b"x" * SIZE)
                    handler.flush()
                    await asyncio.sleep(0)
            await until(lambda: _unsent(handler) > 300_000)
            await asyncio.sleep(0.05)
            unsent = _unsent(handler)
            written = handler.request.connection.stream._total_write_index
            await guard.admin.revoke(Target.PRINCIPAL, "alice")
            assert await _rest(wire) <= written - unsent + 2000


@BOTH
async def test_a_topic_that_a_slow_reader_has_lost(fast: bool) -> None:
    """The publications that waited for it are not sent; Tornado's protocol must close to leave them out."""
    async with served(fast) as (guard, port), await _slow_reader(port) as wire:
        await until(lambda: here)
        [connection] = guard.registry
        topic = Topic("room", "chat:say")
        assert guard.channels.subscribe(connection, topic).allowed
        written = await _fill(here[0])
        for _ in range(10):
            guard.channels.publish(topic, "s" * SIZE)
        here[0].write_message("the last one")
        connection.apply_policies(PolicySet([role("member", "chat:connect")]))
        if not fast:
            unsent = _unsent(here[0])
            assert await _rest(wire) <= written + 10 * SIZE - unsent + 2000
            return
        sizes: list[int] = []
        while sum(sizes) < written:
            sizes.append(len((await wire.receive()).payload))
        assert set(sizes) == {SIZE}
        assert await wire.text() == "the last one"
