"""The fast protocol on real sockets: a handler has all that Tornado's offers, a client less."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import socket
import struct
import tempfile
import weakref
import zlib
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_unix_socket
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol13

from stormdoor import Command, Guard, GuardedHandler, Reply, Target, action
from stormdoor.channels import Topic
from stormdoor.core.frame import Prepared
from stormdoor.tornado.fast import compat, loop_queues
from stormdoor.tornado.fast import protocol as fast
from stormdoor.tornado.fast.loop_queues import write_coalescer
from stormdoor.tornado.fast.protocol import FastProtocol
from stormdoor.tornado.fast.socket_transport import SocketTransport
from stormdoor.tornado.tornado_protocol import TornadoProtocol
from tests.guard.fakes import make_guard
from tests.tornado.loops import LOOPS, on_each_loop
from tests.tornado.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Ended,
    Served,
    Wire,
    connect,
    frame_bytes,
    log_lines,
    request,
    serving,
    settled,
    until,
)

ALICE = ("Authorization", "Bearer alice")
HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
    "Authorization: Bearer alice\r\n\r\n"
)
FREE = {
    "messages_per_connection": "1000000/s",
    "messages_per_principal": "1000000/s",
    "bytes_per_connection": "100000000/s",
}


class Echo(WebSocketHandler):
    """Says what it hears, and writes down what happens."""

    here: list[Echo] = []  # noqa: RUF012 - one for each handler class, emptied by `at`
    told: list[Any] = []  # noqa: RUF012 - likewise

    def open(self, *args: str, **kwargs: str) -> Any:
        self.here.append(self)
        self.told.append("open")

    def on_message(self, message: str | bytes) -> Any:
        self.told.append(message)
        self.write_message(message, binary=isinstance(message, bytes))

    def on_ping(self, data: bytes) -> Any:
        self.told.append(("ping", data))

    def on_pong(self, data: bytes) -> Any:
        self.told.append(("pong", data))

    def on_close(self) -> None:
        self.told.append(("close", self.close_code, self.close_reason))


@contextlib.asynccontextmanager
async def at(handler: type[Any] = Echo, **options: Any) -> AsyncIterator[tuple[Served, Guard]]:
    """Serve a handler behind a guard that limits little."""
    settings = options.pop("settings", {})
    if issubclass(handler, Echo):
        handler.here, handler.told = [], []
    guard = make_guard(
        **{
            "insecure_allow_any_host": True,
            **options,
            "limits": {**FREE, **options.get("limits", {})},
        }
    )
    async with serving([("/ws", handler)], guard, "chat:connect", **settings) as served:
        yield served, guard


async def alice(served: Served, *headers: tuple[str, str], **options: Any) -> Wire:
    """An open socket."""
    return await connect(served.port, "/ws", ALICE, *headers, **options)


def protocol_of(handler: type[Echo]) -> FastProtocol:
    """The protocol of its only connection."""
    protocol = handler.here[-1].ws_connection
    assert isinstance(protocol, FastProtocol)
    return protocol


# -- where it stands -------------------------------------------------------------------------------


class Own(Echo):
    """Brings a protocol of its own."""

    def get_websocket_protocol(self) -> Any:
        return WebSocketProtocol13(self, False, super().get_websocket_protocol().params)  # type: ignore[union-attr]


class Detaching(Echo):
    """Takes the stream in a way of its own."""

    def detach(self) -> Any:
        return super().detach()


@pytest.mark.parametrize(
    ("handler", "options", "expected"),
    [
        (Echo, {}, FastProtocol),
        (Echo, {"fast": False}, TornadoProtocol),
        (Own, {}, TornadoProtocol),
        (Detaching, {}, TornadoProtocol),
    ],
)
async def test_use_of_the_fast_protocol(
    handler: Any, options: dict[str, Any], expected: type
) -> None:
    """Used by default; not if it is switched off, nor with handlers that override what it replaces."""
    async with at(handler, **options) as (served, _), await alice(served) as wire:
        wire.send("x")
        assert await wire.text() == "x"
        assert type(handler.here[0].ws_connection) is expected


async def test_a_tornado_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an unknown version of Tornado, one line is logged and Tornado's own protocol is used."""
    compat.fits_tornado.cache_clear()
    monkeypatch.setattr("tornado.version_info", (9, 0, 0, 0))
    monkeypatch.setattr(compat, "_RELIED_UPON", ((WebSocketHandler, ("no_such_method",)),))
    try:
        with log_lines("stormdoor") as lines:
            async with at() as (served, _), await alice(served) as wire:
                assert await wire.close() == 1000
                assert type(Echo.here[0].ws_connection) is not FastProtocol
        [line] = [one for one in lines if "is not known" in one]
        assert "WebSocketHandler.no_such_method is missing" in line
    finally:
        compat.fits_tornado.cache_clear()


