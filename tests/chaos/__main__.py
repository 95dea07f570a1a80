"""Run clusters under faults: `python -m tests.chaos [--minutes N] [--seed N] [--mutations]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.chaos.mutations import MUTATIONS
from tests.chaos.run import MODES, Mode, Result, run
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
    parser.add_argument("--calm", action="store_true", help="no faults")
    parser.add_argument(
        "--victims", type=int, default=8, help="revocations that are under way at once"
    )
    options = parser.parse_args()
    try:
        programs: Binaries | None = binaries()
    except Missing as reason:
        if os.environ.get("CI") == "true":
            raise
        print(f"without PostgreSQL: {reason}", file=sys.stderr)  # noqa: T201 - a command
        programs = None
    modes: list[Mode] = options.mode or [m for m in MODES if programs or m == "sqlite"]
    mutations = options.mutation or (sorted(MUTATIONS) if options.mutations else [])
    runs = [(MUTATIONS[name].mode, name) for name in mutations] or [(mode, "") for mode in modes]
    # A rare order of events shows that the compare-and-set is off: 15 seconds do not always have it.
    minutes = options.minutes or (float(len(runs)) if mutations else 1.0)
    failed = 0
    for seed in range(options.seed, options.seed + options.seeds):
        for mode, mutation in runs:
            folder = Path(tempfile.mkdtemp(prefix=f"chaos-{mode}-{seed}-"))
            result = asyncio.run(
                run(
                    mode,
                    seed=seed,
                    seconds=minutes * 60 / len(runs),
                    folder=folder,
                    programs=programs,
                    mutation=mutation,
                    victims=options.victims,
                    calm=options.calm,
                )
            )
            failed += _report(result, mutation, folder)
    return min(failed, 1)


def _report(result: Result, mutation: str, folder: Path) -> bool:
    """Print a result. Returns whether it is wrong."""
    wrong = bool(result.violations) != bool(mutation)
    print(f"{mutation and f'without {mutation}: '}{result}\n  {folder}", flush=True)  # noqa: T201
    return wrong


if __name__ == "__main__":
    sys.exit(main())
