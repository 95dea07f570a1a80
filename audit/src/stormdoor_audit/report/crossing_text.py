"""The findings of a scan beside the running server, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from stormdoor_audit.report.finding import STANDINGS, Crossed, Crossing, Standing
from stormdoor_audit.report.inline import inline
from stormdoor_audit.report.order import in_order
from stormdoor_audit.report.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_crossing"]

_STYLES: dict[Standing, str] = {
    "confirmed": "bold red",
    "refuted": "green",
    "untested": "magenta",
}


def print_crossing(crossing: Crossing, out: Console) -> None:
    """Each finding of the scan, by what came of it; what nothing was tried about is counted by its reason."""
    unicode = out.encoding.lower().startswith("utf")
    title = Text("what the server says to the scan", style="bold")
    out.print(Rule(title, align="left", characters="─" if unicode else "-", style="dim"))
    for url, handler in crossing.pairs:
        known = printable(handler) if handler else "(no handler of the scan)"
        out.print(Text.assemble((printable(url), "cyan"), f" {'→' if unicode else '->'} {known}"))
    out.print()
    by_finding = {id(one.finding): one for one in crossing.findings}
    ordered = [by_finding[id(one)] for one in in_order(one.finding for one in crossing.findings)]
    for standing in STANDINGS:
        silent: dict[str, list[str]] = {}
        for one in ordered:
            if one.standing != standing:
                continue
            if one.url:
                _print_one(one, out)
            else:
                silent.setdefault(one.why, []).append(one.finding.rule_id)
        for why, rules in silent.items():
            names = ", ".join(dict.fromkeys(rules))
            out.print(
                Text.assemble(
                    (f"  {standing} ", _STYLES[standing]),
                    (f"{len(rules)} finding{'' if len(rules) == 1 else 's'} ", "bold"),
                    (f"of {names}", "dim"),
                )
            )
            out.print(Padding(Text(printable(why)), (0, 0, 0, 4), expand=False))
            out.print()
    numbers = crossing.numbers()
    said = ", ".join(f"{number} {standing}" for standing, number in numbers.items())
    live = f"; {len(crossing.only_live)} seen only on the server" if crossing.only_live else ""
    out.print(Text(f"Of {len(crossing.findings)} findings of the scan: {said}{live}."))


def _print_one(one: Crossed, out: Console) -> None:
    finding = one.finding
    head = Text.assemble(
        (f"  {one.standing} ", _STYLES[one.standing]),
        (finding.rule_id, "bold"),
        f" {printable(finding.slug)}",
    )
    if one.probe:
        head.append(f"  by {one.probe}", style="dim")
    if one.suppressed:
        head.append("  (suppressed in the scan)", style="yellow")
    out.print(head)
    out.print(Text(f"    {printable(str(finding.location))}", style="dim"), soft_wrap=True)
    out.print(Padding(inline(one.why, out), (0, 0, 0, 4), expand=False))
    out.print()
