"""Do costs grow with what a process holds? Measured, and drawn.

- a message, with 10 to 10,000 open connections;
- a message, with 1 to 1,000 policies;
- a handshake with a session cookie, with 1 to 1,000,000 sessions in the store;
- an idle second, and a handshake, with 10 to 19,000 open connections.

CPU time of the server for each, sizes in random order in each round, the median over the rounds; each beside
what it is at the smallest size. Writes `docs/_static/curve-*.svg` and prints the figures.

    python bench/curves.py
    python bench/curves.py --only sessions --rounds 3
"""

import argparse
import random
import resource
import secrets
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from measure import PAYLOAD, SETTLE, idle_us, opened
from policy import token
from process import Process, Server, pin_client
from roster import DOOR
from ws_load import echo, first_reply, shake_hands, upgrade

from stormdoor.core.credential import fingerprint

FIGURES: Final = Path(__file__).resolve().parents[1] / "docs" / "_static"
STYLE: Final = """<style>
text { fill: #333 } line { stroke: #ccc } .c { stroke: #1b6ca8; fill: none; stroke-width: 2 }
.p { fill: #1b6ca8 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } line { stroke: #555 } .c { stroke: #6db3e8 } .p { fill: #6db3e8 }
}
</style>"""
ACTIVE: Final = 10
"""Connections that messages come on, however many are open."""
IDLE_SETTLE: Final = 3.0
"""Seconds after which the trail and the list of connections are written."""
IDLE_SECONDS: Final = 10.0


