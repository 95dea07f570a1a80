"""Write the results for unseen programs into the documentation, from the records of the runs.

python -m audit_tests.prober.unseen.page
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit_tests.prober.real.evaluate import MADE_UP, MORE_CHECKS, PAGE, UNSEEN
from audit_tests.prober.real.exit_statuses import ended, table
from audit_tests.prober.real.programs import Case, cases

__all__ = ["MARK", "RUNS", "counts", "main", "section"]

MARK = "<!-- What follows is written by `python -m audit_tests.prober.unseen.page`. -->"
RUNS = {
    "at first sight": UNSEEN / "first-run.json",
    "at first sight, after the first were learned from": UNSEEN / "second-run.json",
    "at first sight, after those two": UNSEEN / "third-run.json",
    "at first sight, after those three": UNSEEN / "fourth-run.json",
    "at first sight, after those four": UNSEEN / "fifth-run.json",
    "at first sight, after those five": UNSEEN / "sixth-run.json",
    "today, all": UNSEEN / "now.json",
}
_CHECKS = ("no-credential", "foreign-origin")
_ALL_CHECKS = (*_CHECKS, MADE_UP, *MORE_CHECKS)
Kept = Mapping[str, Mapping[str, Any]]


def _read(file: Path) -> Kept:
    found: Kept = json.loads(file.read_text("utf-8"))
    return found


def counts(run: Kept, known: Mapping[str, Case], check: str) -> tuple[int, int, int, int]:
    """Open and found, open and missed, closed and said to be open, not told."""
    pairs = [
        (known[name].truth[check], one["said"][check])
        for name, one in run.items()
        if name in known and check in known[name].truth
    ]
    return (
        sum(truth and said == "open" for truth, said in pairs),
        sum(truth and said != "open" for truth, said in pairs),
        sum(not truth and said == "open" for truth, said in pairs),
        sum(said == "could not tell" for _, said in pairs),
    )


def _strangers(run: Kept, known: Mapping[str, Case]) -> str:
    """Count what was called open without the owner's credential although it is closed."""
    said = [
        one["stranger"]
        for name, one in run.items()
        if one["stranger"] and name in known and not known[name].truth["no-credential"]
    ]
    return f"{said.count('open')} of {len(said)}"


def _word(*, truth: bool) -> str:
    return "open" if truth else "closed"


def _cell(case: Case, check: str, first: Kept, now: Kept) -> str:
    told = [run[case.name]["said"][check] for run in (first, now)]
    return " / ".join([_word(truth=case.truth[check]), *told])


def section() -> str:
    """The tables."""
    known = {one.name: one for one in cases(UNSEEN)}
    runs = {title: _read(file) for title, file in RUNS.items()}
    *before, now = runs.values()
    lines = [
        (
            "| when | set-ups | check | open, found | open, missed | closed, found open | could not tell "
            "| closed, found open without the owner |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for title, run in runs.items():
        size = sum(name in known for name in run)
        for check in _ALL_CHECKS:
            if not any(check in known[name].truth for name in run if name in known):
                continue
            hit, missed, alarm, untold = counts(run, known, check)
            alone = _strangers(run, known) if check == _CHECKS[0] else "–"
            numbers = (hit, missed, alarm, untold, alone)
            lines.append(f"| {title} | {size} | {check} | {' | '.join(map(str, numbers))} |")
    lines += [
        "",
        "Exit statuses of today's runs, with the owner's credential and without:",
        "",
        table(ended(now)),
        "",
        "Programs of others, and of the small ones those that were missed: by hand / at first sight / today.",
        "",
        "| case | program | no-credential | foreign-origin |",
        "| --- | --- | --- | --- |",
    ]
    seen = {name: one for run in before for name, one in run.items()}
    for name, case in known.items():
        wrong = any(
            (run[name]["said"][check] == "open") is not case.truth[check]
            for run in (seen, now)
            for check in _CHECKS
        )
        if case.manager != "own" or wrong:
            cells = [name, f"{case.program} {case.version}"]
            cells += [_cell(case, check, seen, now) for check in _CHECKS]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """The command."""
    head, _, tail = PAGE.read_text("utf-8").partition(MARK)
    rest = tail[tail.index("\n## ") :] if "\n## " in tail else ""
    PAGE.write_text(f"{head}{MARK}\n\n{section()}\n{rest}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
