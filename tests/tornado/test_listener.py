"""Limits of a listener: connections, requests and bodies, before any handler runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, Limits, guarded_server, login_routes, protect
from stormdoor.guard.tcp_connections import Progress
from stormdoor.run.self_signed import self_signed
from stormdoor.tornado.listener import GuardedServer
from tests.guard.fakes import events, make_guard
from tests.support.clock import FakeClock
from tests.support.references import without_reference
from tests.tornado.wire import Ended, Wire, connect, dial, log_lines, quiet, request, settled, until

ALICE = ("Authorization", "Bearer alice")
MIB = 1024 * 1024


class Quiet(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        """Says nothing."""


class Upload(RequestHandler):
    def post(self) -> None:
        self.finish(str(len(self.request.body)))


@stream_request_body
class Streamed(RequestHandler):
    size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self.finish(str(self.size))


class Slow(RequestHandler):
    async def get(self) -> None:
        await asyncio.Event().wait()


class Listening:
    """A guarded server, and its guard."""

    def __init__(
        self, server: GuardedServer, guard: Guard, port: int, application: Application
    ) -> None:
        self.server = server
        self.guard = guard
        self.port = port
        self.application = application

    @property
    def tcp(self) -> int:
        """TCP connections without a WebSocket."""
        return len(self.server.front.tcp)

    @property
    def progress(self) -> list[Progress]:
        """Progress of the requests on all connections."""
        return [one.progress for one in self.server._tcp.values()]

    async def begin(self, path: str, size: int, sent: bytes = b"", *more: tuple[str, str]) -> Wire:
        """Begin a POST with an incomplete body."""
        wire = await dial(self.port)
        lines = [f"{name}: {value}\r\n" for name, value in more]
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n"
        wire.raw((head + "".join(lines) + "\r\n").encode() + sent)
        return wire

    async def post(self, path: str, body: bytes, *more: tuple[str, str]) -> Wire:
        """One POST, and its answer."""
        wire = await self.begin(path, len(body), body, ("Connection", "close"), *more)
        await wire.read_answer()
        return wire


@contextlib.asynccontextmanager
async def listening(
    *,
    proxies: tuple[str, ...] = (),
    clock: FakeClock | None = None,
    fast: bool = True,
    **options: Any,
) -> AsyncIterator[Listening]:
    """Serve on a port of loopback; options of `Limits`, or of the server."""
    names = set(Limits.__dataclass_fields__)
    limits = {name: value for name, value in options.items() if name in names}
    server_options = {name: value for name, value in options.items() if name not in names}
    guard = make_guard(
        limits=limits, trusted_proxies=proxies, insecure_allow_any_host=True, clock=clock, fast=fast
    )
    application = Application(
        [
            ("/ws", Quiet),
            ("/upload", Upload),
            ("/streamed", Streamed),
            ("/slow", Slow),
            *login_routes(guard, endpoint="/ws"),
        ]
    )
    protect(application, guard, "chat:connect")
    await quiet(guard)
    server = guarded_server(application, **server_options)
    [sock] = bind_sockets(0, "127.0.0.1")
    server.add_sockets([sock])
    try:
        yield Listening(server, guard, sock.getsockname()[1], application)
    finally:
        server.stop()
        await server.close_all_connections()
        await guard.close()
        await settled()


async def still_open(wire: Wire) -> bool:
    """Return whether the server keeps a connection on which it has sent nothing."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.05):
            return await wire.reader.read(1) != b""
    return not wire.reader.at_eof() and wire.reader.exception() is None


# -- connections ---------------------------------------------------------------------------------


async def test_the_oldest_idle_connection_of_an_address_gives_way() -> None:
    """An address keeps `tcp_per_address`; a new connection closes its oldest idle one."""
    async with listening(tcp_per_address=3) as at, contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(await dial(at.port)) for _ in range(3)]
        await until(lambda: at.tcp == 3)
        async with await request(at.port, "/nothing", upgrade=False) as wire:
            assert wire.status == 404
            await wires[0].ended()
            assert at.tcp == 3


async def test_a_connection_at_work_does_not_give_way_to_its_own_address() -> None:
    """A new connection is refused if each connection of its address has a request in progress."""
    async with listening(tcp_per_address=2) as at, contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            wire = await request(at.port, "/slow", upgrade=False, wait=False)
            await stack.enter_async_context(wire)
        await until(lambda: at.progress == [Progress.ANSWERING] * 2)
        async with await dial(at.port) as wire:
            await wire.read_answer()
            assert (wire.status, without_reference(wire.body)) == (429, b"too many connections\n")
        assert at.tcp == 2


