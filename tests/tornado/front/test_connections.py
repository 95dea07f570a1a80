"""Connections, not requests: parts of heads, several requests, limits, deadlines and ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from tornado import httputil
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_unix_socket
from tornado.routing import Matcher, Rule, RuleRouter
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import protect
from stormdoor.tornado.listener import GuardedServer
from tests.guard.fakes import events, make_guard
from tests.tornado.front import ways
from tests.tornado.front.heads import HEADS, READ
from tests.tornado.front.ways import (
    BEARER,
    GOODBYE,
    HANDSHAKE,
    HELLO,
    Told,
    exchange,
    observed,
    serving,
)
from tests.tornado.wire import log_lines, until

ADMITTED = (HANDSHAKE + BEARER + "\r\n").encode()
REFUSED = (HANDSHAKE + "\r\n").encode()
PAGE = b"GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LAST_PAGE = b"GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
ENDING: dict[str, Any] = {"idle_connection_timeout": 0.5, "body_timeout": 0.5}
"""Options of a server that soon ends a request that never ends."""


class Echo(WebSocketHandler):
    """Echoes."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Loud(WebSocketHandler):
    """Echoes, and greets first."""

    def open(self, *_: str, **__: str) -> None:
        self.write_message("HELLO")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Page(RequestHandler):
    """A page."""

    def get(self) -> None:
        self.finish(f"page for {self.request.remote_ip}")

    def post(self) -> None:
        self.finish(self.request.body)


def echo(told: Told) -> Application:
    """The usual application: a socket and a page."""
    return Application(
        [("/ws", Echo), ("/page", Page)],
        log_function=lambda one: told.append((one.get_status(), one.request.uri)),
    )


# -- the same bytes -------------------------------------------------------------------------------


def with_token(head: str) -> bytes:
    """A head with the token of `alice`, if it has no credential of its own."""
    return head.replace("Host:", "Authorization: Bearer alice\r\nHost:", 1).encode("latin-1")


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_the_same_bytes_get_the_same_answers(head: str) -> None:
    """With and without a credential: the answer, the log, the trail and the counters are the same."""
    requests = [[head.encode("latin-1")], [with_token(head)]]
    with log_lines("tornado.access", "tornado.general", "tornado.application"):
        without, _ = await observed(echo, *requests, front=False, **ENDING)
        found, served = await observed(echo, *requests, front=True, **ENDING)
    assert found == without
    assert served == (2 if head in READ.values() else 0)


async def _split(data: bytes, places: range) -> None:
    requests = [[data[:at], data[at:]] for at in places]
    without, _ = await observed(echo, *requests, front=False)
    found, served = await observed(echo, *requests, front=True)
    assert found == without
    assert served == len(places)


async def test_a_head_in_two_parts() -> None:
    """The front waits for the second one."""
    await _split(ADMITTED, range(1, len(ADMITTED), 40))
    await _split(REFUSED, range(1, len(REFUSED), 40))


@pytest.mark.extended
@pytest.mark.parametrize("data", [ADMITTED, REFUSED], ids=["admitted", "refused"])
async def test_a_head_split_at_each_place(data: bytes) -> None:
    """Likewise."""
    await _split(data, range(1, len(data)))


async def test_one_byte_at_a_time() -> None:
    """Likewise."""
    requests = [[bytes([one]) for one in ADMITTED[:12]] + [ADMITTED[12:]]]
    without, _ = await observed(echo, *requests, front=False)
    found, _ = await observed(echo, *requests, front=True)
    assert found == without


