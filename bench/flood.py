"""Measure the cost of a client that sends far more than its limit.

Some clients send as fast as the server reads, to a server with the usual rate of messages. Once the buffers
of both kernels are full, it measures for some seconds how many more bytes the server reads, and the
server's share of a processor. For comparison: a server that allows all messages, and one that refuses each
at once (`hold_seconds=0`). No client is closed for its refusals here.

    python bench/flood.py
"""

import argparse
import select
import sys
import time
from dataclasses import replace
from typing import Final

from measure import PAYLOAD
from policy import PATH, token
from process import Process, pin_client
from roster import DOOR
from ws_load import Connection, frame, open_all, upgrade

FILLING: Final = 4.0  # seconds until no buffer takes any more, and the time to be held up is used
MANY: Final = frame(PAYLOAD) * 500
WAYS: Final = (
    ("allowed", ""),
    ("refused at once (`hold_seconds=0`)", " --hold 0"),
    ("held up (`hold_seconds=2`)", " --hold 2"),
)


def _send(connections: list[Connection], seconds: float) -> int:
    """Send for so long, and read what comes. Returns how many whole messages were taken."""
    sent = 0
    rest = {one.socket.fileno(): b"" for one in connections}
    sockets = {one.socket.fileno(): one.socket for one in connections}
    with select.epoll() as poll:
        for number, one in sockets.items():
            one.setblocking(False)
            poll.register(number, select.EPOLLIN | select.EPOLLOUT)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for number, events in poll.poll(0.05):
                if events & select.EPOLLIN:
                    sockets[number].recv(1 << 20)
                if events & select.EPOLLOUT:
                    data = rest[number] or MANY
                    taken = sockets[number].send(data)
                    rest[number] = data[taken:]
                    sent += taken
    return sent // len(frame(PAYLOAD))


def measure(options: str, clients: int, seconds: float) -> tuple[float, int]:
    """The share of a processor, and the messages in a second."""
    server = replace(DOOR, command=DOOR.command + options)
    with Process(server) as process:
        request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
        connections = open_all(process.port, request, clients)
        _send(connections, FILLING)
        before = process.cpu_ns()
        sent = _send(connections, seconds)
        used = process.cpu_ns() - before
        for one in connections:
            one.socket.close()
    return used / 1e9 / seconds, round(sent / seconds)


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    pin_client()
    print("| | messages a second | of a processor |\n|:--|--:|--:|")
    for protocol, flag in (("", ""), (", Tornado's protocol", " --tornado")):
        for name, hold in WAYS:
            share, sent = measure(flag + hold, options.clients, options.seconds)
            print(f"| {name}{protocol} | {sent:,} | {share:.0%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
