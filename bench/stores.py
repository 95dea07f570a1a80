"""Measure the CPU of a handshake with a session on PostgreSQL, beside the same on SQLite.

CPU of the server process per connect and close, its trail and its heartbeat included. Each handshake brings
another session, so that SQLite's cache of look-ups does not answer. Rounds are interleaved; a ratio is taken
inside a round, and the median over the rounds is printed.

    python bench/stores.py                                  # starts a PostgreSQL server of its own
    python bench/stores.py --store postgresql://user@host/database     # with an empty migrated database
    python bench/stores.py --messages                       # instructions of a message, with valgrind

Other programs on the machine change the CPU time, but not the instructions. Those of the idle server in the
same time are subtracted: its heartbeat costs the same beside other work.
"""

import argparse
import itertools
import os
import random
import socket
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from instructions import PREFIX, WARM_UP, busy, idle_rate
from measure import PAYLOAD, opened
from policy import PATH
from process import HOST, Process, Server, pin_client
from ws_load import CLOSE, LoadError, echo, first_reply, frame, upgrade, upgraded

HANDSHAKES: Final = "{python} credential_server.py --port {port} --tickets 0"
MESSAGES: Final = "{python} echo_server.py --port {port}"
MESSAGE_COUNT: Final = 2000
_ATTEMPTS: Final = 20
GOODBYE: Final = frame((1000).to_bytes(2, "big"), CLOSE)


@contextmanager
def _postgresql(url: str | None) -> Iterator[str]:
    """Give the URL of a migrated database: the given one, or one of a server that is started for this."""
    if url is not None:
        yield url
        return
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tests.support.postgresql import Server as Database  # noqa: PLC0415 - of a clone only
    from tests.support.postgresql import binaries, migrated  # noqa: PLC0415

    server = Database(binaries()).start()
    try:
        yield server.url(migrated(server))
    finally:
        server.remove()


def _visit(port: int, cookies: Sequence[str]) -> None:
    """Open connections at once, and close each in good order."""
    opened = [socket.create_connection((HOST, port), timeout=30) for _ in cookies]
    for one, cookie in zip(opened, cookies, strict=True):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(upgrade(port, PATH, [f"Cookie: {cookie}"]))
    for connection in [upgraded(one) for one in opened]:
        connection.socket.sendall(GOODBYE)
        while not any(opcode == CLOSE for opcode, _ in connection.frames(b"")):
            data = connection.socket.recv(65_536)
            if not data:
                raise LoadError("the server hung up")
            if any(opcode == CLOSE for opcode, _ in connection.frames(data)):
                break
        connection.socket.close()


def _handshakes(process: Process, sessions: Iterator[str], count: int, at_once: int) -> float:
    """Server CPU in µs per handshake."""
    for _ in range(_ATTEMPTS):
        before = process.cpu_ns()
        try:
            for _ in range(count // at_once):
                _visit(process.port, list(itertools.islice(sessions, at_once)))
        except (
            LoadError
        ) as error:  # 503: on a machine that is busy with other work, a lease may lapse
            print(f"{process.server.name}: {error}; once more", file=sys.stderr)
            time.sleep(1.0)
            continue
        time.sleep(0.4)  # work put off, such as the trail, belongs to it
        return (process.cpu_ns() - before) / (count // at_once * at_once) / 1000
    raise LoadError(f"{process.server.name} refused {_ATTEMPTS} times")


def measure(url: str, rounds: int, count: int) -> Iterator[tuple[int, float, float, float]]:
    """Handshakes at once, µs on SQLite, µs on PostgreSQL, and the ratio."""
    servers = _servers(HANDSHAKES, url)
    costs: dict[tuple[str, int], list[float]] = {}
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(one, start_seconds=120.0)) for one in servers]
        sessions = {
            one: itertools.cycle(one.credentials()["sessions"].split(" ")) for one in processes
        }
        for number in range(-1, rounds):  # the first is to get warm
            for process in random.sample(processes, 2):
                for at_once in (1, 32):
                    cost = _handshakes(process, sessions[process], count, at_once)
                    if number >= 0:
                        costs.setdefault((process.server.name, at_once), []).append(cost)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    for at_once in (1, 32):
        ours, other = costs["PostgreSQL", at_once], costs["SQLite", at_once]
        ratio = statistics.median(one / base for one, base in zip(ours, other, strict=True))
        yield at_once, statistics.median(other), statistics.median(ours), ratio


def _servers(command: str, url: str) -> tuple[Server, Server]:
    return (
        Server(name="SQLite", command=command),
        Server(name="PostgreSQL", command=f"{command} --store {url}"),
    )


def _counted_messages(server: Server) -> float:
    """Instructions per message with its reply."""
    with Process(server, prefix=PREFIX, start_seconds=600) as process:
        idle = idle_rate(process)
        with opened(process, 1) as connections:
            reply = first_reply(connections[0], PAYLOAD)
            load = partial(echo, connections, PAYLOAD, reply=reply, window=16, seconds=300)
            load(WARM_UP)
            return busy(process, 2, idle, partial(load, MESSAGE_COUNT)) / MESSAGE_COUNT


def count_instructions(url: str) -> list[float]:
    """Return the instructions per message on SQLite and on PostgreSQL."""
    # The same hash tables in every run, and no lease that lapses in a slow process.
    os.environ |= {"PYTHONHASHSEED": "0", "BENCH_SLOW": "1"}
    return [_counted_messages(one) for one in _servers(MESSAGES, url)]


def main() -> int:
    """Measure and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--store", help="URL of an empty migrated database")
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--count", type=int, default=320, help="handshakes in a round")
    arguments.add_argument(
        "--messages", action="store_true", help="count the instructions of a message, with valgrind"
    )
    options = arguments.parse_args()
    pin_client()
    if options.messages:
        with _postgresql(options.store) as url:
            sqlite, postgresql = count_instructions(url)
        print("| instructions of a message and its reply | SQLite | PostgreSQL | ratio |")
        print("|:--|--:|--:|--:|")
        print(f"| | {sqlite:,.0f} | {postgresql:,.0f} | {postgresql / sqlite:.3f} |")
        return 0
    print("| handshakes at once | SQLite, µs | PostgreSQL, µs | ratio |")
    print("|--:|--:|--:|--:|")
    with _postgresql(options.store) as url:
        for at_once, sqlite, postgresql, ratio in measure(url, options.rounds, options.count):
            print(f"| {at_once} | {sqlite:.0f} | {postgresql:.0f} | {ratio:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