@pytest.mark.parametrize("front", [False, True])
@pytest.mark.parametrize("size", [30, 150, 4000])
async def test_a_head_that_is_too_long(size: int, front: bool) -> None:
    """It is not answered, with the front and without; one of exactly `max_header_size` bytes is read."""
    options: dict[str, Any] = {"max_header_size": len(ADMITTED)}
    longer = ADMITTED[:-2] + b"X: " + b"x" * 2 * len(ADMITTED)
    async with serving(echo, front=front, **options) as way:
        with log_lines("tornado.general", "stormdoor.listener"):
            for data in (ADMITTED, longer, longer + b"\r\n\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
                answer = b""
                with contextlib.suppress(ConnectionError):
                    for at in range(0, len(data), size):
                        writer.write(data[at : at + size])
                        await writer.drain()
                        await asyncio.sleep(0.001)
                    async with asyncio.timeout(5):
                        answer = await reader.readline()
                assert answer[9:12] == (b"101" if data == ADMITTED else b"")
                writer.close()
        await until(lambda: way.unfinished == len(way.guard.registry) == 0)
        assert (way.front is not None and way.front.served == 1) is front


@pytest.mark.parametrize(("count", "status"), [(1000, b"101"), (1001, b"400")])
async def test_many_arguments(count: int, status: bytes) -> None:
    """As many as Tornado parses are read; more are refused, as without the front."""
    request = [ADMITTED.replace(b"/ws", b"/ws?" + b"&".join([b"a=b"] * count), 1)]
    with log_lines("tornado.general"):
        without, _ = await observed(echo, request, front=False)
        found, served = await observed(echo, request, front=True)
    if not hasattr(httputil, "_DEFAULT_PARSE_BODY_CONFIG"):
        status = b"101"  # Tornado before 6.5.8
    assert [one[0][0][0][9:12] for one in (without[0], found[0])] == [status, status]
    # A server of Tornado has no limits of its own, so Tornado answers.
    assert served == (0 if ways.plain and status == b"400" else 1)


@pytest.mark.parametrize(("count", "status"), [(128, b"101"), (129, b"400"), (3000, b"400")])
async def test_many_subprotocols(count: int, status: bytes) -> None:
    """More than 128 are refused, with the front and without."""
    offered = b"Sec-WebSocket-Protocol: " + b",".join([b"a"] * count)
    request = [ADMITTED[:-2] + offered + b"\r\n\r\n"]
    without, _ = await observed(echo, request, front=False)
    found, served = await observed(echo, request, front=True)
    assert found == without
    assert found[0][0][0][0][9:12] == status
    assert served == 1


# -- several requests, and bodies -----------------------------------------------------------------


SMUGGLED = {
    "two handshakes": ADMITTED + ADMITTED,
    "refused, then admitted": REFUSED + ADMITTED,
    "a page, then a handshake": PAGE + ADMITTED,
    "two pages, then a refusal": PAGE + PAGE + REFUSED,
    "a frame behind the head": ADMITTED + HELLO,
    "a handshake in a body": b"POST /page HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
    % len(ADMITTED)
    + ADMITTED
    + LAST_PAGE,
    "a handshake in the body of a handshake": REFUSED[:-2]
    + b"Content-Length: %d\r\n\r\n" % len(ADMITTED)
    + ADMITTED,
    "a handshake in chunks": REFUSED[:-2]
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + ADMITTED,
    "both lengths": REFUSED[:-2]
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + ADMITTED,
    "a line end alone": ADMITTED.replace(b"\r\n", b"\n"),
}


@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED)
async def test_nothing_is_smuggled(data: bytes) -> None:
    """Of several requests in one segment the front decides none, and each answer is Tornado's."""
    with log_lines("tornado.general"):
        without, _ = await observed(echo, [data], front=False, **ENDING)
        found, served = await observed(echo, [data], front=True, **ENDING)
    assert found == without
    assert served == 0


async def test_a_handshake_after_a_page() -> None:
    """A connection that Tornado serves stays with Tornado."""
    requests = [[PAGE, ADMITTED], [PAGE, LAST_PAGE]]
    without, _ = await observed(echo, *requests, front=False)
    found, served = await observed(echo, *requests, front=True)
    assert found == without
    assert served == 0


# -- addresses and schemes ------------------------------------------------------------------------

FORWARDED = (
    b"X-Forwarded-For: 203.0.113.7\r\nX-Real-Ip: 203.0.113.8\r\nX-Forwarded-Proto: https\r\n"
)


@pytest.mark.parametrize("trusted", [[], ["127.0.0.0/8"]], ids=["a client", "a trusted proxy"])
async def test_forwarded_headers_count_from_a_trusted_proxy_alone(trusted: list[str]) -> None:
    """The trail has the address of the client; `request.remote_ip` is Tornado's."""

    def guard() -> Any:
        return make_guard(insecure_allow_any_host=True, trusted_proxies=trusted)

    requests = [[one.replace(b"\r\n", b"\r\n" + FORWARDED, 1)] for one in (ADMITTED, REFUSED)]
    without, _ = await observed(echo, *requests, front=False, guard=guard)
    found, served = await observed(echo, *requests, front=True, guard=guard)
    assert found == without
    assert served == 2
    assert {one[4] for one in found[2]} == {"203.0.113.7" if trusted else "127.0.0.1"}


