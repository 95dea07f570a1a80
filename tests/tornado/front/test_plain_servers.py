"""The server of `app.listen`, and each `HTTPServer` of an application, has a front after `protect`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from stormdoor import protect
from stormdoor.run.self_signed import self_signed
from stormdoor.tornado.front import Front, put_front_before_new_servers
from stormdoor.tornado.front.plain_server import FrontedServer, attach_front
from tests.guard.fakes import make_guard, stop_maintenance
from tests.tornado.front.test_connections import ADMITTED, PAGE, REFUSED, Echo, echo
from tests.tornado.front.ways import exchange
from tests.tornado.wire import OwnServer, until


@pytest.fixture(autouse=True)
def kind_of_server() -> str:
    """One kind."""
    return "HTTPServer"


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    """The class that Tornado makes for `HTTPServer` is the same after the test."""
    saved = HTTPServer._save_configuration()
    yield
    HTTPServer._restore_configuration(saved)


@contextlib.asynccontextmanager
async def listening(server: HTTPServer) -> AsyncIterator[int]:
    """Let a server listen, and return its port."""
    [sock] = bind_sockets(0, "127.0.0.1")
    server.add_sockets([sock])
    try:
        yield sock.getsockname()[1]
    finally:
        server.stop()
        await server.close_all_connections()


def front_of(server: Any) -> Front | None:
    """The front, once a connection has arrived."""
    accepting = vars(server).get("_handle_connection")
    found: Front | None = None if accepting is None else accepting.__self__._front
    return found


@contextlib.asynccontextmanager
async def guarded(application: Application) -> AsyncIterator[Application]:
    """Guard an application."""
    guard = make_guard(insecure_allow_any_host=True)
    protect(application, guard, "chat:connect")
    await guard.start()
    await stop_maintenance(guard)
    try:
        yield application
    finally:
        await guard.close()


async def test_each_server_of_tornado_has_a_front() -> None:
    """That of `listen`, and one that the program makes."""
    async with guarded(echo([])) as application:
        listens = application.listen(0, "127.0.0.1")
        [sock] = listens._sockets.values()
        assert b"\x81\x02hi" in await exchange(sock.getsockname()[1], ADMITTED)
        listens.stop()
        made = HTTPServer(application)
        async with listening(made) as port:
            assert (await exchange(port, REFUSED)).startswith(b"HTTP/1.1 401 ")
        for server in (listens, made):
            front = front_of(server)
            assert front is not None
            assert front.served == 1


async def test_a_server_class_of_the_application_stays() -> None:
    """It may read requests in its own way."""
    async with guarded(echo([])) as application:
        server = OwnServer(application)
        attach_front(server)
        async with listening(server) as port:
            assert b"\x81\x02hi" in await exchange(port, ADMITTED)
        assert front_of(server) is None


async def test_a_configured_class_stays() -> None:
    """A program may have told Tornado which class it makes for `HTTPServer`, or its options."""
    HTTPServer.configure(None, idle_connection_timeout=7)
    put_front_before_new_servers()
    server = HTTPServer(echo([]))
    assert type(server) is FrontedServer
    assert server.conn_params.header_timeout == 7
    HTTPServer.configure(OwnServer)
    put_front_before_new_servers()
    assert type(HTTPServer(echo([]))) is OwnServer


async def test_a_server_that_was_made_before() -> None:
    """`stormdoor run` attaches the front when it begins to listen."""
    application = echo([])
    server = HTTPServer(application)
    assert type(server) in (HTTPServer, FrontedServer)
    async with guarded(application):
        attach_front(server)
        async with listening(server) as port:
            assert b"\x81\x02hi" in await exchange(port, ADMITTED)
        front = front_of(server)
        assert front is not None
        assert front.served == 1


async def test_an_application_that_is_guarded_later() -> None:
    """Until then the server is Tornado's. The next connection gets the front."""
    application = Application([("/ws", Echo)])
    server = HTTPServer(application)
    attach_front(server)
    async with listening(server) as port:
        assert (await exchange(port, REFUSED)).startswith(b"HTTP/1.1 101 ")
        assert front_of(server) is None
        async with guarded(application):
            assert (await exchange(port, REFUSED)).startswith(b"HTTP/1.1 401 ")
            front = front_of(server)
            assert front is not None
            assert front.served == 1