@pytest.mark.parametrize("fast", [True, False])
async def test_a_websocket_does_not_count_as_a_tcp_connection(fast: bool) -> None:
    """After the handshake a socket counts for `connections`, and is never closed for room."""
    async with (
        listening(tcp_per_address=2, tcp=2, fast=fast) as at,
        contextlib.AsyncExitStack() as stack,
    ):
        sockets = [
            await stack.enter_async_context(await connect(at.port, "/ws", ALICE)) for _ in range(8)
        ]
        await until(lambda: at.tcp == 0)
        for _ in range(6):
            await stack.enter_async_context(await dial(at.port))
        await until(lambda: at.tcp == 2)
        assert len(at.guard.registry) == 8
        for wire in sockets:
            assert await wire.close() == 1000


async def test_a_trusted_proxy_counts_for_no_address() -> None:
    """Its connections are not limited; its clients are, by the forwarded address."""
    limits: dict[str, Any] = {"tcp_per_address": 2, "requests_per_address": "3/min"}
    async with listening(proxies=("127.0.0.1",), **limits) as at:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(await dial(at.port))
            await until(lambda: at.tcp == 10)
            for client, expected in (("192.0.2.1", [404] * 3 + [429]), ("192.0.2.2", [404])):
                forwarded = ("X-Forwarded-For", client)
                for status in expected:
                    wire = await request(at.port, "/nothing", forwarded, upgrade=False)
                    async with wire:
                        assert wire.status == status
        recorded = [one for one in await events(at.guard) if one.cause == "handshake-rate"]
        assert [one.address for one in recorded] == ["192.0.2.1"]


async def test_too_many_requests_are_refused_before_a_handler_runs() -> None:
    """Beyond `requests_per_address`: 429 and the end of the connection; each connection is a request, too."""
    async with listening(requests_per_address="10/min") as at:
        statuses = []
        for _ in range(8):
            async with await request(at.port, "/nothing", upgrade=False) as wire:
                statuses.append(wire.status)
                if wire.status == 429:
                    assert wire.header("Connection") == "close"
        assert statuses == [404] * 5 + [429] * 3


# -- bodies --------------------------------------------------------------------------------------


async def test_plain_tornado_keeps_every_unfinished_body() -> None:
    """The attack without the limits: the server keeps what each client has sent, without a time-out."""
    application = Application([("/upload", Upload)])
    server = HTTPServer(application, idle_connection_timeout=10.0, max_body_size=MIB)
    [sock] = bind_sockets(0, "127.0.0.1")
    server.add_sockets([sock])
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(40):
            wire = await stack.enter_async_context(await dial(sock.getsockname()[1]))
            head = f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\n\r\n"
            wire.raw(head.encode() + b"x" * 1000)
        await until(lambda: len(server._connections) == 40)
        for one in server._connections:
            assert one.params.body_timeout is None
    server.stop()
    await server.close_all_connections()


async def test_unfinished_requests_of_an_address_are_limited() -> None:
    """One more than `unfinished_requests_per_address` is refused, and nothing of it is kept."""
    async with listening(unfinished_requests_per_address=4) as at:
        async with contextlib.AsyncExitStack() as stack:
            bodies = at.server.front.bodies
            for number in range(4):
                wire = await at.begin("/upload", 5000, b"x" * 1000)
                await stack.enter_async_context(wire)
                await until(lambda wanted=number + 1: bodies.kept == 1000 * wanted)
            async with await at.begin("/upload", 5000, b"x" * 1000) as fifth:
                await fifth.read_answer()
                assert fifth.status == 429
            assert (len(bodies), bodies.kept) == (4, 4000)
        await until(lambda: len(bodies) == 0)
        assert bodies.kept == 0


async def test_the_process_keeps_a_limited_number_of_bytes() -> None:
    """Beyond `unfinished_body_bytes` the oldest body of the address that holds most is given up."""
    async with listening(unfinished_body_bytes=20_000) as at:
        bodies = at.server.front.bodies
        async with await at.begin("/upload", 50_000, b"x" * 15_000) as first:
            await until(lambda: bodies.kept == 15_000)
            async with await at.begin("/upload", 50_000, b"x" * 15_000) as second:
                await first.read_answer()
                assert first.status == 408
                assert bodies.kept == 15_000
                second.raw(b"x" * 1000)
                await until(lambda: bodies.kept == 16_000)


