"""Run the cases against one server: a client on a socket of loopback, with a bounded time for each case."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from tornado.websocket import WebSocketHandler

from stormdoor import EndpointLimits
from tests.conformance.case import (
    Case,
    Event,
    Exchange,
    Observation,
    Open,
    Verdict,
    fragments,
    judge,
)
from tests.conformance.compression import Client
from tests.guard.fakes import make_guard
from tests.tornado.wire import (
    BINARY,
    CLOSE,
    PONG,
    TEXT,
    Ended,
    Frame,
    Served,
    Wire,
    connect,
    frame_bytes,
    serving,
    settled,
)

__all__ = ["SERVERS", "Result", "run"]

_MOST = 64 * 2**20
"""Bytes of a message: more than the largest one of chapter 9."""
_PAUSE = 0.2
"""Seconds of a pause, in which a server must find invalid text."""
_SECONDS = 150.0
"""Time for one case."""
_END_SECONDS = 6.0
"""Time for the server to close."""
_AT_ONCE = 6

Result = tuple[Verdict, str]


class Echo(WebSocketHandler):
    """Send each message back, compressed if the client wants."""

    def get_compression_options(self) -> dict[str, Any]:
        """Accept permessage-deflate."""
        return {}

    def on_message(self, message: str | bytes) -> None:
        """Answer with the message."""
        self.write_message(message, binary=isinstance(message, bytes))


@contextlib.asynccontextmanager
async def _plain() -> AsyncIterator[Served]:
    async with serving([("/ws", Echo)], websocket_max_message_size=_MOST) as at:
        yield at


@contextlib.asynccontextmanager
async def _guarded(*, fast: bool) -> AsyncIterator[Served]:
    unlimited = "100000000/s"
    guard = make_guard(
        insecure_allow_any_host=True,
        fast=fast,
        limits={
            "own_protocol": EndpointLimits(
                message_bytes=_MOST,
                messages_per_connection=unlimited,
                bytes_per_connection=unlimited,
                messages_per_principal=unlimited,
                outbound_bytes=_MOST,
            ),
            "handshakes_per_address": unlimited,
            "connections_per_principal": 1000,
        },
    )
    async with serving([("/ws", Echo)], guard, "chat:connect") as at:
        yield at


SERVERS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[Served]]] = {
    "fast protocol": lambda: _guarded(fast=True),
    "Tornado's protocol, guarded": lambda: _guarded(fast=False),
    "plain Tornado": _plain,
}


async def run(
    server: str,
    cases: Sequence[Case | Exchange],
    *,
    messages: int = 20,
    progress: Callable[[str, Result], None] | None = None,
) -> dict[str, Result]:
    """Run the cases against one of `SERVERS`.

    Args:
        server: Its name.
        cases: The cases.
        messages: Number of messages of an `Exchange`.
        progress: Called with each result.

    Returns:
        The result of each case, by its number.
    """
    results: dict[str, Result] = {}
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(case: Case | Exchange) -> None:
        async with places:
            if isinstance(case, Exchange):
                echoes: Event = ("echoes", str(messages).encode())
                expected = Case(number=case.number, steps=(), events=(echoes,))
                seen = await _bounded(_exchange(at.port, case, messages))
            else:
                expected, seen = case, await _bounded(_observe(at.port, case))
        results[case.number] = result = judge(expected, seen)
        if progress is not None:
            progress(case.number, result)

    async with SERVERS[server]() as at, asyncio.TaskGroup() as group:
        for case in cases:
            group.create_task(one(case))
    return {case.number: results[case.number] for case in cases}


async def _bounded(case: Coroutine[Any, Any, Observation]) -> Observation:
    try:
        async with asyncio.timeout(_SECONDS):
            return await case
    except (AssertionError, Ended, TimeoutError, zlib.error) as error:
        return Observation(problem=str(error) or type(error).__name__)


class _Peer:
    """The client of one case: it collects the events of a connection."""

    def __init__(self, wire: Wire, client: Client | None = None) -> None:
        self.seen = Observation()
        self._wire = wire
        self.client = client
        self._changed = asyncio.Event()

    async def read(self) -> None:
        """Read until the server has closed the connection."""
        with contextlib.suppress(Ended):
            while True:
                frame = await self._wire.receive()
                assert frame.final, "these servers do not fragment"
                assert not frame.compressed or self.client, "the frame is compressed"
                if frame.opcode == CLOSE:
                    self._note_close(frame)
                elif frame.opcode in (TEXT, BINARY, PONG):
                    payload = frame.payload
                    if frame.compressed and self.client:
                        payload = self.client.inflate(payload)
                    kind = {TEXT: "text", BINARY: "binary", PONG: "pong"}[frame.opcode]
                    self.seen.events.append((kind, payload))
                self._changed.set()
        self.seen.ended = True
        self.seen.began = self.seen.began or "server"
        self._changed.set()

    def _note_close(self, frame: Frame) -> None:
        assert not self.seen.answered, "there is a second close frame"
        self.seen.answered, self.seen.code = True, frame.code
        if self.seen.began is None:
            self.seen.began = "server"
            self._wire.frame(CLOSE, frame.payload[:2])

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until the condition is true, the connection has ended, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (condition() or self.seen.ended):
                    self._changed.clear()
                    await self._changed.wait()

    async def write(self, data: bytes, chop: int = 0) -> None:
        """Write, `chop` bytes at a time. A server that has closed is no error."""
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(data), chop or len(data)):
                self._wire.raw(data[at : at + (chop or len(data))])
                await self._wire.writer.drain()
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Begin the closing handshake, unless the server has."""
        if self.seen.began is None:
            self.seen.began = "client"
            await self.write(frame_bytes(CLOSE, struct.pack(">H", 1000)))


