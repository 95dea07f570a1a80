"""A process opens its declared endpoint by its secret; another process cannot, even with the secret."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import websocket_connect

from stormdoor import (
    ConfigurationError,
    Guard,
    GuardedHandler,
    OwnProcessAuthenticator,
    PolicySet,
    protect,
    role,
)
from stormdoor.testing import Served, serving

OTHER_PROCESS = """
import http.client, sys
port, name, value = sys.stdin.read().split("\\n")
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
connection.request("GET", "/feed", headers={
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", name: value})
print(connection.getresponse().status)
"""


class Feed(GuardedHandler):
    """An endpoint for the process itself."""

    permission = "feed:connect"

    def on_message(self, message: str | bytes) -> None:
        """Echo."""
        self.write_message(message)


def guarded(*authenticators: OwnProcessAuthenticator) -> Application:
    """Return an application with two endpoints."""
    guard = Guard(
        origins=["http://app.example"],
        hosts=["127.0.0.1", "[::1]"],
        authenticators=authenticators,
        policies=PolicySet([role("worker", "feed:*")]),
        production=False,
    )
    return protect(Application([("/feed", Feed), ("/other", Feed)]), guard)


async def answer(url: str, headers: Mapping[str, str]) -> int:
    """Return 101 if the handshake opens a socket that works, else the status."""
    try:
        client = await websocket_connect(HTTPRequest(url, headers=dict(headers)))
    except HTTPClientError as refused:
        return refused.code
    await client.write_message("hello")
    assert await client.read_message() == "hello"
    client.close()
    return 101


async def from_another_process(served: Served, headers: Mapping[str, str]) -> str:
    """Return the status that another process gets with the header."""
    [(name, value)] = headers.items()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OTHER_PROCESS), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate(f"{served.port}\n{name}\n{value}".encode())
    return output.decode().strip()


async def test_the_process_opens_its_endpoint() -> None:
    """With the header it opens the declared endpoint alone, and without it nothing."""
    own = OwnProcessAuthenticator("/feed", ["worker"])
    async with serving(guarded(own)) as served:
        assert await answer(served.url("/feed"), own.headers()) == 101
        assert await answer(served.url("/feed"), {}) == 401
        assert await answer(served.url("/feed"), {"X-Own-Process": "x" * 43}) == 401
        assert await answer(served.url("/other"), own.headers()) == 401


async def test_each_endpoint_has_its_secret() -> None:
    """The secret of one endpoint does not open another one."""
    feed = OwnProcessAuthenticator("/feed", ["worker"])
    other = OwnProcessAuthenticator("/other", ["worker"])
    async with serving(guarded(feed, other)) as served:
        assert await answer(served.url("/other"), other.headers()) == 101
        assert await answer(served.url("/other"), feed.headers()) == 401


async def test_another_process_with_the_secret_is_refused() -> None:
    """It has read the secret from memory or a log, and does not hold a socket of this process."""
    own = OwnProcessAuthenticator("/feed", ["worker"])
    async with serving(guarded(own)) as served:
        assert await from_another_process(served, own.headers()) == "401"
        assert await answer(served.url("/feed"), own.headers()) == 101


def test_a_fork_has_another_secret() -> None:
    """A child that was forked cannot authenticate as its parent."""
    own = OwnProcessAuthenticator("/feed", ["worker"])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, own.headers()["X-Own-Process"].encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    secret = os.read(read, 1000).decode()
    os.close(read)
    assert len(secret) == len(own.headers()["X-Own-Process"])
    assert secret != own.headers()["X-Own-Process"]


async def test_an_ipv4_client_of_a_server_for_both() -> None:
    """The server sees the address of the client in the form of IPv6."""
    own = OwnProcessAuthenticator("/feed", ["worker"])
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6 listener for both")
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    both.setblocking(False)
    server = HTTPServer(guarded(own))
    server.add_sockets([both])
    port = both.getsockname()[1]
    try:
        for host in ("127.0.0.1", "[::1]"):
            assert await answer(f"ws://{host}:{port}/feed", own.headers()) == 101
    finally:
        server.stop()
        await server.close_all_connections()


async def test_a_connection_of_another_socket_does_not_count() -> None:
    """Other sockets of the process, also unconnected ones and files, are no end of the connection."""
    own = OwnProcessAuthenticator("/feed", ["worker"])
    others = [socket.socket(), socket.socket(socket.AF_UNIX), *socket.socketpair()]
    others += bind_sockets(0, "127.0.0.1")
    try:
        async with serving(guarded(own)) as served:
            assert await from_another_process(served, own.headers()) == "401"
    finally:
        for one in others:
            one.close()


@pytest.mark.parametrize(
    ("endpoint", "roles", "says"),
    [("feed", ["worker"], 'endpoint="/feed"'), ("/feed", "worker", 'roles=["worker"]')],
)
def test_a_wrong_argument_stops_the_start(endpoint: str, roles: list[str], says: str) -> None:
    """The message has the line to write."""
    with pytest.raises(ConfigurationError) as error:
        OwnProcessAuthenticator(endpoint, roles)
    assert says in str(error.value)


def test_the_secret_is_in_no_text() -> None:
    """Neither the authenticator nor its arguments show it."""
    own = OwnProcessAuthenticator("/feed", ["worker"])
    assert own.headers()["X-Own-Process"] not in repr(own)
