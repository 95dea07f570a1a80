"""Measure how much a flood by unauthenticated clients slows the members down.

First it counts the handshakes, logins and page requests that plain Tornado answers in a second on one
processor, with 32 requests always under way. Then it floods the guarded server at half of that rate, from one
address and from sixty-four. The flood does not slow down when the server does (open loop). Members meanwhile
send messages, open sockets, load pages and log in.

The table shows the 99th percentile of the members' waiting times, without the flood and with it by turns, as
medians of some rounds. It also shows the CPU time of the server.

The server has one processor. The flood, at low priority, and the members have the other.

    python bench/load.py
"""

import argparse
import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from load_flood import HOST, KINDS
from process import HERE, Process, Server, pin_client
from ws_load import frame, upgrade

PLAIN: Final = Server(
    name="plain Tornado", command="{python} load_server.py --port {port} --way plain"
)
GUARDED: Final = Server(
    name="guarded", command="{python} load_server.py --port {port} --way guarded"
)
PASSWORD: Final = "correct horse battery staple"  # of load_server.py
ADDRESSES: Final = (1, 64)
WARMING: Final = 1.0  # seconds of a flood before anything is measured

_EVERY: Final = {"messages": 0.01, "handshakes": 0.05, "pages": 0.05, "logins": 0.5}
"""Seconds between two uses of a kind by one member."""