async def test_a_unix_socket(tmp_path: Path) -> None:
    """Its clients are on this machine."""
    for front in (False, True):
        path = tmp_path / f"{front}.sock"
        listening = bind_unix_socket(str(path))
        async with serving(echo, front=front, sock=listening) as way:
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(ADMITTED)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.write(HELLO)
            assert await reader.readexactly(4) == b"\x81\x02hi"
            writer.close()
            await until(lambda: len(way.guard.registry) == 0)
            assert [
                one.address for one in await events(way.guard) if one.name == "connection_opened"
            ] == ["127.0.0.1"]
            assert (way.front is not None and way.front.served == 1) is front


# -- deadlines, limits and ends -------------------------------------------------------------------


async def _ends(port: int, *parts: bytes, pause: float = 0.0) -> float:
    """Send parts and wait for the end of the connection. Returns the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    return loop.time() - began


@pytest.mark.parametrize(
    "parts",
    [(), (ADMITTED[:30],), (b"", ADMITTED[:30]), (b"", b"", ADMITTED[:30], ADMITTED[30:40])],
    ids=["nothing", "a part", "a part, later", "parts, later"],
)
async def test_a_slow_head_ends_after_the_time_out_of_the_server(parts: tuple[bytes, ...]) -> None:
    """The time counts from the beginning of the connection, not from the last byte."""
    async with serving(echo, front=True, idle_connection_timeout=0.4) as way:
        took = await _ends(way.port, *parts, pause=0.1)
        assert 0.3 < took < 0.75
        assert way.unfinished == 0
        assert way.front is not None
        assert len(way.front._heads) == 0


async def test_a_connection_that_tornado_serves_outlives_the_time_for_its_first_head() -> None:
    """The deadline of the first head ends no later request."""
    async with serving(echo, front=True, idle_connection_timeout=0.3) as way:
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        await asyncio.sleep(0.05)
        writer.write(PAGE[:20])
        await asyncio.sleep(0.05)
        for _ in range(4):
            writer.write(PAGE[20:])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(len("page for 127.0.0.1"))
            writer.write(PAGE[:20])
            await asyncio.sleep(0.1)
        writer.close()
        await until(lambda: way.unfinished == 0)
        assert way.front is not None
        assert len(way.front._heads) == 0


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize(
    "sent", [b"", ADMITTED[:20], ADMITTED, REFUSED], ids=["0", "part", "yes", "no"]
)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_client_that_leaves(sent: bytes, reset: bool) -> None:
    """At any moment: nothing of its connection is left, and the server goes on."""
    async with serving(echo, front=True) as way:
        for _ in range(3):
            client = socket.create_connection(("127.0.0.1", way.port))
            client.send(sent)
            if reset:
                _reset(client)
            else:
                client.close()
            await asyncio.sleep(0.01)
        await until(lambda: way.unfinished == 0 and len(way.guard.registry) == 0)
        assert b"\x81\x02hi" in await exchange(way.port, ADMITTED)


@pytest.mark.parametrize(("data", "status"), [(ADMITTED, b"101"), (REFUSED, b"401")])
async def test_a_client_that_has_closed_its_side(data: bytes, status: bytes) -> None:
    """It gets its answer, and nothing of its connection is left. Tornado may notice its end earlier."""
    async with serving(echo, front=True) as way:
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        writer.write(data)
        writer.write_eof()
        assert (await reader.read())[9:12] == status
        writer.close()
        await until(lambda: len(way.guard.registry) == way.unfinished == 0)


HALF_CLOSED = {
    "admitted": (ADMITTED, None, b""),
    "refused": (REFUSED, None, b""),
    "a page": (LAST_PAGE, None, b""),
    "after the 101": (ADMITTED, b"", b""),
    "after a message": (ADMITTED, HELLO, b"\x81\x02hi"),
    "after the close frame": (ADMITTED, HELLO + GOODBYE, b"\x81\x02hi\x88\x02\x03\xe8"),
}
"""The request, the frames after the answer (None: the client closes its side before it), and the answer."""


@pytest.mark.parametrize(("data", "frames", "answer"), HALF_CLOSED.values(), ids=HALF_CLOSED)
async def test_a_half_closed_client_is_as_without_the_front(
    data: bytes, frames: bytes | None, answer: bytes
) -> None:
    """Frames before the end are answered. Log, calls and trail are the same."""
    found: list[Any] = []
    for front in (False, True):
        async with serving(echo, front=front) as way:
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(data)
            if frames is not None:
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
                writer.write(frames)
            writer.write_eof()
            rest = b"" if frames is None else await reader.read()
            assert rest == answer
            await until(lambda: len(way.guard.registry) == way.unfinished == 0)
            writer.close()
            trail = [(one.name, one.cause, one.principal) for one in await events(way.guard)]
            found.append((way.told, trail))
            served = way.front is not None and way.front.served == 1
            assert served is (front and data != LAST_PAGE)
    assert found[0] == found[1]


# -- decisions that wait --------------------------------------------------------------------------


class Slow:
    """An authenticator that uses the current Task, and waits."""

    kind = "slow"

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.waiting = 0
        from stormdoor.core.credential import Place, Source

        self.places = (Place(Source.AUTHORIZATION, "bearer"),)

    def recognises(self, _: Any) -> bool:
        return True

    async def authenticate(self, *_: Any, **__: Any) -> Any:
        from tests.guard.fakes import authentication

        self.waiting += 1
        async with asyncio.timeout(5):
            await self.go_on.wait()
        return authentication("alice")


async def test_a_decision_that_waits() -> None:
    """It runs in a Task, and the connection counts meanwhile. A client that has left opens nothing."""
    slow = Slow()
    guard = make_guard(slow, insecure_allow_any_host=True)  # type: ignore[arg-type]
    async with serving(echo, front=True, guard=guard) as way:
        assert not guard.admits_without_task
        staying = asyncio.create_task(exchange(way.port, ADMITTED))
        leaving = socket.create_connection(("127.0.0.1", way.port))
        leaving.send(ADMITTED)
        await until(lambda: slow.waiting == 2)
        assert way.unfinished == 2
        leaving.close()
        await asyncio.sleep(0.01)
        slow.go_on.set()
        assert b"\x81\x02hi" in await staying
        await until(lambda: way.unfinished == 0 and len(guard.registry) == 0)
        names = [one.name for one in await events(guard)]
        assert names.count("connection_opened") == 2
        assert names.count("connection_closed") == 2


@pytest.mark.parametrize("waits", [0.0, 0.005], ids=["at once", "later"])
async def test_a_store_that_waits(waits: float) -> None:
    """A decision that was begun without a Task goes on in one, with its time limit."""
    guard = make_guard(insecure_allow_any_host=True)
    tokens = guard.authenticators[0]
    seen: list[Any] = []

    async def look(_: Any) -> Any:
        from tests.guard.fakes import authentication

        if waits:
            await asyncio.sleep(waits)
            seen.append(asyncio.current_task())
        return authentication("alice")

    tokens.known["alice"] = look  # type: ignore[attr-defined]
    async with serving(echo, front=True, guard=guard) as way:
        assert guard.admits_without_task
        assert b"\x81\x02hi" in await exchange(way.port, ADMITTED)
        assert [one is not None for one in seen] == ([True] if waits else [])


# -- where the front is switched off ----------------------------------------------------------------


class Own(Application):
    """Finds handlers itself."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        return super().find_handler(request, **kwargs)


