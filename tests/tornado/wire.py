"""A WebSocket client that does as it is told, right or wrong, and a server to say it to.

Written on asyncio streams and the text of RFC 6455 alone, so that no library's good manners stand
between a test and what it wants to send.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from stormdoor import Guard, protect
from stormdoor.tornado.listener import GuardedServer
from tests.guard.fakes import stop_maintenance

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Encrypted",
    "Ended",
    "Frame",
    "OwnServer",
    "Served",
    "Wire",
    "connect",
    "http_server",
    "log_lines",
    "request",
    "serving",
    "settled",
    "until",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SERVER = os.environ.get("TEST_SERVER", "plain")
"""The servers of the tests: `plain`, Tornado's with the front; `guarded`, that of `guarded_server`; or `own`,
a server class of the application's own, which has no front: `TEST_SERVER=own pytest tests/tornado`."""
_PATIENCE = 60.0  # only a failure takes that long

Headers = Sequence[tuple[str, str]]


class Encrypted:
    """With what everything is served and asked over TLS, once `test_on_tls` has said so.

    Attributes:
        server: What a server speaks TLS with, if it is not told otherwise.
        client: The same of a client.
    """

    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None


class Ended(Exception):
    """The server has closed the TCP connection."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame from the server."""

    opcode: int
    payload: bytes
    final: bool = True
    compressed: bool = False

    @property
    def text(self) -> str:
        """The payload of a text frame."""
        assert self.opcode == TEXT, self
        return self.payload.decode()

    @property
    def code(self) -> int | None:
        """The code of a close frame; None if it has none."""
        assert self.opcode == CLOSE, self
        return struct.unpack(">H", self.payload[:2])[0] if self.payload else None


