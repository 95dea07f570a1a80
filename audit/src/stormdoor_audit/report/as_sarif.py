"""The report as SARIF 2.1.0, for code-scanning sites and editors.

Suppressed findings are counted and left out: sites that take uploads open an alert for every
result, whether it says `suppressions` or not.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from stormdoor_audit.report.baseline import name_of
from stormdoor_audit.report.cwe import cwe_name, cwe_url
from stormdoor_audit.report.finding import (
    CHECKS,
    Confidence,
    Crossing,
    EndpointReport,
    Finding,
    Level,
    Location,
    Report,
    RuleMeta,
)
from stormdoor_audit.report.order import in_order
from stormdoor_audit.report.printable import json_text
from stormdoor_audit.report.rule_page import markdown, plain

__all__ = ["as_sarif"]

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
INFORMATION = "https://cheatsheetseries.owasp.org/cheatsheets/WebSocket_Security_Cheat_Sheet.html"
"""A page about the weaknesses that are reported: the project itself has no public address yet."""
LONGEST = 1024
"""Characters that sites accept as a description."""

_SEVERITY = {Level.ERROR: "8.0", Level.WARNING: "5.0", Level.NOTE: "2.0"}
_RANK = {Confidence.HIGH: 90.0, Confidence.MEDIUM: 60.0, Confidence.LOW: 30.0}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _artifact(path: str) -> dict[str, Any]:
    """Return where a file is: relative to the root of the sources, or absolute with its scheme.

    An address is no file, and code-scanning sites refuse it here. It becomes a relative path; the address
    itself is the logical location.
    """
    if "://" in path:
        parts = urlsplit(path)
        place = f"{parts.netloc.replace(':', '-')}{parts.path}".strip("/")
        return {"uri": quote(place, safe="/%[]-.~")}
    windows = PureWindowsPath(path)
    if windows.drive:
        plain = windows.as_posix()
        if not windows.is_absolute():
            return {"uri": quote(plain)}
        share = plain.startswith("//")
        return {
            "uri": f"file:{quote(plain)}" if share else f"file:///{plain[:2]}{quote(plain[2:])}"
        }
    # A name that is not UTF-8 has lone surrogates; they stand for bytes.
    raw = quote(path.encode("utf-8", "surrogateescape"))
    if PurePosixPath(path).is_absolute():
        return {"uri": f"file://{raw}"}
    return {"uri": raw, "uriBaseId": ROOT}


def _physical(where: Location) -> dict[str, Any]:
    if not where.line:
        # Sites want a line, also where there is none.
        return {"artifactLocation": _artifact(where.path), "region": {"startLine": 1}}
    line, column = max(where.line, 1), max(where.column, 1)
    region: dict[str, Any] = {
        "startLine": line,
        "startColumn": column,
        "endLine": max(where.end_line, line),
        "endColumn": max(where.end_column, 1),
    }
    if where.excerpt:
        region["snippet"] = {"text": where.excerpt}
    return {"artifactLocation": _artifact(where.path), "region": region}


def _taxon(number: int, index: int) -> dict[str, Any]:
    return {"id": str(number), "index": index, "toolComponent": {"name": "CWE", "index": 0}}


def _rule(rule: RuleMeta, weaknesses: dict[int, int]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.slug.split("-")),
        "shortDescription": {"text": _short(rule.title)},
        "fullDescription": {"text": _short(rule.what.strip() or rule.title)},
        "helpUri": cwe_url(rule.cwe[0]) if rule.cwe else INFORMATION,
        "help": {"text": plain(rule), "markdown": markdown(rule, heading=False)},
        "defaultConfiguration": {"level": str(rule.level), "rank": _RANK[rule.confidence]},
        "relationships": [
            {"target": _taxon(number, weaknesses[number]), "kinds": ["superset"]}
            for number in rule.cwe
        ],
        "properties": {
            "tags": [
                "security",
                *([rule.group] if rule.group else []),
                *(f"external/cwe/cwe-{number:03d}" for number in rule.cwe),
                *(f"external/asvs-5.0/{item}" for item in rule.asvs),
            ],
            "precision": str(rule.confidence),
            "security-severity": _SEVERITY[rule.level],
            "threat": rule.threat,
        },
    }


def _result(
    one: Finding, rules: dict[str, tuple[int, RuleMeta]], weaknesses: dict[int, int], nth: int
) -> dict[str, Any]:
    text = one.message + (f"\nFix: {one.fix}" if one.fix else "")
    name = name_of(one)
    result: dict[str, Any] = {
        "ruleId": one.rule_id,
        "level": str(one.level),
        "rank": _RANK[one.confidence],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": _physical(one.location),
                "logicalLocations": [
                    _logical(name, one.location.path) for name in (one.subject, *one.also)
                ],
            }
        ],
        # The first is ours; the second is the only one that GitHub reads, as `hash:occurrence`.
        "partialFingerprints": {
            "stormdoor/v1": f"{name}:{nth}",
            "primaryLocationLineHash": f"{name}:{nth}",
        },
        "properties": {
            "confidence": str(one.confidence),
            "endpoint": one.endpoint,
            "threat": one.threat,
            **({"transcript": list(one.transcript)} if one.transcript else {}),
        },
    }
    if one.rule_id in rules:
        index, rule = rules[one.rule_id]
        result["ruleIndex"] = index
        result["taxa"] = [_taxon(number, weaknesses[number]) for number in rule.cwe]
    if one.steps:
        stops = [
            {
                "executionOrder": at,
                "importance": "essential",
                "location": {
                    "physicalLocation": _physical(step.location),
                    "message": {"text": step.message},
                },
            }
            for at, step in enumerate(one.steps, start=1)
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": stops}]}]
    return result


def _logical(subject: str, path: str) -> dict[str, Any]:
    """A class, or a module: names of classes begin with a capital, here as elsewhere in Python.

    What is no Python has its path for a name.
    """
    if "://" in subject:
        return {"name": subject, "fullyQualifiedName": subject, "kind": "resource"}
    if subject == path:
        name = subject.rpartition("/")[2]
        return {"name": name, "fullyQualifiedName": subject, "kind": "resource"}
    last = subject.rsplit(".", 1)[-1]
    kind = "type" if last[:1].isupper() or "<" in last else "module"
    return {"name": last, "fullyQualifiedName": subject, "kind": kind}


def _notification(level: str, what: str, text: str, where: dict[str, Any]) -> dict[str, Any]:
    return {
        "descriptor": {"id": what},
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": where}],
    }


def _invocation(report: Report) -> dict[str, Any]:
    doubt = bool(report.outcomes().get("not-determined"))
    invocation: dict[str, Any] = {
        # Consumers that show results alone must not take doubt for a clean run.
        "executionSuccessful": not doubt
        and (bool(report.coverage.connections) or not report.coverage.not_analysed),
        "toolExecutionNotifications": [
            *(
                _notification(
                    "error",
                    "not-analysed",
                    f"not analysed: {one.reason}",
                    {"artifactLocation": _artifact(one.path)},
                )
                for one in report.coverage.not_analysed
            ),
            *(
                _notification(
                    "warning" if doubt else "note",
                    "unresolved",
                    f"unresolved: {one.what}",
                    _physical(one.location),
                )
                for one in report.coverage.unresolved
            ),
        ],
    }
    try:
        began = datetime.fromisoformat(report.started).astimezone(UTC)
    except ValueError:
        return invocation
    ended = began + timedelta(seconds=report.seconds)
    invocation["startTimeUtc"] = began.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    invocation["endTimeUtc"] = ended.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return invocation


def _endpoint(one: EndpointReport) -> dict[str, Any]:
    return {
        "handler": one.subject,
        "paths": list(one.paths),
        "verdicts": {str(check): one.verdict(check).state for check in CHECKS},
        **({"matrix": msgspec.to_builtins(one.matrix)} if one.matrix is not None else {}),
    }


def as_sarif(report: Report) -> str:
    """One run, valid against the schema of SARIF 2.1.0 (errata 01), ending with a line end.

    A probe with a scan beside it has two: the second is the scan's, each result with its standing.
    """
    runs = [_run(report)]
    if report.crossing is not None:
        runs.append(_scan_run(report.crossing))
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": runs}
    return json_text(document)


def _scan_run(crossing: Crossing) -> dict[str, Any]:
    """The scan's run; what the server says is in the message and the properties of each result."""
    run = _run(crossing.scan)
    said = {id(one.finding): one for one in crossing.findings}
    for finding, result in zip(in_order(crossing.scan.findings), run["results"], strict=True):
        one = said[id(finding)]
        result["message"]["text"] += f"\nOn the running server: {one.standing}. {one.why}"
        result["properties"]["standing"] = str(one.standing)
        result["properties"]["standingWhy"] = one.why
        if one.url:
            result["properties"]["url"] = one.url
        if one.transcript:
            result["properties"]["transcript"] = list(one.transcript)
    run["properties"]["standings"] = crossing.numbers()
    return run