@on_each_loop
async def test_a_unix_socket() -> None:
    """Behind a proxy on the same machine: messages, `set_nodelay`, a deadline, and the end."""
    async with at() as (served, guard):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/s"
            served.server.add_socket(bind_unix_socket(path))
            wire = Wire(*await asyncio.open_unix_connection(path))
            wire.raw(HANDSHAKE.encode())
            await wire.read_answer()
            assert wire.status == 101
            await until(lambda: Echo.here)
            Echo.here[0].set_nodelay(True)
            wire.send("x")
            assert await wire.text() == "x"
            assert isinstance(protocol_of(Echo), FastProtocol)
            [connection] = guard.registry
            connection.expire(guard.clock.now(), guard.clock.now(), guard.clock.monotonic())
            await guard.deadlines.expire()
            assert await wire.close_code() == 3000
            wire.frame(CLOSE, b"")
            await wire.ended()
            await wire.hang_up()


@on_each_loop
async def test_another_version_of_the_protocol_is_refused() -> None:
    """Another version of the protocol is refused with 426, as by Tornado."""
    async with at() as (served, _):
        async with await request(served.port, "/ws", ALICE, ("Sec-WebSocket-Version", "9")) as wire:
            assert wire.status == 426
        async with await request(served.port, "/ws", ALICE, ("Sec-WebSocket-Key", "")) as wire:
            assert wire.status == 400


class Verbose(Echo):
    """Answers the handshake with more than a kernel takes at once."""

    def set_default_headers(self) -> None:
        self.set_header("X-Long", "x" * 6_000_000)

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        self.write_message("opened")


@on_each_loop
async def test_the_answer_of_the_handshake_goes_first() -> None:
    """A client that reads slowly gets all of it before the socket moves, and the first message behind it."""
    async with at(Verbose) as (served, _):
        wire = await request(served.port, "/ws", ALICE, wait=False, receive_buffer=4096)
        wire.send("early")
        await settled(100)
        assert Verbose.here == []
        heard = b""
        while not heard.endswith(b"\x81\x06opened\x81\x05early"):
            heard += await wire.reader.read(1_000_000)
        assert heard.startswith(b"HTTP/1.1 101 ")
        assert heard.index(b"\x81\x06opened") == heard.index(b"\r\n\r\n") + 4
        await wire.hang_up()


# -- messages --------------------------------------------------------------------------------------


@on_each_loop
async def test_what_came_with_the_handshake_is_not_lost() -> None:
    """Tornado had read it already when the socket moved."""
    async with at() as (served, _):
        early = frame_bytes(TEXT, b"one") + frame_bytes(TEXT, b"two")[:5]
        wire = await request(served.port, "/ws", ALICE, body=early)
        async with wire:
            assert await wire.text() == "one"
            wire.frame(BINARY, b"never")  # five bytes of "two" are there: the rest is this frame's
            await wire.ended()


@on_each_loop
async def test_everything_in_its_order() -> None:
    """Texts, bytes, fragments, pings, and the answers in one stream."""
    async with at() as (served, _), await alice(served) as wire:
        wire.raw(
            frame_bytes(TEXT, "κόσμε".encode())
            + frame_bytes(TEXT, b"he", final=False)
            + frame_bytes(PING, b"p")
            + frame_bytes(CONTINUATION, b"llo")
            + frame_bytes(PONG, b"q")
            + frame_bytes(BINARY, b"\x00\xff" * 20_000)
        )
        heard = [await wire.receive() for _ in range(4)]
        assert [one.opcode for one in heard] == [TEXT, PONG, TEXT, BINARY]
        assert heard[0].text == "κόσμε"
        assert heard[1].payload == b"p"
        assert heard[2].text == "hello"
        assert heard[3].payload == b"\x00\xff" * 20_000
        assert Echo.told == [
            "open",
            "κόσμε",
            ("ping", b"p"),
            "hello",
            ("pong", b"q"),
            b"\x00\xff" * 20_000,
        ]
        assert await wire.close(1000) == 1000
        await until(lambda: Echo.told[-1] == ("close", 1000, None))


class Slow(Echo):
    """Waits in `on_message` until it is told to go on."""

    go: asyncio.Event

    async def on_message(self, message: str | bytes) -> None:
        self.told.append(("begin", message))
        # Both need a task to run in.
        async with asyncio.timeout(30):
            assert asyncio.current_task() is not None
            await self.go.wait()
        self.told.append(("end", message))
        await self.write_message(message)


@on_each_loop
async def test_nothing_is_read_while_a_handler_waits() -> None:
    """While a handler waits, messages, pings and the end are not read; then they follow in order."""
    Slow.go = asyncio.Event()
    async with at(Slow) as (served, _):
        wire = await alice(served)
        wire.send("one")
        await until(lambda: ("begin", "one") in Slow.told)
        wire.frame(PING, b"p")
        wire.send("two")
        await settled()
        wire.writer.write_eof()
        await settled()
        assert Slow.told == ["open", ("begin", "one")]
        Slow.go.set()
        assert await wire.text() == "one"
        assert (await wire.receive()).opcode == PONG
        assert await wire.text() == "two"
        await wire.ended()
        await until(lambda: Slow.told[-1] == ("close", None, None))
        assert Slow.told[1:-1] == [
            ("begin", "one"),
            ("end", "one"),
            ("ping", b"p"),
            ("begin", "two"),
            ("end", "two"),
        ]
        await wire.hang_up()


