"""Results of a scan or a probe: findings, verdicts on endpoints, and coverage.

The auditor and the prober fill this in; the writers of this package turn it into text, JSON, SARIF
and HTML. Everything is frozen, compares by value, and goes through msgspec both ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from stormdoor_audit.report.access import AccessMatrix

__all__ = [
    "CHECKS",
    "OUTCOMES",
    "STANDINGS",
    "Check",
    "Confidence",
    "Coverage",
    "Crossed",
    "Crossing",
    "EndpointReport",
    "Finding",
    "Level",
    "Location",
    "NotAnalysed",
    "Outcome",
    "Report",
    "RuleMeta",
    "Standing",
    "State",
    "Step",
    "Suppressed",
    "Tried",
    "Unresolved",
    "Verdict",
    "fingerprint_of",
]


class Level(StrEnum):
    """Severity: a hole that an attacker can misuse, a weakness, or hygiene."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst level; larger is milder."""
        return list(Level).index(self)


class Confidence(StrEnum):
    """Confidence that the finding is true, independent of its severity."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the surest; larger is less sure."""
        return list(Confidence).index(self)


class Check(StrEnum):
    """The five questions asked of every endpoint."""

    AUTHENTICATION = "authentication"
    ORIGIN = "origin"
    AUTHORIZATION = "authorization"
    VALIDATION = "validation"
    LIMITS = "limits"


CHECKS: tuple[Check, ...] = tuple(Check)

Outcome = Literal["open", "closed", "not-determined", "not-tried"]
OUTCOMES: tuple[Outcome, ...] = ("open", "closed", "not-determined", "not-tried")
"""The four results of a probe, the worst first."""
State = Literal["guarded", "weak", "missing", "unknown", "not-needed"]
Standing = Literal["confirmed", "refuted", "untested"]
STANDINGS: tuple[Standing, ...] = ("confirmed", "refuted", "untested")


@dataclass(frozen=True, slots=True)
class Location:
    """A region of a file, 1-based, the end column one past the last character.

    Args:
        path: With `/`, relative to the directory the scan was started in where it lies below it; or
            the address of an endpoint.
        line: First line; 0 where it is no file.
        column: First column, counted in characters.
        end_line: Last line.
        end_column: One past the last column.
        excerpt: The source text of the first line of the region, without its line end.
    """

    path: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0
    excerpt: str = ""

    def __post_init__(self) -> None:
        """An end that was not given is the start."""
        if self.end_line < self.line:
            object.__setattr__(self, "end_line", self.line)
        if self.end_line == self.line and self.end_column < self.column:
            object.__setattr__(self, "end_column", self.column)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path

    @property
    def short(self) -> str:
        """`path:line`, as an editor opens it; an address as it is."""
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Step:
    """One stop on the way through the code that led to a finding."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, why it was concluded, and what to change.

    Args:
        rule_id: `SD101`.
        slug: The rule's name for people: `missing-authentication`.
        level: How bad.
        confidence: How sure.
        message: One or two sentences about this place, not about the rule in general.
        location: Where to look first.
        subject: Fully qualified name of the class, or of the module where no class is concerned.
        endpoint: Path of the route, or "" where none is known.
        steps: The way through the code that led here, in the order it runs.
        fix: Which line to change to what, or "".
        threat: Slug of the threat in threats.toml, or "".
        fingerprint: Stable when lines move; see `fingerprint_of`.
        transcript: What went over the wire, `>` to the server and `<` from it, without credentials.
        also: Fully qualified names of the other handlers that have the same line, by inheritance.
    """

    rule_id: str
    slug: str
    level: Level
    confidence: Confidence
    message: str
    location: Location
    subject: str
    endpoint: str = ""
    steps: tuple[Step, ...] = ()
    fix: str = ""
    threat: str = ""
    fingerprint: str = ""
    transcript: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def leads(self) -> bool:
        """Return True if the steps show more than the place itself does."""
        places = {(one.location.path, one.location.line) for one in self.steps}
        return bool(places - {(self.location.path, self.location.line)})


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that the operator accepts, and why.

    Args:
        finding: What would have been reported.
        reason: What the comment says, or that the baseline lists it.
        kind: Whether a comment in the source decided it, or the baseline.
    """

    finding: Finding
    reason: str
    kind: Literal["comment", "baseline"] = "comment"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one of the five questions, with what it rests on."""

    state: State
    evidence: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """A handler class, the paths it answers on, and the five verdicts.

    Args:
        subject: Fully qualified name of the class.
        location: Its `class` line.
        paths: Route patterns that lead to it; empty where none was found.
        verdicts: An answer for each check; a check without one counts as unknown.
        files: Those that a connection was followed through.
        matrix: Who may do what, where a recorded conversation was replayed.
    """

    subject: str
    location: Location
    paths: tuple[str, ...] = ()
    verdicts: Mapping[Check, Verdict] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    matrix: AccessMatrix | None = None

    def verdict(self, check: Check) -> Verdict:
        """The answer for this check; unknown where none was given."""
        return self.verdicts.get(check, Verdict("unknown", "Nothing was concluded."))


