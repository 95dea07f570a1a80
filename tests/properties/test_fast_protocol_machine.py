"""The fast protocol between a client, a handler and a kernel that do what they like, in any order."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from stormdoor.core.frame import BINARY, CLOSE, PING, PONG, TEXT
from stormdoor.guard.pause import PauseReading
from stormdoor.tornado.fast.protocol import FastProtocol
from tests.support.client_frames import client_frame


class Kernel:
    """A transport: it takes what is written, or does not."""

    def __init__(self, protocol: FastProtocol) -> None:
        self.protocol = protocol
        self.written = b""
        self.waiting = 0
        self.full = False
        self.closing = self.lost = self.ended = self.paused = False
        self.faults: list[str] = []

    def write(self, data: bytes) -> None:
        if self.closing or self.ended or not data:
            self.faults.append(f"written after the end of the stream: {data!r}")
        self.written += data
        if self.full:
            first = not self.waiting
            self.waiting += len(data)
            if first:
                self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def drain(self) -> None:
        """Let the client read all data."""
        self.full = False
        if self.waiting and not self.lost:
            self.waiting = 0
            self.protocol.resume_writing()
            if self.closing:
                self.lose()

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            if not self.waiting:
                self.lose()

    def abort(self) -> None:
        self.closing = True
        self.waiting = 0
        self.lose()

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        if self.paused or self.closing:
            self.faults.append("paused twice, or too late")
        self.paused = True

    def resume_reading(self) -> None:
        if not self.paused or self.closing:
            self.faults.append("resumed twice, or too late")
        self.paused = False

    def lose(self) -> None:
        """The connection is gone, as the loop will say in a moment."""
        if not self.lost:
            self.lost = self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Handler:
    """Answers, waits, raises, closes: as it is told for each message."""

    def __init__(self, moods: list[str]) -> None:
        self.moods = moods
        self.protocol: FastProtocol
        self.kernel: Kernel
        self.waiting: list[asyncio.Future[None]] = []
        self.futures: list[asyncio.Future[None]] = []
        self.heard: list[Any] = []
        self.closed = 0
        self.shut = False
        context = contextvars.copy_context()
        self.contexts = (context, context.copy())
        self.again: Any = None
        self.faults: list[str] = []

    def receive_text(self, text: bytes) -> Any:
        return self._hear((TEXT, text))

    def on_message(self, message: bytes) -> Any:
        return self._hear((BINARY, message))

    def on_ping(self, data: bytes) -> Any:
        return self._hear((PING, data), waits=False)

    def on_pong(self, data: bytes) -> Any:
        return self._hear((PONG, data))

    def count_buffered(self, size: int) -> None:
        """The guard forgets the bytes when the handler hears of the end."""

    def record_abort(self, code: int, reason: str) -> None:
        """The protocol itself tells the client."""

    def _hear(self, event: Any, *, waits: bool = True) -> Any:
        # Written down, not raised: what a handler raises is the protocol's to catch.
        if self.closed or self.shut:
            self.faults.append("delivered after the end")
        if any(not one.done() for one in self.waiting):
            self.faults.append("delivered while a handler waits")
        self.heard.append(event)
        mood = self.moods[len(self.heard) % len(self.moods)]
        if self.again is not None:
            if event != self.again:
                self.faults.append("another message overtook the one that was held up")
            self.again, mood = None, "answer"
        if mood == "answer":
            self.say(event[1])
        elif mood == "raise":
            self.shut = True
            raise RuntimeError("as told")
        elif mood == "close":
            self.shut = True
            self.protocol.close(4000, "as told")
        elif mood in ("wait", "await") and waits:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
            return future if mood == "wait" else self._later(future)
        elif mood == "hold" and waits:
            return PauseReading(0.0, again=False)
        elif mood == "again" and waits:
            self.again = self.heard.pop()
            return PauseReading(0.0, again=True)
        elif mood == "at once" and waits:
            return self._at_once()
        return None

    async def _later(self, future: asyncio.Future[None]) -> None:
        task = asyncio.current_task()
        assert task is not None
        await future
        assert asyncio.current_task() is task
        self.say(b"later")

    async def _at_once(self) -> None:
        assert asyncio.current_task() is not None

    def say(self, payload: bytes) -> None:
        with contextlib.suppress(WebSocketClosedError):
            self.futures.append(self.protocol.write_message(payload, binary=True))

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        if any(not one.done() for one in self.waiting):
            self.faults.append("told while it waits")
        self.closed += 1

    def log_exception(self, *args: Any) -> None:
        self.shut = True


def frames_of(written: bytes) -> list[int]:
    """The opcodes of what a server wrote, which must be whole frames."""
    found, at = [], 0
    while at < len(written):
        size, start = written[at + 1], at + 2
        assert size < 127
        if size == 126:
            size, start = int.from_bytes(written[start : start + 2], "big"), start + 2
        found.append(written[at] & 0x0F)
        at = start + size
    assert at == len(written)
    return found


frames = st.builds(
    client_frame,
    st.sampled_from([TEXT, TEXT, TEXT, BINARY, PING, PONG, 0, CLOSE, 3]),
    st.sampled_from([b"", b"x", b"\x03\xe8", b"y" * 100, b"z" * 300, b"\xff"]),
    final=st.sampled_from([True, True, True, False]),
)
chunks = st.tuples(st.just("data"), st.lists(frames, min_size=2, max_size=6).map(b"".join))
happenings = [
    "run",
    "run",
    "finish",
    "finish",
    "fail",
    "say",
    "ping",
    "close",
    "full",
    "drain",
    "eof",
    "lose",
    "abort",
]
steps = st.one_of(
    chunks,
    chunks,
    st.tuples(st.just("half"), frames),
    st.tuples(st.sampled_from(happenings), st.none()),
)
moods = st.lists(
    st.sampled_from(
        [
            "answer",
            "answer",
            "ignore",
            "wait",
            "await",
            "at once",
            "hold",
            "again",
            "raise",
            "close",
        ]
    ),
    min_size=1,
    max_size=6,
)


@example(  # a pong that waited must not go out behind the close frame
    what=[
        ("full", None),
        ("data", client_frame(PING, b"1") + client_frame(PING, b"2") + client_frame(PING, b"3")),
        ("close", None),
        ("run", None),
        ("drain", None),
        ("run", None),
    ],
    how=["ignore"],
)
@settings(max_examples=4 * settings().max_examples)
@given(st.lists(steps, min_size=2, max_size=25), moods)
async def test_random_steps_of_a_connection(  # noqa: PLR0912 - a machine has many steps
    what: list[tuple[str, Any]], how: list[str]
) -> None:
    """No message is delivered while a handler waits or after the end; no frame is written after the close."""
    handler = Handler(how)
    protocol = FastProtocol(handler, handler, max_message_size=200)  # type: ignore[arg-type]
    kernel = Kernel(protocol)
    handler.protocol, handler.kernel = protocol, kernel
    protocol.connection_made(kernel)  # type: ignore[arg-type]
    protocol.begin()
    hung_up = False
    for step, data in what:
        match step:
            case "data" | "half" if not (kernel.closing or kernel.paused or hung_up):
                protocol.data_received(data if step == "data" else data[: len(data) // 2])
            case "run":
                await asyncio.sleep(0)
            case "finish" | "fail":
                for one in handler.waiting:
                    if not one.done():
                        if step == "finish":
                            one.set_result(None)
                        else:
                            one.set_exception(RuntimeError("as told"))
                await asyncio.sleep(0)
            case "say":
                handler.say(b"from elsewhere")
            case "ping":
                with contextlib.suppress(StreamClosedError):
                    if not protocol.is_closing():
                        protocol.write_ping(b"?")
            case "close":
                handler.shut = True
                protocol.close(1001)
            case "full":
                kernel.full = True
            case "drain":
                kernel.drain()
            case "eof" if not (kernel.closing or kernel.paused or hung_up):
                hung_up = True
                if not protocol.eof_received():
                    kernel.close()
            case "lose":
                kernel.lose()
            case "abort":
                protocol._abort()
    for one in handler.waiting:
        if not one.done():
            one.set_result(None)
    kernel.drain()
    for _ in range(10):
        await asyncio.sleep(0)
        for one in handler.waiting:
            if not one.done():
                one.set_result(None)
    assert all(one.done() for one in handler.futures) or not kernel.lost
    kernel.abort()
    for _ in range(10):
        await asyncio.sleep(0)
    assert handler.faults == []
    assert kernel.faults == []
    assert handler.closed == 1
    assert all(one.done() for one in handler.futures)
    assert protocol._close_timeout is None
    assert protocol._pinging is None
    assert protocol._pause_timer is None
    opcodes = frames_of(kernel.written)
    assert CLOSE not in opcodes[:-1]