@on_each_loop
async def test_a_client_that_vanishes_while_a_handler_waits() -> None:
    """The handler hears of the end when it is ready, as from Tornado; until then it cannot write."""
    Slow.go = asyncio.Event()
    async with at(Slow) as (served, guard):
        wire = await alice(served)
        await until(lambda: Slow.here)
        wire.send("one")
        await until(lambda: ("begin", "one") in Slow.told)
        handler = Slow.here[0]
        wire.abort()
        protocol = protocol_of(Slow)
        await until(lambda: protocol.is_closing() or protocol._eof)
        assert ("close", None, None) not in Slow.told
        if protocol.is_closing():
            with pytest.raises(WebSocketClosedError):
                handler.write_message("x")
        with log_lines("tornado.application"):
            Slow.go.set()
            await until(lambda: ("close", None, None) in Slow.told)
        assert len(guard.registry) == 0
        await wire.hang_up()


@on_each_loop
async def test_what_floods_in_does_not_keep_the_others_waiting() -> None:
    """Of thousands of frames that came at once, the loop goes round between some hundreds of them."""
    async with at(limits={"message_bytes": 10}) as (served, _), await alice(served) as wire:
        count = 3000
        await until(lambda: Echo.here)
        rounds: list[int] = []

        async def watch() -> None:
            while len(Echo.told) < count:
                rounds.append(len(Echo.told))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        wire.raw(frame_bytes(BINARY, b"x") * count)
        for _ in range(count):
            await wire.receive()
        await watching
        steps = [after - before for before, after in pairwise(rounds)]
        assert max(steps) <= 256


class Remembering(Echo):
    """Keeps what it knows in a context variable."""

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")

    def open(self, *args: str, **kwargs: str) -> None:
        self.variable.set("open")

    def on_message(self, message: str | bytes) -> None:
        self.variable.set(self.variable.get() + f" {message!s}")
        self.write_message(self.variable.get())

    def on_close(self) -> None:
        self.told.append(self.variable.get())


@on_each_loop
async def test_what_a_handler_puts_into_its_context_stays_there() -> None:
    """As in Tornado, where one task does it all: from `open` to each message, and from one to the next."""
    async with at(Remembering) as (served, _), await alice(served) as wire:
        for expected in ("open a", "open a a"):
            wire.send("a")
            assert await wire.text() == expected
        await wire.hang_up()
        await until(lambda: Remembering.told == ["open a a"])


@on_each_loop
async def test_an_idle_connection_has_no_task() -> None:
    """An idle connection has no task, no timer and no stream of Tornado."""
    async with at() as (served, _):
        before = len(asyncio.all_tasks())
        async with await alice(served), await alice(served) as wire:
            wire.send("x")
            await wire.receive()
            await settled()
            assert len(asyncio.all_tasks()) == before


# -- writing ---------------------------------------------------------------------------------------


@on_each_loop
async def test_what_one_turn_writes_goes_out_together() -> None:
    """Answers to all frames of one read, and what is said from elsewhere in one turn of the loop."""
    async with at() as (served, _), await alice(served) as wire:
        wire.send("first")
        await wire.text()
        protocol = protocol_of(Echo)
        written: list[bytes] = []
        transport = protocol._transport
        protocol._transport = Overheard(transport, written)  # type: ignore[assignment]
        wire.raw(frame_bytes(TEXT, b"a") * 10)
        for _ in range(10):
            assert await wire.text() == "a"
        assert written == [b"\x81\x01a" * 10]
        done = [Echo.here[0].write_message("b") for _ in range(10)]
        assert not any(one.done() for one in done)
        await done[-1]
        assert written[1:] == [b"\x81\x01b" * 10]
        for _ in range(10):
            assert await wire.text() == "b"
        big = "c" * 70_000
        Echo.here[0].write_message(big)
        assert len(written) == 3, "what is large does not wait"
        assert await wire.text() == big
        protocol._transport = transport


class Overheard:
    """A transport, and what was written to it."""

    def __init__(self, transport: Any, written: list[bytes]) -> None:
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@on_each_loop
async def test_a_write_is_done_when_the_kernel_has_it() -> None:
    """A write is done when the kernel has the bytes; it fails without a log line if the client leaves."""
    async with at(limits={"outbound_bytes": 50_000_000}) as (served, _):
        wire = await alice(served, receive_buffer=4096)
        await until(lambda: Echo.here)
        handler = Echo.here[0]
        done = [handler.write_message("x" * 1_000_000) for _ in range(8)]
        await settled()
        assert not done[-1].done()
        assert protocol_of(Echo).waiting() > 0
        assert protocol_of(Echo).stream.writing()
        for _ in range(8):
            assert len((await wire.receive()).payload) == 1_000_000
        await asyncio.gather(*done)
        assert protocol_of(Echo).waiting() == 0
        ignored = [handler.write_message("x" * 1_000_000) for _ in range(8)]
        await settled()
        wire.abort()
        with pytest.raises(WebSocketClosedError):
            await ignored[-1]
        del ignored
        gc.collect()
        with pytest.raises(WebSocketClosedError):
            handler.write_message("x")
        await wire.hang_up()


