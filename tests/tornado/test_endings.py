"""However a connection ends, or never begins: the quota is back, the handler is told at most once.

Each test ends with nothing registered, nothing counted, and one end in the trail for each beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, Target
from tests.guard.fakes import FakeStore, events, make_guard
from tests.tornado.wire import (
    CLOSE,
    Served,
    connect,
    log_lines,
    request,
    serving,
    settled,
    until,
)

ALICE = ("Authorization", "Bearer alice")
CAROL = ("Authorization", "Bearer carol")


class Told(WebSocketHandler):
    """Writes down what happens to it."""

    def initialize(self, told: list[str]) -> None:
        self.told = told

    def open(self) -> Any:
        self.told.append("open")

    def on_message(self, message: str | bytes) -> Any:
        self.told.append(f"message {message!s}")

    def on_close(self) -> None:
        self.told.append("on_close")


@contextlib.asynccontextmanager
async def guarded(
    handler: type[Told], told: list[str], **options: Any
) -> AsyncIterator[tuple[Served, Guard]]:
    """Serve one handler; at the end nothing may be left of any connection."""
    guard = make_guard(**{"insecure_allow_any_host": True, **options})
    async with serving([("/ws", handler, {"told": told})], guard, "chat:connect") as at:
        yield at, guard
        await until(lambda: len(guard.registry) == 0)
        assert guard.registry._addresses == {}
        assert guard.registry._opened == {}
        guard.registry.forget_idle(guard.clock.monotonic() + 1000)
        assert guard.registry._principals == {}
        names = [event.name for event in await events(guard)]
        assert names.count("connection_opened") == names.count("connection_closed")
        assert told.count("on_close") <= told.count("open")


async def _ready(guard: Guard) -> None:
    await until(lambda: any(connection.open for connection in guard.registry))


async def test_the_client_closes() -> None:
    """When the client closes, the server answers with the same code."""
    told: list[str] = []
    async with guarded(Told, told) as (at, _), await connect(at.port, "/ws", ALICE) as ws:
        assert await ws.close(1000) == 1000
        await until(lambda: "on_close" in told)


@pytest.mark.parametrize("abruptly", [False, True])
async def test_the_client_hangs_up(abruptly: bool) -> None:
    """The client closes TCP without a close frame, or resets it."""
    told: list[str] = []
    async with guarded(Told, told) as (at, guard):
        ws = await connect(at.port, "/ws", ALICE)
        await _ready(guard)
        if abruptly:
            ws.abort()
        else:
            await ws.hang_up()
        await until(lambda: "on_close" in told)


async def test_the_client_breaks_the_protocol() -> None:
    """A frame with reserved bits, a continuation of nothing, half a frame, text that is no UTF-8."""
    for broken in (b"\xf1\x80aaaa", b"\x80\x80aaaa", b"\x81\x85ab", b"\x81\x82\0\0\0\0\xff\xff"):
        told: list[str] = []
        async with guarded(Told, told) as (at, guard), await connect(at.port, "/ws", ALICE) as ws:
            await _ready(guard)
            ws.raw(broken)
            ws.writer.write_eof()
            await ws.ended()
            await until(lambda: "on_close" in told)  # noqa: B023 - awaited at once


async def test_the_application_closes() -> None:
    """The application closes, and the client never answers the close frame."""

    class Closing(Told):
        def on_message(self, message: str | bytes) -> None:
            self.close(4000, "enough")

    told: list[str] = []
    async with guarded(Closing, told) as (at, guard):
        ws = await connect(at.port, "/ws", ALICE)
        ws.send("x")
        assert await ws.close_code() == 4000
        assert len(guard.registry) == 0  # before the TCP connection has gone
        await ws.hang_up()
        await until(lambda: "on_close" in told)


@pytest.mark.parametrize(("code", "reason"), [(70_000, None), (1000, "x" * 200)])
async def test_a_close_that_no_frame_can_hold(code: int, reason: str | None) -> None:
    """The application's mistake; the socket is closed all the same."""

    class Odd(Told):
        def on_message(self, message: str | bytes) -> None:
            self.close(code, reason)

    told: list[str] = []
    with log_lines("tornado.application"):
        async with guarded(Odd, told) as (at, _), await connect(at.port, "/ws", ALICE) as ws:
            ws.send("x")
            assert await ws.close_code() == 1011


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_open_raises(asynchronous: bool) -> None:
    """1011, and `on_close` does not run, as in Tornado."""

    class Sync(Told):
        def open(self) -> None:
            raise RuntimeError("no")

    class Async(Told):
        async def open(self) -> None:
            await asyncio.sleep(0)
            raise RuntimeError("no")

    told: list[str] = []
    with log_lines("tornado.application"):
        async with guarded(Async if asynchronous else Sync, told) as (at, guard):
            async with await connect(at.port, "/ws", ALICE) as ws:
                assert await ws.close_code() == 1011
            [*_, event] = await events(guard)
            assert event.cause == "internal"
    assert told == []


