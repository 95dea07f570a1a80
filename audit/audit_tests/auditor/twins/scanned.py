"""The scanner's answers about one twin."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from audit_tests.auditor.twins.pair import AUTHENTICATION, QUESTIONS, Pair, Side
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check, Level

__all__ = ["Answers", "answers_of", "falsely_guarded"]

_HOLES = {
    "authentication": frozenset(AUTHENTICATION),
    "origin": frozenset({"open origin"}),
    "authorization": frozenset({"missing authorization"}),
}
"""Questions that contradict the verdict "guarded" of a check."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The findings about one twin, and the verdicts on its endpoints.

    Args:
        reported: Questions that a finding answers with yes; a note is no such answer.
        findings: Those findings, as "SD101 app.py:12".
        called_guarded: Checks that the table of endpoints calls guarded for every endpoint.
    """

    reported: frozenset[str]
    findings: tuple[str, ...]
    called_guarded: frozenset[str]


def answers_of(pair: Pair, side: Side) -> Answers:
    """Scan a twin alone in a folder, as a project of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair.write(side, folder)
        report = scan([folder], settings=Settings(root=folder, jobs=1))
    questions = {rule: question for question, rules in QUESTIONS.items() for rule in rules}
    found = [
        one for one in report.findings if one.rule_id in questions and one.level is not Level.NOTE
    ]
    return Answers(
        reported=frozenset(questions[one.rule_id] for one in found),
        findings=tuple(
            sorted(f"{one.rule_id} {one.location.path}:{one.location.line}" for one in found)
        ),
        called_guarded=frozenset(
            check.value
            for check in Check
            if report.endpoints
            and all(one.verdict(check).state == "guarded" for one in report.endpoints)
        ),
    )


def falsely_guarded(pair: Pair, side: Side, answers: Answers) -> frozenset[str]:
    """Return the checks that are called guarded although the twin has the hole."""
    return frozenset(
        check
        for check, holes in _HOLES.items()
        if holes & pair.expected[side] and check in answers.called_guarded
    )
