"""Compares the time of a cold `stormdoor-audit scan` with that of `bandit -r` on the same folder.

Both run as processes of their own on all cores that they use by themselves, one after the other, in
turn, in the same run.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Row:
    """The result for one program."""

    name: str
    command: list[str]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0


def main() -> int:
    """Measures and prints; 0, or 1 if a program failed."""
    options = _options()
    folder = str(options.folder)
    main = "from stormdoor_audit.cli.main import main; main()"
    scan = [sys.executable, "-c", main, "scan", "--format", "json", "--isolated", "--quiet"]
    scan.append("--allow-not-analysed")
    kept = tempfile.TemporaryDirectory()
    os.environ["XDG_STATE_HOME"] = kept.name
    rows = [
        Row("`stormdoor-audit scan`", [*scan, "--no-cache", folder]),
        Row(
            "`stormdoor-audit scan`, nothing changed",
            [*scan, "--cache", f"{kept.name}/cache", folder],
        ),
    ]
    if not _measure(rows[1]):
        return 1
    rows[1] = Row(rows[1].name, rows[1].command)  # the first run filled the cache
    if options.bandit:
        bandit = [options.bandit, "--quiet", "--recursive", "--format", "json", folder]
        rows.append(Row("`bandit -r`", bandit))
    for turn in range(options.rounds):
        for row in rows if turn % 2 == 0 else reversed(rows):
            if not _measure(row):
                return 1
    _print(rows, options.folder)
    return 0


def _measure(row: Row) -> bool:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(row.command, stdout=out, stderr=said)
        # Unlike the rusage of all children, that of this one has its own peak of memory.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        row.seconds.append(time.perf_counter() - started)
        row.cpu.append(used.ru_utime + used.ru_stime)
        row.peak = max(row.peak, used.ru_maxrss)
        if process.returncode not in {0, 1}:
            said.seek(0)
            print(said.read().decode(errors="replace")[-2000:], file=sys.stderr)
            return False
    return True


def _print(rows: list[Row], folder: Path) -> None:
    files, lines = 0, 0
    for path in folder.rglob("*.py"):
        files += 1
        lines += path.read_bytes().count(b"\n")
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{files} Python files, {lines} lines; {where}\n")
    print("| | seconds | CPU seconds | largest process, MiB |\n|---|--:|--:|--:|")
    for row in rows:
        cells = f"{_middle(row.seconds):.1f} | {_middle(row.cpu):.1f} | {row.peak / 1024:.0f}"
        print(f"| {row.name} | {cells} |")
    if len(rows) > 2:
        times = _middle(rows[2].seconds) / _middle(rows[0].seconds)
        print(f"\nbandit takes {times:.1f} times as long")
    print(json.dumps({row.name: [row.seconds, row.cpu] for row in rows}), file=sys.stderr)


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="a folder of Python sources, site-packages say")
    parser.add_argument(
        "--bandit", default="", help="path of bandit; without it only the scan runs"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