def _wrapped(application: Application) -> Application:
    """Middleware around `find_handler` of one application."""
    find = application.find_handler
    application.find_handler = _passing(find)  # type: ignore[method-assign]
    return application


def _passing(find: Any) -> Any:
    return lambda request, **more: (None, find(request, **more))[1]


def _hosts(pattern: str = "127.0.0.1", **settings: Any) -> Application:
    application = Application(**settings)
    application.add_handlers(pattern, [("/ws", Echo)])
    return application


OFF = {
    "host rules": _hosts,
    "a default host": lambda: _hosts(".*", default_host="127.0.0.1"),
    "an application of its own": lambda: Own([("/ws", Echo)]),
    "middleware": lambda: _wrapped(Application([("/ws", Echo)])),
    "a router": lambda: Application([(r"/.*", Application([("/ws", Echo)]))]),
    "a rule of another kind": lambda: Application([Rule(_Anything(), Echo)]),
    "debug": lambda: Application([("/ws", Echo)], debug=True, autoreload=False),
}


class _Anything(Matcher):
    """A matcher of the application."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if request.path == "/ws" else None

    def reverse(self, *_: Any) -> str | None:
        return None


@pytest.mark.parametrize("make", OFF.values(), ids=OFF)
async def test_it_is_off(make: Any) -> None:
    """Tornado serves everything; the guard decides as always."""
    found, served = await observed(lambda _: make(), [ADMITTED], [REFUSED], front=True)
    assert served == 0
    assert [one[0][0][9:12] for one in found[0]] == [b"101", b"401"]


@pytest.mark.parametrize(
    "options",
    [{"xheaders": True}, {"decompress_request": True}],
    ids=["xheaders", "decompress_request"],
)
async def test_a_server_without_a_front(options: dict[str, Any]) -> None:
    """Options that change how a request is read."""
    async with serving(echo, front=True, **options) as way:
        assert way.front is None
        assert b"\x81\x02hi" in await exchange(way.port, ADMITTED)


async def test_instrumentation_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries replace methods of Tornado, to see each request."""
    execute: Any = RequestHandler._execute
    seen: list[str] = []

    async def instrumented(handler: RequestHandler, *args: Any, **kwargs: Any) -> None:
        seen.append(handler.request.path)
        await execute(handler, *args, **kwargs)

    monkeypatch.setattr(RequestHandler, "_execute", instrumented)
    found, served = await observed(echo, [ADMITTED], front=True)
    assert (served, seen) == (0, ["/ws"])
    assert found[0][0][0][0].startswith(b"HTTP/1.1 101 ")