async def test_no_handler_runs_with_a_part_of_a_body() -> None:
    """A request that the limit ends with its last bytes gets 408, and its handler never runs."""
    ran: list[int] = []

    class Stored(RequestHandler):
        def post(self) -> None:
            ran.append(len(self.request.body))

    for size in (2_000, 100_500):
        async with listening(unfinished_body_bytes=size - 500) as at:
            at.application.add_handlers(".*", [("/stored", Stored)])
            async with await at.post("/stored", b"x" * size) as wire:
                assert wire.status == 408
            async with await at.post("/upload", b"x") as wire:
                assert wire.status == 200
    assert ran == []


async def test_parallel_requests_do_not_all_find_room() -> None:
    """An address cannot begin more bodies while the server looks up the sessions of its requests."""
    async with (
        listening(unfinished_requests_per_address=3, max_body_size=4 * MIB) as at,
        contextlib.AsyncExitStack() as stack,
    ):
        asked, answered = 0, asyncio.Event()
        authenticated = at.server.authenticated

        async def slowly(request: Any) -> bool:
            nonlocal asked
            asked += 1
            await answered.wait()
            return await authenticated(request)

        setattr(at.server, "authenticated", slowly)  # noqa: B010 - a method
        wires = [
            await stack.enter_async_context(await at.begin("/upload", 2 * MIB)) for _ in range(8)
        ]
        for wire in wires[3:]:
            await wire.read_answer()
            assert wire.status == 429
        assert asked == 3
        answered.set()
        for wire in wires[:3]:
            await wire.read_answer()
            assert wire.status == 413
        await until(lambda: len(at.server.front.bodies) == 0)


async def test_a_body_that_keeps_nothing_frees_nothing() -> None:
    """Beyond the total, an upload that its handler streams goes on: to end it would free no memory."""
    async with listening(unfinished_body_bytes=20_000) as at:
        bodies = at.server.front.bodies
        async with await at.begin("/streamed", 1_000, b"x" * 500) as streamed:
            await until(lambda: len(bodies) == 1)
            async with await at.begin("/upload", 50_000, b"x" * 15_000) as first:
                await until(lambda: bodies.kept == 15_000)
                async with await at.begin("/upload", 50_000, b"x" * 15_000):
                    await first.read_answer()
                    assert first.status == 408
                    streamed.raw(b"x" * 500)
                    await streamed.read_answer()
                    assert (streamed.status, streamed.body) == (200, b"1000")


async def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    """After `body_seconds` a body must have kept the pace; one that keeps it may go on."""
    clock = FakeClock()
    async with listening(clock=clock, body_bytes_per_second=100) as at:
        bodies = at.server.front.bodies
        async with (
            await at.begin("/upload", 50_000, b"x" * 500) as slow,
            await at.begin("/upload", 50_000, b"x" * 5000) as fast,
        ):
            await until(lambda: bodies.kept == 5500)
            clock.advance(9.0)
            bodies.abandon_slow(clock.monotonic())
            assert len(bodies) == 2
            clock.advance(2.0)
            await slow.read_answer()
            assert slow.status == 408
            assert len(bodies) == 1
            fast.raw(b"x" * 45_000)
            await fast.read_answer()
            assert (fast.status, fast.body) == (200, b"50000")


async def test_the_body_of_a_login_is_small_and_comes_at_once() -> None:
    """The body of a login has at most 64 KiB and `body_seconds`, also at another listener."""
    async with listening(body_seconds=0.2) as at:
        for size in (70_000, MIB):
            async with await at.begin("/auth/login", size, b"{") as wire:
                with contextlib.suppress(Ended):
                    await wire.read_answer()
                assert wire.status in (0, 400)
        async with await at.begin("/auth/login", 60_000, b"{") as wire:
            await wire.ended()
        async with await at.post("/auth/login", b"x" * 20_000) as wire:
            assert wire.status == 413


