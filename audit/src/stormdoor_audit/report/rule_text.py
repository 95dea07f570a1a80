"""The page of a rule in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from stormdoor_audit.report.as_text import LEVEL_STYLES
from stormdoor_audit.report.cwe import cwe_name
from stormdoor_audit.report.finding import RuleMeta
from stormdoor_audit.report.inline import inline
from stormdoor_audit.report.printable import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["print_page"]

_WIDEST = 88
"""Prose in longer lines is hard to read."""


def print_page(rule: RuleMeta, out: Console) -> None:
    """Print what it finds, why that matters, an example, and what to write instead."""
    line = "─" if out.encoding.lower().startswith("utf") else "-"
    title = Text(f"{rule.id} {rule.slug}", style="bold")
    out.print(Rule(title, align="left", characters=line, style="dim"))
    out.print(Text(printable(rule.title), style="bold"))
    about = Text.assemble((rule.level, LEVEL_STYLES[rule.level]), f", {rule.confidence} confidence")
    if rule.group:
        about.append(f", group {rule.group}")
    out.print(about)
    for head, text in (("What it finds", rule.what), ("Why it matters", rule.why)):
        _section(head, inline(text.strip(), out) if text else None, out)
    for head, text in (("Example", rule.example), ("Instead", rule.instead)):
        code = Syntax(
            text.strip("\n").rstrip(), "python", theme="ansi_dark", background_color="default"
        )
        _section(head, code if text else None, out)
    _section("Fix", inline(rule.fix.strip(), out) if rule.fix else None, out)
    _section(
        "To live with it",
        Text(f"# stormdoor: ignore[{rule.id}] the reason", style="cyan")
        # The rules about comments cannot be silenced by one.
        if not rule.id.startswith(("SD0", "SP"))
        else None,
        out,
    )
    references = Table.grid(padding=(0, 2))
    for number in rule.cwe:
        references.add_row(f"CWE-{number}", cwe_name(number))
    for item in rule.asvs:
        references.add_row("ASVS 5.0", item)
    if rule.threat:
        references.add_row("threat", rule.threat)
    _section("References", references if references.rows else None, out)


def _section(head: str, body: RenderableType | None, out: Console) -> None:
    if body is None:
        return
    out.print()
    out.print(Text(head, style="bold cyan"))
    width = min(out.width, _WIDEST)
    out.print(Padding(body, (0, 0, 0, 2), expand=False), width=width)