@on_each_loop
async def test_too_much_waits_for_a_client_that_does_not_read() -> None:
    """`limits.outbound_bytes`, and it is cut off with 1013; a first message may be of any size."""
    async with at(limits={"outbound_bytes": 100_000}) as (served, guard):
        wire = await alice(served, receive_buffer=4096)
        await until(lambda: Echo.here)
        handler = Echo.here[0]
        handler.write_message("x" * 8_000_000)
        assert guard.statistics.delivered == 1
        [connection] = guard.registry
        assert connection.sink is not None
        assert connection.sink.stalled() is not None
        assert connection.sink.deliver("y" * 200_000) is False
        assert len(guard.registry) == 0
        with pytest.raises(WebSocketClosedError):
            handler.write_message("z")
        heard = [await wire.receive() for _ in range(2)]
        assert (heard[0].opcode, heard[1].code) == (TEXT, 1013)
        await wire.hang_up()


@on_each_loop
async def test_since_when_a_client_has_not_read() -> None:
    """A client that takes a byte now and then is as slow as one that takes none."""
    async with at(limits={"outbound_bytes": 50_000_000}) as (served, guard):
        wire = await alice(served, receive_buffer=4096)
        await until(lambda: Echo.here)
        handler = Echo.here[0]
        [connection] = guard.registry
        assert connection.sink is not None
        assert connection.sink.stalled() is None
        since = guard.clock.monotonic()
        handler.write_message("x" * 8_000_000)
        assert connection.sink.stalled() == since
        guard.clock.advance(5)  # type: ignore[attr-defined]
        handler.write_message("y" * 8_000_000)
        await settled()
        assert connection.sink.stalled() == since
        await wire.receive()
        await until(lambda: connection.sink.stalled() == since + 5)
        await wire.receive()
        await until(lambda: connection.sink.stalled() is None)
        await wire.hang_up()


@on_each_loop
async def test_pongs_do_not_pile_up() -> None:
    """While an answer waits, only the last ping is remembered (§5.5.3)."""
    async with at(limits={"outbound_bytes": 50_000_000}) as (served, _):
        wire = await alice(served, receive_buffer=4096)
        await until(lambda: Echo.here)
        for name in (b"a", b"b"):
            wire.frame(PING, name)
        assert [(await wire.receive()).payload for _ in range(2)] == [b"a", b"b"]
        Echo.here[0].write_message("x" * 8_000_000)
        for name in (b"1", b"2", b"3", b"4"):
            wire.frame(PING, name)
        await until(lambda: ("ping", b"4") in Echo.told)
        assert len((await wire.receive()).payload) == 8_000_000
        assert [(await wire.receive()).payload for _ in range(2)] == [b"1", b"4"]
        await wire.hang_up()


@on_each_loop
async def test_what_many_hear_is_framed_once() -> None:
    """Every recipient gets the same bytes, and is asked for each."""
    topic = Topic("room:a", "chat:connect")
    async with at() as (served, guard):
        async with await alice(served) as one, await alice(served) as two:
            await until(lambda: len(Echo.here) == 2)
            for connection in guard.registry:
                assert guard.channels.subscribe(connection, topic).allowed
            assert guard.channels.publish(topic, {"text": "hello"}) == 2
            assert await one.json() == await two.json() == {"text": "hello"}
            first = next(iter(guard.registry))
            guard.registry.end(first)
            assert guard.channels.publish(topic, {"text": "again"}) == 1


# -- compression -----------------------------------------------------------------------------------


class Compressing(Echo):
    """Offers compression."""

    def get_compression_options(self) -> dict[str, Any]:
        return {"compression_level": 9, "mem_level": 9}


@on_each_loop
async def test_compression() -> None:
    """Compression works in both directions, and a compressed bomb is refused."""
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    async with at(Compressing) as (served, _), await alice(served, offer) as wire:
        assert wire.header("Sec-WebSocket-Extensions") == "permessage-deflate"
        out, into = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)

        async def answer() -> str:
            frame = await wire.receive()
            assert frame.compressed
            return into.decompress(frame.payload + b"\x00\x00\xff\xff").decode()

        for _ in range(2):
            data = (out.compress(b"hello " * 20) + out.flush(zlib.Z_SYNC_FLUSH))[:-4]
            wire.frame(TEXT, data, rsv=0x40)
            assert await answer() == "hello " * 20
        protocol = protocol_of(Compressing)
        assert protocol.params.compression_options == {"compression_level": 9, "mem_level": 9}
        assert protocol.post_prepared(Prepared(b"to many"), 0.0, 1000)
        assert await answer() == "to many"
        bomb = (out.compress(b"\0" * 20_000_000) + out.flush(zlib.Z_SYNC_FLUSH))[:-4]
        wire.frame(BINARY, bomb, rsv=0x40)
        assert await wire.close_code() == 1009
    async with at(Compressing) as (served, _), await alice(served) as wire:
        wire.send("not offered")
        assert not (await wire.receive()).compressed
        await wire.close()


# -- the end ---------------------------------------------------------------------------------------


BROKEN: list[tuple[bytes, int]] = [
    (frame_bytes(TEXT, b"x", masked=False), 1002),
    (frame_bytes(TEXT, b"x", rsv=0x40), 1002),
    (frame_bytes(0x3), 1002),
    (frame_bytes(CLOSE, b"\x03"), 1002),
    (frame_bytes(TEXT, b"\xff"), 1007),
    (bytes([0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0]), 1009),
]


