"""The baseline: findings that were there before, so that only what is new stops a build.

The file holds fingerprints and how often each occurs, beside what makes a review readable. It holds
no lines: it stays true when code moves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec

from stormdoor_audit.report.finding import Finding, Report, Suppressed, fingerprint_of
from stormdoor_audit.report.order import in_order
from stormdoor_audit.report.printable import json_text

__all__ = [
    "SCHEMA",
    "Baseline",
    "BaselineError",
    "baseline_of",
    "name_of",
    "read_baseline",
    "without",
]

SCHEMA = "stormdoor-baseline/1"


class BaselineError(Exception):
    """The file is no baseline."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding that is known, and how often."""

    fingerprint: str
    count: int
    rule: str
    subject: str
    path: str


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contents of the file."""

    schema: str
    findings: tuple[Known, ...]


def name_of(finding: Finding) -> str:
    """Its fingerprint; made from its source line where the judge gave none."""
    return finding.fingerprint or fingerprint_of(
        rule_id=finding.rule_id, subject=finding.subject, what=finding.location.excerpt
    )


def baseline_of(report: Report) -> str:
    """The file that makes all findings of this report known.

    It includes those that were known before and are still there, and leaves out those that are gone.
    """
    still = [one.finding for one in report.suppressed if one.kind == "baseline"]
    findings = in_order([*report.findings, *still])
    number = Counter(map(name_of, findings))
    first = {name_of(one): one for one in reversed(findings)}
    known = sorted(
        (
            Known(name, number[name], one.rule_id, one.subject, one.location.path)
            for name, one in first.items()
        ),
        key=lambda one: (one.path, one.rule, one.subject, one.fingerprint),
    )
    return json_text(msgspec.to_builtins(Baseline(SCHEMA, tuple(known))))


def read_baseline(text: str) -> Counter[str]:
    """Count the known findings by fingerprint.

    Raises:
        BaselineError: It is another file, or damaged.
    """
    try:
        found = msgspec.json.decode(text, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BaselineError(f"no baseline: {error}") from error
    if found.schema != SCHEMA:
        raise BaselineError(f"no baseline that this version reads: its schema is {found.schema!r}")
    return Counter({one.fingerprint: one.count for one in found.findings})


def without(report: Report, known: Counter[str]) -> Report:
    """The report with what is known moved to `suppressed`.

    INVARIANT: of a finding that is known n times, the n+1st is new, in any order.
    """
    left = Counter(known)
    new: list[Finding] = []
    old: list[Suppressed] = []
    for one in in_order(report.findings):
        name = name_of(one)
        if left[name] > 0:
            left[name] -= 1
            old.append(Suppressed(one, "known: the baseline lists it", "baseline"))
        else:
            new.append(one)
    return replace(report, findings=tuple(new), suppressed=(*report.suppressed, *old))