async def test_another_application_gets_another_front() -> None:
    """A program may replace the application of a server that listens."""
    async with guarded(echo([])) as first, guarded(echo([])) as second:
        server = HTTPServer(first)
        async with listening(server) as port:
            assert b"\x81\x02hi" in await exchange(port, ADMITTED)
            server.request_callback = second
            assert b"\x81\x02hi" in await exchange(port, ADMITTED)
            front = front_of(server)
            assert front is not None
            assert (front.application, front.served) == (second, 1)


@pytest.mark.parametrize("name", ["start_request", "handle_stream", "on_close"])
async def test_a_replaced_method_switches_it_off(name: str) -> None:
    """The program sees each request, also of a server that serves already."""
    async with guarded(echo([])) as application:
        server: Any = HTTPServer(application)
        calls: list[str] = []
        async with listening(server) as port:
            assert b"\x81\x02hi" in await exchange(port, ADMITTED)
            usual = getattr(server, name)

            def watching(*args: Any) -> Any:
                calls.append(name)
                return usual(*args)

            setattr(server, name, watching)
            assert b"\x81\x02hi" in await exchange(port, ADMITTED)
            await until(lambda: bool(calls))
        front = front_of(server)
        assert front is not None
        assert front.served == 1


async def test_tls_is_left_to_tornado(tmp_path: Path) -> None:
    """`can_serve` asks for each connection: `stormdoor run` may turn TLS on late."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, time.time()))
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    async with guarded(echo([])) as application:
        server = HTTPServer(application)
        async with listening(server) as port:
            server.ssl_options = context
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
            writer.write(REFUSED)
            assert (await reader.read(100)).startswith(b"HTTP/1.1 401 ")
            writer.close()
            await writer.wait_closed()
        assert front_of(server) is None


async def test_many_connections_wait_for_each_other() -> None:
    """In one iteration of the loop the front serves four, so that open sockets are served in between."""
    async with guarded(echo([])) as application:
        server = HTTPServer(application)
        async with listening(server) as port:
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
            for client in clients:
                client.send(REFUSED)
            loop, served = asyncio.get_running_loop(), [0]
            deadline = loop.time() + 10
            while served[-1] < len(clients) and loop.time() < deadline:
                await asyncio.sleep(0)
                front = front_of(server)
                served.append(0 if front is None else front.served)
            steps = [now - before for before, now in itertools.pairwise(served)]
            assert sum(steps) == len(clients)
            assert max(steps) == 4
            for client in clients:
                assert client.recv(100).startswith(b"HTTP/1.1 401 ")
                client.close()


async def test_the_end_of_the_server_closes_what_the_front_has() -> None:
    """Connections that have sent nothing or a part, and those that are behind others."""
    async with guarded(echo([])) as application:
        server: Any = HTTPServer(application)
        async with listening(server) as port:
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
            clients[1].send(ADMITTED[:30])
            clients[2].send(PAGE)
            await until(lambda: len(server._connections) == 3)
            accepting = server._handle_connection.__self__
            ours, behind = socket.socketpair()
            accepting._begun = 4  # as after four connections in this iteration
            accepting.accept(behind, ("127.0.0.1", 1))
            assert len(server._connections) == 4
            server.stop()
            await server.close_all_connections()
            assert len(server._connections) == len(accepting._closing) == 0
            await asyncio.sleep(0.01)
            for client in (*clients[:2], ours):
                client.settimeout(5)
                assert client.recv(1000) == b""
                client.close()
            clients[2].close()