async def test_another_callback_switches_it_off() -> None:
    """A function or a router in place of the application."""
    async with serving(echo, front=True) as way:
        application = way.server.request_callback
        way.server.request_callback = RuleRouter([Rule(_Anything(), application)])
        assert b"\x81\x02hi" in await exchange(way.port, ADMITTED)
        assert way.front is None or way.front.served == 0


async def test_rules_for_each_host() -> None:
    """`add_handlers(".*", ...)`: the paths alone decide, in the order of the rules."""

    def make(_: Told) -> Application:
        application = Application([("/ws", Echo), ("/page", Page)])
        application.add_handlers(".*", [("/ws", Loud)])
        application.add_handlers(".*$", [("/other", Echo), ("/page", Echo)])
        return application

    requests = [
        [ADMITTED.replace(b"/ws", path)] for path in (b"/ws", b"/other", b"/page", b"/missing")
    ]
    with log_lines("tornado.general"):
        without, _ = await observed(make, *requests, front=False)
        found, served = await observed(make, *requests, front=True)
    assert found == without
    assert [b"HELLO" in found[0][0][1], served] == [True, 3]


async def test_routes_that_are_added_later() -> None:
    """They are found, before and after others, and take the place of those that were known."""

    class Later(Echo):
        def open(self, *_: str, **__: str) -> None:
            self.write_message("later")

    async with serving(echo, front=True) as way:
        application: Any = way.server.request_callback
        assert b"later" not in await exchange(way.port, ADMITTED)
        application.wildcard_router.rules.insert(
            0, Application([("/ws", Later)]).wildcard_router.rules[0]
        )
        assert b"later" in await exchange(way.port, ADMITTED)
        application.add_handlers("127.0.0.1", [("/ws", Echo)])
        assert b"later" not in await exchange(way.port, ADMITTED)
        assert way.front is not None
        assert way.front.served == 2


async def test_an_application_without_a_guard_has_no_front() -> None:
    """Its server may listen before `protect` is called."""
    server = GuardedServer(Application([("/ws", Echo)]), guard=make_guard(), max_body_size=1)
    assert not server._has_front()
    guarded = protect(Application([("/ws", Echo)]), make_guard(), "chat:connect")
    assert GuardedServer(guarded, guard=None, max_body_size=1)._has_front()


async def test_an_error_in_the_front_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is admitted, nothing stays open, and the server goes on."""
    async with serving(echo, front=True) as way:
        with monkeypatch.context() as patched, log_lines("asyncio") as lines:
            patched.setattr(way.guard.admission, "admit", None)
            assert await exchange(way.port, ADMITTED) == b""
            assert lines
        assert len(way.guard.registry) == 0
        assert b"\x81\x02hi" in await exchange(way.port, ADMITTED)
        with contextlib.suppress(AttributeError):
            assert way.unfinished == 0
