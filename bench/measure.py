"""Three measurements: CPU per message, CPU per handshake, memory per idle connection.

A round measures every server once, in random order, so that a change of the machine's load meets
all of them. A ratio is taken inside a round; what is reported is the median over the rounds.
"""

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

from policy import PATH, token
from process import Process, Server, ServerError
from roster import Handshake
from ws_load import Connection, LoadError, echo, first_reply, open_all, shake_hands, upgrade

__all__ = [
    "PAYLOAD",
    "SETTLE",
    "Cell",
    "Progress",
    "Rounds",
    "busy_us",
    "handshakes",
    "idle_us",
    "memory",
    "messages",
    "opened",
    "requests_for",
    "shuffled",
]

PAYLOAD: Final = json.dumps(
    {"action": "send", "room": "r1", "text": "x" * 40}, separators=(",", ":")
).encode()

# Seconds. What a server puts off, such as writing its trail, belongs to the handshakes before.
SETTLE: Final = 0.4

_Item = TypeVar("_Item")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """A load: so many connections, so many unanswered messages on each."""

    connections: int
    window: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `c50w4`.

        Raises:
            ValueError: the text is not of that form.
        """
        match = re.fullmatch(r"c([1-9]\d*)w([1-9]\d*)", text)
        if match is None:
            raise ValueError(f"a cell is cNwM (connections, window), not {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"c{self.connections}w{self.window}"


@dataclass(slots=True)
class Rounds:
    """The measured values: one reading a round for each name and figure.

    Args:
        readings: name, then figure, then round number to reading.
        failures: name to why it was left out.
    """

    readings: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Sequence[Server] | Sequence[Handshake]) -> Self:
        """No readings yet; the tables keep the order of `items`."""
        return cls({item.name: {} for item in items})

    def add(self, name: str, number: int, figure: str, reading: float) -> None:
        """Keeps one reading."""
        self.readings[name].setdefault(figure, {})[number] = reading

    @contextmanager
    def failing(self, name: str) -> Iterator[None]:
        """Turn a failure of the server into an entry, so that the others are still measured."""
        try:
            yield
        except (ServerError, LoadError, OSError) as error:
            self.failures[name] = str(error)

    def paired(self, name: str, figure: str, base: str) -> list[tuple[float, float]]:
        """The readings of `name` and of `base` of the same rounds."""
        other = self.readings.get(base, {}).get(figure, {})
        own = self.readings.get(name, {}).get(figure, {})
        return [(own[number], other[number]) for number in own if number in other]


def messages(
    servers: Sequence[Server],
    cells: Sequence[Cell],
    *,
    rounds: int,
    count: int,
    warm_up: int,
    progress: Progress,
) -> Rounds:
    """Server CPU per message in µs, a figure for each cell; a round starts each server afresh."""
    result = Rounds.of(servers)
    for number, order in shuffled(servers, rounds):
        for server in order:
            if server.name in result.failures:
                continue
            with result.failing(server.name), Process(server) as process:
                for cell in cells:
                    with opened(process, cell.connections) as connections:
                        reply = first_reply(connections[0], PAYLOAD)
                        first = max(warm_up, 2 * cell.connections)
                        echo(connections, PAYLOAD, first, reply=reply, window=cell.window)
                        before = process.cpu_ns()
                        echo(connections, PAYLOAD, count, reply=reply, window=cell.window)
                        microseconds = (process.cpu_ns() - before) / count / 1e3
                    result.add(server.name, number, str(cell), microseconds)
        progress(f"messages: round {number + 1} of {rounds}")
    return result


def handshakes(
    kinds: Sequence[Handshake], *, rounds: int, count: int, progress: Progress
) -> Rounds:
    """Server CPU per connect and close in µs, without that of the idle server, which is a figure of its own.

    All servers live side by side during the rounds.
    """
    result = Rounds.of(kinds)
    with ExitStack() as stack:
        processes: dict[Server, Process] = {}
        for server in dict.fromkeys(kind.server for kind in kinds):
            with result.failing(server.name):
                processes[server] = stack.enter_context(Process(server))
        kinds = [kind for kind in kinds if kind.server in processes]
        for kind in kinds:
            with result.failing(kind.name):
                _shake(processes[kind.server], kind, count // 4, 0.0)
        for number, order in shuffled(kinds, rounds):
            for kind in order:
                if kind.name in result.failures:
                    continue
                with result.failing(kind.name):
                    process = processes[kind.server]
                    idle = idle_us(process, 1.0)
                    result.add(kind.name, number, "idle", idle / 1e3)
                    result.add(kind.name, number, "CPU", _shake(process, kind, count, idle))
            progress(f"handshakes: round {number + 1} of {rounds}")
    return result


def _shake(process: Process, kind: Handshake, count: int, idle: float) -> float:
    """Shakes hands `count` times and returns the server's µs for each, without `idle` µs in each second."""
    requests = requests_for(process, kind, count)

    def work() -> None:
        shake_hands(process.port, requests, status=kind.status)
        time.sleep(SETTLE)

    return busy_us(process, idle, work) / count


