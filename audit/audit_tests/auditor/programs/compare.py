"""Compare two engines: `python -m audit_tests.auditor.programs.compare ENGINE ENGINE`.

An engine is a checkout of this repository (`.`, `../main`), or one of the engines in it (`.#new`). Both judge
every program of the table, and every package that `make corpus` has fetched. The command prints the agreement
of each with the expectations of the table, and each endpoint about which the two differ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit_tests.auditor.corpus.evaluate import at_hand
from audit_tests.auditor.corpus.fetch import CACHE
from audit_tests.auditor.programs import judging
from audit_tests.auditor.programs.table import VERDICTS, Line, read_program, read_table
from audit_tests.auditor.sources import write

__all__ = ["Judged", "agreement", "differences", "judge", "main"]

QUESTIONS = ("authentication", "origin")
"""Questions that the command compares; the table has others, too."""

_ORIGINS = {"default": "guarded", "restricted": "guarded", "optional": "unknown"}
"""Answers of the table that a report does not tell apart."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The answers of an engine about one program or package.

    Args:
        endpoints: For each endpoint, `path:class`, the answer to each question.
        gaps: Places that were not analysed, and crashes.
        seconds: Processor time.
    """

    endpoints: Mapping[str, Mapping[str, str]]
    gaps: Sequence[str] = ()
    seconds: float = field(default=0.0, compare=False)

    def answer(self, question: str) -> str:
        """Return the answer about the endpoint that the table is about; "no endpoint" without one."""
        named = [
            answers
            for name, answers in self.endpoints.items()
            if name.rpartition(".")[2].startswith(("Door", "Open"))
        ]
        found = named or list(self.endpoints.values())
        return found[0].get(question, "unknown") if found else "no endpoint"


def judge(engine: str, folders: Iterable[Path]) -> Iterator[Judged]:
    """Scan each folder alone with an engine, in one process.

    Args:
        engine: A checkout, with the name of one of its engines after a `#`.
        folders: Absolute paths.
    """
    checkout, _, name = engine.partition("#")
    source = Path(checkout).resolve() / "audit" / "src"
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(judging.__file__)), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"},
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for folder in folders:
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{engine} ended at {folder}")
            yield Judged(**json.loads(line))
        process.stdin.close()


def _wanted(line: Line) -> frozenset[str]:
    """Return the expected answers in the words of a report."""
    if line.question == "origin":
        return frozenset(_ORIGINS.get(one, one) for one in line.expected)
    return frozenset(VERDICTS.get(one, one) for one in line.expected)


def _question(line: Line) -> str:
    return "authentication" if line.question == "kind" else line.question


def agreement(
    judged: Mapping[str, Judged], table: Sequence[Line]
) -> dict[str, Counter[tuple[str, str]]]:
    """Count for each question the pairs of an expected and a given answer.

    Args:
        judged: Answers by the id of the program.
        table: Lines with questions about these programs.
    """
    counted: dict[str, Counter[tuple[str, str]]] = {one: Counter() for one in QUESTIONS}
    for line in table:
        question = _question(line)
        if question in QUESTIONS:
            wanted, given = _wanted(line), judged[line.id].answer(question)
            expected = given if given in wanted else "|".join(sorted(wanted))
            counted[question][expected, given] += 1
    return counted


def differences(first: Mapping[str, Judged], second: Mapping[str, Judged]) -> Iterator[str]:
    """Yield a line for each answer of two engines that differs, and for each crash.

    Args:
        first: Answers by program or package.
        second: Likewise, of the other engine.
    """
    for name, one in first.items():
        other = second[name]
        for gap in sorted({*one.gaps} ^ {*other.gaps}):
            yield f"{name}: not analysed by one: {gap}"
        for endpoint in sorted({*one.endpoints, *other.endpoints}):
            for question in QUESTIONS:
                left = one.endpoints.get(endpoint, {}).get(question, "no endpoint")
                right = other.endpoints.get(endpoint, {}).get(question, "no endpoint")
                if left != right:
                    yield f"{name}: {endpoint}: {question}: {left} | {right}"


def main() -> int:
    """Judge and print.

    Returns:
        0, or 2 if there is no package of the corpus and none was asked to be left out.
    """
    options = _options()
    table = [one for one in read_table() if one.id.startswith(options.only)]
    with tempfile.TemporaryDirectory() as place:
        programs = dict.fromkeys(one.id for one in table)
        folders = {name: Path(place) / name for name in programs}
        for name, folder in folders.items():
            write(folder, read_program(name))
        results = [_judged(engine, folders) for engine in options.engines]
    for engine, result in zip(options.engines, results, strict=True):
        _print_agreement(engine, result, table)
    _print_differences("programs", options.engines, results, options.list)
    if options.no_corpus:
        return 0
    versions = at_hand(options.cache)
    if not versions:
        return 2
    packages = {one.slug: (options.cache / one.slug).resolve() for one in versions}
    results = [_judged(engine, packages) for engine in options.engines]
    _print_differences("packages", options.engines, results, options.list)
    return 0


def _judged(engine: str, folders: Mapping[str, Path]) -> dict[str, Judged]:
    return dict(zip(folders, judge(engine, folders.values()), strict=True))


def _print_agreement(engine: str, judged: Mapping[str, Judged], table: Sequence[Line]) -> None:
    seconds = sum(one.seconds for one in judged.values())
    print(f"\n{engine}: {len(judged)} programs, {seconds:.0f} s of processor time")
    by_hand = [one for one in table if one.author == "hand"]
    for question, counted in agreement(judged, by_hand).items():
        right = sum(number for (wanted, given), number in counted.items() if wanted == given)
        print(f"  {question}: {right} of {counted.total()} as expected")
        wrong = Counter({pair: n for pair, n in counted.items() if pair[0] != pair[1]})
        for (wanted, given), number in wrong.most_common():
            print(f"    {number:5} expected {wanted}, answered {given}")


def _print_differences(
    kind: str, engines: Sequence[str], results: Sequence[Mapping[str, Judged]], file: Path | None
) -> None:
    found = list(differences(*results))
    seconds = [f"{sum(one.seconds for one in result.values()):.0f} s" for result in results]
    print(f"\n{kind}: {len(found)} differences ({' | '.join(engines)}: {' | '.join(seconds)})")
    for line in found if file is None else ():
        print(f"  {line}")
    if file is not None:
        with file.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("engines", nargs=2, metavar="ENGINE", help="a checkout, or CHECKOUT#ENGINE")
    parser.add_argument("--only", default="", help="programs with an id that begins with this")
    parser.add_argument("--no-corpus", action="store_true", help="leave the packages out")
    parser.add_argument("--cache", type=Path, default=CACHE, help="the folder of the packages")
    parser.add_argument("--list", type=Path, help="add the differences to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
