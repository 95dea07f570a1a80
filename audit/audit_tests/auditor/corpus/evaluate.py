"""Compares what the scanner says with the labels: `python -m audit_tests.auditor.corpus.evaluate`.

Prints precision and recall for each question and each part of the corpus, the pairs of versions that are
not told apart, and what the scanner and the labels disagree on.
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from audit_tests.auditor.corpus.fetch import CACHE
from audit_tests.auditor.corpus.judge import (
    GROUPS,
    GUARDED,
    Bandit,
    Heuristic,
    Judge,
    Scanner,
    Statement,
)
from audit_tests.auditor.corpus.label import Label, Version, read_labels

__all__ = ["OPEN_DOOR", "Answer", "Figures", "answers", "at_hand", "main", "pairs", "part_of"]

PARTS = (
    *("development", "held out", "second set", "third set", "fourth set", "fifth set"),
    *("sixth set", "seventh set", "eighth set", "ninth set", "tenth set", "eleventh set"),
)
"""Parts of the corpus: what the rules were written with, what was set aside, what was read later."""

EXPECTED = {
    "missing authentication": ("authentication", "missing"),
    "authentication after accept": ("authentication", "after-accept"),
    "optional authentication": ("authentication", "optional"),
    "open origin": ("origin", "open"),
    "weak origin": ("origin", "weak"),
    "missing authorization": ("authorization", "missing"),
}

OPEN_DOOR = "open door"
"""The operator's question: can a client without a credential get in by any route?"""

WAYS_IN = ("missing authentication", "authentication after accept", "optional authentication")
"""The groups of which each answers it with yes."""

QUESTIONS = (*WAYS_IN, OPEN_DOOR, GUARDED, "open origin", "weak origin", "missing authorization")
"""Columns of the table."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question about one class: what the label says, and what the judge said.

    Args:
        version: The version the class is in.
        label: The class.
        group: The question.
        expected: Whether the label says that this is wrong; None where it is not measured.
        statements: What the judge said.
    """

    version: Version
    label: Label
    group: str
    expected: bool | None
    statements: tuple[Statement, ...]

    @property
    def agreed(self) -> bool:
        """Whether the judge says what the label says, or it is not measured."""
        return self.expected is None or self.expected == bool(self.statements)


@dataclass(slots=True)
class Figures:
    """How often a judge was right about one question."""

    found: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> str:
        """Share of what it said that is true."""
        return _ratio(self.found, self.found + self.false)

    @property
    def recall(self) -> str:
        """Share of what is wrong that it said."""
        return _ratio(self.found, self.found + self.missed)

    def count(self, answer: Answer) -> None:
        """Add one answer."""
        said = bool(answer.statements)
        self.found += answer.expected is True and said
        self.false += answer.expected is False and said
        self.missed += answer.expected is True and not said


def main() -> int:
    """Judges and prints; 0, or 2 if there are no sources."""
    options = _options()
    versions = at_hand(options.cache)
    if not versions:
        return 2
    versions = [v for v in versions if options.only in v.slug]
    versions = [v for v in versions if options.part in ("", part_of(v))]
    judges: list[Judge] = [Scanner(options.reports, reuse=options.reuse)]
    if options.compare:
        judges += [Heuristic()]
    if options.bandit:
        judges += [Bandit(options.bandit)]
    classes = sum(len(v.labels) for v in versions)
    print(
        f"{classes} classes in {len(versions)} versions of {len({v.package for v in versions})} packages"
    )
    for judge in judges:
        judged = list(answers(judge, versions, options.cache))
        _print_table(judge.name, judged)
        _print_pairs(judged)
        if isinstance(judge, Bandit):
            print(f"results of {judge.name} in labelled classes: {judge.tests or 'none'}")
        if isinstance(judge, Scanner):
            _print_disagreements(judged)
    return 0


def at_hand(sources: Path) -> list[Version]:
    """Return the versions with fetched sources; print an error if there are none."""
    versions = [one for one in read_labels() if (sources / one.slug / ".fetched").exists()]
    if not versions:
        print("no sources: run python -m audit_tests.auditor.corpus.fetch first", file=sys.stderr)
    return versions


def answers(judge: Judge, versions: Sequence[Version], sources: Path) -> Iterator[Answer]:
    """Every question about every class of these versions."""
    for version in versions:
        said = tuple(judge.judge(version, sources / version.slug))
        for label in version.labels:
            mine = [one for one in said if _speaks_of(one, label, sources / version.slug)]
            for group in GROUPS:
                statements = tuple(one for one in mine if one.group == group)
                yield Answer(version, label, group, _expected(label, group), statements)
            statements = tuple(one for one in mine if one.group in WAYS_IN)
            opened = _open_door(label)
            yield Answer(version, label, OPEN_DOOR, opened, statements)
            statements = tuple(one for one in mine if one.group == GUARDED)
            yield Answer(version, label, GUARDED, _guarded(label, opened=opened), statements)


