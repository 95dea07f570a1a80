"""The rules of `stormdoor-audit scan`, and their documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdoor_audit.cli.output import console, table
from stormdoor_audit.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor_audit.report.finding import RuleMeta

__all__ = ["known_rules", "print_rule", "print_rules"]


def known_rules() -> list[RuleMeta]:
    """Return all rules by id, those about comments included."""
    from stormdoor_audit.auditor.rules import RULES
    from stormdoor_audit.auditor.scanning.suppress import RULES as ABOUT_COMMENTS

    return sorted((*ABOUT_COMMENTS, *(one.meta for one in RULES)), key=lambda one: one.id)


def print_rules() -> int:
    """Print all rules as a table."""
    from rich.text import Text

    from stormdoor_audit.report.as_text import LEVEL_STYLES

    table(
        ["rule!", "level!", "what it finds"],
        [
            (
                one.id,
                Text(one.level, style=LEVEL_STYLES[one.level]),
                (one.title, f"{one.slug} ({one.group})" if one.group else one.slug),
            )
            for one in known_rules()
        ],
    )
    return 0


def print_rule(name: str) -> int:
    """Print the page of a rule.

    Raises:
        UsageError: There is no such rule.
    """
    from stormdoor_audit.report.rule_text import print_page

    for one in known_rules():
        if name.upper() == one.id or name == one.slug:
            print_page(one, console())
            return 0
    raise UsageError(f"there is no rule {name!r}; see: stormdoor-audit scan --rules")
