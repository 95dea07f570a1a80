"""Serve a guarded application with the front and without it, and record everything that can be observed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from stormdoor import Guard, protect
from stormdoor.tornado.front import Front
from stormdoor.tornado.listener import GuardedServer
from tests.guard.fakes import events, make_guard, stop_maintenance
from tests.support.references import without_reference
from tests.tornado.wire import OwnServer

__all__ = [
    "BEARER",
    "GOODBYE",
    "HANDSHAKE",
    "HELLO",
    "Told",
    "Way",
    "exchange",
    "observed",
    "serving",
]

plain = False
"""Whether the front is that of Tornado's own server; else of `guarded_server`. See `kind_of_server`."""

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_PATIENCE = 10.0
BEARER = "Authorization: Bearer alice\r\n"
HELLO = b"\x81\x82\0\0\0\0hi"
GOODBYE = b"\x88\x82\0\0\0\0\x03\xe8"

Told = list[Any]


@dataclass
class Way:
    """A running server.

    Attributes:
        port: Its port on 127.0.0.1.
        server: The server.
        guard: The guard.
        told: What handlers and the log function have told.
    """

    port: int
    server: Any
    guard: Guard
    told: Told

    @property
    def front(self) -> Front | None:
        """Its front. None without one, or before the first connection of Tornado's own server."""
        accepting = vars(self.server).get("_handle_connection")
        front: Front | None = getattr(
            (accepting and accepting.__self__) or self.server, "_front", None
        )
        return front

    @property
    def unfinished(self) -> int:
        """Its connections without a WebSocket."""
        server = self.server
        return server.unfinished if isinstance(server, GuardedServer) else len(server._connections)


@contextlib.asynccontextmanager
async def serving(
    make: Callable[[Told], Application],
    *,
    front: bool,
    guard: Guard | None = None,
    declared: Any = "chat:connect",
    first_message: Sequence[str] = (),
    sock: socket.socket | None = None,
    **options: Any,
) -> AsyncIterator[Way]:
    """Serve an application.

    Args:
        make: Returns the application.
        front: Whether the server has a front.
        guard: The guard; one on fakes if it is left out.
        declared: The permission.
        first_message: Paths where the first message may authenticate.
        sock: Where it listens.
        options: Of the server.
    """
    guard = guard or make_guard(insecure_allow_any_host=True)
    told: Told = []
    application = protect(make(told), guard, declared, first_message=first_message)
    sock = sock or bind_sockets(0, "127.0.0.1")[0]
    server: Any
    options = {"max_body_size": 1024 * 1024, **options}
    if plain:
        server = HTTPServer(application, **options) if front else OwnServer(application, **options)
    else:
        server = GuardedServer(application, guard=guard, **options)
        if not front:
            server._has_front = lambda: False
    await guard.start()
    await stop_maintenance(guard)
    server.add_sockets([sock])
    address = sock.getsockname()
    port = address[1] if isinstance(address, tuple) else 0
    try:
        yield Way(port, server, guard, told)
    finally:
        server.stop()
        await server.close_all_connections()
        await guard.close()
        for _ in range(20):
            await asyncio.sleep(0)


async def exchange(port: int, *parts: bytes, pause: float = 0.0, hello: bytes = HELLO) -> bytes:
    """Send bytes, say hello and goodbye on an open WebSocket, and return everything that comes back.

    Args:
        port: Of the server.
        parts: The bytes; each is a segment of its own.
        pause: Seconds after each part.
        hello: The frames that an open WebSocket gets before the goodbye.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            if len(parts) > 1:
                await asyncio.sleep(pause)
        answer = b""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            async with asyncio.timeout(_PATIENCE):
                answer = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " in answer.splitlines()[0]:
                writer.write(hello)
                writer.write(GOODBYE)
            else:
                writer.write_eof()
            async with asyncio.timeout(_PATIENCE):
                answer += await reader.read()
        return answer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


_DATE = re.compile(rb"Date: [^\r]+")


def same(answer: bytes) -> tuple[list[bytes], bytes]:
    """An answer without its date and its reference; the headers in the order of the alphabet."""
    answer = _DATE.sub(b"Date:", answer)
    if b"; reference " in answer:
        answer = without_reference(answer)
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    return [first, *sorted(lines)], body


async def observed(
    make: Callable[[Told], Application],
    *requests: Sequence[bytes],
    front: bool,
    guard: Callable[[], Guard] | None = None,
    hello: bytes = HELLO,
    **options: Any,
) -> tuple[Any, int]:
    """Return everything that can be observed of requests, and how many the front has decided."""
    async with serving(make, front=front, guard=guard and guard(), **options) as way:
        answers = [
            same(await exchange(way.port, *one, pause=0.01, hello=hello)) for one in requests
        ]
        async with asyncio.timeout(10):
            while len(way.guard.registry):
                await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0)
        trail = [
            (one.name, one.cause, one.endpoint, one.principal, one.address, one.detail)
            for one in await events(way.guard)
            if one.name not in {"sys_startup", "sys_shutdown"}
        ]
        refused = {
            name.value: count for name, count in way.guard.statistics.refused.items() if count
        }
        served = 0 if way.front is None else way.front.served
        return (answers, way.told, trail, refused), served
