"""Measure the cost of a message if Tornado itself ends TLS.

The same as `run.py --only 'messages: '` measures, on encrypted connections: CPU of the server for each echoed
message, and its ratio to Tornado with `json` in the same round.

    python bench/encrypted.py
    python bench/encrypted.py --handshakes    # CPU of the server per connect and close, with one SSLContext
"""

import argparse
import random
import socket
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import ws_load
from measure import PAYLOAD, SETTLE
from policy import PATH, token
from process import Process, Server, pin_client
from roster import DOOR, JSON
from ws_load import echo, first_reply, open_all, shake_hands, upgrade

from stormdoor.run.self_signed import self_signed

SERVERS: Final = {
    "Tornado + json": JSON,
    "stormdoor": DOOR,
    "stormdoor, uvloop": replace(DOOR, command=f"{DOOR.command} --uvloop"),
    "stormdoor on Tornado's protocol": replace(DOOR, command=f"{DOOR.command} --tornado"),
}
WINDOWS: Final = (1, 4)


def _encrypt() -> None:
    """From here on the client speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = ws_load.connect

    def connect(port: int) -> socket.socket:
        return context.wrap_socket(plain(port))

    ws_load.connect = connect


def measure(server: Server, certificate: Path, connections: int, messages: int) -> list[float]:
    """Microseconds of CPU for each message, with one in flight and with four."""
    encrypted = replace(server, command=f"{server.command} --tls {certificate}")
    figures = []
    with Process(encrypted) as process:
        request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
        opened = open_all(process.port, request, connections)
        reply = first_reply(opened[0], PAYLOAD)
        for window in WINDOWS:
            echo(opened, PAYLOAD, messages // 10, reply=reply, window=window)
            before = process.cpu_ns()
            echo(opened, PAYLOAD, messages, reply=reply, window=window)
            figures.append((process.cpu_ns() - before) / 1000 / messages)
        for one in opened:
            one.socket.close()
    return figures


def handshakes(servers: dict[str, Server], certificate: Path, rounds: int, count: int) -> None:
    """Print microseconds of CPU for each connect and close; all servers live side by side."""
    found: dict[str, list[float]] = {name: [] for name in servers}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(
                Process(replace(server, command=f"{server.command} --tls {certificate}"))
            )
            for name, server in servers.items()
        }
        for number in range(rounds + 1):
            for name in random.sample(list(servers), len(servers)):
                process = processes[name]
                request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
                before = process.cpu_ns()
                shake_hands(process.port, [request] * count)
                time.sleep(SETTLE)
                if number:  # the first round warms up
                    found[name].append((process.cpu_ns() - before) / 1000 / count)
    print("| | µs | × json |\n|:--|--:|--:|")
    for name, figures in found.items():
        ratio = statistics.median(
            one / json for one, json in zip(figures, found["Tornado + json"], strict=True)
        )
        print(f"| {name} | {statistics.median(figures):.0f} | {ratio:.2f} |")


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--handshakes", type=int, const=400, nargs="?", help="so many in a round")
    options = parser.parse_args()
    pin_client()
    _encrypt()
    readings: dict[str, list[list[float]]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory(prefix="stormdoor-tls-") as folder:
        certificate = self_signed(Path(folder), time.time())
        if options.handshakes:
            handshakes(SERVERS, certificate, options.rounds, options.handshakes)
            return 0
        for _ in range(options.rounds):
            for name in random.sample(list(SERVERS), len(SERVERS)):
                readings[name].append(
                    measure(SERVERS[name], certificate, options.connections, options.messages)
                )
    reference = readings["Tornado + json"]
    print("| | one in flight, µs | × json | four in flight, µs | × json |\n|:--|--:|--:|--:|--:|")
    for name, rounds in readings.items():
        cells = []
        for number in range(len(WINDOWS)):
            ratios = [
                one[number] / json[number] for one, json in zip(rounds, reference, strict=True)
            ]
            cells.append(f"{statistics.median(one[number] for one in rounds):.1f}")
            cells.append(f"{statistics.median(ratios):.2f}")
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
