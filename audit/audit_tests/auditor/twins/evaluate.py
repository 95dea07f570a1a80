"""Compare the scanner's answers with the labels of the twins, and print a table.

    python -m audit_tests.auditor.twins.evaluate                      # the pairs of this repository
    python -m audit_tests.auditor.twins.evaluate --record FILE.json   # keep the answers, too
    python -m audit_tests.auditor.twins.evaluate --cases FOLDER       # pairs elsewhere
    python -m audit_tests.auditor.twins.evaluate --batch 2            # only the second batch

A finding of level error or warning answers a question with yes. Precision and recall count twins.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audit_tests.auditor.twins.pair import (
    AUTHENTICATION,
    CASES,
    QUESTIONS,
    SIDES,
    Pair,
    Side,
    read_pairs,
)
from audit_tests.auditor.twins.scanned import Answers, answers_of, falsely_guarded

__all__ = ["Row", "main", "rows_of"]

OPEN_DOOR = "open door (any of the three)"
Scanned = Mapping[tuple[str, Side], Answers]


@dataclass(frozen=True, slots=True)
class Row:
    """The figures for one question.

    Args:
        question: One of `QUESTIONS`, or the union of those about authentication.
        found: Twins that have the hole and are reported.
        missed: Twins that have the hole and are not.
        false_at_guarded: Guarded twins that are reported without reason.
        false_at_broken: Broken twins that are reported for a hole that they do not have.
        apart: Pairs in which only the broken twin has the hole, and only it is reported.
        pairs: Pairs in which only the broken twin has the hole.
    """

    question: str
    found: int
    missed: int
    false_at_guarded: int
    false_at_broken: int
    apart: int
    pairs: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as a person reads it."""
        false = self.false_at_guarded + self.false_at_broken
        return (
            self.question,
            _share(self.found, self.found + false),
            _share(self.found, self.found + self.missed),
            str(self.false_at_guarded),
            str(self.false_at_broken),
            f"{self.apart} of {self.pairs}",
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f} ({part} of {whole})" if whole else "–"


HEAD = (
    "question",
    "precision",
    "recall",
    "false at guarded twins",
    "false at broken twins",
    "pairs told apart",
)


def rows_of(pairs: Iterable[Pair], scanned: Scanned) -> list[Row]:
    """Count for each question, and for an open door of any kind."""
    pairs = list(pairs)
    groups = {question: frozenset({question}) for question in QUESTIONS}
    groups[OPEN_DOOR] = frozenset(AUTHENTICATION)
    return [_row(question, group, pairs, scanned) for question, group in groups.items()]


def _row(question: str, group: frozenset[str], pairs: list[Pair], scanned: Scanned) -> Row:
    def count(test: Callable[[Pair, Side], bool], *sides: Side) -> int:
        return sum(test(pair, side) for pair in pairs for side in sides)

    def holed(pair: Pair, side: Side) -> bool:
        return bool(group & pair.expected[side])

    def reported(pair: Pair, side: Side) -> bool:
        return bool(group & scanned[pair.name, side].reported)

    def false(pair: Pair, side: Side) -> bool:
        right = holed(pair, side) or group & pair.allowed[side]
        return reported(pair, side) and not right

    differing = [pair for pair in pairs if holed(pair, "broken") and not holed(pair, "guarded")]
    return Row(
        question=question,
        found=count(lambda pair, side: holed(pair, side) and reported(pair, side), *SIDES),
        missed=count(lambda pair, side: holed(pair, side) and not reported(pair, side), *SIDES),
        false_at_guarded=count(false, "guarded"),
        false_at_broken=count(false, "broken"),
        apart=sum(reported(one, "broken") and not reported(one, "guarded") for one in differing),
        pairs=len(differing),
    )


def called_safe(pairs: Iterable[Pair], scanned: Scanned) -> list[str]:
    """Name the twins with a hole that the table of endpoints calls guarded."""
    return [
        f"{pair.name} ({side}): {', '.join(sorted(checks))}"
        for pair in pairs
        for side in SIDES
        if (checks := falsely_guarded(pair, side, scanned[pair.name, side]))
    ]


def main(arguments: list[str] | None = None) -> int:
    """Scan all twins, print the table, and keep the answers where that is asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--cases", type=Path, default=CASES, help="folder with the pairs")
    options.add_argument("--batch", type=int, default=0, help="only this batch")
    options.add_argument("--record", type=Path, help="JSON file for the answers and the figures")
    options.add_argument("--code", default="", help="commit of the scanner, for the record")
    given = options.parse_args(arguments)
    pairs = [one for one in read_pairs(given.cases) if given.batch in {0, one.batch}]
    scanned = {(pair.name, side): answers_of(pair, side) for pair in pairs for side in SIDES}
    rows = rows_of(pairs, scanned)
    for cells in (HEAD, ("---",) * len(HEAD), *(row.cells for row in rows)):
        print("|", " | ".join(cells), "|")
    safe = called_safe(pairs, scanned)
    print(
        f"\n{len(pairs)} pairs. Called guarded although there is a hole: {', '.join(safe) or 'none'}."
    )
    for (name, side), answers in scanned.items():
        pair = next(one for one in pairs if one.name == name)
        wrong = pair.expected[side] ^ answers.reported
        if wrong - pair.allowed[side]:
            print(f"{name} ({side}): {', '.join(sorted(wrong))}; {', '.join(answers.findings)}")
    if given.record:
        record = {
            "code": given.code,
            "pairs": len(pairs),
            "rows": [dict(zip(HEAD, row.cells, strict=True)) for row in rows],
            "called guarded although there is a hole": safe,
            "findings": {
                f"{name} ({side})": list(answers.findings)
                for (name, side), answers in scanned.items()
            },
        }
        given.record.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
