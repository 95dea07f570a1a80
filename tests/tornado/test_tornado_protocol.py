"""Tornado's own protocol behind the guard, beside the fast one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import zlib
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

from stormdoor import EndpointLimits, Guard, protect
from stormdoor.core.denial import Denial, Refusal
from tests.conformance.case import fragments
from tests.guard.fakes import events, make_guard
from tests.tornado.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    Wire,
    connect,
    frame_bytes,
    log_lines,
    request,
    serving,
)

ALICE = ("Authorization", "Bearer alice")
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])


class Echo(WebSocketHandler):
    """Sends back, compressed if the client wants."""

    def get_compression_options(self) -> dict[str, Any]:
        return {}

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


def guarded(handler: Any, guard: Guard, **arguments: Any) -> Application:
    """An application with `handler` behind `guard`."""
    return protect(Application([("/ws", handler, arguments)]), guard, "chat:connect")


def slow(**options: Any) -> Guard:
    """A guard on Tornado's own protocol."""
    return make_guard(insecure_allow_any_host=True, fast=False, **options)


async def test_plain_tornado_takes_frames_without_a_mask() -> None:
    """Otherwise the next test would prove nothing."""
    async with serving([("/ws", Echo)]) as at:
        async with await connect(at.port, "/ws") as wire:
            wire.frame(TEXT, b"unmasked", masked=False)
            assert await wire.text() == "unmasked"


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
async def test_a_frame_without_a_mask_ends_the_connection(opcode: int, before: int) -> None:
    """RFC 6455 §5.1: 1002, nothing delivered, and a cause in the trail."""
    guard = slow()
    async with serving(guarded(Echo, guard), guard) as at:
        async with await connect(at.port, "/ws", ALICE) as wire:
            for _ in range(before):
                wire.send("masked")
                assert await wire.text() == "masked"
            wire.frame(opcode, b"\x03\xe8", masked=False)
            frame = await wire.receive()
            assert (frame.opcode, frame.code) == (CLOSE, 1002)
            await wire.ended()
        assert "invalid-message" in [one.cause for one in await events(guard)]


OFFERS = {
    "one": ("permessage-deflate; client_max_window_bits", True),
    "two": ("permessage-deflate; client_max_window_bits, permessage-deflate", True),
    "two headers": ("permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate", True),
    "the first cannot be kept": (
        "permessage-deflate; server_max_window_bits=8; unknown=1, permessage-deflate",
        True,
    ),
    "a number that is none": ("permessage-deflate; server_max_window_bits=x", False),
    "a window that is too small": ("permessage-deflate; server_max_window_bits=7", False),
    "an unknown parameter": ("permessage-deflate; unknown", False),
    "a parameter twice": (
        "permessage-deflate; client_max_window_bits=10; client_max_window_bits=11",
        False,
    ),
    "another extension first": ("x-mine; a=1, permessage-deflate", True),
    "something else": ("x-mine", False),
}


@BOTH
@pytest.mark.parametrize(("offers", "agreed"), OFFERS.values(), ids=OFFERS)
async def test_offers_of_compression(offers: str, agreed: bool, fast: bool) -> None:
    """The first that can be kept is; with none, the connection is there all the same, on both protocols."""
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving(guarded(Echo, guard), guard) as at:
        header = ("Sec-WebSocket-Extensions", offers)
        async with await connect(at.port, "/ws", ALICE, header) as wire:
            answer = wire.header("Sec-WebSocket-Extensions")
            assert (answer or "").startswith("permessage-deflate") == agreed
            wire.send("hello " * 100)
            frame = await wire.receive()
            assert frame.compressed == agreed
            payload = frame.payload
            if agreed:
                payload = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
            assert payload == b"hello " * 100


