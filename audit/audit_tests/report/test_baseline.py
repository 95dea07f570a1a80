"""The baseline: what is known stays quiet, what is new does not."""

from dataclasses import replace

import pytest

from audit_tests.report.sample import NO_AUTH, REPORT, finding
from stormdoor_audit.report.baseline import BaselineError, baseline_of, read_baseline, without
from stormdoor_audit.report.finding import Location, fingerprint_of


def test_all_known() -> None:
    """Against its own baseline a report is clean, and says how much it leaves out."""
    left = without(REPORT, read_baseline(baseline_of(REPORT)))
    assert left.findings == ()
    assert sum(one.kind == "baseline" for one in left.suppressed) == len(REPORT.findings)


def test_moved_lines_are_known() -> None:
    """A finding that only moved is not new."""
    moved = tuple(
        replace(one, location=replace(one.location, line=one.location.line + 7))
        for one in REPORT.findings
    )
    left = without(replace(REPORT, findings=moved), read_baseline(baseline_of(REPORT)))
    assert left.findings == ()


def test_one_more_of_the_same_is_new() -> None:
    """A second finding with the same fingerprint is new: it is another place."""
    again = replace(REPORT, findings=(*REPORT.findings, REPORT.findings[0]))
    left = without(again, read_baseline(baseline_of(REPORT)))
    assert [one.rule_id for one in left.findings] == [REPORT.findings[0].rule_id]


def test_new_finding() -> None:
    """A finding that the baseline does not list is reported."""
    new = finding(
        NO_AUTH, "chat.other.Ws", Location("chat/other.py", 3, excerpt="class Ws(B):"), "x"
    )
    left = without(
        replace(REPORT, findings=(*REPORT.findings, new)), read_baseline(baseline_of(REPORT))
    )
    assert left.findings == (new,)


def test_rewritten_baseline_keeps_what_is_left_and_drops_what_is_gone() -> None:
    """Writing it again after a repair makes it smaller, and never forgets what is still there."""
    repaired = replace(REPORT, findings=REPORT.findings[1:])
    filtered = without(repaired, read_baseline(baseline_of(REPORT)))
    known = read_baseline(baseline_of(filtered))
    assert known.total() == len(REPORT.findings) - 1
    assert without(repaired, known).findings == ()


def test_comments_are_not_in_the_baseline() -> None:
    """A finding that a comment suppresses is not in the baseline."""
    assert REPORT.suppressed[0].finding.subject not in baseline_of(REPORT)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"schema": "other/1", "findings": []}', '{"findings": [{"fingerprint": 1}]}'],
)
def test_no_baseline(text: str) -> None:
    """Another file is an error, not an empty baseline."""
    with pytest.raises(BaselineError):
        read_baseline(text)


def test_fingerprint() -> None:
    """It follows rule, class and line; not spacing."""
    name = fingerprint_of(rule_id="SD1", subject="a.B", what="  x = 1")
    assert name == fingerprint_of(rule_id="SD1", subject="a.B", what="x=1")
    others = {
        fingerprint_of(rule_id="SD2", subject="a.B", what="x=1"),
        fingerprint_of(rule_id="SD1", subject="a.C", what="x=1"),
        fingerprint_of(rule_id="SD1", subject="a.B", what="x=2"),
    }
    assert name not in others
    assert len(others) == 3
