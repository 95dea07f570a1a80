"""The report as one HTML file: no asset, no request, nothing that needs a script to be read.

Its policy allows exactly the style and the script that are in it, by their hashes: what stands
in the code that was read cannot run when the report is opened.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from stormdoor_audit.report.finding import CHECKS, Level, Report
from stormdoor_audit.report.html_crossing import (
    crossing_findings,
    crossing_matrix,
    standing_filters,
    tiles,
)
from stormdoor_audit.report.html_doors import doors
from stormdoor_audit.report.html_findings import findings
from stormdoor_audit.report.html_matrix import matrices
from stormdoor_audit.report.html_text import escaped, place
from stormdoor_audit.report.html_tried import tried
from stormdoor_audit.report.order import counts
from stormdoor_audit.report.printable import counted
from stormdoor_audit.report.tried_text import counted_outcomes

__all__ = ["as_html"]


def _asset(name: str) -> str:
    return resources.files("stormdoor_audit.report").joinpath("template", name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _tile(kind: str, number: int, what: str) -> str:
    return f'<li class="{kind if number else "none"}"><strong>{number}</strong><span>{what}</span></li>'


_NAMED = 3
"""Number of the searched places that a heading names."""


def _roots(report: Report) -> str:
    """Return the searched places, short enough for a heading; the endpoints name the rest."""
    more = len(report.roots) - _NAMED
    if more <= 1:
        return ", ".join(report.roots)
    return f"{', '.join(report.roots[:_NAMED])} and {more} more"


def _header(report: Report) -> str:
    numbers = counts(report.findings)
    unguarded = sum(
        any(one.verdict(check).state in {"missing", "weak"} for check in CHECKS)
        for one in report.endpoints
    )
    seen = report.coverage
    top = [
        *(
            _tile(level, number, f"{level}{'' if number == 1 else 's'}")
            for level, number in numbers.items()
        ),
        _tile(
            "door", len(report.endpoints), "endpoint" + ("" if len(report.endpoints) == 1 else "s")
        ),
        _tile("gap", unguarded, "with a gap"),
    ]
    if report.crossing is not None:
        top = [_tile(*one) for one in tiles(report.crossing)]
    when = report.started.replace("T", " ").removesuffix("Z")
    return (
        '<header class="top"><div><div class="brand">'
        f"<b>{escaped(report.tool)} {escaped(report.version)}</b>"
        '<button id="theme" class="plain js-only" type="button">Light / dark</button></div>'
        f"<h1>{escaped(_roots(report))}</h1>"
        f'<p class="sentence">{escaped(when)} UTC. {seen} in {report.seconds:.1f} s.'
        f"{_scanned(report)}</p>"
        f'<ul class="tiles">{"".join(top)}</ul></div></header>'
    )


def _scanned(report: Report) -> str:
    """Describe the comparison of the probe."""
    if report.crossing is None:
        return ""
    scan = report.crossing.scan
    when = scan.started.replace("T", " ").removesuffix("Z")
    return (
        f" Beside it, <code>{escaped(scan.tool)} {escaped(_roots(scan))}</code> of "
        f"{escaped(when)} UTC."
    )


def _bar(report: Report) -> str:
    words = (
        "address, path, probe"
        if report.tried and not report.crossing
        else "class, path, rule, file"
    )
    levels = "".join(
        f'<label><input type="checkbox" name="level" value="{level}" checked> {level}s</label>'
        for level in Level
    )
    return (
        '<form class="js-only" id="filters" aria-label="Filter"><div class="bar">'
        '<input id="words" type="search" aria-label="Words to look for" '
        f'placeholder="Filter: {words} …" autocomplete="off">'
        f"{levels}{standing_filters() if report.crossing else ''}"
        '<label><input id="open" type="checkbox"> only endpoints with a gap</label>'
        '<output id="count"></output></div></form>'
    )


def _block(title: str, items: list[str]) -> str:
    if not items:
        return ""
    rows = "".join(f"<li>{one}</li>" for one in items)
    return f'<div class="block"><h3>{title}</h3><ul class="card plain-list">{rows}</ul></div>'


def _coverage(report: Report) -> str:
    seen = report.coverage
    doubts = [one for of in report.endpoints if of.matrix is not None for one in of.matrix.doubts]
    blocks = [
        _block(
            f"{counted(len(seen.not_analysed), 'place')} not analysed: "
            "handlers there may be missing from this report",
            [f"<b>{escaped(one.path)}</b> {escaped(one.reason)}" for one in seen.not_analysed],
        ),
        _block(
            f"{counted(len(seen.unresolved), 'thing')} not "
            f"{'determined' if seen.connections else 'understood'}",
            [f"{place(one.location)} {escaped(one.what)}" for one in seen.unresolved],
        ),
        _block(
            f"{counted(len(doubts), 'cell')} of who may do what not determined",
            [
                f"<b>{escaped(title)}</b> by {escaped(cell.identity)}: {escaped(cell.why)}"
                for title, cell in doubts
            ],
        ),
        _block(
            f"{counted(len(report.suppressed), 'finding')} suppressed",
            [
                f"<b>{escaped(one.finding.rule_id)}</b> {escaped(one.finding.subject)} "
                f"{place(one.finding.location)}<br>{escaped(one.reason)}"
                for one in report.suppressed
            ],
        ),
    ]
    rules = "".join(
        f"<li><b>{escaped(rule.id)}</b> {escaped(rule.slug)} "
        f'<span class="quiet">{escaped(rule.title)}</span></li>'
        for rule in sorted(report.rules, key=lambda one: one.id)
    )
    noun = "probe" if seen.connections else "rule"
    ran = (
        f"<details><summary>{counted(len(report.rules), noun)} ran. Each looks for:</summary>"
        f'<ul class="card plain-list about">{rules}</ul></details>'
        if report.rules
        else ""
    )
    shown = "".join(blocks)
    if report.tried:
        results = f"Results of the probes: {counted_outcomes(report)}."
        shown = (
            f'<p class="quiet">{results} What was not tried is not known to be closed.</p>{shown}'
        )
    elif not shown:
        shown = '<p class="quiet">Every file was read, and every name understood.</p>'
    looked = _block("Where endpoints were looked for", [escaped(one) for one in seen.looked])
    return (
        '<section id="coverage"><div class="heading"><h2>What this report does not show</h2></div>'
        f"{shown}{looked}{ran}</section>"
    )


def as_html(report: Report) -> str:
    """The whole document."""
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    how = (
        "looked from outside; beside it stands what the scan read in the source code."
        if report.crossing is not None
        else "looked from outside, and read nothing of the source code."
        if report.coverage.connections
        else "read the source code and ran nothing of it."
    )
    if report.crossing is None:
        body = f"{doors(report)}\n{findings(report)}"
    else:
        body = (
            f"{crossing_matrix(report, report.crossing)}\n"
            f"{crossing_findings(report, report.crossing)}"
        )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(report.tool)}: {escaped(_roots(report))}</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n{_header(report)}\n<main>\n{_bar(report)}\n"
        f"{body}\n{matrices(report)}\n{tried(report)}\n{_coverage(report)}\n</main>\n"
        f"<footer><div>{escaped(report.tool)} {escaped(report.version)} {how}</div></footer>\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )
