"""The results of the probes, for a terminal: what was proven closed, and how many results of each kind."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdoor_audit.report.finding import Outcome, Report
from stormdoor_audit.report.inline import inline

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["counted_outcomes", "print_closed", "print_needs"]

_WORDS: dict[Outcome, str] = {
    "open": "open",
    "closed": "closed",
    "not-determined": "not determined",
    "not-tried": "not tried",
}

_OPTION = re.compile(r"`(--[\w-]+)")
_SHOWN = 6
"""Number of options that are listed."""


def counted_outcomes(report: Report) -> str:
    """Return the number of results of each kind: `1 open, 12 closed, 2 not determined, 9 not tried`."""
    return ", ".join(f"{many} {_WORDS[one]}" for one, many in report.outcomes().items())


def print_closed(report: Report, subject: str, out: Console) -> None:
    """Print each probe of an endpoint that was proven closed."""
    sign = "✓" if out.encoding.lower().startswith("utf") else "+"
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for one in report.tried:
        if one.subject == subject and one.outcome == "closed":
            head = Text(f"{sign} {one.rule_id}", style="green")
            rows.add_row(head, inline(one.what, out))
    if rows.rows:
        out.print(Text("  closed", style="green"))
        out.print(Padding(rows, (0, 0, 0, 4), expand=False))
        out.print()


def print_needs(report: Report, out: Console) -> None:
    """Print the options that would let the probes be tried that were not, the most frequent first."""
    skipped = [one.what for one in report.tried if one.outcome == "not-tried"]
    options = Counter(option for what in skipped for option in set(_OPTION.findall(what)))
    if options:
        most = sorted(options, key=lambda one: (-options[one], one))[:_SHOWN]
        text = (
            f"What was not tried is not known to be closed. More is tried with {', '.join(most)}."
        )
        out.print(Text(text, style="dim"))
