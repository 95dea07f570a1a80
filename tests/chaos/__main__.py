"""Run clusters under faults: `python -m tests.chaos [--minutes N] [--seed N] [--mutations]`."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tests.chaos.checkers import REASONS
from tests.chaos.history import WAYS
from tests.chaos.processes import load
from tests.chaos.revocations import KINDS
from tests.chaos.run import MODES, Method, Mode, Result, Servers, by_part, new_folder, run
from tests.chaos.schedules import SCHEDULES, prove, table
from tests.support.postgresql import Binaries, Missing, binaries

_SEED = 18


def main() -> int:
    """Run, print the results, and return 1 if a guarantee was broken or a mutation was not noticed."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="time, all modes together: 1")
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from --seed on")
    parser.add_argument("--mode", choices=MODES, action="append", help="default: all")
    parser.add_argument(
        "--mutations",
        action="store_true",
        help="instead of faults by a seed: switch off one part of the design at a time, each in a schedule "
        "that needs it; and run that schedule with the whole design",
    )
    parser.add_argument("--mutation", choices=SCHEDULES, action="append", help="only this one")
    parser.add_argument(
        "--fault", action="append", help="only this one (see tests/chaos/faults.py)"
    )
    parser.add_argument(
        "--load",
        type=int,
        help="processes that keep the processors busy meanwhile; default: on SQLite, as many as there are "
        "processors, else 0",
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
    mutations = options.mutation or (list(SCHEDULES) if options.mutations else [])
    try:
        programs: Binaries | None = binaries()
    except Missing as reason:
        if os.environ.get("CI") == "true" or mutations:
            raise
        print(f"without PostgreSQL: {reason}", file=sys.stderr)  # noqa: T201 - a command
        programs = None
    seeds = range(options.seed, options.seed + options.seeds)
    if mutations:
        return asyncio.run(_prove_all(mutations, seeds, programs, options.load))
    modes: list[Mode] = options.mode or [m for m in MODES if programs or m == "sqlite"]
    plan = [(seed, mode) for seed in seeds for mode in modes]
    seconds = options.minutes * 60 / len(modes)
    results, failed = asyncio.run(_run_all(plan, seconds, programs, options))
    _print(summary(results, failed))
    return min(failed, 1)


async def _prove_all(
    names: Sequence[str], seeds: Sequence[int], programs: Binaries | None, busy: int | None
) -> int:
    """Run the schedules. Returns 1 if a mutation was not noticed, or a schedule broke a guarantee without."""
    began = time.monotonic()
    async with Servers(programs) as servers:
        proofs = []
        for seed, name in itertools.product(seeds, names):
            with load(_default_load(SCHEDULES[name].mode) if busy is None else busy):
                proofs.append(await prove(name, seed=seed, servers=servers, report=_print))
    _print(table(proofs))
    wrong = [proof.name for proof in proofs if not proof.holds]
    _print(f"\n{time.monotonic() - began:.0f} s in all; not proven: {', '.join(wrong) or 'none'}")
    return min(len(wrong), 1)


def _default_load(mode: Mode) -> int:
    """Return how many processes keep the processors busy. On SQLite, no other fault makes a node slow."""
    return os.cpu_count() or 1 if mode == "sqlite" else 0


def _end_with(parent: int) -> None:
    """End this process when its parent has ended. The watchdog then ends what it has started."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


async def _run_all(
    plan: Sequence[tuple[int, Mode]],
    seconds: float,
    programs: Binaries | None,
    options: argparse.Namespace,
) -> tuple[list[Result], int]:
    """Run each seed and mode. Returns the results, and the number of runs that are wrong."""
    results: list[Result] = []
    failed = 0
    async with Servers(programs) as servers:
        for number, (seed, mode) in enumerate(plan, start=1):
            folder = new_folder(f"{mode}-{seed}")
            busy = _default_load(mode) if options.load is None else options.load
            _print(f"[{number} of {len(plan)}, {time.strftime('%H:%M:%S')}] {folder}")
            try:
                with load(busy):
                    result = await run(
                        mode,
                        seed=seed,
                        seconds=seconds,
                        folder=folder,
                        servers=servers,
                        parties=options.parties or (24 if mode == "sqlite" else 12),
                        calm=options.calm,
                        only=options.fault or (),
                    )
            except Exception:  # noqa: BLE001 - the other runs tell whether it comes again
                failed += 1
                _print(f"{mode}, seed {seed}: the run failed\n{traceback.format_exc()}")
                continue
            failed += bool(result.violations)
            _print(str(result))
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

    row("revocations acknowledged", lambda one: sum(one.acknowledged.values()))
    row("revocations checked", lambda one: one.total)
    row("checked, beside a node without a lease", lambda one: one.fenced)
    row("checked, on sockets older than a failover", lambda one: one.outlived)
    for reason in REASONS:
        row(f"not checked: {reason}", lambda one, reason=reason: one.unchecked.get(reason, 0))  # type: ignore[misc]
    row("violations", lambda one: len(one.violations))
    for fault in sorted({name for one in results for name in one.faults}):
        row(f"fault {fault}", lambda one, fault=fault: one.faults.get(fault, 0))  # type: ignore[misc]
    seen = {name.split()[0] for one in results for name, number in one.faults.items() if number}
    missing = sorted({name for one in results for name in one.possible} - seen)
    for fault in sorted({name for one in results for name in one.during}):
        row(f"checked during {fault}", lambda one, fault=fault: one.during.get(fault, 0))  # type: ignore[misc]
    lines += ["", *_shares(results, "kind", KINDS, lambda method: method.kind)]
    lines += ["", *_shares(results, "interface", WAYS, lambda method: method.way)]
    lines += ["", f"runs that failed: {failed}", f"faults that never came: {missing or 'none'}"]
    return "\n".join(lines)


def _shares(
    results: Sequence[Result], title: str, names: Iterable[str], part: Callable[[Method], str]
) -> list[str]:
    """Return a table with the share of the acknowledged revocations that were checked."""
    lines = [f"| {title} | acknowledged | checked | share |", "| --- | ---: | ---: | ---: |"]
    acknowledged, checked = Counter[str](), Counter[str]()
    for one in results:
        acknowledged += by_part(one.acknowledged, part)
        checked += by_part(one.checked, part)
    for name in names:
        all_, sound = acknowledged[name], checked[name]
        share = f"{sound / all_:.0%}" if all_ else ""
        lines.append(f"| {name} | {all_:,} | {sound:,} | {share} |")
    return lines


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
