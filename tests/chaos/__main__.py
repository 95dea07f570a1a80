"""Run clusters under faults: `python -m tests.chaos [--minutes N] [--seed N] [--mutations]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.chaos.mutations import MUTATIONS
from tests.chaos.revocations import KINDS
from tests.chaos.run import MODES, Mode, Result, Servers, run
from tests.support.postgresql import Binaries, Missing, binaries

_SEED = 18


def main() -> int:
    """Run, print the results, and return 1 if a guarantee was broken or a mutation was not noticed."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument(
        "--minutes",
        type=float,
        help="time with faults, all modes together: 1; or all mutations together: 1 for each",
    )
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from --seed on")
    parser.add_argument("--mode", choices=MODES, action="append", help="default: all")
    parser.add_argument("--mutations", action="store_true", help="switch off one part at a time")
    parser.add_argument("--mutation", choices=sorted(MUTATIONS), action="append")
    parser.add_argument(
        "--fault", action="append", help="only this one (see tests/chaos/faults.py)"
    )
    parser.add_argument("--calm", action="store_true", help="no faults")
    parser.add_argument(
        "--parties",
        type=int,
        help="parties of three principals at once; default: 24 on SQLite, else 12",
    )
    parser.add_argument("--with-parent", action="store_true", help="end when the parent ends")
    options = parser.parse_args()
    if options.with_parent:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        programs: Binaries | None = binaries()
    except Missing as reason:
        if os.environ.get("CI") == "true":
            raise
        print(f"without PostgreSQL: {reason}", file=sys.stderr)  # noqa: T201 - a command
        programs = None
    modes: list[Mode] = options.mode or [m for m in MODES if programs or m == "sqlite"]
    proven = sorted(name for name, one in MUTATIONS.items() if one.proven)
    mutations = options.mutation or (proven if options.mutations else [])
    runs = [(MUTATIONS[name].mode, name) for name in mutations] or [(mode, "") for mode in modes]
    # A rare order of events shows that the compare-and-set is off: 15 seconds do not always have it.
    minutes = options.minutes or (float(len(runs)) if mutations else 1.0)
    seeds = range(options.seed, options.seed + options.seeds)
    plan = [(seed, *one) for seed in seeds for one in runs]
    results, failed = asyncio.run(_run_all(plan, minutes * 60 / len(runs), programs, options))
    if not mutations:
        _print(summary(results, failed))
    return min(failed, 1)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended. The watchdog then ends what it has started."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


async def _run_all(
    plan: Sequence[tuple[int, Mode, str]],
    seconds: float,
    programs: Binaries | None,
    options: argparse.Namespace,
) -> tuple[list[Result], int]:
    """Run each seed, mode and mutation. Returns the results, and the number of runs that are wrong."""
    results: list[Result] = []
    failed = 0
    async with Servers(programs) as servers:
        for number, (seed, mode, mutation) in enumerate(plan, start=1):
            folder = Path(tempfile.mkdtemp(prefix=f"chaos-{mode}-{seed}-"))
            _print(f"[{number} of {len(plan)}, {time.strftime('%H:%M:%S')}] {folder}")
            try:
                result = await run(
                    mode,
                    seed=seed,
                    seconds=seconds,
                    folder=folder,
                    servers=servers,
                    mutation=mutation,
                    parties=options.parties or (24 if mode == "sqlite" else 12),
                    calm=options.calm,
                    only=options.fault or (),
                )
            except Exception:  # noqa: BLE001 - the other runs tell whether it comes again
                failed += 1
                _print(f"{mode}, seed {seed}: the run failed\n{traceback.format_exc()}")
                continue
            failed += bool(result.violations) != bool(mutation)
            _print(f"{mutation and f'without {mutation}: '}{result}")
            results.append(result)
    return results, failed


def summary(results: Sequence[Result], failed: int) -> str:
    """Return the totals of several runs as tables in Markdown."""
    lines = ["", "| mode | seed | revocations checked | latest message, ms | violations |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for one in results:
        worst, violations = f"{one.worst * 1000:.0f}", len(one.violations)
        lines.append(f"| {one.mode} | {one.seed} | {one.total} | {worst} | {violations} |")
    lines += ["", "| | " + " | ".join(MODES) + " | all |", "| --- |" + " ---: |" * (len(MODES) + 1)]

    def row(name: str, value: Callable[[Result], int]) -> None:
        numbers = [sum(value(one) for one in results if one.mode == mode) for mode in MODES]
        lines.append(f"| {name} | " + " | ".join(f"{n:,}" for n in (*numbers, sum(numbers))) + " |")

    row("revocations acknowledged", lambda one: one.acknowledged)
    row("revocations checked", lambda one: one.total)
    row("checked, beside a node without a lease", lambda one: one.fenced)
    row("violations", lambda one: len(one.violations))
    for kind in KINDS:
        row(f"revoked by {kind}", lambda one, kind=kind: one.checked.get(kind, 0))  # type: ignore[misc]
    for fault in sorted({name for one in results for name in one.faults}):
        row(f"fault {fault}", lambda one, fault=fault: one.faults.get(fault, 0))  # type: ignore[misc]
    seen = {name.split()[0] for one in results for name, number in one.faults.items() if number}
    missing = sorted({name for one in results for name in one.possible} - seen)
    lines += ["", f"runs that failed: {failed}", f"faults that never came: {missing or 'none'}"]
    return "\n".join(lines)


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
