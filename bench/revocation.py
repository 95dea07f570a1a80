"""Measure how long a revocation takes until the last close frame and the last message arrive.

Opens 10,000 connections to a guarded server, 100 to each of some principals, and revokes these one after
the other, while each receives a message every 5 ms; at the end all of them at once, in the way of `--last`.
The client measures from the command to the server until the last close frame of a covered connection, and
until the last message to one of them.

    python bench/revocation.py
    python bench/revocation.py --principals 0 --last elsewhere --freeze
    python bench/revocation.py --connections 2000 --principals 5 --json build/revocation.json
"""

import argparse
import asyncio
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from policy import PATH, SECRET, claims
from process import CLIENT_CPU, HERE, HOST, SERVER_CPU
from ws_load import CLOSE, Connection, open_all, upgrade

from stormdoor import Target
from stormdoor.core.revocation import Revocation
from stormdoor.stores import open_store

EACH: Final = 100
PATIENCE: Final = 60.0
LAST: Final = ("revoke-everything", "elsewhere", "close", "sigterm")
FED: Final = 0.1  # seconds during which a principal is sent messages before it is revoked


@dataclass(frozen=True, slots=True)
class Reading:
    """One revocation, in milliseconds after the server was told.

    Attributes:
        connections: That it covered.
        returned: Until `revoke` returned.
        last_close: Until the client had the last close frame.
        last_message: Until the last message that was sent to a covered connection; negative if that was
            before.
        sent_after: Messages that were sent to covered connections later than `revoke` returned.
        stall: The longest wait of another client meanwhile, by the server's own timer.
        stall_served: The same without the time in which the server waited for a processor.
        stall_cpu: The same in CPU time of the loop's thread.
        cpu: All CPU time of the server for it.
    """

    connections: int
    returned: float
    last_close: float
    last_message: float
    sent_after: int
    stall: float
    stall_served: float
    stall_cpu: float
    cpu: float


