"""The endpoint table: each handler and the five checks, with verdict and evidence."""

from __future__ import annotations

from stormdoor_audit.report.finding import CHECKS, Check, EndpointReport, Finding, Report
from stormdoor_audit.report.html_text import escaped, evidence, place
from stormdoor_audit.report.order import Key, key_of

__all__ = ["anchor", "doors"]

_STANDS_OPEN = {"missing", "weak"}


def anchor(subject: str, path: str = "") -> str:
    """The name of the place of a class in the document; with its file, where that must be told, too."""
    name = f"{subject}-{path}" if path else subject
    return "about-" + "".join(one if one.isalnum() and one.isascii() else "-" for one in name)


def _handler(one: EndpointReport, key: Key, findings: list[Finding]) -> str:
    module, _, name = ("", "", one.subject) if "://" in one.subject else one.subject.rpartition(".")
    paths = "".join(f"<code>{escaped(path)}</code>" for path in one.paths)
    known = paths or '<span class="quiet">no route found</span>'
    where = "" if one.location.path == one.subject else place(one.location)
    link = ""
    if findings:
        noun = "finding" if len(findings) == 1 else "findings"
        link = f'<p class="links"><a href="#{anchor(*key)}">{len(findings)} {noun}</a></p>'
    return (
        f'<th scope="row"><b>{escaped(name)}</b><span class="place">{escaped(module)}</span>'
        f'<div class="paths">{known}</div>{where}{link}</th>'
    )


def _verdict(one: EndpointReport, check: Check) -> str:
    verdict = one.verdict(check)
    where = f" {place(verdict.location)}" if verdict.location else ""
    return (
        f'<td><span class="check">{check.capitalize()}</span>'
        f'<span class="chip {verdict.state}">{verdict.state}</span>'
        f"{evidence(verdict.evidence, where)}</td>"
    )


def _row(one: EndpointReport, key: Key, findings: list[Finding]) -> str:
    stands_open = any(one.verdict(check).state in _STANDS_OPEN for check in CHECKS)
    words = [one.subject, *one.paths, one.location.path]
    words += [text for check in CHECKS for text in (check, one.verdict(check).state)]
    return (
        f'<tr data-open="{"yes" if stands_open else "no"}" data-text="{escaped(" ".join(words))}">'
        + _handler(one, key, findings)
        + "".join(_verdict(one, check) for check in CHECKS)
        + "</tr>"
    )


def _worst_first(one: EndpointReport) -> tuple[int, int, str, int]:
    states = [one.verdict(check).state for check in CHECKS]
    return (
        -states.count("missing"),
        -states.count("weak"),
        one.location.path,
        one.location.line,
    )


def doors(report: Report) -> str:
    """The section of the endpoint table."""
    key = key_of(report)
    about: dict[Key, list[Finding]] = {}
    for found in report.findings:
        about.setdefault(key(found), []).append(found)
    if not report.endpoints:
        body = '<p class="card empty quiet">No WebSocket handler was found.</p>'
    else:
        # A prober sees addresses, and no handler.
        what = "Endpoint" if report.tried else "Handler"
        names = "".join(f'<th scope="col">{check.capitalize()}</th>' for check in CHECKS)
        rows = "".join(
            _row(one, key(one), about.get(key(one), []))
            for one in sorted(report.endpoints, key=_worst_first)
        )
        body = (
            f'<table class="doors card"><thead><tr><th scope="col">{what}</th>{names}</tr></thead>'
            f"<tbody>{rows}</tbody></table>"
            '<p id="no-door" class="card empty quiet none-left hidden">No endpoint matches.</p>'
        )
    return f'<section id="endpoints"><div class="heading"><h2>Endpoints</h2></div>{body}</section>'