def message(connections: int, policies: int) -> float:
    """µs of CPU per message."""
    server = Server(name="stormdoor", command=f"{DOOR.command} --policies {policies}")
    with Process(server) as process, opened(process, connections) as held:
        active = held[:: max(1, connections // ACTIVE)][:ACTIVE]
        reply = first_reply(active[0], PAYLOAD)
        echo(active, PAYLOAD, 1000, reply=reply)
        time.sleep(SETTLE)
        before = process.cpu_ns()
        echo(active, PAYLOAD, 6000, reply=reply)
        return (process.cpu_ns() - before) / 6000 / 1e3


def handshake(sessions: int) -> float:
    """µs of CPU per connect and close, each with another session."""
    with Process(DOOR, start_seconds=60) as process:
        known = process.credentials()
        cookie = known["session"].partition("=")[0]
        used = [secrets.token_urlsafe(32) for _ in range(min(sessions, 500))]
        _fill(Path(known["store"]), used, sessions)
        count = 400
        requests = [
            upgrade(process.port, "/ws", [f"Cookie: {cookie}={used[at % len(used)]}"])
            for at in range(count)
        ]
        shake_hands(process.port, requests[: count // 4])
        time.sleep(SETTLE)
        before = process.cpu_ns()
        shake_hands(process.port, requests)
        time.sleep(SETTLE)
        return (process.cpu_ns() - before) / count / 1e3


def idle(connections: int) -> float:
    """CPU in ms in a second without messages and pings."""
    with Process(DOOR) as process, opened(process, connections):
        time.sleep(IDLE_SETTLE)
        return idle_us(process, IDLE_SECONDS) / 1e3


def handshake_beside(connections: int) -> float:
    """µs of CPU per connect and close with a token, beside so many open connections."""
    with Process(DOOR) as process, opened(process, connections):
        count = 400
        request = upgrade(process.port, "/ws", [f"Authorization: Bearer {token()}"])
        shake_hands(process.port, [request] * (count // 4))
        time.sleep(IDLE_SETTLE)
        idle_second = idle_us(process, 2.0)
        before, begun = process.cpu_ns(), time.monotonic()
        shake_hands(process.port, [request] * count)
        time.sleep(SETTLE)
        spent = (process.cpu_ns() - before) / 1e3 - idle_second * (time.monotonic() - begun)
        return spent / count


def _fill(file: Path, used: Sequence[str], total: int) -> None:
    """Put so many sessions into the store, those that will be used among them, in random order."""
    with sqlite3.connect(file, timeout=60) as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(session)")]
        row = store.execute("SELECT * FROM session").fetchone()
        at = columns.index("id")
        ids = [fingerprint(one) for one in used]
        ids += [secrets.token_hex(32) for _ in range(total - len(ids))]
        random.Random(1).shuffle(ids)
        marks = ", ".join("?" * len(columns))
        store.executemany(
            f"INSERT INTO session VALUES ({marks})",
            ((*row[:at], id, *row[at + 1 :]) for id in ids),
        )
    store.close()


CURVES: Final[dict[str, tuple[str, str, Sequence[int], Callable[[int], float]]]] = {
    "connections": (
        "CPU per message, by open connections",
        "µs",
        (10, 100, 1000, 10_000),
        lambda size: message(size, 1),
    ),
    "policies": (
        "CPU per message, by policies",
        "µs",
        (1, 10, 100, 1000),
        lambda size: message(ACTIVE, size),
    ),
    "sessions": (
        "CPU per handshake, by sessions in the store",
        "µs",
        (1, 100, 10_000, 1_000_000),
        handshake,
    ),
    "idle": ("CPU per idle second, by open connections", "ms", (10, 100, 1000, 19_000), idle),
    "handshakes": (
        "CPU per handshake, by open connections",
        "µs",
        (10, 100, 1000, 10_000),
        handshake_beside,
    ),
}


def draw(title: str, unit: str, sizes: Sequence[int], figures: Sequence[float]) -> str:
    """A curve as SVG: sizes in powers of ten from left to right, costs from 0 upwards."""
    left, top, wide, high = 64, 40, 440, 180
    most = max(figures) * 1.25
    step = _step(most)
    across = [left + 30 + (wide - 60) * at / (len(sizes) - 1) for at in range(len(sizes))]
    down = [top + high * (1 - figure / most) for figure in figures]
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img"',
        f' aria-label="{title}" viewBox="0 0 {left + wide + 40} {top + high + 50}"',
        ' font-family="sans-serif" font-size="12">',
        STYLE,
        f'<text x="{left}" y="20" font-size="14">{title}</text>',
    ]
    mark = 0.0
    while mark <= most:
        y = top + high * (1 - mark / most)
        lines.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + wide}" y2="{y:.1f}"/>')
        lines.append(
            f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:g} {unit}</text>'
        )
        mark += step
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    lines.append(f'<polyline class="c" points="{points}"/>')
    for x, y, size, figure in zip(across, down, sizes, figures, strict=True):
        lines.append(f'<circle class="p" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        lines.append(f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{figure:.3g}</text>')
        lines.append(
            f'<text x="{x:.1f}" y="{top + high + 22}" text-anchor="middle">{size:,}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def _step(most: float) -> float:
    """A round distance between two lines, of which there are five at most."""
    step = 1.0
    for factor in (2, 2.5, 2) * 5:
        if most / step <= 5:
            break
        step *= factor
    return step


def measure(name: str, rounds: int) -> list[float]:
    """The median of each size."""
    _, _, sizes, figure = CURVES[name]
    found: dict[int, list[float]] = {size: [] for size in sizes}
    order = random.Random(1)
    for number in range(rounds):
        for size in order.sample(sizes, len(sizes)):
            found[size].append(figure(size))
        print(f"# {name}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return [statistics.median(found[size]) for size in sizes]


def main() -> int:
    """Measures, draws, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=CURVES, action="append", help="one of the curves")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    pin_client()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for name in options.only or CURVES:
        title, unit, sizes, _ = CURVES[name]
        figures = measure(name, options.rounds)
        (FIGURES / f"curve-{name}.svg").write_text(draw(title, unit, sizes, figures))
        print(f"**{title}**\n")
        print("| | " + " | ".join(f"{size:,}" for size in sizes) + " |")
        print("|:--|" + "--:|" * len(sizes))
        print(f"| {unit} | " + " | ".join(f"{one:.1f}" for one in figures) + " |")
        ratios = " | ".join(f"{one / figures[0]:.2f}" for one in figures)
        print(f"| × the first | {ratios} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
