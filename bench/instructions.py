"""Counts the user-space instructions of a message, or of a handshake, by callgrind: no clock, no noise.

Callgrind counts only between the first and the last message of a cell, so the figure contains neither the
start-up nor the handshake nor the kernel. With `--handshakes` it counts connects with their closes,
refusals, and deferred work: the trail. The instructions of the idle server in the same time are subtracted:
under callgrind messages are fifty times slower, but the maintenance loop runs as often as ever.

Use it as a limit in CI: `--most 0.95` fails when stormdoor needs more than that share of the instructions
of Tornado with `json`. Takes about half a minute for a server, and needs `valgrind`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from measure import PAYLOAD, SETTLE, Cell, opened, requests_for
from process import Process, Server
from rich.console import Console
from rich.table import Table
from roster import DOOR, DOOR_TORNADO, HAND, HANDSHAKES, JSON, PLAIN_HANDSHAKE, RAW, Handshake
from ws_load import echo, first_reply, shake_hands

WARM_UP: Final = 200
IDLE_SECONDS: Final = 5.0
PREFIX: Final = (
    "valgrind",
    "--tool=callgrind",
    "--instr-atstart=no",
    "--callgrind-out-file={directory}/callgrind.out",
)
SERVERS: Final = {
    "raw": RAW,
    "json": JSON,
    "hand": HAND,
    "stormdoor": DOOR,
    "tornado": DOOR_TORNADO,
}


def main() -> int:
    """Counts and prints; 0, 1 when `--most` is exceeded, 2 without valgrind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="json,stormdoor", help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--cells", default="c1w1,c1w16")
    parser.add_argument("--messages", type=int, default=1200)
    parser.add_argument("--handshakes", action="store_true", help="count handshakes instead")
    parser.add_argument("--count", type=int, default=120, help="handshakes of a kind")
    parser.add_argument("--most", type=float, metavar="RATIO", help="largest ratio that passes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there too")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not installed", file=sys.stderr)
        return 2
    os.environ["PYTHONHASHSEED"] = "0"  # the same hash tables in every run
    if options.handshakes:
        return _count_handshakes(options.count, options.json)

    cells = [Cell.parse(text) for text in options.cells.split(",")]
    counts: dict[str, dict[str, float]] = {}
    for name in ("json", *(name for name in options.servers.split(",") if name != "json")):
        server = SERVERS[name]
        counts[server.name] = _counted(server, cells, options.messages)
        print(f"# {server.name}", file=sys.stderr, flush=True)

    table = Table(title="User-space instructions per message", title_justify="left")
    table.add_column()
    for cell in cells:
        table.add_column(str(cell), justify="right")
        table.add_column("× json", justify="right")
    for name, by_cell in counts.items():
        figures = [(count, count / counts[JSON.name][text]) for text, count in by_cell.items()]
        table.add_row(
            name, *(word for n, ratio in figures for word in (f"{n:,.0f}", f"{ratio:.3f}"))
        )
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(counts, indent=1))
    if options.most is None or DOOR.name not in counts:
        return 0
    worst = max(count / counts[JSON.name][text] for text, count in counts[DOOR.name].items())
    return 0 if worst <= options.most else 1


def _count_handshakes(count: int, json_file: Path | None) -> int:
    counts: dict[str, float] = {}
    for server in dict.fromkeys(kind.server for kind in HANDSHAKES):
        kinds = [kind for kind in HANDSHAKES if kind.server is server]
        counts |= _shaken(server, kinds, count)
        print(f"# {server.name}", file=sys.stderr, flush=True)
    table = Table(title="User-space instructions per connect and close", title_justify="left")
    for column in ("", "instructions", "× no check"):
        table.add_column(column, justify="right" if column else "left")
    for name, figure in counts.items():
        table.add_row(name, f"{figure:,.0f}", f"{figure / counts[PLAIN_HANDSHAKE.name]:.3f}")
    Console().print(table)
    if json_file:
        json_file.write_text(json.dumps(counts, indent=1))
    return 0


def _shaken(server: Server, kinds: Sequence[Handshake], count: int) -> dict[str, float]:
    """Instructions per handshake of each kind, all in one life of the server."""
    counts: dict[str, float] = {}
    with Process(server, prefix=PREFIX, start_seconds=180) as process:
        idle = idle_rate(process)
        for number, kind in enumerate(kinds, start=2):
            _shake(process, kind, WARM_UP // 5)
            work = partial(_shake, process, kind, count)
            counts[kind.name] = busy(process, number, idle, work) / count
    return counts


def _shake(process: Process, kind: Handshake, count: int) -> None:
    requests = requests_for(process, kind, count)
    shake_hands(process.port, requests, status=kind.status, seconds=300)
    time.sleep(2 * SETTLE)


def _counted(server: Server, cells: Sequence[Cell], messages: int) -> dict[str, float]:
    """Instructions per message for each cell, all in one life of the server."""
    counts: dict[str, float] = {}
    with Process(server, prefix=PREFIX, start_seconds=180) as process:
        idle = idle_rate(process)
        for number, cell in enumerate(cells, start=2):
            with opened(process, cell.connections) as connections:
                reply = first_reply(connections[0], PAYLOAD)
                load = partial(
                    echo, connections, PAYLOAD, reply=reply, window=cell.window, seconds=300
                )
                load(WARM_UP)
                counts[str(cell)] = busy(process, number, idle, partial(load, messages)) / messages
    return counts


def idle_rate(process: Process) -> float:
    """Instructions of the idle server in a second, in the first window of the process."""
    counted, took = window(process, 1, lambda: time.sleep(IDLE_SECONDS))
    return counted / took


def busy(process: Process, number: int, idle: float, work: Callable[[], None]) -> float:
    """Instructions of the server while `work` is done, without `idle` in each second. See `window`."""
    counted, took = window(process, number, work)
    return counted - idle * took


def window(process: Process, number: int, work: Callable[[], None]) -> tuple[int, float]:
    """Instructions of the server while `work` is done, and the seconds that took.

    Args:
        process: runs under callgrind.
        number: of this window in the life of the process, from 1.
        work: what to do meanwhile.
    """
    _control(process, "--instr=on")
    before = time.monotonic()
    work()
    took = time.monotonic() - before
    _control(process, "--instr=off")
    _control(process, "--dump")
    return _total(process.directory / f"callgrind.out.{number}"), took


def _control(process: Process, order: str) -> None:
    """Has callgrind carry out an order; it interrupts the server, which may sleep (ptrace)."""
    command = ["callgrind_control", order, str(process.pid)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)


def _total(file: Path) -> int:
    for line in file.read_text().splitlines():
        if line.startswith("totals:"):
            return int(line.split()[1])
    raise ValueError(f"{file} has no total")


if __name__ == "__main__":
    sys.exit(main())