def frame_bytes(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    masked: bool = True,
    rsv: int = 0,
) -> bytes:
    """One frame of a client, masked unless told otherwise (RFC 6455 §5.2)."""
    head = bytes([(0x80 if final else 0) | rsv | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65_536:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    whole, rest = divmod(len(payload), 4)
    key = mask * whole + mask[:rest]
    covered = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + covered.to_bytes(len(payload), "big")


class Wire:
    """One TCP connection and what the server has answered on it.

    Attributes:
        status: The HTTP status of the handshake.
        headers: The headers of the answer, in order, names in lower case.
        body: What came after them, if it was not the 101.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.hang_up()

    # -- HTTP --------------------------------------------------------------------------------------

    def header(self, name: str) -> str | None:
        """The value of a header of the answer; None if it is not there."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    async def read_answer(self, *, body: bool = True) -> None:
        """Read one HTTP answer."""
        async with asyncio.timeout(_PATIENCE):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise Ended from error
            first, *lines = head.decode("latin-1").split("\r\n")
            self.status = int(first.split(" ")[1])
            pairs = (line.partition(":") for line in lines if line)
            self.headers = [(name.lower(), value.strip()) for name, _, value in pairs]
            length = self.header("Content-Length")
            self.body = b""
            if body and self.status != 101 and length is not None:
                self.body = await self.reader.readexactly(int(length))

    # -- frames ------------------------------------------------------------------------------------

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def frame(
        self,
        opcode: int,
        payload: bytes = b"",
        *,
        final: bool = True,
        masked: bool = True,
        rsv: int = 0,
    ) -> None:
        """Send one frame."""
        self.raw(frame_bytes(opcode, payload, final=final, masked=masked, rsv=rsv))

    def send(self, message: str | bytes | dict[str, Any]) -> None:
        """Send one message in one frame; a dict as JSON."""
        if isinstance(message, dict):
            message = json.dumps(message)
        if isinstance(message, str):
            self.frame(TEXT, message.encode("utf-8", "surrogatepass"))
        else:
            self.frame(BINARY, message)

    async def receive(self) -> Frame:
        """The next frame.

        Raises:
            Ended: There is none any more.
        """
        async with asyncio.timeout(_PATIENCE):
            try:
                first, second = await self.reader.readexactly(2)
                assert not second & 0x80, "a server must not mask"
                length = second & 0x7F
                if length == 126:
                    (length,) = struct.unpack(">H", await self.reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
                payload = await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise Ended from error
        return Frame(first & 0x0F, payload, bool(first & 0x80), bool(first & 0x40))

    async def text(self) -> str:
        """The next frame, which is a text."""
        return (await self.receive()).text

    async def json(self) -> Any:
        """The next frame, which is JSON."""
        return json.loads(await self.text())

    async def ask(self, message: str | bytes | dict[str, Any]) -> Any:
        """Send one message and read its answer, which is JSON."""
        self.send(message)
        return await self.json()

    async def close_code(self) -> int | None:
        """Read frames up to the close frame, and return its code."""
        while True:
            frame = await self.receive()
            if frame.opcode == CLOSE:
                return frame.code

    async def ended(self) -> None:
        """Read until the server has closed the TCP connection."""
        with contextlib.suppress(Ended):
            while True:
                await self.receive()

    async def close(self, code: int = 1000) -> int | None:
        """The closing handshake, begun by the client. Returns the code that came back."""
        self.frame(CLOSE, struct.pack(">H", code))
        return await self.close_code()

    async def hang_up(self) -> None:
        """Close the TCP connection without a word."""
        self.writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(5):
                await self.writer.wait_closed()

    def abort(self) -> None:
        """Reset the TCP connection."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def _head(
    port: int, path: str, method: str, host: str | None, headers: Headers, *, upgrade: bool
) -> tuple[bytes, str]:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"{method} {path} HTTP/1.1"]
    if host is None:
        host = f"127.0.0.1:{port}"
    if host:
        lines.append(f"Host: {host}")
    named = {name.lower() for name, _ in headers}
    if upgrade:
        usual = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
        }
        lines += [f"{name}: {value}" for name, value in usual.items() if name.lower() not in named]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), key


async def dial(
    port: int, *, receive_buffer: int | None = None, tls: ssl.SSLContext | None = None
) -> Wire:
    """A TCP connection on which nothing has been said yet."""
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    tls = tls or Encrypted.client
    limit = 65_536 if receive_buffer is None else receive_buffer
    name = None if tls is None else "app.example"
    return Wire(
        *await asyncio.open_connection(sock=sock, limit=limit, ssl=tls, server_hostname=name)
    )


async def request(
    port: int,
    path: str = "/ws",
    *headers: tuple[str, str],
    method: str = "GET",
    host: str | None = None,
    upgrade: bool = True,
    body: bytes = b"",
    wait: bool = True,
    receive_buffer: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> Wire:
    """Send one request, by default a handshake, and read its answer.

    Args:
        port: Port on 127.0.0.1.
        path: Path and query of the request.
        headers: Sent as they are; a header that a handshake has anyway replaces it.
        method: The method.
        host: The Host header; empty to leave it out.
        upgrade: Whether it is a handshake.
        body: Sent after the head, as it is.
        wait: Whether to read the answer.
        receive_buffer: Bytes in the receive buffer of the client's kernel, to make it small.
        tls: The TLS context, or None for no TLS.
    """
    wire = await dial(port, receive_buffer=receive_buffer, tls=tls)
    head, key = _head(port, path, method, host, headers, upgrade=upgrade)
    wire.raw(head + body)
    if wait:
        await wire.read_answer(body=method != "HEAD")
        if wire.status == 101:
            proof = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
            if not any(name.lower() == "sec-websocket-key" for name, _ in headers):
                assert wire.header("Sec-WebSocket-Accept") == proof
    return wire


async def connect(
    port: int,
    path: str = "/ws",
    *headers: tuple[str, str],
    host: str | None = None,
    receive_buffer: int | None = None,
) -> Wire:
    """A handshake that must succeed."""
    wire = await request(port, path, *headers, host=host, receive_buffer=receive_buffer)
    assert wire.status == 101, (wire.status, wire.body)
    return wire


async def until(condition: Any) -> None:
    """Let everything else run until `condition()` is true: an event is waited for, never a time."""
    async with asyncio.timeout(_PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


async def settled(rounds: int = 20) -> None:
    """Let everything run that can run without anything new from outside."""
    for _ in range(rounds):
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        application: What it serves.
        server: Its HTTP server.
    """

    port: int
    application: Application
    server: HTTPServer


class OwnServer(HTTPServer):
    """A server class of the application's own, which gets no front."""


def http_server(application: Application, **options: Any) -> HTTPServer:
    """Return a server of a guarded application, of the kind `SERVER`."""
    if SERVER == "own":
        return OwnServer(application, **options)
    if SERVER == "plain" or not isinstance(application.settings.get("stormdoor_guard"), Guard):
        return HTTPServer(application, **options)
    most = options.pop("max_body_size", 100 * 1024 * 1024)
    return GuardedServer(application, guard=None, max_body_size=most, **options)


@contextlib.asynccontextmanager
async def serving(
    handlers: Application | Iterable[Any],
    guard: Guard | None = None,
    permission: Any = None,
    *,
    permissions: Any = None,
    heart: bool = False,
    port: int = 0,
    server_options: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve `handlers` on a port of loopback; behind `guard`, or plain without one.

    Args:
        handlers: Routes, or an application made from them already.
        guard: The guard; closed at the end.
        permission: For `protect`.
        permissions: For `protect`.
        heart: Whether the guard beats by itself. Without it, a test calls `guard.tick()`.
        port: Which; 0 for any.
        server_options: For `HTTPServer`.
        settings: Of the application.
    """
    application = (
        handlers if isinstance(handlers, Application) else Application(list(handlers), **settings)
    )
    if guard is not None:
        if "stormdoor_guard" not in application.settings:
            protect(application, guard, permission, permissions=permissions)
        if not heart:
            await quiet(guard)
    [sock] = bind_sockets(port, "127.0.0.1")
    encrypted = {} if Encrypted.server is None else {"ssl_options": Encrypted.server}
    server = http_server(application, **(server_options or encrypted))
    server.add_sockets([sock])
    try:
        yield Served(sock.getsockname()[1], application, server)
    finally:
        server.stop()
        await server.close_all_connections()
        if guard is not None:
            await guard.close()
        await settled()


async def quiet(guard: Guard) -> None:
    """Start `guard` and stop its heart, so that a tick happens when the test says so."""
    with contextlib.suppress(Exception):
        await guard.start()
    await stop_maintenance(guard)


@contextlib.contextmanager
def log_lines(*names: str, level: int = logging.INFO) -> Iterator[list[str]]:
    """Collects what is logged under `names`, formatted, with tracebacks."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    collector = Collector()
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(collector)
        logger.setLevel(level)
    try:
        yield lines
    finally:
        for logger, old in zip(loggers, before, strict=True):
            logger.removeHandler(collector)
            logger.setLevel(old)