def deflated(text: bytes) -> bytes:
    """The text, compressed as one message."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


LIMIT = 100_000


@contextlib.asynccontextmanager
async def compressing(fast: bool) -> AsyncIterator[tuple[Guard, Wire]]:
    """A connection with compression, and a limit of LIMIT bytes a message."""
    own = EndpointLimits(message_bytes=LIMIT)
    guard = make_guard(insecure_allow_any_host=True, fast=fast, limits={"own_protocol": own})
    async with serving(guarded(Echo, guard), guard) as at:
        header = ("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover")
        async with await connect(at.port, "/ws", ALICE, header) as wire:
            yield guard, wire


@BOTH
@pytest.mark.parametrize("pieces", [1, 2, 50])
async def test_the_size_limit_holds_after_decompression(pieces: int, fast: bool) -> None:
    """A message of exactly the limit is echoed. One byte more gets 1009, however it is split."""
    async with compressing(fast) as (guard, wire):

        async def send(size: int) -> Frame:
            bomb = deflated(b"x" * size)
            assert len(bomb) < 200
            wire.raw(fragments(bomb, -(-len(bomb) // pieces), rsv=0x40))
            return await wire.receive()

        echo = (await send(LIMIT)).payload + b"\0\0\xff\xff"
        assert len(zlib.decompressobj(-15).decompress(echo)) == LIMIT
        assert (await send(LIMIT + 1)).code == 1009
        await wire.ended()
        assert [one.cause for one in await events(guard)][-1] == "message-too-large"


@BOTH
async def test_a_ping_may_come_between_compressed_fragments(fast: bool) -> None:
    """RFC 7692 §6.1: the message is decompressed all the same. Plain Tornado delivers it compressed."""
    text = deflated(b"hello " * 100)
    async with compressing(fast) as (_, wire):
        wire.frame(TEXT, text[:5], final=False, rsv=0x40)
        wire.frame(PING, b"between")
        wire.frame(CONTINUATION, text[5:])
        assert (await wire.receive()).opcode == PONG
        frame = await wire.receive()
        assert zlib.decompressobj(-15).decompress(frame.payload) == b"hello " * 100


@BOTH
async def test_a_flag_of_an_offer_is_in_the_answer(fast: bool) -> None:
    """RFC 7692 §7.1.1: the server accepts a flag by repeating it, and then it must keep it."""
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving(guarded(Echo, guard), guard) as at:
        offer = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10"
        async with await connect(
            at.port, "/ws", ALICE, ("Sec-WebSocket-Extensions", offer)
        ) as wire:
            answer = wire.header("Sec-WebSocket-Extensions") or ""
            assert set(answer.split("; ")) == set(offer.split("; "))
            for _ in range(2):
                wire.send("hello " * 100)
                frame = await wire.receive()
                alone = zlib.decompressobj(-10).decompress(frame.payload)
                assert alone == b"hello " * 100


@BOTH
async def test_a_client_that_closes_with_1009_is_no_offender(fast: bool) -> None:
    """The code is the client's: the trail does not say that its message was too large."""
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving(guarded(Echo, guard), guard) as at:
        async with await connect(at.port, "/ws", ALICE) as wire:
            assert await wire.close(1009) == 1009
            await wire.ended()
        assert "message-too-large" not in [one.cause for one in await events(guard)]


@BOTH
@pytest.mark.parametrize("offence", [b"", b"\xff\xff"], ids=["a close", "a violation"])
async def test_a_flood_after_the_end_is_aborted(offence: bytes, fast: bool) -> None:
    """After the server has closed, a client may send no more than a message and 256 KiB."""
    own = EndpointLimits(message_bytes=LIMIT)
    guard = make_guard(insecure_allow_any_host=True, fast=fast, limits={"own_protocol": own})
    async with serving(guarded(Echo, guard), guard) as at:
        async with await connect(at.port, "/ws", ALICE) as wire:
            if offence:
                wire.raw(offence)
            else:
                [connection] = guard.registry
                guard.registry.end(connection, Refusal(Denial.REVOKED, "a logout"))
            assert (await wire.receive()).opcode == CLOSE
            accepted = 0
            with contextlib.suppress(ConnectionError):
                while accepted < 100 * 2**20:
                    wire.frame(BINARY, b"x" * 65_000)
                    await wire.writer.drain()
                    accepted += 65_000
            assert accepted < 20 * 2**20  # with the buffers of the kernel


async def test_a_flood_leaves_time_for_others() -> None:
    """After the end of its connection a client sends on. Tornado 6.5 read it all before other code ran."""
    protocols: list[Any] = []

    class Opened(Echo):
        def open(self) -> None:
            protocols.append(self.ws_connection)

    guard = slow()
    async with serving(guarded(Opened, guard), guard) as at:
        async with await connect(at.port, "/ws", ALICE) as wire:
            [connection] = guard.registry
            guard.registry.end(connection, Refusal(Denial.REVOKED, "a logout"))
            assert (await wire.receive()).opcode == CLOSE
            [protocol] = protocols
            flood = frame_bytes(BINARY, b"x") * 100_000
            sent = os.write(wire.writer.get_extra_info("socket").fileno(), flood)
            assert sent > 300_000  # until the kernel is full
            goal, largest = protocol._wire_bytes_in + sent, 0
            while (before := protocol._wire_bytes_in) < goal:
                await asyncio.sleep(0)
                largest = max(largest, protocol._wire_bytes_in - before)
            assert largest <= 128 * 1024


