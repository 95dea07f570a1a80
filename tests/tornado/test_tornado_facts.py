"""Facts of plain Tornado that the adapter relies on; a version that behaves otherwise fails here.

No guard anywhere in this file: each fact is also the proof that the attack behind it works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import tornado
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from tests.tornado.wire import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Ended,
    connect,
    log_lines,
    request,
    serving,
    settled,
    until,
)

V6_6 = tornado.version_info[:2] >= (6, 6)


class Told(WebSocketHandler):
    """Writes down what happens to it."""

    def initialize(self, told: list[str], **more: Any) -> None:
        self.told = told
        self.more = more

    def prepare(self) -> None:
        self.told.append("prepare")

    def check_origin(self, origin: str) -> bool:
        self.told.append(f"check_origin {origin}")
        return super().check_origin(origin)

    def open(self) -> None:
        self.told.append("open")

    def on_message(self, message: str | bytes) -> Any:
        self.told.append(f"message {message!r}")

    def on_close(self) -> None:
        self.told.append("on_close")

    def on_finish(self) -> None:
        self.told.append("on_finish")


def routes(handler: type[Told], told: list[str], **more: Any) -> list[Any]:
    """One route."""
    return [("/ws", handler, {"told": told, **more})]


async def test_prepare_runs_before_the_origin_is_checked() -> None:
    """Tornado runs `prepare` before it checks the origin, also for a hostile page."""
    told: list[str] = []
    async with serving(routes(Told, told)) as at:
        wire = await request(at.port, "/ws", ("Origin", "https://evil.example"))
        async with wire:
            assert wire.status == 403
    assert told == ["prepare", "check_origin https://evil.example", "on_finish"]


SKIPPED: list[tuple[str, Sequence[tuple[str, str]], bool]] = [
    ("no origin", [], True),
    ("origin is host", [("Origin", "http://{host}")], V6_6),
    ("origin is host, other scheme", [("Origin", "https://{host}")], V6_6),
    (
        "foreign origin that claims to be same-origin",
        [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
        V6_6,
    ),
    ("foreign origin", [("Origin", "https://evil.example")], False),
]


@pytest.mark.parametrize(
    ("headers", "skipped"), [case[1:] for case in SKIPPED], ids=[c[0] for c in SKIPPED]
)
async def test_check_origin_is_not_asked_about_every_handshake(
    headers: Sequence[tuple[str, str]], skipped: bool
) -> None:
    """A handler cannot rely on `check_origin` being called (6.6: still less)."""
    told: list[str] = []
    async with serving(routes(Told, told)) as at:
        host = f"127.0.0.1:{at.port}"
        sent = [(name, value.format(host=host)) for name, value in headers]
        async with await request(at.port, "/ws", *sent):
            pass
    assert ("check_origin" in " ".join(told)) is not skipped


@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "javascript"])
async def test_the_scheme_of_an_origin_is_never_compared(scheme: str) -> None:
    """Tornado's own check ignores the scheme, so a page from `http://app` can open `https://app`."""
    told: list[str] = []
    async with serving(routes(Told, told)) as at:
        origin = f"{scheme}://127.0.0.1:{at.port}"
        async with await request(at.port, "/ws", ("Origin", origin)) as wire:
            assert wire.status == 101


async def test_anybody_without_an_origin_is_let_in() -> None:
    """No credential, no Origin: plain Tornado opens the socket."""
    told: list[str] = []
    async with serving(routes(Told, told)) as at, await connect(at.port) as wire:
        wire.send("hello")
        await until(lambda: "message 'hello'" in told)


async def test_open_runs_after_the_101_and_without_a_deadline() -> None:
    """A client has its 101 while `open` still decides whether it should have."""
    told: list[str] = []
    gate = asyncio.Event()

    class Slow(Told):
        async def open(self) -> None:  # type: ignore[override]
            self.told.append("open begins")
            await gate.wait()
            self.told.append("open ends")

    async with serving(routes(Slow, told)) as at, await connect(at.port) as wire:
        wire.send("early")
        await until(lambda: "open begins" in told)
        await settled()
        assert "open ends" not in told
        gate.set()
        await until(lambda: "message 'early'" in told)
        assert told[-2:] == ["open ends", "message 'early'"]


