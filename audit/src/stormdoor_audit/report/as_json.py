"""The report for scripts: one JSON document with a versioned shape."""

from __future__ import annotations

from typing import Any

import msgspec

from stormdoor_audit.report.finding import CHECKS, Crossing, EndpointReport, Report
from stormdoor_audit.report.order import counts, in_order
from stormdoor_audit.report.printable import json_text

__all__ = ["SCHEMA", "as_json", "endpoints_as_json"]

SCHEMA = "stormdoor-report/2"
"""Grows when a field changes its meaning or goes; new fields do not change it."""


def _endpoint(one: EndpointReport) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(one)
    # All five, in their order, also those that were not judged: a reader need not know the default.
    if one.matrix is None:
        del found["matrix"]
    found["verdicts"] = {str(check): msgspec.to_builtins(one.verdict(check)) for check in CHECKS}
    return found


def _head(report: Report) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "tool": report.tool,
        "version": report.version,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "roots": list(report.roots),
        "summary": {
            **{str(level): number for level, number in counts(report.findings).items()},
            "suppressed": len(report.suppressed),
            "endpoints": len(report.endpoints),
            "not_analysed": len(report.coverage.not_analysed),
            "complete": not report.coverage.not_analysed,
            "unresolved": len(report.coverage.unresolved),
            **report.outcomes(),
        },
    }


def _text(value: dict[str, Any]) -> str:
    # Not ASCII only: a script reads UTF-8, and `jq` shows names as they are written.
    return json_text(value)


def _endpoints(report: Report) -> list[dict[str, Any]]:
    return [
        _endpoint(one)
        for one in sorted(report.endpoints, key=lambda one: (one.location.path, one.location.line))
    ]


def _crossing(one: Crossing) -> dict[str, Any]:
    return {
        "summary": {**one.numbers(), "only_live": len(one.only_live)},
        "scan": _head(one.scan),
        "endpoints": [{"url": url, "handler": handler} for url, handler in one.pairs],
        "findings": msgspec.to_builtins(one.findings),
        "only_live": [
            {"rule_id": finding.rule_id, "subject": finding.subject} for finding in one.only_live
        ],
    }


def as_json(report: Report) -> str:
    """All of it, the findings in order, ending with a line end."""
    return _text(
        {
            **_head(report),
            "findings": msgspec.to_builtins(in_order(report.findings)),
            "endpoints": _endpoints(report),
            "coverage": msgspec.to_builtins(report.coverage),
            "suppressed": msgspec.to_builtins(report.suppressed),
            "rules": msgspec.to_builtins(sorted(report.rules, key=lambda rule: rule.id)),
            **({"tried": msgspec.to_builtins(report.tried)} if report.tried else {}),
            **({"from_scan": _crossing(report.crossing)} if report.crossing else {}),
        }
    )


def endpoints_as_json(report: Report) -> str:
    """The endpoints and what was covered, without the findings."""
    return _text(
        {
            **_head(report),
            "endpoints": _endpoints(report),
            "coverage": msgspec.to_builtins(report.coverage),
        }
    )
