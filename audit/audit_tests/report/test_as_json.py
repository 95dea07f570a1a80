"""JSON: the whole report, in order, and back again."""

import json
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from audit_tests.report.sample import NO_AUTH, REPORT, finding
from stormdoor_audit.report.as_html import as_html
from stormdoor_audit.report.as_json import SCHEMA, as_json, endpoints_as_json
from stormdoor_audit.report.as_sarif import as_sarif
from stormdoor_audit.report.baseline import baseline_of
from stormdoor_audit.report.finding import (
    CHECKS,
    Coverage,
    EndpointReport,
    Finding,
    Location,
    Report,
)
from stormdoor_audit.report.order import in_order


def test_findings_come_back() -> None:
    """The JSON can be read back into the same findings and endpoints."""
    document = json.loads(as_json(REPORT))
    findings = msgspec.convert(document["findings"], tuple[Finding, ...])
    assert findings == tuple(in_order(REPORT.findings))
    endpoints = msgspec.convert(document["endpoints"], tuple[EndpointReport, ...])
    assert {one.subject for one in endpoints} == {one.subject for one in REPORT.endpoints}
    assert msgspec.convert(document["coverage"], Coverage) == REPORT.coverage


def test_summary() -> None:
    """The numbers a script asks for first."""
    document = json.loads(as_json(REPORT))
    assert document["schema"] == SCHEMA
    assert document["summary"] == {
        "error": 2,
        "warning": 1,
        "note": 1,
        "suppressed": 1,
        "endpoints": 3,
        "not_analysed": 2,
        "complete": False,
        "unresolved": 1,
    }


def test_every_endpoint_has_five_verdicts() -> None:
    """A check about which nothing was concluded is unknown, not left out."""
    for one in json.loads(endpoints_as_json(REPORT))["endpoints"]:
        assert list(one["verdicts"]) == list(CHECKS)
    assert "findings" not in json.loads(endpoints_as_json(REPORT))


def test_same_report_same_text() -> None:
    """The order in which things were found does not show."""
    turned = replace(
        REPORT,
        findings=REPORT.findings[::-1],
        endpoints=REPORT.endpoints[::-1],
        rules=REPORT.rules[::-1],
    )
    assert as_json(turned) == as_json(REPORT)


@pytest.mark.parametrize("write", [as_json, endpoints_as_json])
def test_names_that_are_no_text(write: Callable[[Report], str]) -> None:
    """A name that is not UTF-8 is written as an escape."""
    odd = finding(NO_AUTH, "a.\udc80", Location("\udcff.py", 1), "m")
    report = replace(REPORT, findings=(odd,), roots=("\udcff",))
    assert "\\\\udcff" in write(report)
    write(report).encode()


CONTROLS = "a\x1b[2J\x7f\x9b\u202e\u2066\u2028\u200b\U000e0001 é 😀"


@pytest.mark.parametrize("write", [as_json, as_sarif, baseline_of, as_html])
def test_no_control_character_is_written(write: Callable[[Report], str]) -> None:
    """A name with control and bidirectional characters is escaped; other characters stay."""
    found = finding(NO_AUTH, CONTROLS, Location(CONTROLS, 1), CONTROLS)
    text = write(replace(REPORT, findings=(found,)))
    assert {one for one in text if not one.isprintable()} == {"\n"}
    assert "é 😀" in text
    if write is as_json:
        assert json.loads(text)["findings"][0]["message"] == CONTROLS
