"""Client with its own address and cookie jar, for HTTP and WebSocket requests."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from tests.tornado.wire import CLOSE, PING, PONG, TEXT, Ended, Wire

__all__ = ["Visitor", "answer", "collected", "eventually", "heard", "is_in", "told"]

_Found = TypeVar("_Found")

_PATIENCE = 60.0  # only a failure takes that long
_OWN = "the origin of the page"


async def eventually(look: Callable[[], _Found | None]) -> _Found:
    """Call `look` until it returns a true value, and return that.

    Raises:
        TimeoutError: It never is.
    """
    async with asyncio.timeout(_PATIENCE):
        while not (found := look()):
            await asyncio.sleep(0.01)
    return found


_PINGS = itertools.count()


async def heard(wire: Wire) -> list[Any]:
    """Every message that was sent to this socket until now; a ping comes back after all of them."""
    data = b"%d" % next(_PINGS)
    wire.frame(PING, data)
    messages: list[Any] = []
    while True:
        frame = await wire.receive()
        if frame.opcode == PONG and frame.payload == data:
            return messages
        if frame.opcode == TEXT:
            messages.append(json.loads(frame.payload))


async def told(wire: Wire, kind: str) -> Any:
    """Return the next message of that type."""
    while True:
        frame = await wire.receive()
        if frame.opcode == TEXT and (message := json.loads(frame.payload))["type"] == kind:
            return message


async def answer(wire: Wire, message: dict[str, Any]) -> Any:
    """Send a message and return its answer; None if the connection ends first."""
    id = f"question {next(_PINGS)}"
    wire.send({**message, "id": id})
    with contextlib.suppress(Ended):
        while (frame := await wire.receive()).opcode != CLOSE:
            if frame.opcode == TEXT and (reply := json.loads(frame.payload)).get("id") == id:
                return reply
    return None


async def is_in(wire: Wire) -> bool:
    """Return whether a handshake gave a usable socket, and close it."""
    async with wire:
        if wire.status != 101:
            return False
        reply = await answer(wire, {"type": "join", "room": "lobby"})
        return reply is not None and reply["type"] == "joined"


async def collected(wire: Wire) -> list[Any]:
    """Every message up to the close frame, or to the end of the connection if there is none."""
    messages = []
    with contextlib.suppress(Ended):
        while (frame := await wire.receive()).opcode != CLOSE:
            if frame.opcode == TEXT:
                messages.append(json.loads(frame.payload))
    return messages


class Visitor:
    """Client of one server.

    Args:
        port: Of the server, on 127.0.0.1.
        address: The client's address, by which rate limits and back-off count.

    Attributes:
        cookies: Cookies that the server has set.
        secrets: Every secret that was sent or received: it must not appear anywhere else.
    """

    def __init__(self, port: int, *, address: str = "127.0.0.1") -> None:
        self.port = port
        self.address = address
        self.cookies: dict[str, str] = {}
        self.secrets: set[str] = set()

    @property
    def origin(self) -> str:
        """The origin of the server's own pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        """The session cookie."""
        return self.cookies["__Host-stormdoor"]

    def twin(self, *, address: str | None = None, **cookies: str) -> Visitor:
        """Return a thief: a second client with these cookies, or with a copy of all."""
        other = Visitor(self.port, address=address or self.address)
        other.cookies = cookies or dict(self.cookies)
        return other

    async def dial(self, *, receive_buffer: int | None = None) -> Wire:
        """A TCP connection on which nothing has been said yet."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        sock.bind((self.address, 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        limit = receive_buffer or 65_536
        return Wire(*await asyncio.open_connection(sock=sock, limit=limit))

    def _lines(
        self, start: str, host: str | None, origin: str | None, headers: Sequence[tuple[str, str]]
    ) -> list[str]:
        lines = [start, f"Host: {host or f'127.0.0.1:{self.port}'}"]
        if origin is not None:
            lines.append(f"Origin: {self.origin if origin == _OWN else origin}")
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            lines.append(f"Cookie: {pairs}")
        return lines + [f"{name}: {value}" for name, value in headers]

    # -- HTTP --------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *headers: tuple[str, str],
        form: bool = False,
        origin: str | None = None,
        host: str | None = None,
    ) -> Wire:
        """One request on a connection of its own; the answer is on the `Wire` that comes back.

        Args:
            method: The method.
            path: What for.
            body: Sent as JSON, or as a form; bytes as they are.
            headers: Further ones.
            form: Send `body` as a form.
            origin: The Origin; None sends none.
            host: The Host, if it is to be another.
        """
        more = [("Connection", "close"), *headers]
        if isinstance(body, bytes):
            data = body
        elif form:
            data = urlencode(body).encode()
            more.append(("Content-Type", "application/x-www-form-urlencoded"))
        elif body is not None:
            data = json.dumps(body).encode()
            more.append(("Content-Type", "application/json"))
        else:
            data = b""
        if data or method in ("POST", "PUT"):
            more.append(("Content-Length", str(len(data))))
        lines = self._lines(f"{method} {path} HTTP/1.1", host, origin, more)
        async with await self.dial() as wire:
            wire.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data)
            await wire.read_answer(body=method != "HEAD")
        self._keep(wire)
        return wire

    def _keep(self, answer: Wire) -> None:
        for name, value in answer.headers:
            if name != "set-cookie":
                continue
            cookie, _, secret = value.partition(";")[0].partition("=")
            secret = secret.strip('"')
            if secret:
                self.cookies[cookie] = secret
                self.secrets.add(secret)
            else:
                self.cookies.pop(cookie, None)

    async def get(self, path: str, *headers: tuple[str, str], **options: Any) -> Wire:
        """GET."""
        return await self.request("GET", path, None, *headers, **options)

    async def post(
        self, path: str, body: Any = None, *headers: tuple[str, str], **options: Any
    ) -> Wire:
        """POST, from a page of the server itself."""
        return await self.request("POST", path, body, *headers, **{"origin": _OWN, **options})

    async def log_in(self, name: str, password: str) -> Any:
        """Log in, which must succeed; what the server says about the session."""
        self.secrets.add(password)
        answer = await self.post("/auth/login", {"username": name, "password": password})
        assert answer.status == 200, (answer.status, answer.body)
        return json.loads(answer.body)

    async def log_out(self) -> None:
        """Log out, which must succeed."""
        answer = await self.post("/auth/logout")
        assert answer.status == 204, (answer.status, answer.body)

    async def ticket(self, endpoint: str = "/ws/chat", **options: Any) -> str:
        """A ticket, which must be given."""
        answer = await self.post("/auth/ticket", {"endpoint": endpoint}, **options)
        assert answer.status == 200, (answer.status, answer.body)
        ticket: str = json.loads(answer.body)["ticket"]
        self.secrets.add(ticket)
        return ticket

    async def token(self) -> str:
        """An access token, which must be given."""
        answer = await self.post("/auth/token")
        assert answer.status == 200, (answer.status, answer.body)
        token: str = json.loads(answer.body)["access_token"]
        self.secrets.add(token)
        return token

    # -- WebSocket ---------------------------------------------------------------------------------

    async def handshake(
        self,
        path: str = "/ws/chat",
        *headers: tuple[str, str],
        origin: str | None = _OWN,
        offers: Sequence[str] = (),
        host: str | None = None,
        receive_buffer: int | None = None,
    ) -> Wire:
        """Send one handshake and read its answer.

        Args:
            path: Path and query of the request.
            headers: Further headers.
            origin: The Origin; by default that of the server's own pages, None for none.
            offers: Subprotocols.
            host: The Host, if it is to be another.
            receive_buffer: Bytes in the receive buffer of the client's kernel, to make it small.
        """
        more = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode()),
            ("Sec-WebSocket-Version", "13"),
        ]
        if offers:
            more.append(("Sec-WebSocket-Protocol", ", ".join(offers)))
        lines = self._lines(f"GET {path} HTTP/1.1", host, origin, [*more, *headers])
        wire = await self.dial(receive_buffer=receive_buffer)
        try:
            wire.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            await wire.read_answer()
        except BaseException:
            await wire.hang_up()
            raise
        return wire

    async def open(self, path: str = "/ws/chat", *headers: tuple[str, str], **options: Any) -> Wire:
        """A handshake that must succeed."""
        wire = await self.handshake(path, *headers, **options)
        assert wire.status == 101, (wire.status, wire.body)
        return wire

    async def refused(
        self, path: str = "/ws/chat", *headers: tuple[str, str], **options: Any
    ) -> int:
        """The status of a handshake that must not succeed."""
        async with await self.handshake(path, *headers, **options) as wire:
            assert wire.status != 101, "it was let in"
            return wire.status

    async def with_ticket(self, ticket: str, path: str = "/ws/chat", **options: Any) -> Wire:
        """A handshake with a ticket."""
        offers = ("stormdoor.v1", f"stormdoor.ticket.{ticket}")
        return await self.handshake(path, offers=offers, **options)

    async def with_key(self, key: str, path: str = "/ws/dashboard", **options: Any) -> Wire:
        """A handshake with an API key or token, as a program makes it: without an Origin."""
        options = {"origin": None, **options}
        return await self.handshake(path, ("Authorization", f"Bearer {key}"), **options)
