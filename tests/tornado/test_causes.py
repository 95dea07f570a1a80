"""Each close by the guard has a cause, in the trail and as a warning: the limit, its value and its name."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor import EndpointLimits, protect
from tests.guard.fakes import events, make_guard
from tests.support.clock import FakeClock
from tests.tornado.test_fast_protocol import Commands
from tests.tornado.wire import (
    BINARY,
    CONTINUATION,
    TEXT,
    Wire,
    connect,
    frame_bytes,
    log_lines,
    serving,
    until,
)

ALICE = ("Authorization", "Bearer alice")
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])


class Raw(WebSocketHandler):
    """A handler of an application that knows nothing of stormdoor."""

    here: Raw

    def open(self, *args: str, **kwargs: str) -> None:
        Raw.here = self

    def on_message(self, message: str | bytes) -> None:
        if message == "talk":
            for _ in range(4000):
                self.write_message(b"x" * 10_000, binary=True)


class Packed(Raw):
    def get_compression_options(self) -> dict[str, Any]:
        return {}


class Small(Raw):
    @property
    def max_message_size(self) -> int:
        return 500


def _zeros(wire: Wire) -> None:
    packer = zlib.compressobj(wbits=-15)
    data = packer.compress(b"\0" * 50_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    wire.frame(BINARY, data[:-4], rsv=0x40)


def _flood(wire: Wire) -> None:
    wire.raw(frame_bytes(TEXT, b"x") * 50)


def _pieces(wire: Wire) -> None:
    wire.frame(TEXT, b"x" * 600, final=False)
    wire.frame(CONTINUATION, b"x" * 600)


SMALL = {"message_bytes": 1000}
Act = Callable[[Wire], None]
CASES: dict[str, tuple[type[WebSocketHandler], dict[str, Any], Act, int | None, str, str]] = {
    "too large": (
        Raw,
        {"limits": SMALL},
        lambda wire: wire.frame(BINARY, b"x" * 1001),
        1009,
        "message-too-large",
        "limits.message_bytes = 1000",
    ),
    "too large in pieces": (
        Raw,
        {"limits": SMALL},
        _pieces,
        1009,
        "message-too-large",
        "limits.message_bytes = 1000",
    ),
    "too large after decompression": (
        Packed,
        {"limits": {"message_bytes": 10_000}},
        _zeros,
        1009,
        "message-too-large",
        "limits.message_bytes = 10000",
    ),
    "too large by default": (
        Raw,
        {},
        lambda wire: wire.raw(bytes([0x82, 0xFF, 0, 0, 0, 0, 1, 0, 0, 1, 1, 2, 3, 4])),
        1009,
        "message-too-large",
        "limits.own_protocol.message_bytes = 16777216",
    ),
    "too large for the handler": (
        Small,
        {},
        lambda wire: wire.frame(BINARY, b"x" * 501),
        1009,
        "message-too-large",
        "max_message_size = 500 of the handler",
    ),
    "too large for the application": (
        Raw,
        {"settings": {"websocket_max_message_size": 600}},
        lambda wire: wire.frame(BINARY, b"x" * 601),
        1009,
        "message-too-large",
        "websocket_max_message_size = 600 of the application",
    ),
    "too large for the endpoint": (
        Raw,
        {"endpoint": EndpointLimits(message_bytes=700)},
        lambda wire: wire.frame(BINARY, b"x" * 701),
        1009,
        "message-too-large",
        "EndpointLimits.message_bytes = 700",
    ),
    "far too large for a command": (
        Commands,
        {},
        lambda wire: wire.frame(BINARY, b"x" * 300_000),
        1009,
        "message-too-large",
        "limits.message_bytes = 65536",
    ),
    "against the protocol": (
        Raw,
        {},
        lambda wire: wire.frame(CONTINUATION, b"x"),
        None,
        "invalid-message",
        "1002: ",
    ),
    "too fast": (
        Raw,
        {"limits": {"messages_per_connection": "1/s burst 5", "hold_seconds": 1}},
        _flood,
        1008,
        "message-rate",
        "limits.messages_per_connection = '1/s burst 5', beyond limits.hold_seconds = 1 of a minute",
    ),
    "too fast at once": (
        Raw,
        {"limits": {"messages_per_principal": "1/s burst 5", "hold_seconds": 0}},
        _flood,
        1008,
        "message-rate",
        "limits.messages_per_principal = '1/s burst 5'",
    ),
    "too many refused commands": (
        Commands,
        {},
        _flood,
        1008,
        "invalid-message",
        "limits.offences = 20",
    ),
    "not read": (
        Raw,
        {"limits": {"outbound_bytes": 100_000}},
        lambda wire: wire.send("talk"),
        None,
        "slow-consumer",
        "limits.outbound_bytes = 100000",
    ),
}


@BOTH
@pytest.mark.parametrize("case", CASES)
async def test_each_close_has_a_cause(case: str, fast: bool) -> None:
    """The operator reads which limit it was, its value and where it is set."""
    handler, options, act, code, cause, setting = CASES[case]
    clock = FakeClock()
    guard = make_guard(
        clock=clock, fast=fast, insecure_allow_any_host=True, limits=options.get("limits")
    )
    application = Application([("/ws", handler)], **options.get("settings", {}))
    endpoint = options.get("endpoint")
    limits: Any = None if endpoint is None else {"/ws": endpoint}
    protect(application, guard, "chat:connect", limits=limits)
    with log_lines("stormdoor.closed") as lines:
        async with serving(application, guard) as served:
            offer = ("Sec-WebSocket-Extensions", "permessage-deflate")
            buffer = 4096 if cause == "slow-consumer" else None
            wire = await connect(served.port, "/ws", ALICE, offer, receive_buffer=buffer)
            act(wire)
            if code is not None:
                assert await wire.close_code() == code
            await until(lambda: len(guard.registry) == 0)
            closed = (await events(guard))[-1]
            assert (closed.name, closed.cause) == ("connection_closed", cause)
            assert setting in closed.detail
            assert len(lines) == 1
            assert setting in lines[0]
            assert cause in lines[0]
            wire.abort()
            await asyncio.sleep(0)


@BOTH
@pytest.mark.parametrize(
    ("limits", "sessions", "seconds", "setting"),
    [
        ({"connection_seconds": 100}, {}, 100, "limits.connection_seconds = 100"),
        ({}, {"idle_seconds": 200.0}, 200, "no message of the client for 200 s (idle_seconds of"),
    ],
)
async def test_an_end_in_time_has_a_cause(
    limits: dict[str, Any], sessions: dict[str, Any], seconds: float, setting: str, fast: bool
) -> None:
    """A deadline has the same cause if a tick, a message or a delivery notices it."""
    for noticed in ("tick", "message", "send"):
        clock = FakeClock()
        guard = make_guard(
            clock=clock,
            fast=fast,
            insecure_allow_any_host=True,
            insecure_allow_missing_origin=True,
            limits=limits,
            sessions={"absolute_seconds": 9000.0, **sessions},
        )
        with log_lines("stormdoor.closed") as lines:
            async with serving([("/ws", Raw)], guard, "chat:connect") as served:
                if await guard.state.accounts.account("carol") is None:
                    await guard.admin.add_principal("carol", roles=["member"])
                secret = (await guard.sessions.create("carol")).secret
                cookie = ("Cookie", f"__Host-stormdoor={secret}")
                async with await connect(served.port, "/ws", cookie) as wire:
                    while not len(guard.registry):
                        await asyncio.sleep(0)
                    clock.advance(seconds)
                    if noticed == "tick":
                        await guard.tick()
                    elif noticed == "message":
                        wire.send("x")
                    else:
                        with pytest.raises(WebSocketClosedError):
                            await Raw.here.write_message("x")
                    assert await wire.close_code() == 3000
        assert len(lines) == 1
        assert setting in lines[0]


async def test_warnings_are_limited_by_cause() -> None:
    """Ten a minute of each cause; the next one says how many were left out."""
    clock = FakeClock()
    guard = make_guard(clock=clock, insecure_allow_any_host=True, limits=SMALL)
    with log_lines("stormdoor.closed") as lines:
        async with serving([("/ws", Raw)], guard, "chat:connect") as served:

            async def too_large() -> None:
                async with await connect(served.port, "/ws", ALICE) as wire:
                    wire.frame(BINARY, b"x" * 1001)
                    assert await wire.close_code() == 1009

            for _ in range(15):
                await too_large()
            assert len(lines) == 10
            clock.advance(60)
            await too_large()
            assert len(lines) == 11
            assert lines[-1].endswith("[and 5 like it]")
            async with await connect(served.port, "/ws", ALICE) as wire:
                wire.frame(CONTINUATION, b"x")
                assert await wire.close_code() == 1002
            assert len(lines) == 12
            closed = [one for one in await events(guard) if one.cause == "message-too-large"]
            assert sum(one.count for one in closed) == 16


async def test_a_refused_rate_is_a_warning() -> None:
    """For commands, too, which are answered and not closed at once."""
    guard = make_guard(
        insecure_allow_any_host=True,
        clock=FakeClock(),
        limits={"messages_per_connection": "1/s burst 2", "hold_seconds": 0},
    )
    with log_lines("stormdoor.refused") as lines:
        async with serving([("/ws", Commands)], guard, "chat:connect") as served:
            async with await connect(served.port, "/ws", ALICE) as wire:
                for number in range(3):
                    wire.send({"type": "say", "text": "x", "id": number})
                answers = [await wire.json() for _ in range(3)]
    assert answers[-1]["error"] == "rate-limited"
    assert len(lines) == 1
    assert "message-rate" in lines[0]
    assert "limits.messages_per_connection = '1/s burst 2'" in lines[0]
