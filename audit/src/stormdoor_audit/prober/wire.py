"""A WebSocket client that sends exactly what it is told to, and writes down what came back (RFC 6455).

No library is used: those refuse to send duplicate headers, unmasked frames or text that is not UTF-8,
which is what a hostile client sends.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stormdoor_audit.prober.budget import Budget, BudgetSpent
from stormdoor_audit.prober.target import Target

__all__ = [
    "ANSWER_SECONDS",
    "UNREACHED",
    "Answer",
    "Frame",
    "NoAnswer",
    "NotWebSocket",
    "Request",
    "TooLarge",
    "Wire",
    "exchange",
    "frame_bytes",
    "message_frame",
    "opened",
]

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
HEX = "hex:"
"""Begins a message that is sent as bytes."""
UNREACHED = "cannot be reached"
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 0.3
"""Until a server has answered a close frame."""
ANSWER_SECONDS = 8.0
_AGENT = "Mozilla/5.0 (stormdoor probe)"
"""Servers refuse clients that name no browser, with any credential."""
_MOST_HINTS = 4
_REFUSAL_SECONDS = 2.0
_LONGEST_BODY = 512 * 1024
_LONGEST_FRAME = 4 * 1024 * 1024
_PIECE = 64 * 1024
_NARROW = 16 * 1024
_SEGMENT = 536
"""Bytes, on a narrow connection: of the buffers, and of what a segment holds (RFC 9293, section 3.7.1)."""


class NoAnswer(Exception):
    """The server could not be reached, hung up, or did not answer in HTTP."""


class NotWebSocket(NoAnswer):
    """The bytes after the 101 break RFC 6455: no usual client would read on."""


class TooLarge(NoAnswer):
    """The server sent a message or a frame that is larger than the prober reads."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire.

    Args:
        headers: Beside Host and those of the upgrade; in this order, duplicates included.
        host: `Host:` where it is not the target's own.
        method: Of plain HTTP.
        body: Of plain HTTP.
    """

    headers: tuple[tuple[str, str], ...] = ()
    host: str = ""
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server: status, headers with lower-case names, and the body as far as it was read."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for one, value in self.headers if one == name]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that the server sent; a message in pieces is put together."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """Close code of the connection: 1005 if the frame has none."""
        return int.from_bytes(self.payload[:2]) if len(self.payload) >= 2 else 1005


def frame_bytes(opcode: int, payload: bytes, *, mask: bool = True, fin: bool = True) -> bytes:
    """A frame as a client sends it; unmasked only where the probe is about that."""
    head = bytearray([(0x80 if fin else 0) | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head.append(bit | len(payload))
    elif len(payload) < 1 << 16:
        head.append(bit | 126)
        head += len(payload).to_bytes(2)
    else:
        head.append(bit | 127)
        head += len(payload).to_bytes(8)
    if not mask:
        return bytes(head) + payload
    key = os.urandom(4)
    long = int.from_bytes((key * (len(payload) // 4 + 1))[: len(payload)])
    return bytes(head) + key + (int.from_bytes(payload) ^ long).to_bytes(len(payload))


def message_frame(text: str) -> bytes:
    """A message that the owner gave: text, or after `hex:` bytes in hexadecimal.

    Raises:
        ValueError: What follows `hex:` is no hexadecimal.
    """
    if text.startswith(HEX):
        return frame_bytes(BINARY, bytes.fromhex(text.removeprefix(HEX)))
    return frame_bytes(TEXT, text.encode())


@dataclass(slots=True)
class Wire:
    """A socket after its handshake was answered with 101.

    Args:
        reader: What the server sends.
        writer: What is sent to it.
        compressed: Whether permessage-deflate was agreed, which gives the first reserved bit a meaning.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    compressed: bool = False
    _bytes: bytearray = field(default_factory=bytearray)
    _pieces: bytearray = field(default_factory=bytearray)
    _opcode: int = 0
    _continues: bool = False
    _closed: bool = False

    async def send(self, data: bytes) -> None:
        """Send bytes as they are.

        Raises:
            NoAnswer: The server has hung up.
        """
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as error:
            raise NoAnswer("the server hung up") from error

    async def receive(self) -> Frame:
        """The next message or control frame; pings are answered.

        May be cancelled: a frame that has come in part is read on by the next call.

        Raises:
            NotWebSocket: What came is no frame of a server.
            NoAnswer: The connection ended, or too much came.
        """
        while True:
            first, payload = await self._frame()
            opcode = first & 0x0F
            if opcode >= CLOSE:
                self._closed = self._closed or opcode == CLOSE
                if opcode == PING:
                    await self.send(frame_bytes(PONG, payload))
                return Frame(opcode, payload)
            self._continues = not first & 0x80
            self._opcode = opcode or self._opcode
            self._pieces += payload
            if len(self._pieces) > _LONGEST_FRAME:
                raise TooLarge("the server sent a message of more than 4 MiB")
            if not self._continues:
                whole = bytes(self._pieces)
                self._pieces.clear()
                return Frame(self._opcode, whole)

    async def close(self, budget: Budget) -> None:
        """Send a close frame, and wait a moment for the server's: an abrupt end may break the server."""
        try:
            async with asyncio.timeout(min(_CLOSE_SECONDS, budget.grace())):
                await self.send(frame_bytes(CLOSE, (1000).to_bytes(2)))
                while budget.answers_close and not self._closed:
                    await self.receive()
        except NoAnswer:
            pass
        except TimeoutError:
            budget.answers_close = False

    async def _frame(self) -> tuple[int, bytes]:
        """The first byte of the next frame, and its payload."""
        await self._come(2)
        first, second = self._bytes[:2]
        if broken := self._broken(first, second):
            raise NotWebSocket(f"the server breaks RFC 6455: {broken}")
        start, length = 2, second & 0x7F
        if length > 125:
            start = 4 if length == 126 else 10
            await self._come(start)
            length = int.from_bytes(self._bytes[2:start])
        if length > _LONGEST_FRAME:
            raise TooLarge("the server sent a frame of more than 4 MiB")
        await self._come(start + length)
        payload = bytes(self._bytes[start : start + length])
        del self._bytes[: start + length]
        return first, payload

    async def _come(self, many: int) -> None:
        """Wait until so many bytes are there."""
        while len(self._bytes) < many:
            try:
                piece = await self.reader.read(_PIECE)
            except OSError as error:
                raise NoAnswer("the connection ended") from error
            if not piece:
                raise NoAnswer("the connection ended")
            self._bytes += piece

    def _broken(self, first: int, second: int) -> str:
        """Return the fault in the first two bytes of a frame (sections 5.1, 5.2, 5.4 and 5.5), or ""."""
        opcode = first & 0x0F
        if first & (0x30 if self.compressed else 0x70):
            return "a frame with reserved bits"
        if opcode not in {CONTINUED, TEXT, BINARY, CLOSE, PING, PONG}:
            return f"a frame of the unknown kind {opcode}"
        if second & 0x80:
            return "a frame with a mask"
        if opcode >= CLOSE:
            short = first & 0x80 and second & 0x7F <= 125
            return "" if short else "a control frame that is long or in pieces"
        if (opcode == CONTINUED) != self._continues:
            return "pieces of a message in the wrong order"
        return ""


