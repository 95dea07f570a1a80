"""The fixtures of the rules, and what a scan of them finds."""

import re
from pathlib import Path

from audit_tests.project import TESTS
from stormdoor_audit.auditor.rule import Rule
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

__all__ = ["FOLDER", "expected", "fixture", "found_in"]

FOLDER = TESTS / "auditor" / "rules"


def fixture(rule: Rule, kind: str) -> Path:
    """A rule's `bad` or `good` file: Python, or a page."""
    folder = FOLDER / rule.meta.slug
    page = folder / f"{kind}.html"
    found = page if page.is_file() else folder / f"{kind}.py"
    assert found.is_file(), (
        f"write {found}: the folder of a rule's fixtures has the name of its slug"
    )
    return found


def expected(text: str, rule_id: str) -> list[int]:
    """The lines that are marked for a rule."""
    marks = re.compile(r"finds ((?:SD\d{3})(?:, SD\d{3})*)")
    return [
        at
        for at, line in enumerate(text.splitlines(), 1)
        if (match := marks.search(line)) and rule_id in match[1].split(", ")
    ]


def found_in(place: Path, rule_id: str) -> list[tuple[str, int]]:
    """Files and lines at which a rule finds something in a folder."""
    settings = Settings(root=place, select=(rule_id,), jobs=1)
    report = scan([place], settings=settings)
    return sorted(
        {
            (one.location.path, one.location.line)
            for one in report.findings
            if one.rule_id == rule_id
        }
    )
