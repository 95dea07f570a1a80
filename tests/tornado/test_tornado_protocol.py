"""Tornado's own protocol behind the guard: what plain Tornado accepts, and should not."""

from __future__ import annotations

import logging
import zlib
from typing import Any, ClassVar

import pytest
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, protect
from stormdoor.core.denial import Denial, Refusal
from tests.guard.fakes import events, make_guard
from tests.tornado.wire import CLOSE, PING, TEXT, connect, log_lines, request, serving

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