@dataclass
class Members:
    """Clients with a login, and the waiting times measured for them.

    Args:
        port: Port of the server.
        cookies: Session cookie of each member, by user name.
        kinds: Kinds of use that are measured.
    """

    port: int
    cookies: dict[str, str]
    kinds: list[str]
    waited: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def run(self, seconds: float) -> None:
        """Use the server for a time, each kind of use in a thread of its own."""
        self.waited = {kind: [] for kind in self.kinds}
        self.failed = dict.fromkeys(self.kinds, 0)
        end = time.monotonic() + seconds
        uses: dict[str, Callable[[int], float]] = {
            "messages": self._message(),
            "handshakes": self._handshake,
            "pages": self._page,
            "logins": self._log_in,
        }
        threads = [
            threading.Thread(target=self._repeat, args=(kind, use, end))
            for kind, use in uses.items()
            if kind in self.kinds
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    def become_familiar(self) -> None:
        """Log each member in once, from the address of its later logins."""
        for number in range(len(self.cookies)):
            self._log_in(number)

    def _repeat(self, kind: str, use: Callable[[int], float], end: float) -> None:
        number, due = 0, time.monotonic()
        while (now := time.monotonic()) < end:
            if now < due:
                time.sleep(due - now)
            try:
                self.waited[kind].append(use(number))
            except OSError:
                self.failed[kind] += 1
            number += 1
            due = max(due + _EVERY[kind], time.monotonic())

    def p99(self, kind: str) -> float:
        """The 99th percentile in milliseconds; infinite if one in a hundred failed."""
        waited = sorted(self.waited[kind]) + [math.inf] * self.failed[kind]
        return waited[math.ceil(0.99 * len(waited)) - 1] * 1000 if waited else math.inf

    def _dial(self, address: str) -> socket.socket:
        return socket.create_connection((HOST, self.port), 5.0, source_address=(address, 0))

    def _ask(self, address: str, data: bytes, status: bytes) -> tuple[socket.socket, float]:
        begun = time.perf_counter()
        one = self._dial(address)
        try:
            one.sendall(data)
            answer = one.recv(65536)
            if answer[9:12] != status:
                raise ConnectionError(answer[:15])
        except BaseException:
            one.close()
            raise
        return one, time.perf_counter() - begun

    def _open(self, number: int) -> tuple[socket.socket, float]:
        cookies = list(self.cookies.values())
        cookie = cookies[number % len(cookies)]
        data = upgrade(self.port, "/ws", [f"Cookie: {cookie}"])
        return self._ask(f"127.3.0.{number % 200 + 1}", data, b"101")

    def _message(self) -> Callable[[int], float]:
        sockets = [self._open(number)[0] for number in range(12)]
        sent, expected = frame(b"hello"), b"\x81\x05hello"

        def one_message(number: int) -> float:
            one, begun = sockets[number % len(sockets)], time.perf_counter()
            one.sendall(sent)
            while (got := one.recv(100)) != expected:
                if not got:
                    raise ConnectionError("closed")
                if got[:1] == b"\x89":  # a ping; nothing asks for its answer in so short a time
                    continue
                raise ConnectionError(got)
            return time.perf_counter() - begun

        return one_message

    def _handshake(self, number: int) -> float:
        one, waited = self._open(number)
        one.close()
        return waited

    def _page(self, number: int) -> float:
        data = f"GET /page HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nConnection: close\r\n\r\n"
        one, waited = self._ask(f"127.3.1.{number % 200 + 1}", data.encode(), b"200")
        one.close()
        return waited

    def _log_in(self, number: int) -> float:
        names = list(self.cookies)
        name = names[number % len(names)]
        body = json.dumps({"username": name, "password": PASSWORD})
        data = (
            f"POST /auth/login HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nConnection: close\r\n"
            f"Origin: http://{HOST}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        one, waited = self._ask(f"127.3.2.{number % len(names) + 1}", data.encode(), b"200")
        one.close()
        return waited


def _words(port: int, kind: str, *options: str) -> list[str]:
    program = str(HERE / "load_flood.py")
    return [
        "nice",
        "-n",
        "15",
        sys.executable,
        program,
        "--port",
        str(port),
        "--kind",
        kind,
        *options,
    ]


def capacity(kind: str, seconds: float) -> float:
    """Return how many requests plain Tornado answers in a second."""
    with Process(PLAIN) as process:
        words = _words(process.port, kind, "--closed", "32", "--seconds", str(seconds))
        answers = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return sum(count for status, count in answers.items() if status.isdigit()) / seconds


@contextmanager
def flooded(
    port: int, kind: str, rate: float, addresses: int, seconds: float
) -> Iterator[Counter[str]]:
    """Flood while the block runs. Afterwards the counter holds the answers by status."""
    found: Counter[str] = Counter()
    options = ["--rate", str(rate), "--addresses", str(addresses), "--seconds", str(seconds)]
    with subprocess.Popen(_words(port, kind, *options), stdout=subprocess.PIPE) as popen:
        time.sleep(WARMING)
        try:
            yield found
        finally:
            found.update(json.loads(popen.communicate(timeout=seconds + 30)[0]))


@dataclass
class Reading:
    """Return the members' waiting times in some rounds, with a flood or without."""

    p99: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    share: list[float] = field(default_factory=list)

    def take(self, process: Process, members: Members, seconds: float) -> None:
        """Run one round."""
        before = process.cpu_ns()
        members.run(seconds)
        self.share.append((process.cpu_ns() - before) / 1e9 / seconds)
        for kind in members.kinds:
            self.p99[kind].append(members.p99(kind))


def compare(kind: str, rate: float, addresses: int, options: argparse.Namespace) -> bool:
    """Print one row. Returns whether the members' waiting times are within the bounds."""
    seconds = options.seconds
    usual, flooded_with, answers = Reading(), Reading(), Counter[str]()
    with Process(GUARDED) as process:
        members = Members(process.port, process.credentials(), options.members)
        members.become_familiar()
        members.run(seconds / 4)
        for _ in range(options.rounds):
            usual.take(process, members, seconds)
            with flooded(process.port, kind, rate, addresses, seconds + 2 * WARMING) as answered:
                flooded_with.take(process, members, seconds)
            answers.update(answered)
    cells, kept = [], True
    for what in options.members:
        before, after = median(usual.p99[what]), median(flooded_with.p99[what])
        within = after <= max(2 * before, before + 5.0)
        kept = kept and within
        cells.append(f"{before:.1f} → {after:.1f}{'' if within else ' **'} |")
    shares = f"{median(usual.share):.0%} → {median(flooded_with.share):.0%} |"
    said = "; ".join(f"{count:,} × {status}" for status, count in sorted(answers.items()))
    print(f"| {kind} | {rate:,.0f} | {addresses} |", *cells, shares, said, "|", flush=True)
    return kept


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--members", nargs="*", choices=list(_EVERY), default=list(_EVERY))
    options = parser.parse_args()
    pin_client()
    rates = {kind: capacity(kind, options.seconds) for kind in options.kinds}
    print("| plain Tornado answers | a second |\n|:--|--:|")
    for kind, rate in rates.items():
        print(f"| {kind} | {rate:,.0f} |", flush=True)
    heads = [f"p99 of {kind}, ms |" for kind in options.members]
    print("\n| flood | a second | addresses |", *heads, "of a processor | the flood was answered |")
    print("|:--|--:|--:|" + "--:|" * (len(options.members) + 1) + ":--|")
    kept = [
        compare(kind, rate / 2, addresses, options)
        for kind, rate in rates.items()
        for addresses in ADDRESSES
    ]
    if not all(kept):
        print("\n** more than twice as long as without the flood, and more than 5 ms longer")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