def pairs(judged: Sequence[Answer]) -> Iterator[tuple[Answer, Answer]]:
    """Two versions of one class, one after the other, that the labels tell apart."""
    series: dict[tuple[str, str, str], list[Answer]] = {}
    for answer in judged:
        if answer.expected is not None and answer.group in GROUPS:
            key = (answer.version.package, answer.label.name, answer.group)
            series.setdefault(key, []).append(answer)
    for same in series.values():
        same.sort(key=lambda answer: _order(answer.version))
        for before, after in pairwise(same):
            if before.expected != after.expected:
                yield before, after


def _order(version: Version) -> tuple[int, ...]:
    return tuple(
        int(part) for part in version.version.replace("-", ".").split(".") if part.isdigit()
    )


def _expected(label: Label, group: str) -> bool | None:
    field, answer = EXPECTED[group]
    truth = getattr(label, field)
    if truth == answer:
        return True
    return None if truth == "unknown" or answer in label.also else False


def _open_door(label: Label) -> bool | None:
    expected = [_expected(label, group) for group in WAYS_IN]
    if True in expected:
        return True
    return None if None in expected else False


def _guarded(label: Label, *, opened: bool | None) -> bool | None:
    """What a label does not call guarded, and leaves open, is not measured."""
    if label.authentication == "guarded":
        return True
    return False if opened and "guarded" not in label.also else None


def _speaks_of(statement: Statement, label: Label, folder: Path) -> bool:
    """By its subject; or by its place, for what is said of the only user of a class."""
    dotted = {label.dotted, label.dotted.replace(".<locals>", "")}
    if any(f".{name}".endswith(f".{statement.subject}") for name in dotted):
        return True
    if any(f".{statement.subject}".endswith(f".{name}") for name in dotted):
        return True  # the folder of the sources is a package itself
    if statement.path != label.path:
        return False
    return statement.line in _lines(folder / label.path, label.line)


@cache
def _lines(path: Path, line: int) -> range:
    """The lines of the class that begins here."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return range(line, line + 1)
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    ends = [node.end_lineno or line for node in statements if node.lineno == line]
    return range(line, max(ends, default=line) + 1)


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "–"


def part_of(version: Version) -> str:
    """Which part of the corpus a version is in: one of `PARTS`."""
    if version.holdout:
        return "held out"
    return PARTS[0] if version.round == 1 else PARTS[version.round]


def _print_table(name: str, judged: Sequence[Answer]) -> None:
    """One row for each part, as in docs/reference/auditor-quality.md."""
    print(f"\n{name}: precision / recall (found, false, missed)\n")
    print("| part | " + " | ".join(QUESTIONS) + " |")
    print("| --- |" + " --- |" * len(QUESTIONS))
    for part in (*PARTS, "all"):
        here = [one for one in judged if part in ("all", part_of(one.version))]
        if here:
            print(f"| {part} | " + " | ".join(_cell(here, group) for group in QUESTIONS) + " |")


def _cell(judged: Sequence[Answer], group: str) -> str:
    figures = Figures()
    for answer in judged:
        if answer.group == group:
            figures.count(answer)
    counts = (figures.found, figures.false, figures.missed)
    return f"{figures.precision} / {figures.recall} {counts}" if any(counts) else "–"


def _print_pairs(judged: Sequence[Answer]) -> None:
    for part in PARTS:
        both = [pair for pair in pairs(judged) if part_of(pair[0].version) == part]
        if not both:
            continue
        apart = [pair for pair in both if pair[0].agreed and pair[1].agreed]
        print(f"\npairs of versions told apart, {part}: {len(apart)} of {len(both)}")
        for before, after in both:
            if not (before.agreed and after.agreed):
                print(f"  not: {before.version.slug} and {after.version.slug}, {before.group}")


def _print_disagreements(judged: Sequence[Answer]) -> None:
    print("\ndisagreements")
    for answer in judged:
        if answer.agreed or answer.group == OPEN_DOOR:
            continue  # an open door is said of under the way in
        if answer.group == GUARDED and answer.expected:
            continue  # "unknown" of a guarded class is no mistake, and a finding is said of elsewhere
        what = "missed" if answer.expected else "false"
        where = (
            f"{answer.version.slug}: {answer.label.path}:{answer.label.line} {answer.label.name}"
        )
        print(f"\n{what}: {answer.group}: {where}\n  label: {answer.label.reason}")
        for one in answer.statements:
            print(f"  said: {one.path}:{one.line}: {one.words}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the sources are")
    parser.add_argument("--only", default="", help="versions whose name contains this")
    parser.add_argument("--part", default="", choices=("", *PARTS), help="only this part")
    parser.add_argument("--reports", type=Path, help="keep the scanner's reports in this folder")
    parser.add_argument("--reuse", action="store_true", help="read kept reports, scan nothing")
    parser.add_argument("--compare", action="store_true", help="judge with a heuristic, too")
    parser.add_argument("--bandit", default="", help="path of bandit, to judge with it, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
