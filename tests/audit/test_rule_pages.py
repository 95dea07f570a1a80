"""Each rule of the auditor has its threat and its page."""

import pytest

from stormdoor_audit.auditor.rule import Rule
from stormdoor_audit.auditor.rules import RULES
from tests.docs import tables
from tests.support import rule_pages


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one.meta.id)
def test_a_rule_is_about_a_threat(rule: Rule) -> None:
    """The threat of a rule is one of the catalogue."""
    assert rule.meta.threat in {str(threat["slug"]) for threat in tables.threats()}


def test_pages_are_current() -> None:
    """Each page says what its rule's docstring says; `python -m tests.support.rule_pages` writes them."""
    written = {one.name: one.read_text(encoding="utf-8") for one in rule_pages.FOLDER.glob("*.md")}
    assert written == rule_pages.pages(), "write them: python -m tests.support.rule_pages"


def test_threats_name_their_rules() -> None:
    """The catalogue names every rule that is about a threat; or says that there is none."""
    for threat in tables.threats():
        about = [one.meta.id for one in RULES if one.meta.threat == threat["slug"]]
        if about:
            assert threat["auditor"] == about, f"{threat['slug']} of threats.toml: list its rules"
        else:
            assert str(threat["auditor"]).startswith("no rule")