@on_each_loop
async def test_who_breaks_a_rule_hears_which() -> None:
    """The close code reaches him, though he goes on sending; the handler only hears of the end."""
    for broken, code in BROKEN:
        async with at() as (served, guard), await alice(served) as wire:
            wire.raw(frame_bytes(TEXT, b"good") + broken + frame_bytes(TEXT, b"after") * 100)
            assert await wire.text() == "good"
            assert await wire.close_code() == code
            with pytest.raises(Ended):
                await wire.receive()
            await until(lambda: Echo.told[-1] == ("close", None, None))
            assert Echo.told == ["open", "good", ("close", None, None)]
            assert len(guard.registry) == 0


@on_each_loop
async def test_who_breaks_a_rule_and_stays_is_cut_off() -> None:
    """A client that breaks the protocol and stays is cut off after a moment, or at once if it floods."""
    before, fast._LINGER_SECONDS = fast._LINGER_SECONDS, 0.0
    try:
        async with at() as (served, _), await alice(served) as wire:
            wire.raw(frame_bytes(0x3))
            await wire.ended()
            await until(lambda: Echo.told[-1] == ("close", None, None))
            protocol = weakref.ref(Echo.here[0])
            Echo.here.clear()
            await settled()
            gc.collect()
            assert protocol() is None, "nothing keeps a connection that is over"
    finally:
        fast._LINGER_SECONDS = before
    async with at(limits={"message_bytes": 100}) as (served, _), await alice(served) as wire:
        await until(lambda: Echo.here)
        protocol_ = protocol_of(Echo)
        wire.raw(frame_bytes(0x3) + b"x" * 2_000_000)
        await until(lambda: protocol_._transport is None)


@on_each_loop
async def test_the_server_closes() -> None:
    """After the server's close no message is delivered, and the client's close frame is read."""
    async with at() as (served, _), await alice(served) as wire:
        await until(lambda: Echo.here)
        handler = Echo.here[0]
        protocol = protocol_of(Echo)
        handler.close(4000, "enough")
        assert protocol.is_closing()
        wire.raw(frame_bytes(TEXT, b"late") + frame_bytes(PING, b"late"))
        frame = await wire.receive()
        assert (frame.code, frame.payload[2:]) == (4000, b"enough")
        wire.frame(CLOSE, struct.pack(">H", 4000) + b"bye")
        with pytest.raises(Ended):
            await wire.receive()
        await until(lambda: Echo.told[-1] == ("close", 4000, "bye"))
        assert Echo.told == ["open", ("close", 4000, "bye")]


@on_each_loop
async def test_a_client_that_does_not_answer_the_close_frame() -> None:
    """It is cut off after a while; at once if it floods on."""
    before, fast._CLOSE_SECONDS = fast._CLOSE_SECONDS, 0.0
    try:
        async with at() as (served, _), await alice(served) as wire:
            await until(lambda: Echo.here)
            Echo.here[0].close(4000)
            await wire.ended()
            await until(lambda: Echo.told[-1] == ("close", None, None))
    finally:
        fast._CLOSE_SECONDS = before
    async with at(limits={"message_bytes": 100}) as (served, _), await alice(served) as wire:
        await until(lambda: Echo.here)
        Echo.here[0].close(4000)
        wire.raw(frame_bytes(BINARY, b"x" * 90) * 10_000)
        await until(lambda: Echo.told[-1] == ("close", None, None))