@dataclass(frozen=True, slots=True)
class NotAnalysed:
    """A file or an endpoint that was not analysed, or not to its end, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something in a file that was read, without a known meaning."""

    location: Location
    what: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of a scan or a probe, so that its silence can be judged.

    Args:
        files: Python files found.
        handlers: WebSocket handler classes found.
        routes: Routes that lead to one of them.
        not_analysed: Files that were not read, and endpoints that were not followed to their end.
        unresolved: Names, bases and routes without a known meaning; what a probe could not tell.
        connections: How many connections a probe made; 0 for a scan.
        looked: Where endpoints were looked for, and where each was found.
    """

    files: int = 0
    handlers: int = 0
    routes: int = 0
    not_analysed: tuple[NotAnalysed, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    connections: int = 0
    looked: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Describe the coverage in a sentence without its end."""

        def counted(number: int, noun: str) -> str:
            return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

        if self.connections:
            return f"Made {counted(self.connections, 'connection')}"
        return (
            f"Looked at {counted(self.files, 'file')}, {counted(self.handlers, 'WebSocket handler')} "
            f"and {counted(self.routes, 'route')}"
        )


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of one probe at one endpoint.

    Args:
        rule_id: `SP101`.
        subject: The address that was probed.
        check: Which of the five questions it is about.
        outcome: The transcript proves *open* and *closed*. *not-determined* was tried, and the answers prove
            neither. *not-tried* lacks something that the probe needs.
        what: The result in one or two sentences; what a probe needs that was not tried.
        owned: The owner's session was available for comparison.
        transcript: The exchange that proves the result, or the first one of a probe without a proof.
        settle: For *not-determined*, the option that would decide it; "" where there is none.
        kind: For *open*, which of the probe's attempts succeeded, where it tells them apart.
    """

    rule_id: str
    subject: str
    check: Check
    outcome: Outcome
    what: str
    owned: bool = False
    transcript: tuple[str, ...] = ()
    settle: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class RuleMeta:
    """Description of a rule, apart from any finding.

    Args:
        id: `SD101`.
        slug: `missing-authentication`.
        title: One line.
        level: Default level.
        confidence: Usual confidence.
        cwe: Numbers of the weaknesses in MITRE's list: `(306,)`.
        asvs: Items of OWASP ASVS 5.0: `("4.4.3",)`.
        threat: Slug of the threat in threats.toml, or "".
        what: What the rule looks for (Markdown).
        why: What an attacker does with it (Markdown).
        example: Code with the weakness.
        instead: The same code without it.
        fix: What to change, in one sentence.
        group: Name of the family of rules.
    """

    id: str
    slug: str
    title: str
    level: Level
    confidence: Confidence
    cwe: tuple[int, ...] = ()
    asvs: tuple[str, ...] = ()
    threat: str = ""
    what: str = ""
    why: str = ""
    example: str = ""
    instead: str = ""
    fix: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found.

    Args:
        tool: `stormdoor scan`.
        version: Version of stormdoor.
        started: When the run began: RFC 3339, UTC.
        seconds: How long it took.
        roots: What was scanned, as given.
        findings: In no particular order; the writers sort.
        endpoints: One for each handler class.
        coverage: What was looked at.
        rules: Every rule that ran, also those that found nothing.
        suppressed: What was found, and is not among the findings.
        tried: What a probe tried; empty for a scan.
        crossing: A scan beside this probe; None without one.
    """

    tool: str
    version: str
    started: str
    seconds: float
    roots: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    endpoints: tuple[EndpointReport, ...] = ()
    coverage: Coverage = Coverage()
    rules: tuple[RuleMeta, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    tried: tuple[Tried, ...] = ()
    crossing: Crossing | None = None

    def outcomes(self) -> dict[Outcome, int]:
        """Count the results of the probes; empty for a scan."""
        return {one: sum(t.outcome == one for t in self.tried) for one in OUTCOMES if self.tried}

    def doubts(self, subject: str, check: Check) -> bool:
        """Return True if a probe has asked this about the endpoint, and could not determine it."""
        return any(
            one.outcome == "not-determined" and one.subject == subject and one.check is check
            for one in self.tried
        )


@dataclass(frozen=True, slots=True)
class Crossed:
    """A finding of a scan, and what the running server says to it.

    Args:
        finding: The scan's.
        standing: Shown on the server, shown not to be so, or neither.
        why: What that rests on, or why nothing was tried.
        probe: The probe that decided; "" where none did.
        url: The address that was probed; "" where none was.
        transcript: The probe's evidence.
        suppressed: Why the scan does not count it, if it does not.
    """

    finding: Finding
    standing: Standing
    why: str
    probe: str = ""
    url: str = ""
    transcript: tuple[str, ...] = ()
    suppressed: str = ""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A scan beside a probe of what it read.

    Args:
        scan: What the auditor said.
        pairs: Addresses that were probed, and the subject of the handler that the scan knows for each; ""
            where it knows none.
        findings: Each finding of the scan, with what came of it.
        only_live: Findings of the probe that confirm none of the scan's.
    """

    scan: Report
    pairs: tuple[tuple[str, str], ...]
    findings: tuple[Crossed, ...]
    only_live: tuple[Finding, ...] = ()

    def numbers(self) -> dict[Standing, int]:
        """Count the findings of each standing."""
        return {one: sum(f.standing == one for f in self.findings) for one in STANDINGS}


def fingerprint_of(*, rule_id: str, subject: str, what: str) -> str:
    """Name a finding so that it keeps its name when lines move or spacing changes.

    Two findings may share a fingerprint (the same line twice in one class); a comparison
    counts them.

    Args:
        rule_id: The rule.
        subject: Fully qualified class or module.
        what: The source line it points at, or another text that tells it from its neighbours.

    Returns:
        32 hexadecimal digits.
    """
    parts = (rule_id, subject, "".join(what.split()))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
