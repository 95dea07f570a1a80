"""The order in which every writer shows things, so that two runs can be compared line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stormdoor_audit.report.finding import EndpointReport, Finding, Level, Report

__all__ = ["Group", "Key", "counts", "grouped", "in_order", "key_of"]

Key = tuple[str, str]
"""Subject of a finding: a name, and a file where the name is not unique."""


@dataclass(frozen=True, slots=True)
class Group:
    """The findings about one class or module, the worst first.

    Args:
        subject: Fully qualified name.
        endpoint: What is known about it, where it is an endpoint.
        findings: At least one.
    """

    subject: str
    endpoint: EndpointReport | None
    findings: tuple[Finding, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Route patterns that lead to it."""
        found = self.endpoint.paths if self.endpoint else ()
        return tuple(
            dict.fromkeys([*found, *(one.endpoint for one in self.findings if one.endpoint)])
        )


def _place(one: Finding) -> tuple[str, int, int, str]:
    return (one.location.path, one.location.line, one.location.column, one.message)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By level, confidence, rule and place."""
    return sorted(
        findings,
        key=lambda one: (one.level.rank, one.confidence.rank, one.rule_id, *_place(one)),
    )


def key_of(report: Report) -> Callable[[Finding | EndpointReport], Key]:
    """Group the findings of a report by endpoint.

    Programs that are scanned together, and do not know each other, may use one name for several classes.
    Then what is found in a file is about the class in it.
    """
    times = Counter(one.subject for one in report.endpoints)

    def key(one: Finding | EndpointReport) -> Key:
        return (one.subject, "" if times[one.subject] == 1 else one.location.path)

    return key


def grouped(report: Report) -> list[Group]:
    """The findings by what they are about; the subject with the worst of them comes first."""
    key = key_of(report)
    endpoints = {key(one): one for one in report.endpoints}
    about: dict[Key, list[Finding]] = {}
    for one in in_order(report.findings):
        about.setdefault(key(one), []).append(one)
    return [
        Group(which[0], endpoints.get(which), tuple(findings)) for which, findings in about.items()
    ]


def counts(findings: Iterable[Finding]) -> dict[Level, int]:
    """Count the findings of each level, including levels without any."""
    found = dict.fromkeys(Level, 0)
    for one in findings:
        found[one.level] += 1
    return found