ERRORS = [KeyError("k"), ValueError("v"), asyncio.CancelledError(), HTTPError(500)]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_on_message_raises(error: BaseException, asynchronous: bool) -> None:
    """1011 and `on_close`, on every version of Tornado; nothing more is delivered."""

    class Sync(Told):
        def on_message(self, message: str | bytes) -> Any:
            self.told.append("message")
            raise error

    class Async(Told):
        async def on_message(self, message: str | bytes) -> None:
            self.told.append("message")
            await asyncio.sleep(0)
            raise error

    told: list[str] = []
    with log_lines("tornado.application"):
        async with guarded(Async if asynchronous else Sync, told) as (at, guard):
            async with await connect(at.port, "/ws", ALICE) as ws:
                ws.send("one")
                ws.send("two")
                frame = await ws.receive()
                assert (frame.opcode, frame.code) == (CLOSE, 1011)
                ws.frame(CLOSE, frame.payload[:2])
                await ws.ended()
            await until(lambda: "on_close" in told)
            [*_, event] = await events(guard)
            assert event.cause == "internal"
    assert told == ["open", "message", "on_close"]


@pytest.mark.parametrize("way", ["raises", "finishes", "finishes later", "raises later"])
async def test_prepare_does_not_let_it_through(way: str) -> None:
    """The handler's own refusal: there is no connection."""

    class Refusing(Told):
        async def prepare(self) -> None:
            if "later" in way:
                await asyncio.sleep(0)
            if way.startswith("raises"):
                raise HTTPError(403)
            self.set_status(403)
            self.finish("no")

    told: list[str] = []
    async with guarded(Refusing, told) as (at, _):
        async with await request(at.port, "/ws", ALICE) as ws:
            assert ws.status == 403
    assert told == []


GETS = ["answers", "refuses", "raises", "forgets"]


@pytest.mark.parametrize("way", GETS)
async def test_get_does_not_let_it_through(way: str) -> None:
    """A `get` of the handler's own that answers with a page."""

    class Own(Told):
        async def get(self, *args: Any, **kwargs: Any) -> None:
            match way:
                case "answers":
                    self.write("page")
                case "refuses":
                    self.send_error(403)
                case "raises":
                    raise RuntimeError("no")

    told: list[str] = []
    with log_lines("tornado.application"):
        async with guarded(Own, told) as (at, _):
            async with await request(at.port, "/ws", ALICE) as ws:
                assert ws.status == {"answers": 200, "refuses": 403, "raises": 500}.get(way, 200)
    assert told == []


NOT_A_HANDSHAKE: list[tuple[str, list[tuple[str, str]], bool, str, int]] = [
    ("a page", [], False, "GET", 400),
    ("another method", [], False, "POST", 405),
    ("head", [], False, "HEAD", 405),
    ("options", [], False, "OPTIONS", 405),
    ("no connection header", [("Connection", "close")], True, "GET", 400),
    ("another version", [("Sec-WebSocket-Version", "12")], True, "GET", 426),
]