@contextlib.asynccontextmanager
async def _connected(port: int, offer: str = "") -> AsyncIterator[_Peer]:
    extensions = [("Sec-WebSocket-Extensions", offer)] if offer else []
    wire = await connect(port, "/ws", ("Authorization", "Bearer alice"), *extensions)
    async with wire:
        client = Client(wire.header("Sec-WebSocket-Extensions"), offer) if offer else None
        peer = _Peer(wire, client)
        reading = asyncio.create_task(peer.read())
        try:
            yield peer
            await peer.until(lambda: False, _END_SECONDS)
        finally:
            reading.cancel()
            [problem] = await asyncio.gather(reading, return_exceptions=True)
            if isinstance(problem, Exception):
                peer.seen.problem = str(problem) or type(problem).__name__


async def _observe(port: int, case: Case) -> Observation:
    async with _connected(port) as peer:
        seen, closing = peer.seen, case.closing
        if closing.sent:
            seen.began = "client"
        for step in case.steps:
            if isinstance(step, bytes):
                await peer.write(step, case.chop)
                continue
            await peer.until(lambda: seen.answered, _PAUSE)
            await settled()  # a busy event loop is late for the server, too
            if seen.answered or seen.ended:
                break
            if step.label:
                seen.events.append(Open(step.label))
        if closing.by_client and not closing.sent:
            await peer.until(
                lambda: seen.answered or len(seen.events) >= len(case.events), _SECONDS
            )
            await peer.close()
    return seen


async def _exchange(port: int, case: Exchange, messages: int) -> Observation:
    opcode, kind = (BINARY, "binary") if case.binary else (TEXT, "text")
    async with _connected(port, case.offer) as peer:
        seen, echoes = peer.seen, 0
        for index in range(messages):
            payload = case.payload(index)
            data, rsv = (peer.client.deflate(payload), 0x40) if peer.client else (payload, 0)
            await peer.write(fragments(data, case.fragment, opcode, rsv=rsv))
            await peer.until(lambda: seen.answered or bool(seen.events), _SECONDS)
            if seen.events != [(kind, payload)]:
                break
            seen.events.clear()
            echoes += 1
        seen.events.append(("echoes", str(echoes).encode()))
        await peer.close()
    return seen
