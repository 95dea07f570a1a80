"""Look for the costliest refused handshake, among heads that a client chooses up to the largest size.

Each head goes to a guarded server, and to the same server without a guard. A refusal must cost at most 0.9 of
the dearer one of two: an ordinary handshake of plain Tornado, and plain Tornado with the same bytes.

    python bench/refusals.py            # instructions in user space; needs valgrind
    python bench/refusals.py --cpu      # CPU time of the server, kernel included
"""

import argparse
import os
import random
import socket
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from instructions import PREFIX, busy, idle_rate
from measure import SETTLE, busy_us, idle_us
from policy import token
from process import HOST, Process, Server, pin_client
from rich.console import Console
from rich.table import Table
from ws_load import CLOSE, frame

PLAIN: Final = Server(name="Tornado", command="{python} refusals_server.py --port {port} --plain")
GUARDED: Final = Server(name="stormdoor", command="{python} refusals_server.py --port {port}")
ORDINARY: Final = "an ordinary handshake"
GOODBYE: Final = frame((1000).to_bytes(2, "big"), CLOSE)
LARGEST: Final = 65_000
"""Bytes of the largest heads that plain Tornado reads."""
FRONT: Final = 15_500
"""Bytes of the largest heads that `guarded_server` reads."""

Packets = list[bytes]
Make = Callable[[int, int], Packets]
"""Returns the segments of a request to a port; the number makes requests different."""


def _head(port: int, *lines: str, path: str = "/ws", host: str | None = None) -> bytes:
    return "\r\n".join(
        [
            f"GET {path} HTTP/1.1",
            f"Host: {host or f'{HOST}:{port}'}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
            *lines,
            "",
            "",
        ]
    ).encode("latin-1")


def _with(*lines: str, path: str = "/ws", host: str | None = None) -> Make:
    return lambda port, _: [_head(port, *lines, path=path, host=host)]


def _headers(name: Callable[[int], str], size: int) -> Make:
    """Many headers, up to so many bytes."""
    lines: list[str] = []
    total = 0
    while total < size:
        lines.append(name(len(lines)))
        total += len(lines[-1]) + 2
    return _with(*lines)