def _run(report: Report) -> dict[str, Any]:
    rules = sorted(report.rules, key=lambda rule: rule.id)
    number_of_rule = {rule.id: (at, rule) for at, rule in enumerate(rules)}
    weaknesses = {
        number: at for at, number in enumerate(sorted({one for rule in rules for one in rule.cwe}))
    }
    seen: Counter[str] = Counter()
    results = []
    for one in in_order(report.findings):
        seen[name_of(one)] += 1
        results.append(_result(one, number_of_rule, weaknesses, seen[name_of(one)]))
    return {
        "tool": {
            "driver": {
                "name": "stormdoor",
                "informationUri": INFORMATION,
                "fullName": f"{report.tool} {report.version}",
                "version": report.version,
                "semanticVersion": report.version,
                "rules": [_rule(rule, weaknesses) for rule in rules],
                "notifications": [
                    {
                        "id": "not-analysed",
                        "shortDescription": {"text": "A file was not analysed."},
                    },
                    {
                        "id": "unresolved",
                        "shortDescription": {"text": "The meaning of a name was not found."},
                    },
                ],
                "supportedTaxonomies": [{"name": "CWE", "index": 0}],
            }
        },
        "taxonomies": [
            {
                "name": "CWE",
                "organization": "MITRE",
                "shortDescription": {"text": "The MITRE Common Weakness Enumeration"},
                "informationUri": "https://cwe.mitre.org/",
                "taxa": [
                    {
                        "id": str(number),
                        "name": cwe_name(number),
                        "shortDescription": {"text": cwe_name(number)},
                        "helpUri": cwe_url(number),
                    }
                    for number in weaknesses
                ],
            }
        ],
        "automationDetails": {"id": f"{report.tool.replace(' ', '-')}/"},
        "invocations": [_invocation(report)],
        "originalUriBaseIds": {
            ROOT: {"description": {"text": "The directory that the scan was started in."}}
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "suppressed": len(report.suppressed),
            "endpoints": [_endpoint(one) for one in report.endpoints],
        },
    }
