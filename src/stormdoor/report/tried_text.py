"""What a probe tried, for a person at a terminal: what held is what a clean report is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdoor.report.finding import Report
from stormdoor.report.inline import inline

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_held"]


def print_held(report: Report, subject: str, out: Console) -> None:
    """Each probe of an endpoint that was refused, with what that says."""
    sign = "✓" if out.encoding.lower().startswith("utf") else "+"
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for one in report.tried:
        if one.subject == subject and one.came == "clear":
            head = Text(f"{sign} {one.rule_id}", style="green")
            rows.add_row(head, inline(one.what, out))
    if rows.rows:
        out.print(Text("  held", style="green"))
        out.print(Padding(rows, (0, 0, 0, 4), expand=False))
        out.print()
