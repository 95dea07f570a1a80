"""Measure one message to a thousand clients: server CPU per recipient, and its ratio to a bare `socket.send`.

All servers live side by side, and every round has them say it in a new random order. For the guarded
ones each recipient is checked at each delivery. See README.md for how CPU is measured.
"""

import argparse
import random
import resource
import select
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from policy import PATH, token
from process import Process, Server, pin_client
from ws_load import Connection, LoadError, frame, open_all, upgrade

SHOUT = frame(b'{"type":"shout"}')
SERVERS = (
    Server(
        name="bare socket.send",
        command="{python} broadcast_server.py --port {port} --way bare",
    ),
    Server(
        name="Tornado, write_message",
        command="{python} broadcast_server.py --port {port} --way plain",
    ),
    Server(
        name="stormdoor, channels",
        command="{python} broadcast_server.py --port {port} --way guarded",
    ),
    Server(
        name="stormdoor, channels, uvloop",
        command="{python} broadcast_server.py --port {port} --way guarded --uvloop",
    ),
)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=20, help="of each server in each round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    pin_client()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    readings: dict[str, list[float]] = {server.name: [] for server in SERVERS}
    with ExitStack() as stack:
        live = []
        for server in SERVERS:
            process = stack.enter_context(Process(server))
            request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
            connections = open_all(process.port, request, options.recipients)
            _shout(connections, 2)
            live.append((server, process, connections))
        for number in range(options.rounds):
            print(f"# round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            for server, process, connections in random.sample(live, len(live)):
                before = process.cpu_ns()
                _shout(connections, options.messages)
                spent = process.cpu_ns() - before
                readings[server.name].append(spent / options.messages / options.recipients / 1000)
    base = readings[SERVERS[0].name]
    for name, found in readings.items():
        ratio = statistics.median(one / plain for one, plain in zip(found, base, strict=True))
        print(f"{name:32} {statistics.median(found):6.1f} us per recipient  x {ratio:.2f}")
    return 0


def _shout(connections: Sequence[Connection], count: int, *, seconds: float = 60.0) -> None:
    """Has one of them shout, and waits until all have heard it; `count` times."""
    deadline = time.monotonic() + seconds
    with select.epoll() as poll:
        by_descriptor = {one.socket.fileno(): one for one in connections}
        for descriptor, connection in by_descriptor.items():
            connection.socket.setblocking(False)
            poll.register(descriptor, select.EPOLLIN)
        for _ in range(count):
            connections[0].socket.sendall(SHOUT)
            left = len(connections)
            while left:
                if time.monotonic() > deadline:
                    raise LoadError(f"{left} have heard nothing")
                for descriptor, _event in poll.poll(1.0, 1024):
                    connection = by_descriptor[descriptor]
                    heard = connection.frames(connection.socket.recv(262144))
                    if any(b'"said"' not in content for _, content in heard):
                        raise LoadError(f"something else was said: {heard[0][1][:100]!r}")
                    left -= len(heard)


if __name__ == "__main__":
    sys.exit(main())