class Server:
    """The server process and its control line."""

    def __init__(self, port: int, options: Sequence[str] = ()) -> None:
        self.port = port
        command = [
            sys.executable,
            str(HERE / "revocation_server.py"),
            "--port",
            str(port),
            *options,
        ]
        if SERVER_CPU is not None:
            command = ["taskset", "-c", str(SERVER_CPU), *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server does not start")

    def say(self, command: str) -> None:
        """Give a command without waiting for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self) -> Mapping[str, Any]:
        """Return the server's answer to the last command."""
        assert self.process.stdout is not None
        answer: Mapping[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def rss_kib(self) -> int:
        """Its resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)


def request_of(port: int, principal: str) -> bytes:
    token = jwt.encode({**claims(), "sub": principal}, SECRET, algorithm="HS256")
    return upgrade(port, PATH, [f"Authorization: Bearer {token}"])


def _watch(
    connections: Sequence[Connection], server: Server, *, deaf: bool = False
) -> tuple[dict[int, float], list[float], int]:
    """Wait until every connection is closed.

    A deaf client reads nothing and answers nothing: it counts as closed when the server has aborted its
    connection.

    Returns:
        When each was closed, when each message was sent, and the most KiB of the server meanwhile.
    """
    closed: dict[int, float] = {}
    sent: list[float] = []
    most = 0
    with select.epoll() as poll:
        by_descriptor = {one.socket.fileno(): one for one in connections}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLRDHUP if deaf else select.EPOLLIN)
        deadline = time.monotonic() + PATIENCE
        while len(closed) < len(connections):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(connections) - len(closed)} connections stay open")
            if deaf:
                most = max(most, server.rss_kib())
            for descriptor, _ in poll.poll(1.0, 1024):
                connection = by_descriptor[descriptor]
                data = b"" if deaf else connection.socket.recv(262144)
                now = time.monotonic()
                frames = connection.frames(data) if data else [(CLOSE, b"")]
                for opcode, payload in frames:
                    if opcode == CLOSE:
                        closed[descriptor] = now
                        poll.unregister(descriptor)
                        connection.socket.close()
                        break
                    sent.append(json.loads(payload)["at"])
    return closed, sent, most


async def _revoke_elsewhere(server: Server) -> None:
    """As another process of the installation does it: the server follows the feed, once a second."""
    server.say("where")
    store = open_store(server.answer()["store"])
    await store.open()
    await store.add_revocation(Revocation(Target.EVERYTHING, "", time.time()))
    await store.close()


def _revoke(
    server: Server, command: str, connections: Sequence[Connection], *, deaf: bool = False
) -> Reading:
    before = server.rss_kib()
    server.say("stall")
    server.answer()
    answer = {"begun": time.monotonic(), "returned": float("nan"), "closed": len(connections)}
    if command == "elsewhere":
        asyncio.run(_revoke_elsewhere(server))
    elif command == "sigterm":
        server.process.terminate()
    else:
        server.say(command)
    closed, sent, most = _watch(connections, server, deaf=deaf)
    if deaf:
        print(f"{before:,} KiB before the order, {most:,} KiB at most afterwards", file=sys.stderr)
    if command not in ("elsewhere", "sigterm"):
        answer = server.answer()
    if command != "sigterm":
        server.say("stall")
    stall = server.answer()
    begun, returned = answer["begun"], answer["returned"]
    assert answer["closed"] == len(connections), answer
    return Reading(
        connections=len(connections),
        returned=(returned - begun) * 1000,
        last_close=(max(closed.values()) - begun) * 1000,
        last_message=(max(sent, default=begun) - begun) * 1000,
        sent_after=sum(at > returned for at in sent),
        stall=stall["wall"],
        stall_served=stall["served"],
        stall_cpu=stall["cpu"],
        cpu=stall["all"],
    )


def measure(
    total: int,
    principals: int,
    port: int,
    options: Sequence[str] = (),
    last: str = LAST[0],
    *,
    freeze: bool = False,
    deaf: bool = False,
) -> tuple[list[Reading], Reading]:
    """Revoke each principal; then end all connections in the way of `last`."""
    server = Server(port, options)
    try:
        others = open_all(port, request_of(port, "other"), total - principals * EACH)
        victims = {
            f"victim-{number}": open_all(port, request_of(port, f"victim-{number}"), EACH)
            for number in range(principals)
        }
        if freeze:
            server.say("freeze")
            server.answer()
        readings = []
        for name, connections in victims.items():
            server.say(f"feed {name}")
            assert server.answer()["connections"] == EACH
            time.sleep(FED)
            readings.append(_revoke(server, f"revoke {name}", connections))
            print(".", end="", flush=True, file=sys.stderr)
        print(file=sys.stderr)
        return readings, _revoke(server, last, others, deaf=deaf)
    finally:
        server.stop()


def _line(name: str, values: Sequence[float]) -> str:
    if not values:
        return f"| {name} | – | – | – |"
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return f"| {name} | {statistics.median(ordered):.1f} | {p99:.1f} | {ordered[-1]:.1f} |"


def _report(readings: Sequence[Reading], everybody: Reading, total: int) -> None:
    print(
        f"{total} connections; {len(readings)} principals with {EACH} each, one after the other\n"
    )
    print("| milliseconds after the order | median | p99 | most |\n|:--|--:|--:|--:|")
    print(_line("`revoke` has returned", [one.returned for one in readings]))
    print(_line("last close frame is at the client", [one.last_close for one in readings]))
    print(_line("last message was sent", [one.last_message for one in readings]))
    print(_line("longest stall of the loop meanwhile", [one.stall for one in readings]))
    print(_line("without waiting for a processor", [one.stall_served for one in readings]))
    print(_line("longest stall, in CPU time", [one.stall_cpu for one in readings]))
    print(f"\nmessages sent after `revoke` had returned: {sum(one.sent_after for one in readings)}")
    print(
        f"everybody ({everybody.connections} connections): returned after {everybody.returned:.0f} ms, "
        f"last close after {everybody.last_close:.0f} ms, longest stall {everybody.stall:.0f} ms "
        f"({everybody.stall_served:.0f} ms without waiting for a processor, "
        f"{everybody.stall_cpu:.0f} ms of CPU); {everybody.cpu:.0f} ms of CPU for all"
    )


def main() -> int:
    """Measures and prints a table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--connections", type=int, default=10_000, help="all of them")
    arguments.add_argument("--principals", type=int, default=50, help=f"with {EACH} of them each")
    arguments.add_argument("--port", type=int, default=8791, help="on 127.0.0.1")
    arguments.add_argument(
        "--gc", type=int, nargs=3, metavar="N", help="gc.set_threshold of the server"
    )
    arguments.add_argument(
        "--freeze", action="store_true", help="gc.freeze() after all clients have connected"
    )
    arguments.add_argument(
        "--deaf", action="store_true", help="the others never read or answer the close frame"
    )
    arguments.add_argument(
        "--last",
        choices=LAST,
        default=LAST[0],
        help="what ends the others: a revocation in the server or in another process, or its own end",
    )
    arguments.add_argument("--json", type=Path, help="write the readings here")
    options = arguments.parse_args()
    if options.connections < options.principals * EACH:
        arguments.error(
            f"{options.principals} principals have {options.principals * EACH} connections"
        )
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = options.connections + 200
    if most != resource.RLIM_INFINITY and most < needed:
        arguments.error(f"{needed} open files are needed, and {most} are allowed; see ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))  # the server inherits it
    if CLIENT_CPU is not None:
        os.sched_setaffinity(0, {CLIENT_CPU})
    server = [] if options.gc is None else ["--gc", *map(str, options.gc)]
    readings, everybody = measure(
        options.connections,
        options.principals,
        options.port,
        server,
        options.last,
        freeze=options.freeze,
        deaf=options.deaf,
    )
    _report(readings, everybody, options.connections)
    if options.json:
        rows = [
            {name: getattr(one, name) for name in Reading.__dataclass_fields__}
            for one in (*readings, everybody)
        ]
        options.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
