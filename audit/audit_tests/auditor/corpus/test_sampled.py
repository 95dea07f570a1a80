from pathlib import Path
from typing import Any

import pytest

from audit_tests.auditor.corpus.label import read_labels
from audit_tests.auditor.corpus.sampled import Judged, print_table, read_findings, tallied

ROW = (
    '[[finding]]\n{sample}version = "{slug}"\npath = "a.py"\nline = 1\nsubject = "a"\n'
    'verdict = "{verdict}"\nreason = "Because."\n'
)


def judged(verdict: str, *, line: int = 7, subject: str = "shop.ws.Chat") -> Judged:
    """A finding of one rule in one file."""
    return Judged("SD407", "shop-1.0", "shop/ws.py", line, subject, verdict, "Because.")


def said(rule: str = "SD407", *, line: int = 7, subject: str = "shop.ws.Chat") -> dict[str, Any]:
    """What a report says."""
    place = {"path": "shop/ws.py", "line": line}
    return {"rule_id": rule, "subject": subject, "location": place}


def test_every_judged_finding_is_of_the_corpus_and_has_a_reason() -> None:
    """And none is judged twice."""
    found = read_findings()
    assert found
    assert all(one.reason.endswith(".") for one in found)
    assert {one.sample for one in found} == {1, 2, 3, 4}
    assert len({(one.rule, one.version, one.path, one.line) for one in found}) == len(found)


def test_an_unknown_verdict_is_refused(tmp_path: Path) -> None:
    """A typing error is no verdict."""
    slug = read_labels()[0].slug
    row = ROW.format(sample="", slug=slug, verdict="ture")
    (tmp_path / "SD407.toml").write_text(row)
    with pytest.raises(ValueError, match="ture"):
        read_findings(tmp_path)


def test_a_finding_is_of_the_first_sample_unless_it_says_otherwise(tmp_path: Path) -> None:
    """What was judged before there was a second one says nothing."""
    slug = read_labels()[0].slug
    rows = [ROW.format(sample=one, slug=slug, verdict="true") for one in ("", "sample = 2\n")]
    (tmp_path / "SD407.toml").write_text("".join(rows))
    assert [one.sample for one in read_findings(tmp_path)] == [1, 2]


def test_each_sample_has_a_column_and_today_is_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    """And a row for all rules."""
    reports = {"shop-1.0": [said()]}
    first = [judged("true"), judged("false", line=9, subject="shop.ws.Other")]
    second = [judged("true", line=12, subject="shop.ws.Third")]
    samples = [tallied(first, reports), tallied(second, reports)]
    print_table(samples, tallied([*first, *second], reports), {"SD407": "hardcoded-secret"})
    out = capsys.readouterr().out
    assert "| SD407 | hardcoded-secret | 1, 1, 0 (0.50) | 1, 0, 0 (1.00) | 1 of 2, 0 of 1 |" in out
    assert "| all |  | 1, 1, 0 (0.50) | 1, 0, 0 (1.00) | 1 of 2, 0 of 1 |" in out


def test_precision_is_of_the_sample_and_today_is_of_the_report() -> None:
    """What is no longer said does not make the sample better than it was."""
    sample = [
        judged("true"),
        judged("false", line=9, subject="shop.ws.Other"),
        judged("debatable", line=12, subject="shop.ws.Third"),
    ]
    tally = tallied(sample, {"shop-1.0": [said()]})["SD407"]
    assert (tally.true, tally.false, tally.debatable, tally.precision) == (1, 1, 1, "0.50")
    assert (tally.true_today, tally.false_today) == (1, 0)


@pytest.mark.parametrize(
    ("finding", "same"),
    [
        (said(line=70), True),
        (said(subject="shop.ws"), True),
        (said(line=70, subject="shop.ws"), False),
        (said("SD408"), False),
    ],
)
def test_a_finding_is_the_same_by_its_subject_or_its_line(
    finding: dict[str, Any], *, same: bool
) -> None:
    """A scanner that points at another line of the class says the same thing."""
    tally = tallied([judged("true")], {"shop-1.0": [finding]})["SD407"]
    assert tally.true_today == same


def test_sources_that_could_not_be_fetched_are_not_counted() -> None:
    """Neither for nor against the scanner."""
    assert tallied([judged("true")], {}) == {}