@pytest.mark.parametrize(
    ("headers", "upgrade", "method", "status"),
    [case[1:] for case in NOT_A_HANDSHAKE],
    ids=[case[0] for case in NOT_A_HANDSHAKE],
)
async def test_what_is_no_handshake_opens_nothing(
    headers: list[tuple[str, str]], upgrade: bool, method: str, status: int
) -> None:
    """Tornado refuses it, after the guard let it pass. Without a credential the guard refuses first."""
    told: list[str] = []
    async with guarded(Told, told) as (at, _):
        async with await request(
            at.port, "/ws", ALICE, *headers, method=method, upgrade=upgrade
        ) as ws:
            assert ws.status == status
        async with await request(at.port, "/ws", *headers, method=method, upgrade=upgrade) as ws:
            assert ws.status == 401
    assert told == []


async def test_the_client_leaves_while_the_store_is_asked() -> None:
    """The handler gets no call if the client leaves while the guard asks the store."""
    store = FakeStore()
    told: list[str] = []

    class Prepared(Told):
        def prepare(self) -> None:
            self.told.append("prepare")

    async with guarded(Prepared, told, store=store) as (at, guard):
        from stormdoor.core.account import Account

        await store.add_account(Account(id="carol", roles=frozenset({"member"})))
        pause = store.pause("account")
        ws = await request(at.port, "/ws", CAROL, wait=False)
        await pause.reached.wait()
        await ws.hang_up()
        await settled(50)
        pause.go()
        await until(lambda: guard.statistics.admitted.total() == 1)
        await settled(50)
    assert told == []


async def test_the_client_leaves_while_the_handler_prepares() -> None:
    """Plain Tornado calls `on_close`, then `open`, and then nothing for ever. Here: neither."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def prepare(self) -> None:
            reached.set()
            await go.wait()
            self.told.append("prepared")

    async with guarded(Slow, told) as (at, guard):
        ws = await request(at.port, "/ws", ALICE, wait=False)
        await reached.wait()
        assert len(guard.registry) == 1
        await ws.hang_up()
        await until(lambda: len(guard.registry) == 0)  # at once, not when `prepare` is done
        go.set()
        await until(lambda: "prepared" in told)
        await settled(50)
    assert told == ["prepared"]


async def test_the_client_leaves_while_get_waits() -> None:
    """`open` is not called if the client leaves while the handler's own `get` waits."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def get(self, *args: Any, **kwargs: Any) -> None:
            reached.set()
            await go.wait()
            await super().get(*args, **kwargs)
            self.told.append("got")

    async with guarded(Slow, told) as (at, _):
        ws = await request(at.port, "/ws", ALICE, wait=False)
        await reached.wait()
        await ws.hang_up()
        await settled(50)
        go.set()
        await until(lambda: "got" in told)
    assert told == ["got"]


async def test_revoked_while_the_handler_prepares() -> None:
    """401, and no 101: the handshake is still one that can be refused."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def prepare(self) -> None:
            reached.set()
            await go.wait()

    async with guarded(Slow, told) as (at, guard):
        ws = await request(at.port, "/ws", ALICE, wait=False)
        await reached.wait()
        assert (await guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 1
        go.set()
        await ws.read_answer()
        assert ws.status == 401
        await ws.hang_up()
    assert told == []


async def test_revoked_while_get_waits() -> None:
    """The 101 may be on its way: then the first frame is the close, and `open` has not run."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def get(self, *args: Any, **kwargs: Any) -> None:
            reached.set()
            await go.wait()
            await super().get(*args, **kwargs)

    async with guarded(Slow, told) as (at, guard):
        ws = await request(at.port, "/ws", ALICE, wait=False)
        await reached.wait()
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        go.set()
        await ws.read_answer()
        ws.send("let me in")
        assert await ws.close_code() == 3000
        ws.send("please")
        await ws.hang_up()
        await settled(50)
    assert told == []


