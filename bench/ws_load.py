"""The client: opens connections, echoes messages, shakes hands. Standard library only.

Only 127.0.0.1 is contacted, and every loop ends by a count or a time. A message's reply is
compared byte by byte with the first reply, and that one with what was asked for.
"""

import json
import select
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Final

from process import HOST

__all__ = [
    "Connection",
    "LoadError",
    "echo",
    "first_reply",
    "open_all",
    "shake_hands",
    "upgrade",
    "upgraded",
]

MASK: Final = b"\x37\xfa\x21\x3d"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class LoadError(Exception):
    """The server answered something else than it was asked for, or too late."""


class Connection:
    """A client's end of one open WebSocket."""

    __slots__ = ("pending", "socket", "to_receive", "to_send")

    def __init__(self, connected: socket.socket, pending: bytes = b"") -> None:
        self.socket = connected
        self.pending = pending
        self.to_send = 0
        self.to_receive = 0

    def frames(self, data: bytes) -> list[tuple[int, bytes]]:
        """Whole frames, as opcode and payload, in what has arrived; pings are answered."""
        data = self.pending + data
        found: list[tuple[int, bytes]] = []
        start = 0
        while (end := _frame_end(data, start)) is not None:
            opcode = data[start] & 0x0F
            payload = data[_payload_start(data, start) : end]
            start = end
            if opcode == PING:
                self.socket.sendall(frame(payload, PONG))
            else:
                found.append((opcode, payload))
        self.pending = data[start:]
        return found

    def replies(self, data: bytes, expected: bytes, payload: bytes) -> int:
        """Return the number of complete replies, each equal to `expected`, the frame of `payload`."""
        waiting = self.pending + data
        count, rest = divmod(len(waiting), len(expected))
        whole = len(waiting) - rest
        if waiting[:whole] == expected * count:
            self.pending = waiting[whole:]
            return count
        received = self.frames(data)
        for opcode, content in received:
            if opcode == CLOSE:
                code = int.from_bytes(content[:2], "big")
                raise LoadError(f"the server closed a connection: {code} {content[2:]!r}")
            if content != payload:
                raise LoadError(f"another reply than the first: {content[:200]!r}")
        return len(received)


def _payload_start(data: bytes, start: int) -> int:
    return start + {126: 4, 127: 10}.get(data[start + 1] & 0x7F, 2)


def _frame_end(data: bytes, start: int) -> int | None:
    """Return the end of the server's (unmasked) frame at `start`; None while it is incomplete."""
    if len(data) < start + 2:
        return None
    head = _payload_start(data, start)
    if len(data) < head:
        return None
    length = data[start + 1] & 0x7F
    if head > start + 2:
        length = int.from_bytes(data[start + 2 : head], "big")
    return head + length if len(data) >= head + length else None


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A masked frame, as a client must send it (RFC 6455, section 5.3)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = (MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + MASK + masked.to_bytes(size, "big")


def upgrade(port: int, path: str, headers: Iterable[str], *, origin: str | None = None) -> bytes:
    """An upgrade request, from the server's own origin unless `origin` names another."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {HOST}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        f"Origin: {origin or f'http://{HOST}:{port}'}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode()


def connect(port: int) -> socket.socket:
    connected = socket.create_connection((HOST, port), timeout=30)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def open_all(port: int, request: bytes, count: int, *, batch: int = 50) -> list[Connection]:
    """Opens `count` connections, `batch` at a time, and returns them upgraded."""
    opened: list[Connection] = []
    while len(opened) < count:
        part = [connect(port) for _ in range(min(batch, count - len(opened)))]
        for connected in part:
            connected.sendall(request)
        opened.extend(upgraded(connected) for connected in part)
    return opened


def upgraded(connected: socket.socket) -> Connection:
    """Reads the answer to an upgrade request, which must be 101."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connected.recv(65536)
        if not chunk:
            raise LoadError("the server hung up during the handshake")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        raise LoadError(f"the upgrade was refused: {_status_line(head)}")
    return Connection(connected, rest)


def first_reply(connection: Connection, payload: bytes) -> bytes:
    """Sends one message and returns the payload of its reply, which holds the same JSON object."""
    connection.socket.sendall(frame(payload))
    received: list[tuple[int, bytes]] = []
    while not received:
        data = connection.socket.recv(65536)
        if not data:
            raise LoadError("the server hung up on the first message")
        received = connection.frames(data)
    opcode, content = received[0]
    if opcode != TEXT or json.loads(content) != json.loads(payload):
        raise LoadError(f"wrong reply: opcode {opcode}, {content[:200]!r}")
    return content


def echo(
    connections: Sequence[Connection],
    payload: bytes,
    total: int,
    *,
    reply: bytes,
    window: int = 1,
    seconds: float = 60.0,
) -> None:
    """Sends `total` messages and returns when all are answered.

    Args:
        connections: share the messages evenly.
        payload: of each message.
        total: number of messages.
        reply: payload of each reply, see `first_reply`.
        window: unanswered messages on each connection.
        seconds: after which it gives up.

    Raises:
        LoadError: a reply was another one or did not come.
    """
    message = frame(payload)
    block = memoryview(message * window)
    expected = _server_frame(reply)
    share, extra = divmod(total, len(connections))
    by_descriptor: dict[int, Connection] = {}
    unfinished = 0
    with select.epoll() as poll:
        for number, connection in enumerate(connections):
            connection.socket.setblocking(False)
            by_descriptor[connection.socket.fileno()] = connection
            poll.register(connection.socket.fileno(), select.EPOLLIN)
            connection.to_receive = share + (number < extra)
            burst = min(window, connection.to_receive)
            connection.to_send = connection.to_receive - burst
            if burst:
                connection.socket.sendall(block[: burst * len(message)])
                unfinished += 1
        deadline = time.monotonic() + seconds
        while unfinished:
            if time.monotonic() > deadline:
                raise LoadError(f"{unfinished} connections still wait for replies")
            for descriptor, _event in poll.poll(1.0, 1024):
                connection = by_descriptor[descriptor]
                data = connection.socket.recv(262144)
                if not data:
                    raise LoadError("the server hung up")
                count = connection.replies(data, expected, reply)
                if not count:
                    continue
                connection.to_receive -= count
                more = min(count, connection.to_send)
                if more:
                    connection.to_send -= more
                    connection.socket.sendall(block[: more * len(message)])
                if connection.to_receive <= 0:
                    unfinished -= 1


def _server_frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x80 | TEXT, size)) + payload
    return bytes((0x80 | TEXT, 126)) + size.to_bytes(2, "big") + payload