def _filled(before: str, part: str, size: int) -> Make:
    """One header with a repeated part."""
    return _with(before + part * ((size - len(before)) // len(part)))


def _parts(head: Make, size: int) -> Make:
    def make(port: int, number: int) -> Packets:
        data = head(port, number)[0]
        return [data[start : start + size] for start in range(0, len(data), size)]

    return make


def _own(port: int) -> str:
    return f"Origin: http://{HOST}:{port}"


def _path(before: str, size: int) -> Make:
    def make(port: int, number: int) -> Packets:
        return [_head(port, _own(port), path=f"{before}{number:06}{'a' * size}")]

    return make


def _bearer(size: int) -> Make:
    """A token with a wrong signature."""

    def make(port: int, _: int) -> Packets:
        head, claims, signature = token(key="not the key " * 4).split(".")
        return [_head(port, f"Authorization: Bearer {head}.{claims}{'A' * size}.{signature}")]

    return make


HEADS: Final[Mapping[str, Make]] = {
    ORDINARY: lambda port, _: [_head(port, f"Cookie: session={'x' * 43}", _own(port))],
    "foreign origin": _with("Origin: http://attacker.example"),
    "foreign origin, public endpoint": _with("Origin: http://attacker.example", path="/public"),
    "foreign origin, handler with prepare": _with(
        "Origin: http://attacker.example", path="/prepared/a"
    ),
    "no credential, handler with prepare": _path("/prepared/", 1),
    "long path, handler with prepare": _path("/prepared/", 8000),
    "no credential, handler with __init__": _path("/made/", 1),
    "long path, handler with __init__": _path("/made/", 8000),
    "another path each time": _path("/ws/", 1),
    "long path": _path("/ws/", 8000),
    "many arguments": _with(path="/ws?" + "&".join(f"a{n}=b" for n in range(1500))),
    "encoded arguments": _with(path="/ws?" + "%41%42=%43&" * 900),
    "many headers, 16 KB": _headers(lambda n: f"x{n}:", FRONT),
    "many headers, 64 KB": _headers(lambda n: f"x{n}:", LARGEST),
    "many long headers": _headers(lambda n: f"X-Header-Number-{n}: {'v' * 60}", FRONT),
    "the same header, 16 KB": _headers(lambda _: "x:", FRONT),
    "the same header, 64 KB": _headers(lambda _: "x:", LARGEST),
    "many Cookie headers": _headers(lambda _: "Cookie: a=b", LARGEST),
    "long cookie, 16 KB": _filled("Cookie: ", "a=b; ", FRONT),
    "long cookie, 64 KB": _filled("Cookie: ", "a=b; ", LARGEST),
    "many session cookies": _filled("Cookie: ", "__Host-session=x; session=y; ", FRONT),
    "many cookie separators": _filled("Cookie: ", ";", FRONT),
    "many subprotocols": _filled("Sec-WebSocket-Protocol: ", "a,", FRONT),
    "many credentials in subprotocols": _filled(
        "Sec-WebSocket-Protocol: ", "stormdoor.bearer.a,", FRONT
    ),
    "many forwarded addresses": _filled("X-Forwarded-For: ", "10.0.0.1,", FRONT),
    "many connection options": _filled("Connection: upgrade", ",a", FRONT),
    "many extensions": _filled("Sec-WebSocket-Extensions: ", "permessage-deflate,", FRONT),
    "long Origin": _filled("Origin: http://", "a.", FRONT),
    "long Host": lambda port, _: [_head(port, host="a." * 7000)],
    "odd Host": lambda port, _: [_head(port, host="a b")],
    "two Hosts": _with("Host: other.example"),
    "long Authorization": _filled("Authorization: Bearer ", "a", FRONT),
    "bad signature": _bearer(0),
    "long token, bad signature": _bearer(6000),
    "bytes beyond ASCII": _filled("X: ", "\xe4", FRONT),
    "a body is announced": _with("Content-Length: 0"),
    "HTTP/1.0": lambda port, _: [_head(port).replace(b"HTTP/1.1", b"HTTP/1.0")],
    "a head in 2 segments": _parts(_with(), 100),
    "a head in 25 segments": _parts(_with(), 8),
    "a large head in 20 segments": _parts(_headers(lambda n: f"x{n}:", FRONT), 800),
    "an end alone": lambda _port, _: [],
    "a part of a head": lambda port, _: [_head(port)[:40]],
}


def main() -> int:
    """Measures and prints; 1 if a refusal costs more than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpu", action="store_true", help="CPU time instead of instructions")
    parser.add_argument("--count", type=int, default=30, help="requests of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5, help="with --cpu")
    parser.add_argument("--only", default="", help="kinds that contain this text")
    parser.add_argument("--most", type=float, default=0.9, help="the largest ratio that passes")
    options = parser.parse_args()
    names = [name for name in HEADS if name == ORDINARY or options.only in name]
    pin_client()
    os.environ["PYTHONHASHSEED"] = "0"
    costs: dict[str, dict[str, float]] = {}
    for server in (PLAIN, GUARDED):
        measure = _cpu if options.cpu else _instructions
        costs[server.name] = measure(server, names, options.count, options.rounds)
    plain, guarded = costs[PLAIN.name], costs[GUARDED.name]
    unit = "µs" if options.cpu else "instructions"
    table = Table(title=f"Refused heads, {unit} for each", title_justify="left")
    for column in ("", "Tornado", "stormdoor", "× the dearer of ordinary and the same bytes"):
        table.add_column(column, justify="right" if column else "left")
    worst = 0.0
    for name in sorted(names, key=lambda one: guarded[one] / max(plain[one], plain[ORDINARY])):
        ratio = guarded[name] / max(plain[name], plain[ORDINARY])
        if name != ORDINARY:
            worst = max(worst, ratio)
        table.add_row(name, f"{plain[name]:,.0f}", f"{guarded[name]:,.0f}", f"{ratio:.2f}")
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    return 0 if worst <= options.most else 1


def _instructions(
    server: Server, names: Sequence[str], count: int, _rounds: int
) -> dict[str, float]:
    os.environ["BENCH_SLOW"] = "1"
    found: dict[str, float] = {}
    with Process(server, prefix=PREFIX, start_seconds=180) as process:
        idle = idle_rate(process)
        for number, name in enumerate(names, start=2):
            _send(process.port, HEADS[name], 5)
            time.sleep(SETTLE)
            work = partial(_settled, process.port, HEADS[name], count)
            found[name] = busy(process, number, idle, work) / count
            print(f"# {server.name}: {name}: {found[name]:,.0f}", file=sys.stderr, flush=True)
    return found


def _cpu(server: Server, names: Sequence[str], count: int, rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in names}
    with Process(server) as process:
        for number in range(rounds + 1):
            print(f"# {server.name}: round {number} of {rounds}", file=sys.stderr, flush=True)
            idle = idle_us(process, 1.0)
            for name in random.sample(list(names), len(names)):
                spent = busy_us(process, idle, partial(_settled, process.port, HEADS[name], count))
                if number:  # the first round warms up
                    found[name].append(spent / count)
    return {name: statistics.median(figures) for name, figures in found.items()}


def _settled(port: int, make: Make, count: int) -> None:
    _send(port, make, count)
    time.sleep(0.1)  # until the server has closed the last one


def _send(port: int, make: Make, count: int) -> None:
    """Send so many requests, one after the other."""
    for number in range(count):
        with socket.create_connection((HOST, port), timeout=5) as connected:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            packets = make(port, number + random.randrange(900_000))
            try:
                for packet in packets:
                    connected.sendall(packet)
                    if len(packets) > 1:
                        time.sleep(0.004)  # until the server has probably read the segment
                answer = (
                    connected.recv(65536) if packets and packets[-1][-4:] == b"\r\n\r\n" else b""
                )
                if b" 101 " in answer.partition(b"\r\n")[0]:
                    connected.sendall(GOODBYE)
                    while connected.recv(65536):
                        pass
            except (ConnectionError, TimeoutError):
                pass  # the server has closed it


if __name__ == "__main__":
    sys.exit(main())
