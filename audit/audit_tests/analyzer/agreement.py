"""The agreement of the next engine with the table of programs, by group.

`floors.tsv` has the number of right answers of each group and question. It may only rise:

    python -m audit_tests.analyzer.agreement    # raise the floors to the present agreement
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from audit_tests.auditor.programs.compare import QUESTIONS, Judged, agreement, judge
from audit_tests.auditor.programs.table import Line, read_program, read_table
from audit_tests.auditor.sources import write
from audit_tests.project import REPOSITORY

__all__ = ["FLOORS", "LINES", "count", "judged", "read_floors"]

FLOORS = Path(__file__).with_name("floors.tsv")
LINES = tuple(one for one in read_table() if one.author == "hand")

Counts = Mapping[tuple[str, str], int]
"""Right answers by group and question."""


def judged(names: Iterable[str], place: Path) -> dict[str, Judged]:
    """Judge programs with the next engine, each alone, in one process.

    Args:
        names: Their ids.
        place: An empty folder for their files.
    """
    folders = {name: place / name for name in dict.fromkeys(names)}
    for name, folder in folders.items():
        write(folder, read_program(name))
    return dict(zip(folders, judge(f"{REPOSITORY}#new", folders.values()), strict=True))


def count(results: Mapping[str, Judged], lines: Iterable[Line]) -> dict[tuple[str, str], int]:
    """Return the number of right answers of each group."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    return {
        (group, question): sum(n for (wanted, given), n in counted.items() if wanted == given)
        for group, some in groups.items()
        for question, counted in agreement(results, some).items()
        if question in QUESTIONS and counted
    }


def read_floors() -> dict[tuple[str, str], int]:
    """Return the floors."""
    rows = FLOORS.read_text(encoding="utf-8").splitlines()[1:]
    return {(group, question): int(number) for group, question, number in map(str.split, rows)}


def main() -> int:
    """Raise the floors; a lower number is refused."""
    with tempfile.TemporaryDirectory() as place:
        counts = count(judged((one.id for one in LINES), Path(place)), LINES)
    known = read_floors() if FLOORS.is_file() else {}
    lower = [name for name, number in known.items() if counts.get(name, 0) < number]
    if lower:
        print("fewer right answers than the floor:", *("/".join(one) for one in lower))
        return 1
    rows = [f"{group}\t{question}\t{number}" for (group, question), number in counts.items()]
    FLOORS.write_text("\n".join(["group\tquestion\tright", *sorted(rows), ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
