"""Ordinary use of real applications passes the default limits: nothing is refused, lost or even delayed.

The traffic was recorded (`tests/support/recordings`), or follows the numbers of real clients. It is
replayed at twice its speed, on the clock of the guard.
"""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import EndpointLimits, protect
from stormdoor.core.limits import COMMAND_LIMITS
from tests.guard.fakes import make_guard
from tests.support.clock import FakeClock
from tests.support.recording import Frame, read, recorded
from tests.tornado.wire import BINARY, CLOSE, TEXT, Ended, Wire, connect, request, serving

ALICE = ("Authorization", "Bearer alice")
OFFER = ("Sec-WebSocket-Extensions", "permessage-deflate")
SPEED = 2.0
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])
PACKED = pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])


def _steady(per_second: float, seconds: float, size: int) -> list[Frame]:
    return [
        Frame(number / per_second, "client", "text", size)
        for number in range(int(per_second * seconds))
    ]


SYNTHETIC: dict[str, list[Frame]] = {
    "key repeat of a terminal, 30/s for a minute": _steady(30, 60, 20),
    "widgets, 60/s for a minute": _steady(60, 60, 700),
    "a slider, 120/s with 4 messages each for 6 s": _steady(480, 6, 400),
    "an upload of 12 MiB in one message": [Frame(0.0, "client", "binary", 12 << 20)],
    "an upload of 48 MiB in pieces of 64 KiB": _steady(400, 2, 64 << 10)[:768],
}


class Player(WebSocketHandler):
    """Hears what the client of the recording said, and says what its server said."""

    here: Player

    def open(self, *args: str, **kwargs: str) -> None:
        Player.here = self
        self.heard: list[int] = []
        self.news = asyncio.Event()

    def get_compression_options(self) -> dict[str, Any] | None:
        return {} if self.settings["packed"] else None

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(len(message))
        self.news.set()

    def on_close(self) -> None:
        self.news.set()


class Client:
    """Sends and counts frames, compressed or not."""

    def __init__(self, wire: Wire, *, packed: bool) -> None:
        self.wire = wire
        wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._out = zlib.compressobj(wbits=-15) if packed else None
        self._in = zlib.decompressobj(-15)
        self.sizes: list[int] = []
        self.code: int | None = None

    def send(self, kind: str, size: int) -> None:
        """Send one message."""
        opcode, payload = (TEXT if kind == "text" else BINARY), b"x" * size
        if self._out is None:
            self.wire.frame(opcode, payload)
            return
        packed = self._out.compress(payload) + self._out.flush(zlib.Z_SYNC_FLUSH)
        self.wire.frame(opcode, packed[:-4], rsv=0x40)

    async def read(self) -> None:
        """Count what comes, until the close."""
        try:
            while (frame := await self.wire.receive()).opcode != CLOSE:
                payload = frame.payload
                if frame.compressed:
                    payload = self._in.decompress(payload + b"\x00\x00\xff\xff")
                self.sizes.append(len(payload))
            self.code = frame.code
        except Ended:
            pass


async def replayed(
    frames: Iterable[Frame], *, fast: bool, packed: bool, limits: Any = None
) -> tuple[int | None, list[int], list[int], Any]:
    """Replay a recording. Returns the close code, what arrived on both sides, and the statistics."""
    clock = FakeClock()
    guard = make_guard(clock=clock, fast=fast, insecure_allow_any_host=True)
    application = Application([("/ws", Player)], packed=packed)
    protect(application, guard, "chat:connect", limits=limits)
    async with serving(application, guard) as served:
        async with await connect(served.port, "/ws", ALICE, *([OFFER] if packed else [])) as wire:
            client = Client(wire, packed=packed)
            reading = asyncio.create_task(client.read())
            began, said = clock.monotonic(), 0
            for frame in frames:
                clock.advance(max(0.0, began + frame.at / SPEED - clock.monotonic()))
                player = Player.here
                if frame.sender == "server":
                    player.write_message(b"x" * frame.size, binary=frame.kind == "binary")
                    continue
                client.send(frame.kind, frame.size)
                said += 1
                async with asyncio.timeout(60):
                    while len(player.heard) < said and len(guard.registry):
                        player.news.clear()
                        await player.news.wait()
                if not len(guard.registry):
                    break
            heard = list(Player.here.heard)
            if len(guard.registry):
                Player.here.close()
            await reading
            return client.code, heard, client.sizes, guard.statistics


def _sizes(frames: Iterable[Frame], sender: str) -> list[int]:
    return [frame.size for frame in frames if frame.sender == sender]


def _frames(name: str) -> list[Frame]:
    return SYNTHETIC[name] if name in SYNTHETIC else list(read(name).frames)


@pytest.mark.sampled(6)
@BOTH
@PACKED
@pytest.mark.parametrize("name", [*recorded(), *SYNTHETIC])
async def test_ordinary_use_is_not_refused(name: str, packed: bool, fast: bool) -> None:
    """At twice its speed, everything arrives on both sides, and nothing has to wait."""
    frames = _frames(name)
    code, heard, sent, statistics = await replayed(frames, fast=fast, packed=packed)
    assert code in (1000, 1005, None)
    assert heard == _sizes(frames, "client")
    assert sent == _sizes(frames, "server")
    assert (statistics.held, statistics.rejected, statistics.closed) == (0, {}, {})


REFUSED_BY_COMMANDS = [
    ("jupyterlab-run-all-120-cells", 1008),
    ("jupyterlab-cell-of-93-kb", 1009),
    ("jupyterlab-terminal-key-repeat", 1008),
    ("jupyterlab-comm-60-per-second", 1008),
    ("bokeh-slider", 1008),
    ("bokeh-upload-200-kb", 1009),
]


@pytest.mark.parametrize(("name", "expected"), REFUSED_BY_COMMANDS)
async def test_the_limits_of_commands_refuse_it(name: str, expected: int) -> None:
    """So the recordings can show a difference: the other set closes the connection, and data is lost."""
    frames = _frames(name)
    limits = {"/ws": EndpointLimits(**(COMMAND_LIMITS.given() | {"hold_seconds": 0}))}
    code, heard, _, _ = await replayed(frames, fast=True, packed=False, limits=limits)
    assert code == expected
    assert len(heard) < len(_sizes(frames, "client"))


async def test_sixty_four_sockets_of_one_principal() -> None:
    """Every notebook, terminal and console has one. The next one is refused, with a cause."""
    guard = make_guard(insecure_allow_any_host=True)
    application = Application([("/ws", Player)], packed=False)
    protect(application, guard, "chat:connect")
    async with serving(application, guard) as served:
        wires = [await connect(served.port, "/ws", ALICE) for _ in range(64)]
        async with await request(served.port, "/ws", ALICE) as refused:
            assert refused.status == 429
        for wire in wires:
            await wire.hang_up()
