"""The report for a person at a terminal: by endpoint, with the place, the way there, and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stormdoor_audit.report.crossing_text import print_crossing
from stormdoor_audit.report.finding import (
    CHECKS,
    Confidence,
    Coverage,
    EndpointReport,
    Finding,
    Level,
    Location,
    Report,
    State,
)
from stormdoor_audit.report.inline import inline
from stormdoor_audit.report.order import Group, counts, grouped
from stormdoor_audit.report.printable import counted, printable, source_line
from stormdoor_audit.report.text_matrix import print_access
from stormdoor_audit.report.tried_text import counted_outcomes, print_closed, print_needs

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["LEVEL_STYLES", "print_endpoints", "print_report"]

LEVEL_STYLES = {Level.ERROR: "bold red", Level.WARNING: "bold yellow", Level.NOTE: "bold cyan"}

_STATE_STYLES: dict[State, str] = {
    "guarded": "green",
    "weak": "yellow",
    "missing": "bold red",
    "unknown": "magenta",
    "not-needed": "dim",
}

_NARROW = 30
"""Columns beside a label in which nothing can be read: there the text stands below it."""
_LISTED = 8
"""Number of unsolved files and names that are listed; JSON has all."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """Signs of the states, which differ without colour, too."""

    states: dict[State, str]
    bar: str
    line: str
    mark: str
    arrow: str
    more: str
    untried: str


_UNICODE = _Signs(
    {"guarded": "✓", "weak": "!", "missing": "✗", "unknown": "?", "not-needed": "·"},
    "│",
    "─",
    "▔",
    "→",
    "…",
    "–",
)
_ASCII = _Signs(
    {"guarded": "+", "weak": "!", "missing": "x", "unknown": "?", "not-needed": "."},
    "|",
    "-",
    "^",
    "->",
    "...",
    "-",
)


def _signs(out: Console) -> _Signs:
    return _UNICODE if out.encoding.lower().startswith("utf") else _ASCII


def _where(place: Location) -> str:
    return printable(place.short)


def _indented(what: RenderableType, by: int) -> Padding:
    return Padding(what, (0, 0, 0, by), expand=False)


def print_report(report: Report, out: Console) -> None:
    """Print the findings by endpoint, then what was not understood, then the sum of it."""
    signs = _signs(out)
    groups = grouped(report)
    for group in groups:
        _print_group(group, report, out, signs)
        print_closed(report, group.subject, out)
    silent = {one.subject for one in report.endpoints} - {group.subject for group in groups}
    for one in report.endpoints if report.tried else ():
        # The report of a probe that found nothing is what was proven closed.
        if one.subject in silent:
            _head(one.subject, one.paths, one.location, out, signs)
            out.print(_strip(one, report, signs))
            out.print()
            print_closed(report, one.subject, out)
    for one in report.endpoints:
        print_access(one, out)
    _print_gaps(report.coverage, out, signs)
    if report.crossing is not None:
        print_crossing(report.crossing, out)
    _print_summary(report, out)


def print_endpoints(report: Report, out: Console) -> None:
    """Print each endpoint with its five verdicts and what each rests on."""
    signs = _signs(out)
    endpoints = sorted(report.endpoints, key=lambda one: (one.location.path, one.location.line))
    if endpoints:
        _print_matrix(endpoints, out, signs)
    for one in endpoints:
        _print_endpoint(one, out, signs)
        print_access(one, out)
    _print_gaps(report.coverage, out, signs)
    if report.crossing is not None:
        print_crossing(report.crossing, out)
    _print_summary(report, out)


def _head(subject: str, paths: Iterable[str], place: Location, out: Console, signs: _Signs) -> None:
    title = Text(printable(subject), style="bold")
    out.print(Rule(title, align="left", characters=signs.line, style="dim"))
    # The address that was probed is the title; its path is in it.
    if place.path != subject:
        about = Text(_where(place), style="dim")
        for path in paths:
            about.append("  ")
            about.append(printable(path), style="cyan")
        out.print(about)


def _strip(one: EndpointReport, report: Report, signs: _Signs) -> Text:
    """The verdicts in one line. A probe has another sign for a question that it has not tried."""
    line = Text()
    for check in CHECKS:
        state = one.verdict(check).state
        style = _STATE_STYLES[state]
        doubted = not report.tried or report.doubts(one.subject, check)
        sign = signs.untried if state == "unknown" and not doubted else signs.states[state]
        line.append(f"{sign} ", style=style)
        line.append(check, style="dim" if state in {"guarded", "not-needed"} else style)
        line.append("   ")
    line.rstrip()
    return line


def _print_group(group: Group, report: Report, out: Console, signs: _Signs) -> None:
    place = group.endpoint.location if group.endpoint else group.findings[0].location
    _head(group.subject, group.paths, place, out, signs)
    if group.endpoint:
        out.print(_strip(group.endpoint, report, signs))
    out.print()
    for one in group.findings:
        _print_finding(one, out, signs)


def _print_finding(one: Finding, out: Console, signs: _Signs) -> None:
    head = Text.assemble(
        (str(one.level), LEVEL_STYLES[one.level]),
        " ",
        (one.rule_id, "bold"),
        (f" {one.slug}", "default"),
    )
    if one.confidence is not Confidence.HIGH:
        head.append(f"  ({one.confidence} confidence)", style="dim")
    out.print(_indented(head, 2))
    # Not wrapped: terminals and editors make a link of path:line:column.
    if one.location.path != one.subject:
        out.print(Text(f"    {printable(str(one.location))}", style="dim"), soft_wrap=True)
    _print_noted(Text("    "), inline(one.message, out), None, out)
    out.print()
    _print_excerpt(one.location, LEVEL_STYLES[one.level], out, signs)
    for line in one.transcript:
        out.print(
            _indented(Text(printable(line), style="dim", no_wrap=True, overflow="ellipsis"), 6)
        )
    _print_notes(one, out)
    out.print()


def _print_notes(one: Finding, out: Console) -> None:
    """The way through the code, and the fix, below each other."""
    steps = one.steps if one.leads else ()
    if steps or one.fix:
        out.print()
    for number, step in enumerate(steps, start=1):
        label = Text("    way " if number == 1 else "        ", style="bold")
        _print_noted(label, inline(f"{number}. {step.message}", out), step.location, out)
    if one.fix:
        fix = inline(one.fix.strip(), out, "green", code="bold green")
        _print_noted(Text("    fix ", style="bold green"), fix, None, out)


def _print_noted(label: Text, text: Text, where: Location | None, out: Console) -> None:
    """Text behind a label; its place is in one piece, since terminals make a link of it."""
    before = label
    if out.width - label.cell_len < _NARROW:
        out.print(Text.assemble(label), soft_wrap=True)
        before = Text("      ")
    room = max(out.width - before.cell_len, 20)
    place = f"  {_where(where)}" if where else ""
    if place and text.cell_len + cell_len(place) <= room:
        text.append(place, style="dim")
        place = ""
    for line in text.wrap(out, room, overflow="fold"):
        line.rstrip()
        out.print(Text.assemble(before, line), soft_wrap=True)
        before = Text(" " * before.cell_len)
    if place:
        out.print(Text.assemble(before, (place.strip(), "dim")), soft_wrap=True)


def _print_excerpt(place: Location, style: str, out: Console, signs: _Signs) -> None:
    """The line, cut to the width of the terminal, with the region marked below it."""
    if not place.excerpt.strip():
        return
    before = source_line(place.excerpt[: max(place.column - 1, 0)])
    whole = source_line(place.excerpt)
    shown = whole.lstrip(" ")
    cut = len(whole) - len(shown)
    start = max(len(before) - cut, 0)
    end = len(shown)
    if place.end_line == place.line and place.end_column > place.column:
        end = min(len(source_line(place.excerpt[: place.end_column - 1])) - cut, len(shown))
    number = str(place.line)
    room = max(out.width - 4 - len(number) - 3, 20)
    if len(shown) > room:
        shown = shown[: room - len(signs.more)] + signs.more
        end = min(end, room)
    line = Text.assemble((f"{number} {signs.bar} ", "dim"), shown, no_wrap=True)
    out.print(_indented(line, 4), soft_wrap=True)
    if end > start and start < room:
        below = Text.assemble(
            (f"{' ' * len(number)} {signs.bar} ", "dim"),
            " " * start,
            (signs.mark * (end - start), style),
            no_wrap=True,
        )
        out.print(_indented(below, 4), soft_wrap=True)


def _print_matrix(endpoints: list[EndpointReport], out: Console, signs: _Signs) -> None:
    names = {"authentication": "authn", "authorization": "authz", "validation": "valid."}
    matrix = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    matrix.add_column("handler", overflow="fold", ratio=1)
    for check in CHECKS:
        matrix.add_column(names.get(check, check), justify="center", no_wrap=True)
    for one in endpoints:
        cells = []
        for check in CHECKS:
            state = one.verdict(check).state
            cells.append(Text(signs.states[state], style=_STATE_STYLES[state]))
        matrix.add_row(Text(printable(one.subject)), *cells)
    out.print(matrix)
    legend = Text(style="dim")
    for state, sign in signs.states.items():
        legend.append(f"{sign} ", style=_STATE_STYLES[state])
        legend.append(f"{state}   ")
    legend.rstrip()
    out.print(legend)
    out.print()


def _print_endpoint(one: EndpointReport, out: Console, signs: _Signs) -> None:
    _head(one.subject, one.paths or ("(no route found)",), one.location, out, signs)
    checks = max(map(len, CHECKS))
    states = max(len(one.verdict(check).state) for check in CHECKS)
    for check in CHECKS:
        verdict = one.verdict(check)
        label = Text(
            f"  {signs.states[verdict.state]} {check:{checks}}  {verdict.state:{states}}  ",
            style=_STATE_STYLES[verdict.state],
        )
        _print_noted(label, inline(verdict.evidence, out), verdict.location, out)
    out.print()


def _print_gaps(coverage: Coverage, out: Console, signs: _Signs) -> None:
    for line in coverage.looked:
        out.print(Text(printable(line), style="dim"), soft_wrap=True)
    if coverage.looked:
        out.print()
    lists = (
        (
            counted(len(coverage.not_analysed), "place"),
            "not analysed: handlers there may be missing from this report",
            [(printable(one.path), printable(one.reason)) for one in coverage.not_analysed],
        ),
        (
            counted(len(coverage.unresolved), "thing"),
            "not determined" if coverage.connections else "not understood",
            [(_where(one.location), printable(one.what)) for one in coverage.unresolved],
        ),
    )
    for number, what, rows in lists:
        if not rows:
            continue
        out.print(Text.assemble((f"{number} {what}", "magenta")))
        for place, why in rows[:_LISTED]:
            out.print(_indented(Text.assemble((place, "bold"), f"  {why}"), 2))
        if len(rows) > _LISTED:
            rest = f"{signs.more} and {len(rows) - _LISTED} more: see --format json"
            out.print(_indented(Text(rest, style="dim"), 2))
        out.print()


def _print_summary(report: Report, out: Console) -> None:
    numbers = counts(report.findings)
    line = Text()
    for level, number in numbers.items():
        if number:
            line.append(", " if line else "")
            line.append(counted(number, level), style=LEVEL_STYLES[level])
    if not line:
        seen = report.coverage
        if not seen.files and not seen.connections:
            line.append("No Python file was found", style="bold yellow")
        else:
            doubts = seen.not_analysed or report.outcomes().get("not-determined")
            line.append("No findings", style="" if doubts else "bold green")
    quiet = (
        ("by comment", sum(one.kind == "comment" for one in report.suppressed)),
        ("in the baseline", sum(one.kind == "baseline" for one in report.suppressed)),
    )
    for how, number in quiet:
        if number:
            line.append(f"; {number} suppressed {how}" if "by" in how else f"; {number} {how}")
    line.append(".")
    out.print(line)
    seen = report.coverage
    gaps = len(seen.not_analysed)
    covered = (
        f"{seen} in {report.seconds:.1f} s"
        + (f"; not complete: {counted(gaps, 'place')} not analysed" if gaps else "")
        + "."
    )
    out.print(Text(covered, style="dim"))
    if report.tried:
        out.print(Text(f"Results: {counted_outcomes(report)}.", style="dim"))
        print_needs(report, out)
