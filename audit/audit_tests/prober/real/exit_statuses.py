"""State the exit status of the prober beside the truth, for every measured set-up that has one recorded.

    python -m audit_tests.prober.real.exit_statuses [FILE] [--set PREFIX]

FILE is a record of `audit_tests.prober.real.evaluate --record`. The exit status of this program is 1 if a
set-up with a hole ended with 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["NOW", "Ended", "ended", "main", "table"]

NOW = Path(__file__).resolve().parents[1] / "unseen" / "now.json"
_NOT_RUN = -1


@dataclass(frozen=True, slots=True)
class Ended:
    """One run of the prober.

    Args:
        name: Of the set-up, and how the prober was started.
        holes: The checks that are open by hand, of those that this run could try.
        status: The exit status.
    """

    name: str
    holes: tuple[str, ...]
    status: int

    @property
    def wrong(self) -> bool:
        """True if the run claims safety despite a hole."""
        return bool(self.holes) and self.status == 0


def ended(record: Mapping[str, Mapping[str, Any]]) -> list[Ended]:
    """Return the runs with the owner's credential, and those without where there is one."""
    found = []
    for name, one in record.items():
        holes = tuple(check for check, is_open in one["truth"].items() if is_open)
        open_door = tuple(check for check in holes if check == "no-credential")
        for key, tried, how in (
            ("status", holes, name),
            ("stranger_status", open_door, f"{name}, no owner"),
        ):
            if one.get(key, _NOT_RUN) != _NOT_RUN:
                found.append(Ended(how, tried, one[key]))
    return found


def table(runs: Sequence[Ended]) -> str:
    """Count the runs by their exit status, with a hole and without."""
    lines = ["| runs | exit status 0 | 1 | 2 | 3 |", "| --- | --- | --- | --- | --- |"]
    for title, some in (
        ("with a hole", [one for one in runs if one.holes]),
        ("without one", [one for one in runs if not one.holes]),
    ):
        counts = Counter(one.status for one in some)
        cells = " | ".join(str(counts[status]) for status in range(4))
        lines.append(f"| {len(some)} {title} | {cells} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=NOW)
    parser.add_argument("--set", default="", help="only set-ups with this prefix")
    given = parser.parse_args(arguments)
    record = json.loads(given.file.read_text("utf-8"))
    runs = [one for one in ended(record) if one.name.startswith(given.set)]
    for one in runs:
        holes = ", ".join(one.holes) or "none"
        sys.stdout.write(f"{one.status}  {one.name}: open by hand: {holes}\n")
    sys.stdout.write(f"\n{table(runs)}\n")
    return 1 if any(one.wrong for one in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
