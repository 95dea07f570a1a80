"""A scan with the engine of `stormdoor_audit.analyzer`: authentication and origins, as a report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stormdoor_audit.analyzer.scanner import Endpoint, scan_files
from stormdoor_audit.auditor.reading.files import in_order, list_files
from stormdoor_audit.auditor.rule import Rule
from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.auditor.scanning.settings import Settings, selected
from stormdoor_audit.auditor.scanning.suppress import RULES as ABOUT_COMMENTS
from stormdoor_audit.auditor.scanning.suppress import settle, suppressions_in
from stormdoor_audit.report.finding import (
    Check,
    Coverage,
    EndpointReport,
    Finding,
    Location,
    NotAnalysed,
    Report,
    State,
    Verdict,
    fingerprint_of,
)

__all__ = ["UNSUPPORTED", "simulated"]

UNSUPPORTED = ("python", "knowledge", "jobs", "steps")
"""Settings of the other engine that this one does not have."""

_AUTHENTICATION: dict[str, tuple[State, str, str]] = {
    "missing": (
        "missing",
        "SD101",
        "{name} accepts an unauthenticated client: no check refuses it.",
    ),
    "late": ("weak", "SD102", "{name} refuses an unauthenticated client only after the 101."),
    "optional": (
        "weak",
        "SD103",
        "{name} authenticates clients only with another value of {setting} than the shipped one.",
    ),
    "guarded": ("guarded", "", "No unauthenticated client reaches the 101."),
    "unknown": ("unknown", "", "No path to the 101 was found, and no refusal."),
}
_ORIGIN: dict[str, tuple[State, str]] = {
    "open": ("missing", "check_origin() of {name} accepts pages of every site: {origin}."),
    "weak": ("weak", "check_origin() of {name} accepts {origin}."),
    "restricted": ("guarded", "check_origin() refuses hostile origins."),
    "unknown": ("unknown", "The result of check_origin() is not known."),
}
_OF_TRICK = {
    "": "SD201",
    "prefix": "SD202",
    "suffix": "SD203",
    "substring": "SD204",
    "pattern": "SD205",
    "null": "SD206",
}
_JUDGED = frozenset({"SD101", "SD102", "SD103", *_OF_TRICK.values()})


@dataclass(slots=True)
class _Text:
    """Lines of the files with findings."""

    base: Path
    known: dict[Path, list[str]] = field(default_factory=dict)

    def name(self, file: Path) -> str:
        """Return the name of a file in findings."""
        try:
            return file.relative_to(self.base).as_posix()
        except ValueError:
            return file.as_posix()

    def content(self, file: Path) -> list[str]:
        """Return the lines of a file."""
        if file not in self.known:
            self.known[file] = file.read_text("utf-8-sig", errors="replace").split("\n")
        return self.known[file]

    def location(self, file: Path, line: int) -> Location:
        """Return the place of a line."""
        lines = self.content(file)
        excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
        start = len(excerpt) - len(excerpt.lstrip()) + 1
        return Location(self.name(file), line, start, line, len(excerpt) + 1, excerpt)


def simulated(places: Sequence[Path], settings: Settings) -> Report:
    """Scan directories or files with the other engine.

    Args:
        places: Directories and files.
        settings: Of them `UNSUPPORTED` ones have no meaning here; the command refuses them.

    Returns:
        A report without its times: the rules are those of authentication and origin.
    """
    rules = {
        one.meta.id: one
        for one in RULES
        if one.meta.id in _JUDGED and selected(one.meta.id, one.meta.slug, settings)
    }
    text = _Text(settings.root.resolve())
    endpoints: list[Endpoint] = []
    missed: list[NotAnalysed] = []
    number = 0
    for place in places:
        listing = list_files(place, settings.exclude, settings.root)
        files = in_order(listing.python)
        number += len(files)
        found = scan_files(listing.root, files)
        endpoints += found.endpoints
        missed += [NotAnalysed(text.name(path), why) for path, why in found.missed]
        missed += [NotAnalysed(text.name(path), why) for path, why in listing.unreadable]
    if not number and not missed:
        missed = [NotAnalysed(str(one), "no file in it is scanned") for one in places]
    findings = [one for endpoint in endpoints for one in _findings(endpoint, text, rules)]
    comments = [
        one
        for file in dict.fromkeys(endpoint.path for endpoint in endpoints)
        for one in suppressions_in("\n".join(text.content(file)), text.name(file))
    ]
    metas = [*ABOUT_COMMENTS, *(one.meta for one in RULES)]
    settled = settle(findings, comments, ran=list(rules), known={one.id: one.slug for one in metas})
    return Report(
        tool="stormdoor scan",
        version="",
        started="",
        seconds=0.0,
        roots=tuple(str(place) for place in places),
        findings=settled.findings,
        endpoints=tuple(_row(one, text) for one in endpoints),
        coverage=Coverage(
            files=number,
            handlers=len(endpoints),
            routes=sum(len(one.routes) for one in endpoints),
            not_analysed=tuple(dict.fromkeys(missed)),
        ),
        rules=tuple(
            sorted((*ABOUT_COMMENTS, *(one.meta for one in rules.values())), key=lambda one: one.id)
        ),
        suppressed=settled.suppressed,
    )


def _findings(endpoint: Endpoint, text: _Text, rules: dict[str, Rule]) -> Iterator[Finding]:
    name = endpoint.subject.rpartition(".")[2]
    answer = endpoint.authentication
    _, rule, message = _AUTHENTICATION[answer.verdict]
    if rule in rules:
        said = message.format(name=name, setting=answer.setting)
        yield _finding(endpoint, rules[rule], said, text.location(endpoint.path, endpoint.line))
    if endpoint.origin.verdict in {"open", "weak"}:
        rule = _OF_TRICK[endpoint.origin.trick]
        if rule in rules:
            _, message = _ORIGIN[endpoint.origin.verdict]
            said = message.format(name=name, origin=endpoint.origin.accepted)
            place = text.location(endpoint.path, endpoint.origin_line or endpoint.line)
            yield _finding(endpoint, rules[rule], said, place)


def _finding(endpoint: Endpoint, rule: Rule, message: str, place: Location) -> Finding:
    meta = rule.meta
    return Finding(
        rule_id=meta.id,
        slug=meta.slug,
        level=meta.level,
        confidence=meta.confidence,
        message=message,
        location=place,
        subject=endpoint.subject,
        endpoint=endpoint.routes[0] if endpoint.routes else "",
        fix=meta.fix,
        threat=meta.threat,
        fingerprint=fingerprint_of(rule_id=meta.id, subject=endpoint.subject, what=place.excerpt),
    )


def _row(endpoint: Endpoint, text: _Text) -> EndpointReport:
    name = endpoint.subject.rpartition(".")[2]
    answer = endpoint.authentication
    state, _, message = _AUTHENTICATION[answer.verdict]
    of_origin, about_origin = _ORIGIN[endpoint.origin.verdict]
    not_judged = Verdict("unknown", "This engine does not judge it.")
    return EndpointReport(
        subject=endpoint.subject,
        location=text.location(endpoint.path, endpoint.line),
        paths=endpoint.routes,
        verdicts={
            **dict.fromkeys(Check, not_judged),
            Check.AUTHENTICATION: Verdict(state, message.format(name=name, setting=answer.setting)),
            Check.ORIGIN: Verdict(
                of_origin, about_origin.format(name=name, origin=endpoint.origin.accepted)
            ),
        },
        files=(text.name(endpoint.path),),
    )