@on_each_loop
async def test_many_that_do_not_answer_when_they_are_revoked() -> None:
    """Clients that do not answer a revocation are cut off together, by one timer."""
    limits = {"connections_per_principal": 200, "connections_per_address": 200}
    async with at(limits=limits) as (served, guard), contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(await alice(served)) for _ in range(100)]
        await until(lambda: len(Echo.here) == 100)
        await settled()
        gone: list[Any] = [weakref.ref(one) for one in Echo.here]
        gone += [weakref.ref(one.ws_connection) for one in Echo.here]
        mine = write_coalescer(asyncio.get_running_loop())
        waits = mine.timeout_queue(fast._CLOSE_SECONDS, FastProtocol._abort)
        assert (await guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 100
        await guard.registry.drain_close_queue()
        assert len(guard.registry) == 0
        assert len(waits) == 100
        for one in waits._until:
            waits._until[one] = 0.0  # so much for the time
        waits._run_due()
        for wire in wires:
            assert await wire.close_code() == 3000
            await wire.ended()
        await until(lambda: not mine.connections)
        assert len(waits) == 0
        del one
        Echo.here.clear()
        gc.collect()
        assert not [left for left in gone if left() is not None]


async def test_equal_waits_do_not_all_have_their_turn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop serves other work between two slices, and a job that raises does not stop the next."""
    monkeypatch.setattr(loop_queues, "CLOSE_BUDGET_SECONDS", 0.0)
    done: list[object] = []

    def over(one: str) -> None:
        done.append(one)
        if one == "b":
            raise MemoryError
        if one == "a":
            asyncio.get_running_loop().call_soon(done.append, "somebody else")

    waits = loop_queues.FixedTimeoutQueue(asyncio.get_running_loop(), 0.0, over)
    for one in "abxc":
        waits.add(one)
    waits.drop("x")
    with log_lines("stormdoor") as lines:
        await until(lambda: len(done) == 4)
    assert done == ["a", "somebody else", "b", "c"]
    assert "MemoryError" in "".join(lines)


@on_each_loop
async def test_a_client_that_closes_and_does_not_read_is_cut_off() -> None:
    """A client that closes without reading is disconnected after the time for the close."""
    before, fast._CLOSE_SECONDS = fast._CLOSE_SECONDS, 0.0
    try:
        async with at(limits={"outbound_bytes": 50_000_000}) as (served, _):
            wire = await alice(served, receive_buffer=4096)
            await until(lambda: Echo.here)
            protocol = protocol_of(Echo)
            Echo.here[0].write_message("x" * 8_000_000)
            wire.frame(CLOSE, struct.pack(">H", 1000))
            await until(lambda: Echo.told[-1] == ("close", 1000, None))
            await until(lambda: protocol._transport is None)
            await wire.hang_up()
    finally:
        fast._CLOSE_SECONDS = before


@on_each_loop
async def test_a_code_that_no_frame_can_hold() -> None:
    """An invalid close code raises, and the connection is closed, as with Tornado's protocol."""
    for code, reason in ((70000, None), (1000, "x" * 200)):
        async with at() as (served, guard), await alice(served) as wire:
            await until(lambda: Echo.here)
            with pytest.raises((struct.error, ValueError)):
                Echo.here[0].close(code, reason)
            assert await wire.close_code() == 1011
            assert len(guard.registry) == 0


class Raising(Echo):
    """Raises wherever it is told to."""

    def on_message(self, message: str | bytes) -> Any:
        raise RuntimeError(message)

    def on_ping(self, data: bytes) -> Any:
        raise RuntimeError(data)

    async def on_pong(self, data: bytes) -> Any:  # type: ignore[override]
        raise RuntimeError(data)

    def on_close(self) -> None:
        super().on_close()
        raise RuntimeError("on_close")


@on_each_loop
async def test_a_handler_that_raises() -> None:
    """An exception in a handler is logged and ends the connection; later messages are not handled."""
    for opcode in (TEXT, PING, PONG):
        with log_lines("tornado.application") as lines:
            async with at(Raising) as (served, guard), await alice(served) as wire:
                wire.raw(frame_bytes(opcode, b"no") + frame_bytes(TEXT, b"after"))
                if opcode == TEXT:
                    assert await wire.close_code() == 1011  # by the door
                    wire.frame(CLOSE)
                await wire.ended()
                await until(lambda: Raising.told[-1][0] == "close")
                assert len(guard.registry) == 0
        assert any("RuntimeError" in line for line in lines)
        assert not any("after" in line for line in lines)


class PingedLater(Echo):
    """Does something beside, when it is pinged."""

    async def on_ping(self, data: bytes) -> None:  # type: ignore[override]
        self.told.append(("ping", data))
        if data == b"bad":
            raise RuntimeError("no")


@on_each_loop
async def test_an_asynchronous_on_ping() -> None:
    """An asynchronous `on_ping` is not awaited; its exception ends the connection, as with Tornado's."""
    with log_lines("tornado.application") as lines:
        async with at(PingedLater) as (served, _), await alice(served) as wire:
            wire.frame(PING, b"good")
            wire.frame(PING, b"bad")
            await wire.ended()
            await until(lambda: PingedLater.told[-1] == ("close", None, None))
    assert any("RuntimeError" in line for line in lines)


class OpensLater(Echo):
    """Takes its time to open."""

    go: asyncio.Event

    async def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        await self.go.wait()
        self.told.append("opened")


@on_each_loop
async def test_nothing_is_delivered_before_it_is_open() -> None:
    """`on_close` is called after `open`, also if the client has left before."""
    OpensLater.go = asyncio.Event()
    async with at(OpensLater) as (served, _):
        wire, gone = await alice(served), await alice(served)
        await until(lambda: OpensLater.told == ["open", "open"])
        wire.send("early")
        gone.abort()
        await settled()
        assert OpensLater.told == ["open", "open"]
        OpensLater.go.set()
        assert await wire.text() == "early"
        await until(lambda: ("close", None, None) in OpensLater.told)
        assert OpensLater.told.count("opened") == 2
        await wire.close()
        await wire.hang_up()


@on_each_loop
async def test_a_client_that_leaves_with_the_handshake() -> None:
    """Its request is answered, and it is not there any more: opened, closed, and nothing is left."""
    async with at() as (served, guard):
        for _ in range(20):
            wire = await request(served.port, "/ws", ALICE, wait=False)
            wire.abort()
        await until(lambda: Echo.told.count(("close", None, None)) == Echo.told.count("open"))
        await until(lambda: len(guard.registry) == 0)


class Unwilling(asyncio.SelectorEventLoop):
    """A loop that takes no socket."""

    fault: type[BaseException] = OSError

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        if isinstance(getattr(callback, "__self__", None), SocketTransport):
            raise self.fault("as told")
        super().add_reader(fd, callback, *args)


@pytest.mark.parametrize("fault", [OSError, RuntimeError, asyncio.CancelledError])
def test_a_loop_that_does_not_take_the_socket(
    fault: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is over, and nothing is left of it: no quota, no descriptor."""
    monkeypatch.setattr(Unwilling, "fault", fault)

    async def run() -> None:
        async with at() as (served, guard):
            wire = await request(served.port, "/ws", ALICE)
            await wire.ended()
            await until(lambda: len(guard.registry) == 0)
            await wire.hang_up()

    with log_lines("tornado.application", "asyncio"):
        with asyncio.Runner(loop_factory=Unwilling) as runner:
            runner.run(run())


async def test_a_socket_that_cannot_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """No transport can be made of it: it is closed, and the server goes on."""
    loops: Any = asyncio.SelectorEventLoop
    add_reader = loops.add_reader

    def refuse(loop: object, fd: int, callback: Any, *args: Any) -> None:
        if isinstance(getattr(callback, "__self__", None), SocketTransport):
            raise OSError(28, "No space left on device")
        add_reader(loop, fd, callback, *args)

    async with at() as (served, guard):
        with monkeypatch.context() as patched:
            patched.setattr(loops, "add_reader", refuse)
            wire = await request(served.port, "/ws", ALICE)
            await wire.ended()
            await wire.hang_up()
            await until(lambda: len(guard.registry) == 0)
        async with await alice(served) as again:
            again.send("x")
            assert await again.text() == "x"


async def test_the_selector_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport reads in the stream's place, and of the stream nothing is left in Tornado's loop."""
    gone: list[int] = []
    remove: Any = asyncio.SelectorEventLoop.remove_reader

    def remove_reader(loop: object, number: int) -> Any:
        gone.append(number)
        return remove(loop, number)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "remove_reader", remove_reader)
    tornados: Any = IOLoop.current()
    async with at() as (served, _), await alice(served) as wire:
        await until(lambda: Echo.here)
        protocol = Echo.here[0].ws_connection
        assert isinstance(protocol, FastProtocol)
        number = protocol.stream.fileno()
        assert number not in gone
        assert number not in tornados.readers
        assert number not in tornados.handlers
        wire.send("x")
        assert await wire.text() == "x"


async def test_the_same_socket_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other file is opened for it: where no more may be open, a handshake succeeds all the same."""

    def refuse(_: socket.socket) -> socket.socket:
        raise OSError(24, "Too many open files")

    async with at() as (served, _):
        monkeypatch.setattr(socket.socket, "dup", refuse)
        async with await alice(served) as wire:
            wire.send("x")
            assert await wire.text() == "x"


# -- what handlers reach for -----------------------------------------------------------------------


class Chosen(Echo):
    """Chooses a subprotocol."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        self.told.append(subprotocols)
        return subprotocols[-1] if subprotocols else None


class Odd(Echo):
    """Handler that chooses a subprotocol that the client did not offer."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "mine"


@on_each_loop
async def test_subprotocols() -> None:
    """The handler chooses one of the offered subprotocols, and the answer contains it."""
    async with at(Chosen) as (served, _):
        async with await alice(served, ("Sec-WebSocket-Protocol", "one, two")) as wire:
            assert wire.header("Sec-WebSocket-Protocol") == "two"
            await until(lambda: Chosen.here)
            assert Chosen.here[0].selected_subprotocol == "two"
        async with await alice(served):
            assert Chosen.told[0] == ["one", "two"]
            assert [] in Chosen.told
    with log_lines("tornado.application", "tornado.general", "tornado.access"):
        async with at(Odd) as (served, _):
            async with await request(served.port, "/ws", ALICE) as wire:
                assert wire.status == 500


@on_each_loop
async def test_stream_keeps_the_interface_of_iostream() -> None:
    """`ws_connection.stream` still has what handlers use of it."""
    async with at() as (served, _), await alice(served) as wire:
        await until(lambda: Echo.here)
        handler = Echo.here[0]
        protocol = protocol_of(Echo)
        stream: Any = protocol.stream
        assert stream.fileno() == stream.socket.fileno() > 0
        assert not stream.closed()
        assert not stream.writing()
        assert stream.io_loop.asyncio_loop is asyncio.get_running_loop()
        for value in (True, False):
            handler.set_nodelay(value)
            flag = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert bool(flag) is value
        await stream.write(b"\x81\x03raw")
        assert await wire.text() == "raw"
        assert protocol.params.ping_interval is None
        assert protocol.params.ping_timeout is None
        protocol.params.max_message_size = 5
        assert protocol.params.max_message_size == 5
        await protocol.write_message({"a": 1})
        assert await wire.json() == {"a": 1}
        protocol._write_frame(False, TEXT, b"in ")
        await protocol._write_frame(True, CONTINUATION, b"two")
        assert [(await wire.receive()).final for _ in range(2)] == [False, True]
        with pytest.raises(ValueError, match="fragmented"):
            protocol._write_frame(False, PING, b"")
        with pytest.raises(ValueError, match="125"):
            protocol.write_ping(b"x" * 126)
        stream.close()
        await wire.ended()
        assert stream.closed()
        handler.set_nodelay(True) if handler.ws_connection else None
        protocol.set_nodelay(True)
        with pytest.raises(StreamClosedError):
            protocol.write_ping(b"")
        with pytest.raises(WebSocketClosedError):
            protocol.post(b"x", 0.0, 1)
        with pytest.raises(WebSocketClosedError):
            protocol.post_prepared(Prepared(b"x"), 0.0, 1)


@on_each_loop
async def test_pings_by_the_server() -> None:
    """The server sends pings and closes clients that do not answer, without a task."""
    settings = {"websocket_ping_interval": 0.02, "websocket_ping_timeout": 0.01}
    async with at(settings=settings) as (served, _), await alice(served) as wire:
        for _ in range(3):
            assert (await wire.receive()).opcode == PING
            wire.frame(PONG, b"")
        frame = await wire.receive()
        while frame.opcode == PING:
            frame = await wire.receive()
        assert (frame.code, frame.payload[2:]) == (1000, b"ping timed out")
        assert ("pong", b"") in Echo.told


def test_a_joiner_belongs_to_its_loop() -> None:
    """And keeps none that is over."""

    async def mine() -> object:
        loop = asyncio.get_running_loop()
        assert write_coalescer(loop) is write_coalescer(loop)
        return weakref.ref(loop)

    gone: Any = asyncio.run(mine())
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_that_ends_hangs_up(loop: str) -> None:
    """As with Tornado's: who is still there is closed, and the handler hears of it."""

    async def run(client: socket.socket) -> FastProtocol:
        async with at() as (served, _):
            client.connect(("127.0.0.1", served.port))
            client.sendall(HANDSHAKE.encode())
            await until(lambda: Echo.here)
            protocol = protocol_of(Echo)
        assert protocol.server_terminated
        assert protocol._transport is not None, "it waits for the client's close frame"
        return protocol

    with socket.socket() as client, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        protocol = runner.run(run(client))
        runner.close()
        assert protocol._transport is None
        assert Echo.told[-1] == ("close", None, None)


def test_all_hang_up_when_a_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many turns it would take to close them one after the other."""
    monkeypatch.setattr(
        "stormdoor.tornado.fast.loop_queues.CLOSE_BUDGET_SECONDS", -1.0
    )  # one socket a turn
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(20)]

        async def run() -> None:
            async with at() as (served, _):
                for client in clients:
                    client.connect(("127.0.0.1", served.port))
                    client.sendall(HANDSHAKE.encode())
                await until(lambda: len(Echo.here) == len(clients))

        asyncio.run(run())
        assert Echo.told.count(("close", None, None)) == len(clients)


class Loud:
    """Fails to write, or writes down that it did."""

    def __init__(self, name: str, written: list[str]) -> None:
        self.name, self.written = name, written

    def close_at_shutdown(self) -> None:
        """Stays."""

    def flush(self) -> None:
        if self.name == "bad":
            raise RuntimeError("as told")
        self.written.append(self.name)


async def test_a_joiner_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one that fails; and after a while, when the others had their turn."""
    monkeypatch.setattr("stormdoor.tornado.fast.loop_queues._FLUSH_SECONDS", 0.0)
    written: list[str] = []
    mine = write_coalescer(asyncio.get_running_loop())
    with log_lines("stormdoor") as lines:
        for name in ["bad"] + [f"{number}" for number in range(200)]:
            mine.add(Loud(name, written))
        asyncio.get_running_loop().call_soon(written.append, "the others")
        await settled()
    assert any("lost" in line for line in lines)
    assert written.index("the others") == 63
    written.remove("the others")
    assert written == [f"{number}" for number in range(200)]


# -- commands --------------------------------------------------------------------------------------


class Say(Command, tag="say"):
    text: str = ""
    later: bool = False


class Said(Reply, tag="said"):
    text: str


class Commands(GuardedHandler):
    permission = "chat:connect"
    compression = None

    @action("chat:say")
    def say(self, command: Say) -> Any:
        reply = Said(text=command.text)
        return self._later(reply) if command.later else reply

    async def _later(self, reply: Said) -> Said:
        await asyncio.sleep(0)
        return reply


@on_each_loop
async def test_commands_in_their_order() -> None:
    """Commands are answered in their order, also if some handlers wait and others do not."""
    async with at(Commands) as (served, guard), await alice(served) as wire:
        for number in range(20):
            wire.send(
                {"type": "say", "text": f"{number} κ", "later": number % 3 == 0, "id": number}
            )
        heard = [await wire.json() for _ in range(20)]
        assert heard == [
            {"type": "said", "text": f"{number} κ", "id": number} for number in range(20)
        ]
        wire.frame(BINARY, b'{"type":"say"}')
        assert (await wire.json())["error"] == "invalid"
        wire.send("[" * 100)
        assert (await wire.json())["error"] == "invalid"
        wire.send('{"type":"say","nothing":1,"id":7}')
        assert await wire.json() == {"type": "error", "error": "invalid", "id": 7}
        assert guard.statistics.messages == 20


@on_each_loop
async def test_nothing_behind_the_end_is_carried_out() -> None:
    """The gate shuts in the turn in which a connection ends, in the middle of what has arrived."""
    reached: list[str] = []

    class Ending(GuardedHandler):
        permission = "chat:connect"

        @action("chat:say")
        def say(self, command: Say) -> Said:
            reached.append(command.text)
            if command.text == "end":
                self.close(4001)
            return Said(text=command.text)

    async with at(Ending) as (served, _):
        async with await alice(served) as wire:
            for text in ("one", "end", "two", "three"):
                wire.send({"type": "say", "text": text})
            first = await wire.receive()
            assert first.opcode in (TEXT, CLOSE)
            if first.opcode == TEXT:
                assert await wire.close_code() == 4001
    assert "two" not in reached
    assert "three" not in reached
