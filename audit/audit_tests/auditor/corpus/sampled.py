"""How many findings of the other rules are true: `python -m audit_tests.auditor.corpus.sampled`.

Labels answer six questions. What else the scanner says was judged in random samples: at most eight
findings of a rule in the first, four in the second, six in the third and four in the fourth, at most one
of a package. What one showed was mended before the next was drawn, of other packages. Prints for each
rule how many of each sample are true, and how many of the true and of the false ones the scanner says
today.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from audit_tests.auditor.corpus.evaluate import at_hand
from audit_tests.auditor.corpus.fetch import CACHE
from audit_tests.auditor.corpus.judge import Scanner
from audit_tests.auditor.corpus.label import read_labels

__all__ = ["FINDINGS", "Judged", "Tally", "main", "print_table", "read_findings", "tallied"]

FINDINGS = Path(__file__).resolve().parent / "findings"

VERDICTS = frozenset({"true", "false", "debatable"})


@dataclass(frozen=True, slots=True)
class Judged:
    """One finding, and the verdict of a person who read the source.

    Args:
        rule: Id of the rule.
        version: Slug of the label file with its sources.
        path: Of its file, from the root of the sources.
        line: Line of the finding when the sample was drawn.
        subject: Dotted name of the class or other object that it is about.
        verdict: One of true, false, debatable.
        reason: Why, in one sentence.
        sample: Number of its sample: 1 was drawn first, and each next one after the defects that the last
            had shown were fixed.
    """

    rule: str
    version: str
    path: str
    line: int
    subject: str
    verdict: str
    reason: str
    sample: int = 1


@dataclass(slots=True)
class Tally:
    """The sample of one rule."""

    true: int = 0
    false: int = 0
    debatable: int = 0
    true_today: int = 0
    false_today: int = 0

    @property
    def precision(self) -> str:
        """Share of the decided ones that are true, when the sample was drawn."""
        decided = self.true + self.false
        return f"{self.true / decided:.2f}" if decided else "–"

    def count(self, one: Judged, *, today: bool) -> None:
        """Add one finding, and whether the scanner still says it."""
        match one.verdict:
            case "true":
                self.true += 1
                self.true_today += today
            case "false":
                self.false += 1
                self.false_today += today
            case _:
                self.debatable += 1


def read_findings(folder: Path = FINDINGS) -> tuple[Judged, ...]:
    """All judged findings, rule by rule.

    Raises:
        ValueError: A verdict is none of the three, or there are no sources of that name.
    """
    slugs = {version.slug for version in read_labels()}
    found = tuple(_findings(folder))
    for one in found:
        if one.verdict not in VERDICTS or one.version not in slugs:
            msg = f"{one.rule}: {one.version}: {one.verdict}: nothing that is known"
            raise ValueError(msg)
    return found


def _findings(folder: Path) -> Iterator[Judged]:
    for path in sorted(folder.glob("*.toml")):
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["finding"]:
            yield Judged(
                rule=path.stem,
                version=row["version"],
                path=row["path"],
                line=row["line"],
                subject=row["subject"],
                verdict=row["verdict"],
                reason=row["reason"],
                sample=row.get("sample", 1),
            )


def tallied(
    judged: Sequence[Judged], said: Mapping[str, Sequence[dict[str, Any]]]
) -> dict[str, Tally]:
    """The sample of each rule.

    Args:
        judged: The sample.
        said: The findings of today's reports, by the slug of the version; one that is not there is
            not counted.
    """
    tallies: dict[str, Tally] = {}
    for one in judged:
        if one.version in said:
            today = any(_is_same(one, finding) for finding in said[one.version])
            tallies.setdefault(one.rule, Tally()).count(one, today=today)
    return tallies


def _is_same(one: Judged, finding: dict[str, Any]) -> bool:
    """Whether it is said of the same subject, or of the same line."""
    place = finding["location"]
    return (
        finding["rule_id"] == one.rule
        and place["path"] == one.path
        and (finding["subject"] == one.subject or place["line"] == one.line)
    )


def main() -> int:
    """Scans what the sample is of, and prints; 0, or 2 if there are no sources."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the sources are")
    parser.add_argument("--reports", type=Path, help="keep the scanner's reports in this folder")
    parser.add_argument("--reuse", action="store_true", help="read kept reports, scan nothing")
    options = parser.parse_args()
    judged = read_findings()
    wanted = {one.version for one in judged}
    versions = [one for one in at_hand(options.cache) if one.slug in wanted]
    if not versions:
        return 2
    scanner = Scanner(options.reports, reuse=options.reuse)
    reports = {one.slug: scanner.report(one, options.cache / one.slug) for one in versions}
    slugs = {rule["id"]: rule["slug"] for report in reports.values() for rule in report["rules"]}
    said = {slug: report["findings"] for slug, report in reports.items()}
    samples = sorted({one.sample for one in judged})
    by_sample = [tallied([one for one in judged if one.sample == at], said) for at in samples]
    print_table(by_sample, tallied(judged, said), slugs)
    return 0


def print_table(
    by_sample: Sequence[dict[str, Tally]], together: dict[str, Tally], slugs: dict[str, str]
) -> None:
    """A row for each rule: what each sample showed at first sight, and what is said of it today."""
    heads = [f"sample {at}: true, false, debatable" for at in range(1, len(by_sample) + 1)]
    print(f"| rule | | {' | '.join(heads)} | said today: true, false |")
    print("| --- | --- |" + " --- |" * (len(heads) + 1))
    for rule in (*sorted(together), "all"):
        cells = [
            _counts(_sum(one.values()) if rule == "all" else one.get(rule)) for one in by_sample
        ]
        both = _sum(together.values()) if rule == "all" else together[rule]
        today = f"{both.true_today} of {both.true}, {both.false_today} of {both.false}"
        print(f"| {rule} | {slugs.get(rule, '')} | {' | '.join(cells)} | {today} |")


def _counts(tally: Tally | None) -> str:
    if tally is None or not (tally.true + tally.false + tally.debatable):
        return "–"
    return f"{tally.true}, {tally.false}, {tally.debatable} ({tally.precision})"


def _sum(tallies: Iterable[Tally]) -> Tally:
    columns = zip(*(astuple(one) for one in tallies), strict=True)
    return Tally(*(sum(column) for column in columns))


if __name__ == "__main__":
    sys.exit(main())