def shake_hands(
    port: int,
    requests: Sequence[bytes],
    *,
    status: int = 101,
    in_flight: int = 8,
    seconds: float = 60.0,
) -> None:
    """Sends each request on a connection of its own; an accepted one is closed in good order.

    Args:
        port: of the server.
        requests: see `upgrade`.
        status: HTTP status that each answer must have.
        in_flight: connections at a time.
        seconds: after which it gives up.

    Raises:
        LoadError: an answer had another status or did not come.
    """
    goodbye = frame((1000).to_bytes(2, "big"), CLOSE)
    waiting = iter(requests)
    live: dict[int, tuple[Connection, bool]] = {}
    done = 0
    deadline = time.monotonic() + seconds
    with select.epoll() as poll:
        while done < len(requests):
            while len(live) < in_flight and (request := next(waiting, None)) is not None:
                connected = connect(port)
                connected.sendall(request)
                live[connected.fileno()] = Connection(connected), False
                poll.register(connected.fileno(), select.EPOLLIN)
            if time.monotonic() > deadline:
                raise LoadError(f"{done} of {len(requests)} handshakes were answered")
            for descriptor, _event in poll.poll(1.0, 256):
                connection, accepted = live[descriptor]
                data = _received(connection.socket)
                if not accepted:
                    answered = _answered(connection, data, status)
                    if not answered:
                        continue
                    if status == 101:
                        live[descriptor] = connection, True
                        connection.socket.sendall(goodbye)
                        continue
                elif data and all(opcode != CLOSE for opcode, _ in connection.frames(data)):
                    continue
                poll.unregister(descriptor)
                del live[descriptor]
                connection.socket.close()
                done += 1


def _status_line(head: bytes) -> str:
    return head.split(b"\r\n", 1)[0].decode("latin-1")


def _received(connected: socket.socket) -> bytes:
    try:
        return connected.recv(65536)
    except ConnectionResetError:
        return b""


def _answered(connection: Connection, data: bytes, status: int) -> bool:
    """Return whether the answer's head is complete; the rest stays pending."""
    if not data:
        raise LoadError("the server hung up before it answered")
    head, end, rest = (connection.pending + data).partition(b"\r\n\r\n")
    connection.pending = rest if end else head
    if end and f" {status} ".encode() not in head.split(b"\r\n", 1)[0]:
        raise LoadError(f"status {status} expected: {_status_line(head)}")
    return bool(end)
