"""The order in which every writer shows things, so that two runs can be compared line by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stormdoor.report.finding import EndpointReport, Finding, Level, Report

__all__ = ["Group", "counts", "grouped", "in_order"]


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


def grouped(report: Report) -> list[Group]:
    """The findings by what they are about; whatever has the worst of them comes first."""
    endpoints = {one.subject: one for one in report.endpoints}
    about: dict[str, list[Finding]] = {}
    for one in in_order(report.findings):
        about.setdefault(one.subject, []).append(one)
    return [
        Group(subject, endpoints.get(subject), tuple(findings))
        for subject, findings in about.items()
    ]


def counts(findings: Iterable[Finding]) -> dict[Level, int]:
    """How many there are of each level, the levels without any included."""
    found = dict.fromkeys(Level, 0)
    for one in findings:
        found[one.level] += 1
    return found
