"""The page of a rule, as Markdown: in the documentation, in SARIF, and in the terminal."""

from __future__ import annotations

from stormdoor_audit.report.cwe import cwe_name, cwe_url
from stormdoor_audit.report.finding import RuleMeta

__all__ = ["markdown", "plain"]


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", "", text.strip(), ""] if text.strip() else []


def _code(title: str, text: str) -> list[str]:
    return (
        _section(title, f"```python\n{text.strip(chr(10)).rstrip()}\n```") if text.strip() else []
    )


def _references(rule: RuleMeta) -> list[str]:
    lines = [
        *(f"- [CWE-{one}: {cwe_name(one)}]({cwe_url(one)})" for one in rule.cwe),
        *(f"- OWASP ASVS 5.0, item {item}" for item in rule.asvs),
    ]
    return _section("References", "\n".join(lines))


def markdown(rule: RuleMeta, *, heading: bool = True) -> str:
    """The whole page.

    Args:
        rule: What it is about.
        heading: Whether it begins with the title; where a site shows that itself, it should not.
    """
    lines = [
        *([f"# {rule.id} {rule.slug}: {rule.title}", ""] if heading else []),
        f"Level: **{rule.level}**. Confidence: **{rule.confidence}**."
        + (f" Group: {rule.group}." if rule.group else ""),
        "",
        *_section("What it finds", rule.what),
        *_section("Why it matters", rule.why),
        *_code("Example", rule.example),
        *_code("Instead", rule.instead),
        *_section("Fix", rule.fix),
        *_section(
            "To live with it",
            # A running server has no line to write a comment on.
            "List it in a baseline: `stormdoor-audit probe URL --write-baseline FILE`."
            if rule.id.startswith("SP")
            else "Say why, on the line that is reported or above it:\n\n"
            f"```python\n# stormdoor: ignore[{rule.id}] the reason\n```",
        ),
        *_references(rule),
    ]
    return "\n".join(lines).rstrip() + "\n"


def plain(rule: RuleMeta) -> str:
    """Return the rule's text, reason and fix without markup that a reader of plain text would trip over."""
    return (
        "\n\n".join(part.strip() for part in (rule.what, rule.why, rule.fix) if part.strip())
        or rule.title
    )
