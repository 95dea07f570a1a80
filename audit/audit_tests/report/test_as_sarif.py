"""SARIF: valid, complete, and what code-scanning sites want."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from audit_tests.report.sample import NO_AUTH, REPORT, finding
from audit_tests.report.sarif_schema import faults
from audit_tests.report.test_crossing import probe_of, tried
from stormdoor_audit.report.as_sarif import as_sarif
from stormdoor_audit.report.finding import (
    Coverage,
    Location,
    NotAnalysed,
    Outcome,
    Report,
    Step,
    Unresolved,
)

EMPTY = Report("stormdoor scan", "0.1.0", "2026-11-24T20:41:07Z", 0.0, (".",))


def run_of(report: Report) -> Any:
    """The only run of the document."""
    (run,) = json.loads(as_sarif(report))["runs"]
    return run


def strange() -> Report:
    """Names and paths that are no good names and paths."""
    odd = finding(
        NO_AUTH,
        "a b.<locals>.Ws\udc80",
        Location("dir with space/\udcff%ü\n.py", 0, 0, 0, 0, "x = '\udc80\x1b[31m'"),
        "message \udc80",
        steps=(
            Step(Location("C:\\work\\app.py", 3), "windows"),
            Step(Location("/abs/x.py", 3), ""),
        ),
    )
    coverage = replace(REPORT.coverage, not_analysed=(NotAnalysed("\udcff.py", "\udcff"),))
    return replace(EMPTY, findings=(odd, odd), coverage=coverage, started="never")


@pytest.mark.parametrize("report", [REPORT, EMPTY, strange()], ids=["full", "empty", "strange"])
def test_valid(report: Report) -> None:
    """Every report is valid for every kind of name in it."""
    assert faults(json.loads(as_sarif(report))) == []


def test_schema_refuses() -> None:
    """The proof that the validation can fail."""
    document = json.loads(as_sarif(REPORT))
    document["runs"][0]["results"][0]["level"] = "dreadful"
    assert faults(document)


def test_result() -> None:
    """A result has its rule, region, class, fingerprint, way and weaknesses."""
    run = run_of(REPORT)
    result = next(one for one in run["results"] if one["ruleId"] == "SD201")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "SD201"
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {
        "uri": "chat/base.py",
        "uriBaseId": "%SRCROOT%",
    }
    assert location["physicalLocation"]["region"]["startLine"] == 11
    assert location["logicalLocations"] == [
        {
            "name": "ChatSocket",
            "fullyQualifiedName": "chat.handlers.ChatSocket",
            "kind": "type",
        }
    ]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [one["location"]["message"]["text"] for one in steps][-1].endswith("a constant")
    taxa = run["taxonomies"][0]["taxa"]
    assert [taxa[one["index"]]["id"] for one in result["taxa"]] == ["346", "1385"]


def test_rules_are_what_sites_require() -> None:
    """Every property that code scanning requires of a rule is there, and none of them is empty."""
    for rule in run_of(REPORT)["tool"]["driver"]["rules"]:
        for text in (
            rule["id"],
            rule["shortDescription"]["text"],
            rule["fullDescription"]["text"],
            rule["help"]["text"],
            rule["help"]["markdown"],
        ):
            assert text
        assert "security" in rule["properties"]["tags"]
        assert 0 < float(rule["properties"]["security-severity"]) <= 10


def test_fingerprints_tell_twins_apart() -> None:
    """The same line twice in one class is two results with two fingerprints."""
    first, second = run_of(strange())["results"]
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_suppressed_are_left_out() -> None:
    """Sites open an alert for every result, also for those that say they are suppressed."""
    run = run_of(REPORT)
    assert len(run["results"]) == len(REPORT.findings)
    assert run["properties"]["suppressed"] == 1


def test_what_was_not_read_is_told() -> None:
    """Files that were not analysed are notifications of the run."""
    told = run_of(REPORT)["invocations"][0]["toolExecutionNotifications"]
    assert [one["descriptor"]["id"] for one in told] == [
        "not-analysed",
        "not-analysed",
        "unresolved",
    ]


def test_an_address_is_a_logical_location() -> None:
    """Sites refuse an artifact that is no relative path; the address of an endpoint is named beside it."""
    report = probe_of(
        tried("SP101", "open", url="wss://[::1]:8443/a%20b/ws"), url="wss://[::1]:8443/x"
    )
    document = json.loads(as_sarif(report))
    assert faults(document) == []
    [run] = document["runs"]
    [where] = run["results"][0]["locations"]
    uri = where["physicalLocation"]["artifactLocation"]["uri"]
    assert urlsplit(uri).scheme == urlsplit(uri).netloc == ""
    assert not uri.startswith("/")
    assert uri.endswith("/a%20b/ws")
    assert where["physicalLocation"]["region"]["startLine"] == 1
    assert where["logicalLocations"][0]["fullyQualifiedName"] == "wss://[::1]:8443/a%20b/ws"


@pytest.mark.parametrize("report", [REPORT, probe_of(tried("SP101", "open"))])
def test_where_help_is(report: Report) -> None:
    """The tool and each rule have an address that a reader can open."""
    [run] = json.loads(as_sarif(report))["runs"]
    driver = run["tool"]["driver"]
    for uri in (driver["informationUri"], *(one["helpUri"] for one in driver["rules"])):
        assert urlsplit(uri).scheme == "https"


@pytest.mark.parametrize(("outcome", "clean"), [("closed", True), ("not-determined", False)])
def test_a_doubt_is_no_clean_run(outcome: Outcome, clean: bool) -> None:
    """A probe that could not determine something has not succeeded, and says so as a warning."""
    coverage = Coverage(unresolved=(Unresolved(Location("ws://h/ws", 0), "SP101"),), connections=4)
    report = replace(probe_of(tried("SP101", outcome, "< 101")), coverage=coverage)
    assert faults(json.loads(as_sarif(report))) == []
    [invocation] = run_of(report)["invocations"]
    assert invocation["executionSuccessful"] is clean
    levels = {one["level"] for one in invocation["toolExecutionNotifications"]}
    assert levels == {"note" if clean else "warning"}