async def test_uploads_stay_possible() -> None:
    """Up to `unauthenticated_body_bytes` for everyone, up to `max_body_size` for a living session."""
    clock = FakeClock()
    async with listening(max_body_size=4 * MIB, body_bytes_per_second=1, clock=clock) as at:
        guard = at.guard
        await guard.admin.add_principal("alice", roles=["member"])
        cookie = (await guard.sessions.create("alice")).secret
        session = ("Cookie", f"{guard.sessions.cookie.name}={cookie}")
        for path in ("/upload", "/streamed"):
            async with await at.post(path, b"x" * MIB) as wire:
                assert (wire.status, wire.body) == (200, b"%d" % MIB)
            async with await at.post(path, b"x" * (3 * MIB), session) as wire:
                assert (wire.status, wire.body) == (200, b"%d" % (3 * MIB))
            async with await at.begin(path, 3 * MIB) as wire:
                await wire.read_answer()
                assert wire.status == 413
            clock.advance(1.0)  # of equal refusals one a second is recorded
            async with await at.begin(path, 5 * MIB, b"", session) as wire:
                await wire.read_answer()
                assert wire.status == 413
        assert at.server.front.bodies.kept == 0
        details = {one.detail for one in await events(guard) if one.cause == "message-too-large"}
        assert any("limits.unauthenticated_body_bytes" in one for one in details)
        assert any("max_body_size" in one for one in details)


async def test_a_streamed_body_is_not_counted_as_kept() -> None:
    """A handler that takes its body as it comes keeps nothing in the listener."""
    async with listening(unfinished_body_bytes=10_000) as at:
        async with await at.post("/streamed", b"x" * 500_000) as wire:
            assert (wire.status, wire.body) == (200, b"500000")


# -- file descriptors ----------------------------------------------------------------------------


class Exhausted:
    """A listening socket that cannot accept for a while, as at the limit of open files."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.failures = 0
        self.broken = True

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def accept(self) -> Any:
        if self.broken:
            self.failures += 1
            raise OSError(24, "Too many open files")
        return self._sock.accept()


async def test_accepting_backs_off_when_no_file_can_be_opened() -> None:
    """It neither spins nor fills the log, closes an idle connection, and goes on by itself."""
    async with listening() as at:
        [sock] = bind_sockets(0, "127.0.0.1")
        broken = Exhausted(sock)
        with log_lines("stormdoor", "asyncio", "tornado.application") as lines:
            async with await dial(at.port) as idle:
                await until(lambda: at.tcp == 1)
                at.server.add_sockets([broken])  # type: ignore[list-item]
                async with await dial(sock.getsockname()[1]) as wire:
                    await idle.ended()
                    await until(lambda: broken.failures >= 3)
                    broken.broken = False
                    wire.raw(b"GET /nothing HTTP/1.1\r\nHost: app.example\r\n\r\n")
                    await wire.read_answer()
                    assert wire.status == 404
        assert broken.failures < 10
        assert len([line for line in lines if "can be accepted" in line]) == 1
        assert not [line for line in lines if "Traceback" in line]


@pytest.mark.parametrize(
    ("descriptors", "sockets", "tcp"), [(162, 122, 40), (2000, 1500, 500), (20, 4, 16), (2, 1, 1)]
)
async def test_limits_are_lowered_to_the_files_that_may_be_open(
    descriptors: int, sockets: int, tcp: int
) -> None:
    """A quarter is for connections without a WebSocket; the warning says what to change."""
    async with listening() as at:
        with log_lines("stormdoor") as lines:
            at.server.front.fit(descriptors)
        assert (at.guard.registry.capacity, at.server.front.tcp.total) == (sockets, tcp)
        assert f"limits.connections is lowered from 10000 to {sockets}" in lines[0]
        assert "LimitNOFILE" in lines[0]


@pytest.mark.parametrize("form", ["a dictionary", "a context"])
async def test_a_certificate_that_is_loaded_for_each_connection_is_logged(
    form: str, tmp_path: Path
) -> None:
    """With a dictionary the log says at the start which line to write; with a context, nothing."""
    file = self_signed(tmp_path, time.time())
    options: Any = {"certfile": str(file), "keyfile": str(file)}
    if form == "a context":
        options = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options.load_cert_chain(file)
    with log_lines("stormdoor.listener") as lines:
        server = guarded_server(Application(), guard=make_guard(), ssl_options=options)
        server.listen(0, "127.0.0.1")
    assert any("ssl_options=context" in line for line in lines) == (form == "a dictionary")
    server.stop()