async def test_frames_reach_on_message_after_close() -> None:
    """`close()` does not shut the gate: a client that ignores the close frame is still heard."""
    told: list[str] = []

    class Closing(Told):
        def on_message(self, message: str | bytes) -> None:
            self.told.append(f"message {message!r}")
            self.close(1008, "go away")

    async with serving(routes(Closing, told)) as at, await connect(at.port) as wire:
        wire.send("one")
        assert await wire.close_code() == 1008
        wire.send("two")
        await until(lambda: "message 'two'" in told)


async def test_pings_reach_the_handler_after_close() -> None:
    """Control frames carry data as well, and they too arrive after `close()`."""
    told: list[str] = []

    class Pinged(Told):
        def on_message(self, message: str | bytes) -> None:
            self.close()

        def on_ping(self, data: bytes) -> None:
            self.told.append(f"ping {data!r}")

    async with serving(routes(Pinged, told)) as at, await connect(at.port) as wire:
        wire.send("one")
        await wire.close_code()
        wire.frame(PING, b"still here")
        await until(lambda: "ping b'still here'" in told)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_on_close_never_runs_if_open_raises(asynchronous: bool) -> None:
    """Tornado does not call `on_close` if `open` raises."""
    told: list[str] = []

    class Sync(Told):
        def open(self) -> None:
            raise RuntimeError("no")

    class Async(Told):
        async def open(self) -> None:  # type: ignore[override]
            raise RuntimeError("no")

    with log_lines("tornado.application"):
        async with serving(routes(Async if asynchronous else Sync, told)) as at:
            async with await connect(at.port) as wire:
                await wire.ended()
            await settled()
    assert "on_close" not in told


async def test_a_client_that_leaves_during_prepare_is_opened_after_it_was_closed() -> None:
    """`on_close` comes first, then `open`: what `open` takes is never given back."""
    told: list[str] = []
    gate = asyncio.Event()

    class Slow(Told):
        async def prepare(self) -> None:  # type: ignore[override]
            self.told.append("prepare")
            await gate.wait()

    async with serving(routes(Slow, told)) as at:
        wire = await request(at.port, wait=False)
        await until(lambda: "prepare" in told)
        await wire.hang_up()
        await until(lambda: "on_close" in told)
        gate.set()
        await until(lambda: "open" in told)
        await settled()
    assert told.index("on_close") < told.index("open")
    assert told.count("on_close") == 1


async def test_unmasked_frames_are_accepted() -> None:
    """RFC 6455 §5.1 says a server must close; Tornado reads on."""
    told: list[str] = []
    async with serving(routes(Told, told)) as at, await connect(at.port) as wire:
        wire.frame(TEXT, b"bare", masked=False)
        await until(lambda: "message 'bare'" in told)


@pytest.mark.parametrize("compressed", [False, True])
async def test_compression_gives_every_idle_connection_two_zlib_states(compressed: bool) -> None:
    """That is where ten times the memory of an idle connection comes from (300 KiB by zlib's text)."""
    told: list[str] = []
    seen: list[Any] = []

    class Kept(Told):
        def get_compression_options(self) -> dict[str, Any] | None:
            return {} if compressed else None

        def open(self) -> None:
            seen.append(self.ws_connection)

    async with serving(routes(Kept, told)) as at:
        offer = ("Sec-WebSocket-Extensions", "permessage-deflate")
        async with await connect(at.port, "/ws", offer) as wire:
            assert (wire.header("Sec-WebSocket-Extensions") is not None) is compressed
            await until(lambda: seen)
            [protocol] = seen
            assert (protocol._compressor is not None) is compressed
            assert (protocol._decompressor is not None) is compressed


async def test_on_finish_runs_at_the_101() -> None:
    """It does not mean that the connection is over."""
    told: list[str] = []
    async with serving(routes(Told, told)) as at, await connect(at.port):
        await until(lambda: "open" in told)
        assert told == ["prepare", "on_finish", "open"]


async def test_a_ping_waits_behind_a_running_on_message() -> None:
    """Frames are read one after the other: a slow handler looks like a dead server."""
    told: list[str] = []
    gate = asyncio.Event()

    class Slow(Told):
        async def on_message(self, message: str | bytes) -> None:
            self.told.append("message")
            await gate.wait()

    async with serving(routes(Slow, told)) as at, await connect(at.port) as wire:
        wire.send("work")
        wire.frame(PING, b"?")
        await until(lambda: "message" in told)
        await settled()
        gate.set()
        assert (await wire.receive()).opcode == PONG


RAISED: list[tuple[type[Exception], bool]] = [(KeyError, not V6_6), (ValueError, not V6_6)]