def _head(target: Target, request: Request, extra: Sequence[tuple[str, str]]) -> bytes:
    lines = [
        f"{request.method} {target.resource} HTTP/1.1",
        f"Host: {request.host or target.netloc}",
    ]
    if not any(name.lower() == "user-agent" for name, _ in request.headers):
        extra = (*extra, ("User-Agent", _AGENT))
    lines += [f"{name}: {value}" for name, value in (*extra, *request.headers)]
    text = "\r\n".join(line.replace("\r", "").replace("\n", "") for line in lines)
    return text.encode("utf-8", "surrogateescape") + b"\r\n\r\n"


async def _narrow(target: Target) -> socket.socket:
    """Open a connection with small segments and buffers: kernels size theirs by them."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        for level, name in (
            (socket.SOL_SOCKET, socket.SO_RCVBUF),
            (socket.SOL_SOCKET, socket.SO_SNDBUF),
        ):
            sock.setsockopt(level, name, _NARROW)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
        where = (target.address, target.port)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


@functools.cache
def _verifying() -> ssl.SSLContext:
    """TLS settings where none are given: certificates are verified as usual."""
    return ssl.create_default_context()


async def _connect(
    target: Target, tls: ssl.SSLContext | None, *, narrow: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure: dict[str, Any] = (
        {"ssl": tls or _verifying(), "server_hostname": target.host} if target.secure else {}
    )
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            if narrow:
                sock = await _narrow(target)
                return await asyncio.open_connection(sock=sock, limit=_NARROW, **secure)
            return await asyncio.open_connection(target.address, target.port, **secure)
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(
            f"the certificate of {target.netloc} cannot be verified: {error.verify_message}; "
            "give --ca FILE"
        ) from error
    except ssl.SSLError as error:
        raise NoAnswer(
            f"{target.netloc} breaks off TLS, or speaks none: {error.reason or 'no reason is given'}"
        ) from error
    except ConnectionRefusedError as error:
        raise NoAnswer(f"{target.netloc} cannot be reached") from error
    except (OSError, TimeoutError) as error:
        tls_too = ", or does not finish TLS" if target.secure else ""
        raise NoAnswer(f"{target.netloc} {UNREACHED}{tls_too}") from error


async def _read_head(reader: asyncio.StreamReader, seconds: float = ANSWER_SECONDS) -> Answer:
    """The answer; what a server says before it (100, 103) is none (RFC 9110, section 15.2)."""
    end = asyncio.get_running_loop().time() + seconds
    for _ in range(_MOST_HINTS):
        left = max(end - asyncio.get_running_loop().time(), 0.01)
        answer = await _read_one_head(reader, left, seconds)
        if answer.status == 101 or not 100 <= answer.status < 200:
            return answer
    raise NoAnswer("the server gave no final answer")


async def _read_one_head(reader: asyncio.StreamReader, left: float, seconds: float) -> Answer:
    try:
        async with asyncio.timeout(left):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError as error:
        raise NoAnswer(f"the server kept silent for {seconds:.0f} s") from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise NoAnswer("the server hung up without an answer") from error
    except asyncio.LimitOverrunError as error:
        raise NoAnswer("the server gave no answer in HTTP") from error
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/") or not rest[:3].isdigit():
        raise NoAnswer("the server gave no answer in HTTP")
    pairs = (line.partition(":") for line in lines if ":" in line)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return Answer(int(rest[:3]), headers)


async def _read_body(
    reader: asyncio.StreamReader,
    answer: Answer,
    longest: int = _LONGEST_BODY,
    *,
    seconds: float = ANSWER_SECONDS,
) -> bytes:
    """Return the body as far as it comes; an error ends it."""
    body = bytearray()
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        async with asyncio.timeout(seconds):
            if answer.status in {204, 304} or 100 <= answer.status < 200:
                return b""
            if "chunked" in ",".join(answer.values("transfer-encoding")).lower():
                while size := int((await reader.readline()).split(b";")[0], 16):
                    if len(body) + size > longest:
                        break
                    body += await reader.readexactly(size)
                    await reader.readline()
            elif lengths := answer.values("content-length"):
                body += await reader.readexactly(min(int(lengths[0]), longest))
            else:
                while len(body) < longest and (piece := await reader.read(65536)):
                    body += piece
    return bytes(body)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    # TLS waits for the other side to close, and unread bytes wait, too: nothing is left open.
    try:
        async with asyncio.timeout(1.0):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:
        pass


async def exchange(
    target: Target,
    request: Request,
    budget: Budget,
    tls: ssl.SSLContext | None,
    *,
    longest: int = _LONGEST_BODY,
) -> Answer:
    """One request in plain HTTP, one answer, and the end of the connection.

    Args:
        target: Where.
        request: What is asked.
        budget: What it is paid from.
        tls: For https; None for the usual authorities.
        longest: How much of the body is read.

    Raises:
        NoAnswer: There was none.
        BudgetSpent: No connection is left.
    """
    await budget.spend()
    reader, writer = await _connect(target, tls)
    try:
        seconds = min(ANSWER_SECONDS, budget.grace())
        extra = [("Connection", "close"), ("Accept", "*/*")]
        if request.body or request.method == "POST":
            extra.append(("Content-Length", str(len(request.body))))
        writer.write(_head(target, request, extra) + request.body)
        answer = await _read_head(reader, seconds)
        body = await _read_body(reader, answer, longest, seconds=min(seconds, budget.grace()))
        return Answer(answer.status, answer.headers, body)
    except OSError as error:
        raise NoAnswer("the server hung up") from error
    finally:
        await _hang_up(writer)


async def half_open(
    target: Target, budget: Budget, tls: ssl.SSLContext | None, seconds: float
) -> bool:
    """Return True if a request that is begun and not finished is still waited for after so many seconds.

    Raises:
        NoAnswer: The server could not be reached.
        BudgetSpent: No connection is left.
    """
    await budget.spend()
    reader, writer = await _connect(target, tls)
    try:
        writer.write(_head(target, Request(), ())[:-2])
        async with asyncio.timeout(seconds):
            await reader.read(1)
    except TimeoutError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        await _hang_up(writer)


@contextlib.asynccontextmanager
async def opened(
    target: Target,
    request: Request,
    budget: Budget,
    tls: ssl.SSLContext | None,
    *,
    at_once: bytes = b"",
    seconds: float = ANSWER_SECONDS,
    gate: Callable[[], Awaitable[None]] | None = None,
    narrow: bool = False,
) -> AsyncIterator[tuple[Answer, Wire | None]]:
    """The handshake, and the socket if there is one; it is closed in every case.

    Args:
        target: Where.
        request: What is asked.
        budget: What it is paid from.
        tls: For wss; None for the usual authorities.
        at_once: Bytes that follow the request in one go, before there is an answer.
        seconds: How long to wait for the answer.
        gate: Awaited when all of the request but its last byte was sent.
        narrow: Let little be under way in the kernels of both sides, so that what waits, waits in the server.

    Raises:
        NoAnswer: There was none.
        BudgetSpent: No connection is left.
    """
    await budget.spend()
    reader, writer = await _connect(target, tls, narrow=narrow)
    wire: Wire | None = None
    try:
        extra = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode()),
        ]
        try:
            head = _head(target, request, extra)
            if gate is not None:
                writer.write(head[:-1])
                await writer.drain()
                await gate()
                head = head[-1:]
            writer.write(head + at_once)
            await writer.drain()
        except OSError as error:
            raise NoAnswer("the server hung up") from error
        try:
            answer = await _read_head(reader, min(seconds, budget.grace()))
        except NoAnswer as error:
            if budget.over:
                # It is not the server that has said nothing for long.
                raise BudgetSpent from error
            raise
        if answer.status != 101:
            # What a refusal says beside its status is for the reader of the report.
            seconds = min(_REFUSAL_SECONDS, budget.grace())
            body = await _read_body(reader, answer, seconds=seconds)
            yield Answer(answer.status, answer.headers, body), None
            return
        agreed = ",".join(answer.values("sec-websocket-extensions"))
        wire = Wire(reader, writer, compressed="permessage-deflate" in agreed)
        yield answer, wire
    finally:
        if wire is not None:
            await wire.close(budget)
        await _hang_up(writer)
