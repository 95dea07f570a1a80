"""Does a guarded server keep anything of connections that are over?

Connects and leaves again and again, in every way in which a client can: a close in good order, a socket
that is just cut, a handshake that is never finished, a refused one, a client that reads nothing and
vanishes. After each lot the server's resident memory and the objects that its collector tracks are read.
Fails if the second half still grows.

    python bench/leaks.py                      # 100,000 connections, some minutes
    python bench/leaks.py --connections 1000000
"""

import argparse
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from measure import PAYLOAD
from policy import PATH, token
from process import HOST, Process, pin_client
from roster import DOOR
from ws_load import frame, shake_hands, upgrade, upgraded

LOTS: Final = 20
GROWTH_KIB: Final = 2048
GROWTH_OBJECTS: Final = 500


def _connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=30)


def _cut(connected: socket.socket) -> None:
    """Leave with a reset, as a machine does that loses its network and comes back."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connected.close()


def orderly(port: int, request: bytes, count: int) -> None:
    """Connected, and closed by both sides."""
    shake_hands(port, [request] * count, seconds=600)


def vanishing(port: int, request: bytes, count: int) -> None:
    """Connected, a message on its way, and gone."""
    for _ in range(count):
        connected = _connected(port)
        connected.sendall(request)
        upgraded(connected)
        connected.sendall(frame(PAYLOAD))
        _cut(connected)


def half_open(port: int, request: bytes, count: int) -> None:
    """Half of a handshake, and gone; every other one in good order."""
    for number in range(count):
        connected = _connected(port)
        connected.sendall(request[: len(request) // 2])
        if number % 2:
            _cut(connected)
        else:
            connected.close()


def early(port: int, request: bytes, count: int) -> None:
    """The whole handshake, and gone before the answer."""
    for _ in range(count):
        connected = _connected(port)
        connected.sendall(request)
        _cut(connected)


def refused(port: int, _request: bytes, count: int) -> None:
    """No credential."""
    shake_hands(port, [upgrade(port, PATH, ())] * count, status=401, seconds=600)


def slow(port: int, request: bytes, count: int) -> None:
    """Send messages without reading the replies until the send buffer is full; then disconnect."""
    for _ in range(max(1, count // 50)):
        connected = _connected(port)
        connected.sendall(request)
        upgraded(connected)
        connected.setblocking(False)
        try:
            for _ in range(200):
                connected.send(frame(PAYLOAD) * 20)
        except BlockingIOError:
            pass
        _cut(connected)


WAYS: Final[Sequence[tuple[Callable[[int, bytes, int], None], float]]] = (
    (orderly, 0.5),
    (vanishing, 0.15),
    (half_open, 0.1),
    (early, 0.1),
    (refused, 0.14),
    (slow, 0.01),
)


def measure(total: int) -> list[tuple[int, int, int]]:
    """After each lot: connections so far, KiB, objects."""
    readings = []
    with Process(DOOR) as process:
        request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
        done = 0
        for number in range(LOTS):
            for way, share in WAYS:
                count = max(1, round(total / LOTS * share))
                way(process.port, request, count)
                done += count
            time.sleep(1.5)  # what is put off is not kept
            objects = process.tracked_objects() or 0
            readings.append((done, process.rss_kib(), objects))
            print(
                f"{done:>9,} connections: {readings[-1][1]:>8,} KiB, {objects:>8,} objects",
                flush=True,
            )
            if number == 0:
                request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
    return readings


def main() -> int:
    """Measures; 0 if the second half does not grow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every reading there too")
    options = parser.parse_args()
    pin_client()
    # A server of the bench ends by itself after a quarter of an hour, unless it is told how long to live.
    os.environ.setdefault("BENCH_SECONDS", str(900 + options.connections // 50))
    readings = measure(options.connections)
    if options.json:
        options.json.write_text(json.dumps(readings))
    (_, middle, objects), (_, end, last) = readings[len(readings) // 2], readings[-1]
    print(f"the second half grew by {end - middle:,} KiB and {last - objects:,} objects")
    return 0 if end - middle <= GROWTH_KIB and last - objects <= GROWTH_OBJECTS else 1


if __name__ == "__main__":
    sys.exit(main())