@pytest.mark.parametrize(("error", "skips_on_close"), RAISED)
async def test_an_exception_in_an_asynchronous_on_message(
    error: type[Exception], skips_on_close: bool
) -> None:
    """6.5: `on_close` never runs; after a KeyError the socket even stays open. 6.6: closed properly."""
    told: list[str] = []
    seen: list[Any] = []

    class Raising(Told):
        async def on_message(self, message: str | bytes) -> None:
            seen.append(self.ws_connection)
            raise error("no")

    with log_lines("tornado.application", "tornado.general", "asyncio"):
        async with serving(routes(Raising, told)) as at, await connect(at.port) as wire:
            wire.send("x")
            await until(lambda: seen)
            if error is KeyError and not V6_6:
                await settled()
                assert not wire.reader.at_eof()
            else:
                await wire.ended()
            await settled()
            assert ("on_close" not in told) is skips_on_close
            seen[0].stream.close()


async def test_a_body_is_buffered_before_the_handler_is_asked() -> None:
    """An unauthenticated client makes the server keep as much as `max_body_size` (100 MiB)."""
    told: list[str] = []
    sizes: list[int] = []

    class Strict(Told):
        def prepare(self) -> None:
            sizes.append(len(self.request.body))
            raise HTTPError(401)

    async with serving(routes(Strict, told)) as at:
        body = b"x" * 1_000_000
        length = ("Content-Length", str(len(body)))
        async with await request(at.port, "/ws", length, body=body) as wire:
            assert wire.status == 401
    assert sizes == [1_000_000]


async def test_the_query_is_in_the_access_log() -> None:
    """A token in the address is written down in full."""
    told: list[str] = []
    with log_lines("tornado.access") as lines:
        async with serving(routes(Told, told)) as at:
            async with await connect(at.port, "/ws?token=secret"):
                await until(lambda: "open" in told)
    assert any("token=secret" in line for line in lines)


async def test_anybody_writes_the_address_of_the_client_with_xheaders() -> None:
    """With `xheaders=True` Tornado takes the client's address from `X-Real-Ip` of any client."""
    told: list[str] = []
    seen: list[str | None] = []

    class Addressed(Told):
        def prepare(self) -> None:
            seen.append(self.request.remote_ip)

    async with serving(routes(Addressed, told), server_options={"xheaders": True}) as at:
        async with await connect(at.port, "/ws", ("X-Real-Ip", "203.0.113.9")):
            pass
    assert seen == ["203.0.113.9"]


async def test_an_oversized_frame_is_refused_before_it_has_been_sent() -> None:
    """Tornado believes the length in the header and cuts off at once (1009)."""
    told: list[str] = []
    async with serving(routes(Told, told), websocket_max_message_size=100) as at:
        async with await connect(at.port) as wire:
            wire.raw(bytes([0x81, 0x80 | 126, 0x40, 0x00]))
            frame = await wire.receive()
            assert (frame.opcode, frame.code) == (CLOSE, 1009)
            with pytest.raises(Ended):
                await wire.receive()


async def test_the_limit_of_an_open_socket_can_be_moved() -> None:
    """Before the first message it is small; a handler has no other way to widen it afterwards."""
    told: list[str] = []

    class Widening(Told):
        def on_message(self, message: str | bytes) -> None:
            super().on_message(message[:5])
            protocol: Any = self.ws_connection
            protocol.params.max_message_size = 1000

    async with serving(routes(Widening, told), websocket_max_message_size=100) as at:
        async with await connect(at.port) as wire:
            wire.send("small")
            wire.send("l" * 900)
            await until(lambda: "message 'lllll'" in told)
            wire.send("l" * 1001)
            assert await wire.close_code() == 1009


async def test_no_frame_is_read_while_on_message_waits() -> None:
    """Tornado reads no frame while `on_message` waits."""
    told: list[str] = []
    go = asyncio.Event()

    class Waiting(Told):
        async def on_message(self, message: str | bytes) -> None:
            Told.on_message(self, message)
            await go.wait()

        def on_ping(self, data: bytes) -> None:
            told.append("ping")

    async with serving(routes(Waiting, told)) as at, await connect(at.port) as wire:
        wire.send("first")
        wire.frame(PING, b"x")
        wire.send("second")
        await until(lambda: "message 'first'" in told)
        await settled()
        assert told[-1] == "message 'first'"
        go.set()
        await until(lambda: told[-1] == "message 'second'")
        assert "ping" in told