def busy_us(process: Process, idle: float, work: Callable[[], None]) -> float:
    """CPU of the server in µs while `work` is done, without `idle` µs in each second."""
    before, begun = process.cpu_ns(), time.monotonic()
    work()
    return (process.cpu_ns() - before) / 1e3 - idle * (time.monotonic() - begun)


def idle_us(process: Process, seconds: float) -> float:
    """CPU of the server in an idle second, in µs: its maintenance."""
    before = process.cpu_ns()
    time.sleep(seconds)
    return (process.cpu_ns() - before) / seconds / 1e3


def requests_for(process: Process, kind: Handshake, count: int) -> list[bytes]:
    """The upgrade requests of so many handshakes of one kind."""
    header = kind.header
    same = None if header is None or "{fresh}" in header else _filled(header, process)
    return [
        upgrade(
            process.port,
            PATH,
            (*kind.more, *(() if header is None else (same or _filled(header, process),))),
            origin=kind.origin,
        )
        for _ in range(count)
    ]


def memory(
    servers: Sequence[Server], *, rounds: int, count: int, hold: float, progress: Progress
) -> Rounds:
    """Resident KiB and tracked objects per idle connection; a round starts each server afresh."""
    result = Rounds.of(servers)
    for number, order in shuffled(servers, rounds):
        for server in order:
            if server.name in result.failures:
                continue
            with result.failing(server.name), Process(server) as process:
                with opened(process, 20):
                    pass  # what the first connections make once is not a connection's
                time.sleep(0.3)
                objects, resident = process.tracked_objects(), process.rss_kib()
                with opened(process, count):
                    time.sleep(hold)
                    added = (process.rss_kib() - resident) / count
                    result.add(server.name, number, "KiB", added)
                    now = process.tracked_objects()
                    if objects is not None and now is not None:
                        result.add(server.name, number, "objects", (now - objects) / count)
        progress(f"memory: round {number + 1} of {rounds}")
    return result


@contextmanager
def opened(process: Process, count: int) -> Iterator[list[Connection]]:
    """Open connections to the server, closed at the end."""
    request = upgrade(process.port, PATH, (_filled(process.server.header, process),))
    connections = open_all(process.port, request, count)
    try:
        yield connections
    finally:
        for connection in connections:
            connection.socket.close()


def _filled(header: str, process: Process) -> str:
    """The header with its credential; see `Server.header` and `Handshake.header`."""
    fresh = token()
    known = {"token": fresh, "fresh": fresh, "forged": token(key="not the key " * 4)}
    try:
        return header.format_map(known | process.credentials())
    except KeyError as error:
        raise ServerError(f"it wrote no credential {error}") from None


def shuffled(items: Sequence[_Item], rounds: int) -> Iterator[tuple[int, list[_Item]]]:
    """The number of each round, and the items in a random order."""
    source = random.Random(1)
    for number in range(rounds):
        order = list(items)
        source.shuffle(order)
        yield number, order
