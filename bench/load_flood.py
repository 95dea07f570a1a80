"""A flood for `load.py`: requests at a fixed rate, whether or not the server keeps up.

Each request has a TCP connection of its own, from the next of some loopback addresses. With `--closed N`
it is no flood: N requests are always under way, to measure how many the server answers.

    python load_flood.py --port 9000 --kind pages --rate 500 --seconds 5
"""

import argparse
import base64
import itertools
import json
import os
import select
import socket
import sys
import time
from collections import Counter
from typing import Final

HOST: Final = "127.0.0.1"
_MOST: Final = 4000  # requests under way at most; more would measure this program
_PATIENCE: Final = 5.0  # seconds for an answer
_BIND_ADDRESS_NO_PORT: Final = 24  # of Linux: the port is chosen at the connect
KINDS: Final = ("handshakes", "logins", "pages")


def request(kind: str, port: int, number: int) -> bytes:
    """Return one request of an unauthenticated client.

    Args:
        kind: One of `KINDS`.
        port: Port of the server.
        number: Number of the request, part of the user name of a login.
    """
    head = f"Host: {HOST}:{port}\r\n"
    if kind == "pages":
        return f"GET /nothing/{number} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode()
    if kind == "logins":
        body = json.dumps({"username": f"nobody-{number}", "password": "guess"})
        return (
            f"POST /auth/login HTTP/1.1\r\n{head}Connection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws HTTP/1.1\r\n{head}Origin: http://{HOST}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


class Flood:
    """Requests under way.

    Args:
        port: Port of the server.
        kind: One of `KINDS`.
        addresses: Number of loopback addresses that send them.
    """

    def __init__(self, port: int, kind: str, addresses: int) -> None:
        self._port = port
        self._kind = kind
        self._numbers = itertools.count()
        self._addresses = itertools.cycle(
            [f"127.2.{one >> 8}.{one & 255}" for one in range(1, addresses + 1)]
        )
        self._poll = select.epoll()
        self._waiting: dict[int, tuple[socket.socket, float]] = {}
        self.answers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self) -> None:
        """Begin one request."""
        one = socket.socket()
        try:
            one.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            one.bind((next(self._addresses), 0))
            one.settimeout(_PATIENCE)
            one.connect((HOST, self._port))  # on loopback the kernel answers at once
            one.setblocking(False)
            one.send(request(self._kind, self._port, next(self._numbers)))
        except OSError as error:
            self.answers[f"not sent: {error.strerror or error}"] += 1
            one.close()
            return
        self._waiting[one.fileno()] = (one, time.monotonic())
        self._poll.register(one.fileno(), select.EPOLLIN)

    def receive(self, seconds: float) -> None:
        """Read answers for a limited time."""
        for number, _ in self._poll.poll(seconds):
            one, _begun = self._waiting.pop(number)
            try:
                answer = one.recv(4096)
            except OSError:
                answer = b""
            self.answers[answer[9:12].decode() if answer else "closed"] += 1
            one.close()

    def give_up(self) -> None:
        """Close the requests that have waited too long."""
        now = time.monotonic()
        for number, (one, begun) in list(self._waiting.items()):
            if now - begun < _PATIENCE:
                return
            del self._waiting[number]
            one.close()
            self.answers["no answer"] += 1

    def close(self) -> None:
        """Close everything."""
        for one, _ in self._waiting.values():
            one.close()
        self._poll.close()


def at_rate(flood: Flood, rate: float, seconds: float) -> None:
    """Begin `rate` requests a second, for a number of seconds."""
    begun = time.monotonic()
    sent = 0
    while (now := time.monotonic()) < begun + seconds:
        for _ in range(min(int((now - begun) * rate) - sent, 50)):
            sent += 1
            if len(flood) < _MOST:
                flood.send()
            else:
                flood.answers["not sent: too many under way"] += 1
        flood.receive(0.0005)
        flood.give_up()


def closed(flood: Flood, clients: int, seconds: float) -> None:
    """Keep a number of requests under way, for a number of seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        while len(flood) < clients:
            flood.send()
        flood.receive(0.01)
        flood.give_up()


def main() -> int:
    """Flood, and print the answers by status as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--closed", type=int, default=0)
    parser.add_argument("--addresses", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    flood = Flood(options.port, options.kind, options.addresses)
    if options.closed:
        closed(flood, options.closed, options.seconds)
    else:
        at_rate(flood, options.rate, options.seconds)
    flood.close()
    sys.stdout.write(json.dumps(flood.answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