async def test_revoked_while_open_waits() -> None:
    """A client revoked during `open` gets the close at once; its messages are not delivered."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def open(self) -> None:
            self.told.append("open")
            reached.set()
            await go.wait()

    async with guarded(Slow, told) as (at, guard), await connect(at.port, "/ws", ALICE) as ws:
        await reached.wait()
        ws.send("early")
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        assert await ws.close_code() == 3000
        go.set()
        ws.frame(CLOSE, b"\x0b\xb8")
        await ws.ended()
        await until(lambda: "on_close" in told)
    assert told == ["open", "on_close"]


async def test_revoked_while_a_message_is_being_handled() -> None:
    """The next one, which is here already, is dropped."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def on_message(self, message: str | bytes) -> None:
            self.told.append(str(message))
            reached.set()
            await go.wait()

    async with guarded(Slow, told) as (at, guard), await connect(at.port, "/ws", ALICE) as ws:
        ws.send("one")
        ws.send("two")
        await reached.wait()
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        assert await ws.close_code() == 3000
        go.set()
        ws.send("three")
        ws.frame(CLOSE, b"\x0b\xb8")
        await ws.ended()
        await until(lambda: "on_close" in told)
    assert told == ["open", "one", "on_close"]


async def test_on_finish_raises_at_the_101() -> None:
    """Tornado neither opens such a connection nor closes it: the quota must come back all the same."""

    class Odd(Told):
        def on_finish(self) -> None:
            raise RuntimeError("no")

    told: list[str] = []
    with log_lines("tornado.application"):
        async with guarded(Odd, told) as (at, _):
            async with await request(at.port, "/ws", ALICE) as ws:
                assert ws.status == 101
    assert told == []


@pytest.mark.parametrize("method", ["on_connection_close", "on_ws_connection_close", "on_close"])
async def test_a_handler_that_does_not_pass_on_its_end(method: str) -> None:
    """A handler that overrides a method of the end, without `super()`, does not stop the guard."""
    for raises in (False, True):

        def own(self: Any, *args: Any, raises: bool = raises) -> None:
            if raises:
                raise RuntimeError("no")

        told: list[str] = []
        odd = type("Odd", (Told,), {method: own})
        with log_lines("tornado.application", "asyncio"):
            async with guarded(odd, told) as (at, guard):
                ws = await connect(at.port, "/ws", ALICE)
                await _ready(guard)
                await ws.hang_up()
                await until(lambda guard=guard: len(guard.registry) == 0)
                await settled()


async def test_a_listener_that_raises() -> None:
    """The guard counts an end also if a listener for ends raises."""
    told: list[str] = []
    async with guarded(Told, told) as (at, guard):

        def odd(connection: object) -> None:
            raise RuntimeError("no")

        guard.registry.on_end.append(odd)
        with log_lines("stormdoor.registry") as lines:
            async with await connect(at.port, "/ws", ALICE) as ws:
                await _ready(guard)
                await ws.close()
            await until(lambda: "on_close" in told)
        assert any("listener" in line for line in lines)


async def test_many_at_once_leave_nothing() -> None:
    """Fifty clients in five different ways."""
    told: list[str] = []
    async with guarded(
        Told, told, limits={"connections_per_principal": 1000, "connections_per_address": 1000}
    ) as (at, _):

        async def one(number: int) -> None:
            ws = await request(at.port, "/ws", ALICE, wait=number % 5 != 4)
            match number % 5:
                case 0:
                    await ws.close()
                case 1:
                    ws.abort()
                case 2:
                    ws.send("x")
                    ws.raw(b"\xff\xff\xff")
            await ws.hang_up()

        await asyncio.gather(*(one(number) for number in range(50)))


async def test_the_server_ends() -> None:
    """The end of the server closes every connection with 1001."""
    told: list[str] = []
    async with guarded(Told, told) as (at, guard):
        wires = [await connect(at.port, "/ws", ALICE) for _ in range(3)]
        await until(lambda: sum(one.open for one in guard.registry) == 3)
        guard.state.engines[0].close = _nothing  # type: ignore[method-assign]
        await guard.close()
        for ws in wires:
            assert await ws.close_code() == 1001
            await ws.hang_up()
        async with await request(at.port, "/ws", ALICE) as ws:
            assert ws.status == 503
            assert ws.header("Retry-After")
        await until(lambda: told.count("on_close") == 3)


async def _nothing() -> None:
    """Keeps the store open, so that the trail can be read."""
