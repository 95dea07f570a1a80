"""A client that sends fixed bytes over loopback, and keeps the answers without their random parts."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from tests.compatibility.application import HOST, ORIGIN
from tests.tornado.wire import CLOSE, TEXT, Frame, Wire

__all__ = ["Client", "Socket", "Transcript", "without_random_parts"]

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

_RANDOM = [
    # Headers of Tornado: its version, the time of the machine, hash or length of a random body.
    (re.compile(r"(?m)^(Server|Date|Etag): .*$"), r"\1: …"),
    (re.compile(r"(?m)^([<>] Content-Length): \d+$"), r"\1: …"),
    (re.compile(r"(?m)^(Content-Length): \d+$"), r"\1: …"),
    (re.compile(r"; reference [0-9A-HJKMNP-TV-Z]{10}"), ""),
    (
        re.compile(
            r'\\"ref\\":\\"[0-9A-HJKMNP-TV-Z]{10}\\",|,\\"ref\\":\\"[0-9A-HJKMNP-TV-Z]{10}\\"'
        ),
        "",
    ),
    (re.compile(r"[?&]ref=[0-9A-HJKMNP-TV-Z]{10}"), ""),
    (re.compile(r',"ref":"[0-9A-HJKMNP-TV-Z]{10}"'), ""),
    (re.compile(r"expires=[^;]* GMT"), "expires=…"),
    (re.compile(r'"<svg .*</svg>"'), '"SVG"'),
    (re.compile(r"(\$argon2id\$v=\d+\$[a-z0-9=,]+)\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"), r"\1$…"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "JWT"),
    (re.compile(r"\bsd_[0-9a-z]{12}_[0-9A-Za-z]{49}"), "KEY"),
    (re.compile(r"\b(v1|1)\.([0-9a-f]{8})\.[\w=-]{20,}"), r"\1.\2.SEALED"),
    (re.compile(r"\bkey [0-9a-z]{12}\b"), "key ID"),
    (re.compile(r"\breplaces [0-9a-z]{12}\b"), "replaces ID"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "HEX16"),
    (re.compile(r"\b(token|credential) [\w-]{22}\b"), r"\1 ID"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HEX64"),
    (re.compile(r"\b(?<!unknown:)[0-9a-f]{32}\b"), "HEX32"),
    (re.compile(r"\bsecret=[A-Z2-7]{32}\b"), "secret=BASE32"),
    (re.compile(r'("(?:secret|id|ticket|challenge)": ?")[\w-]{12,}'), r"\1…"),
    (re.compile(r"(stormdoor[\w-]*=)[\w-]{43}"), r"\1…"),
    (re.compile(r"[0-9a-z]{4}(-[0-9a-z]{4}){3,}"), "CODE"),
]


def without_random_parts(text: str) -> str:
    """Replace each random part of a text by its kind, so that two recordings are equal."""
    for pattern, instead in _RANDOM:
        text = pattern.sub(instead, text)
    return text


@dataclass
class Transcript:
    """The requests and answers of a recording, in order, by the name of each step."""

    steps: dict[str, list[str]] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)

    async def hang_up(self) -> None:
        """Close every TCP connection."""
        for wire in self.wires:
            await wire.hang_up()

    def begin(self, name: str) -> list[str]:
        """Return the list of a new step."""
        assert name not in self.steps, name
        lines: list[str] = []
        self.steps[name] = lines
        return lines


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    text: str
    head: str

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)


class Socket:
    """One open WebSocket."""

    def __init__(self, wire: Wire, lines: list[str]) -> None:
        self.wire = wire
        self._lines = lines

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        self._lines.append(f"> {message!r}")
        self.wire.send(message)

    async def receive(self) -> Frame:
        """Keep the next frame of the server."""
        frame = await self.wire.receive()
        shown: str = frame.payload.hex()
        if frame.opcode == TEXT:
            shown = frame.payload.decode()
        elif frame.opcode == CLOSE:
            shown = f"close {frame.code} {frame.payload[2:].decode()!r}"
        self._lines.append(f"< {frame.opcode} {shown}")
        return frame

    async def ask(self, message: str | bytes) -> Frame:
        """Send one message and keep the frame that follows."""
        self.send(message)
        return await self.receive()

    async def leave(self) -> None:
        """Close as a client does."""
        self.wire.frame(CLOSE, struct.pack(">H", 1000))
        await self.receive()


@dataclass
class Client:
    """One browser or program, with cookies of its own.

    Attributes:
        port: The server's port on loopback.
        transcript: The recording.
        address: The address that the proxy names.
        cookies: By name.
    """

    port: int
    transcript: Transcript
    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def _head(self, method: str, path: str, headers: dict[str, str | None]) -> bytes:
        usual: dict[str, str | None] = {
            "Host": HOST,
            "Origin": ORIGIN,
            "X-Forwarded-For": self.address,
            "X-Forwarded-Proto": "https",
            "User-Agent": "recording",
        }
        if self.cookies:
            usual["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        usual |= headers
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in usual.items() if value is not None]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _exchange(self, sent: bytes, lines: list[str]) -> tuple[Wire, Answer]:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self.transcript.wires.append(wire)
        wire.raw(sent)
        async with asyncio.timeout(60):
            head = (await wire.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head.split(" ")[1])
            length = re.search(r"(?im)^content-length: (\d+)", head)
            body = b""
            if status != 101 and length is not None:
                body = await wire.reader.readexactly(int(length[1]))
        lines += ["> " + one for one in sent.decode().split("\r\n\r\n")[0].split("\r\n")]
        lines += ["< " + without_random_parts(one) for one in head.strip().split("\r\n")]
        lines += ["< " + body.decode()] if body else []
        for value in re.findall(r"(?im)^set-cookie: (.*)\r$", head):
            for name, morsel in SimpleCookie(value).items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
        return wire, Answer(status, body.decode(), head)

    async def http(
        self,
        name: str,
        method: str,
        path: str,
        body: dict[str, Any] | str | None = None,
        **headers: str | None,
    ) -> Answer:
        """Send one request and keep the answer."""
        content = json.dumps(body) if isinstance(body, dict) else body or ""
        kind = "application/json" if isinstance(body, dict) else "application/x-www-form-urlencoded"
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        if body is not None:
            given = {"Content-Type": kind, "Content-Length": str(len(content)), **given}
        lines = self.transcript.begin(name)
        sent = self._head(method, path, given) + content.encode()
        return (await self._exchange(sent, lines))[1]

    async def handshake(
        self, name: str, path: str = "/ws/chat", **headers: str | None
    ) -> tuple[Answer, Socket]:
        """Send one handshake and keep the answer."""
        given: dict[str, str | None] = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": _KEY,
        }
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        lines = self.transcript.begin(name)
        wire, answer = await self._exchange(self._head("GET", path, given), lines)
        return answer, Socket(wire, lines)

    async def refused(self, name: str, path: str = "/ws/chat", **headers: str | None) -> int:
        """Keep the answer to a handshake that is refused; return its status."""
        answer, _ = await self.handshake(name, path, **headers)
        assert answer.status != 101, name
        return answer.status

    async def open(self, name: str, path: str = "/ws/chat", **headers: str | None) -> Socket:
        """Keep a handshake that is admitted, and its frames."""
        answer, socket = await self.handshake(name, path, **headers)
        assert answer.status == 101, (name, answer)
        return socket