class Steps(WebSocketHandler):
    """Notes which of its methods run."""

    ran: ClassVar[list[str]]

    def initialize(self, room: str) -> None:
        self.room = room
        self.ran.append("initialize")

    def prepare(self) -> None:
        self.ran.append(f"prepare {self.room}")

    def check_origin(self, origin: str) -> bool:
        return bool(self.room)

    def open(self, *args: str, **kwargs: str) -> None:
        self.ran.append("open")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(self.room)

    def on_close(self) -> None:
        self.ran.append("on_close")

    def on_finish(self) -> None:
        self.ran.append(f"on_finish {self.room}")

    def on_connection_close(self) -> None:
        self.ran.append("on_connection_close")
        super().on_connection_close()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.ran.append(f"write_error {self.room}")
        super().write_error(status_code, **kwargs)

    def log_exception(self, *args: Any) -> None:
        self.ran.append(f"log_exception {self.room}")
        super().log_exception(*args)


def steps(**methods: Any) -> Any:
    """A class like `Steps` with a list of its own."""
    return type("Steps", (Steps,), {"ran": [], **methods})


@BOTH
@pytest.mark.parametrize("own", [False, True], ids=["in one go", "Tornado's way"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PROPFIND"])
async def test_nothing_of_the_handler_runs_at_a_refusal(method: str, own: bool, fast: bool) -> None:
    """At a refusal neither `initialize` nor `on_finish` runs, with both ways of writing the refusal."""
    handler = steps(
        **({"set_default_headers": lambda self: self.set_header("X", "y")} if own else {})
    )
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving(guarded(handler, guard, room="r"), guard) as at:
        async with await request(at.port, "/ws", method=method) as wire:
            assert wire.status in {401, 405}
    assert handler.ran == []


@BOTH
async def test_the_client_leaves_before_it_is_admitted(fast: bool) -> None:
    """Nothing runs then either."""
    handler = steps()
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving(guarded(handler, guard, room="r"), guard) as at:
        wire = await request(at.port, "/ws", wait=False)
        wire.abort()
        async with await request(at.port, "/ws") as other:
            assert other.status == 401
    assert handler.ran == []


@BOTH
@pytest.mark.parametrize("first", [False, True], ids=["handshake", "first message"])
async def test_an_admitted_handler_is_initialized_before_anything_else(
    first: bool, fast: bool
) -> None:
    """With what its route gives it, once."""
    handler = steps()
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    application = Application([("/ws", handler, {"room": "r1"})])
    protect(application, guard, "chat:connect", first_message=[handler] if first else [])
    async with serving(application, guard) as at:
        async with await connect(at.port, "/ws", *([] if first else [ALICE])) as wire:
            if first:
                await wire.ask({"type": "stormdoor.authenticate", "token": "alice"})
            wire.send("?")
            assert await wire.text() == "r1"
            await wire.close()
            await wire.ended()
    assert handler.ran[0] == "initialize"
    assert handler.ran.count("initialize") == 1
    assert "on_finish r1" in handler.ran
    assert {"prepare r1", "open", "on_close"} <= set(handler.ran)


@BOTH
async def test_a_handler_that_refuses_by_itself_writes_its_own_page(fast: bool) -> None:
    """Of an admitted handshake, everything runs as without a guard."""

    def prepare(self: Any) -> None:
        raise HTTPError(418)

    handler = steps(prepare=prepare)
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving(guarded(handler, guard, room="r"), guard) as at:
        async with await request(at.port, "/ws", ALICE) as wire:
            assert wire.status == 418
    assert handler.ran == ["initialize", "log_exception r", "write_error r", "on_finish r"]


@BOTH
@pytest.mark.parametrize("later", [False, True], ids=["at once", "in a coroutine"])
async def test_a_write_after_a_logout_is_no_error(later: bool, fast: bool) -> None:
    """The handler could not know: no traceback is logged, and it still ends as usual."""
    guard = make_guard(insecure_allow_any_host=True, fast=fast)

    class Writing(WebSocketHandler):
        closed = False

        def _log_out(self) -> None:
            [connection] = guard.registry
            guard.registry.end(connection, Refusal(Denial.REVOKED, "a logout"))

        def _write(self) -> None:
            self._log_out()
            self.write_message("too late")

        async def _write_later(self) -> None:
            self._write()

        def on_message(self, message: str | bytes) -> Any:
            return self._write_later() if later else self._write()

        def on_close(self) -> None:
            Writing.closed = True

    with log_lines("tornado.application", "asyncio", level=logging.ERROR) as lines:
        async with serving(guarded(Writing, guard), guard) as at:
            async with await connect(at.port, "/ws", ALICE) as wire:
                wire.send("?")
                assert await wire.close_code() == 3000
    assert lines == []
    assert Writing.closed
