"""A scan beside a probe: confirmed and refuted by evidence only, untested otherwise."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from audit_tests.report.sarif_schema import faults
from audit_tests.report.test_as_html import EVIL, Page
from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.prober.probes import PROBES
from stormdoor_audit.report.as_html import as_html
from stormdoor_audit.report.as_json import as_json, endpoints_as_json
from stormdoor_audit.report.as_sarif import as_sarif
from stormdoor_audit.report.crossing import CLAIMS, ScanError, crossed, leads_to, read_scan
from stormdoor_audit.report.finding import (
    Check,
    Coverage,
    EndpointReport,
    Finding,
    Location,
    Outcome,
    Report,
    RuleMeta,
    Suppressed,
    Tried,
    Verdict,
)

URL = "ws://127.0.0.1:8888/doc/4711"
REFUSED = ("> GET /doc/4711", "< 401")
LATE = ("> GET /doc/4711", "< 101", "< close 4401 log in")
METAS = {one.meta.id: one.meta for one in RULES} | {one.meta.id: one.meta for one in PROBES}


def static(rule: RuleMeta, **more: Any) -> Finding:
    """A finding of the scan, about the handler `app.Doc`."""
    given = {
        "rule_id": rule.id,
        "slug": rule.slug,
        "level": rule.level,
        "confidence": rule.confidence,
        "message": f"Doc: {rule.title}.",
        "location": Location("app.py", 7, excerpt="    def open(self):"),
        "subject": "app.Doc",
        "endpoint": r"/doc/(\d+)",
        "threat": rule.threat,
    }
    return Finding(**{**given, **more})


def scan_of(*ids: str, paths: tuple[str, ...] = (r"/doc/(\d+)",)) -> Report:
    """A scan with a finding of each rule about one handler."""
    doc = EndpointReport(
        "app.Doc",
        Location("app.py", 5),
        paths,
        {Check.AUTHENTICATION: Verdict("missing", "Nobody asks.", Location("app.py", 7))},
    )
    return Report(
        "stormdoor scan",
        "0.1.0",
        "2026-11-24T20:41:07Z",
        0.5,
        ("app.py",),
        findings=tuple(static(METAS[one]) for one in ids),
        endpoints=(doc,),
        coverage=Coverage(1, 1, 1),
        rules=tuple(METAS[one] for one in ids),
    )


def tried(probe: str, came: Outcome, *lines: str, owned: bool = True, url: str = URL) -> Tried:
    """Return the result of a probe."""
    check = next(one.check for one in PROBES if one.meta.id == probe)
    return Tried(probe, url, check, came, f"{probe} was {came}.", owned, lines)


def probe_of(*results: Tried, url: str = URL) -> Report:
    """A probe of one address with these results."""
    found = tuple(
        static(
            METAS[one.rule_id],
            subject=one.subject,
            location=Location(one.subject, 0),
            transcript=one.transcript,
        )
        for one in results
        if one.outcome == "open"
    )
    return Report(
        "stormdoor probe",
        "0.1.0",
        "2026-11-24T20:42:07Z",
        2.0,
        (url,),
        findings=found,
        endpoints=(EndpointReport(url, Location(url, 0), ("/doc/4711",)),),
        coverage=Coverage(connections=9),
        rules=tuple(METAS[one.rule_id] for one in results),
        tried=results,
    )


def standing(rule: str, *results: Tried) -> str:
    """Return the standing of the one finding."""
    crossing = crossed(probe_of(*results), scan_of(rule)).crossing
    assert crossing is not None
    [one] = crossing.findings
    return one.standing


def origin(value: str) -> str:
    """A line of a transcript."""
    return f"> Origin: {value}"


STANDINGS = {
    "found": ("SD101", [tried("SP101", "open", owned=False)], "confirmed"),
    "refused_beside_an_owner": ("SD101", [tried("SP101", "closed", *REFUSED)], "refuted"),
    "refused_alone": ("SD101", [tried("SP101", "closed", *REFUSED, owned=False)], "untested"),
    "could_not_tell": ("SD101", [tried("SP101", "not-determined")], "untested"),
    "skipped": ("SD201", [tried("SP201", "not-tried")], "untested"),
    "nothing_ran": ("SD603", [tried("SP101", "closed", *REFUSED)], "untested"),
    "no_probe_for_it": ("SD605", [tried("SP101", "open")], "untested"),
    "late_refusal": ("SD102", [tried("SP101", "closed", *LATE)], "confirmed"),
    "early_refusal": ("SD102", [tried("SP101", "closed", *REFUSED)], "refuted"),
    "silence_after_101": (
        "SD102",
        [tried("SP101", "closed", "< 101", "< (still open)")],
        "untested",
    ),
    "condition_not_met": ("SD108", [tried("SP101", "closed", *REFUSED)], "untested"),
    "foreign": ("SD201", [tried("SP201", "open", origin("https://evil.example"))], "confirmed"),
    "port_only": ("SD201", [tried("SP201", "open", origin("http://127.0.0.1:1"))], "untested"),
    "port": ("SD207", [tried("SP201", "open", origin("http://127.0.0.1:1"))], "confirmed"),
    "prefix": (
        "SD202",
        [tried("SP201", "open", origin("http://127.0.0.1.evil.example"))],
        "confirmed",
    ),
    "null_is_not_prefix": ("SD202", [tried("SP201", "open", origin("null"))], "untested"),
    "all_origins_refused": ("SD201", [tried("SP201", "closed")], "refuted"),
    "suffix_of_an_address": ("SD203", [tried("SP201", "closed")], "untested"),
    "pattern_not_tried": ("SD205", [tried("SP201", "closed")], "untested"),
    "said_after_the_close": (
        "SD109",
        [tried("SP105", "closed"), tried("SP109", "open", *LATE)],
        "confirmed",
    ),
    "expired": ("SD406", [tried("SP106", "open")], "confirmed"),
    "expired_refused": ("SD406", [tried("SP106", "closed")], "refuted"),
    "expired_not_given": ("SD406", [tried("SP106", "not-tried")], "untested"),
    "expired_is_not_foreign": ("SD404", [tried("SP106", "closed")], "untested"),
    "foreign_token": ("SD404", [tried("SP107", "open")], "confirmed"),
    "foreign_token_refused": ("SD404", [tried("SP107", "closed")], "refuted"),
    "foreign_token_says_nothing_of_the_issuer": (
        "SD405",
        [tried("SP107", "closed")],
        "untested",
    ),
    "forbidden_action": ("SD301", [tried("SP411", "open")], "confirmed"),
    "one_action_refused": ("SD301", [tried("SP411", "closed")], "untested"),
    "object_of_another": ("SD303", [tried("SP412", "open")], "confirmed"),
    "one_object_refused": ("SD303", [tried("SP412", "closed")], "untested"),
    "action_is_no_object": ("SD303", [tried("SP411", "open")], "untested"),
    "field_passed_on": ("SD501", [tried("SP603", "open")], "confirmed"),
    "field_not_passed_on": ("SD501", [tried("SP603", "closed")], "untested"),
    "many_sockets": ("SD604", [tried("SP906", "open")], "confirmed"),
    "forty_were_too_many": ("SD604", [tried("SP906", "closed")], "untested"),
    "compression_refused": ("SD606", [tried("SP604", "closed")], "refuted"),
    "no_limit_to_pass": ("SD606", [tried("SP604", "not-tried")], "untested"),
}


@pytest.mark.parametrize("name", STANDINGS)
def test_standings(name: str) -> None:
    """A finding is confirmed by the same hole, refuted by a refusal beside an owner, else untested."""
    rule, results, expected = STANDINGS[name]
    assert standing(rule, *results) == expected


def test_a_name_has_lookalike_ends() -> None:
    """For a host with a name, the look-alike names were tried and refute the finding."""
    url = "ws://app.example/doc/4711"
    report = probe_of(tried("SP201", "closed", url=url), url=url)
    crossing = crossed(report, scan_of("SD203")).crossing
    assert crossing is not None
    assert crossing.findings[0].standing == "refuted"


@pytest.mark.parametrize(
    ("way", "expected"), [("compressed", "confirmed"), ("in pieces", "untested")]
)
def test_only_compression_is_about_compression(way: str, expected: str) -> None:
    """A limit that is passed in pieces is another hole than one that is passed by compressing."""
    found = replace(tried("SP604", "open"), what="In words that may change.", kind=way)
    assert standing("SD606", found) == expected


def test_programs_that_share_a_name() -> None:
    """Of two programs with a class of one name, an address confirms what is in the one that it leads to."""
    scan = scan_of("SD101")
    elsewhere = Location("other/app.py", 7)
    other = replace(scan.endpoints[0], location=elsewhere, paths=("/feed",))
    twin = static(METAS["SD101"], location=elsewhere, endpoint="/feed")
    both = replace(scan, endpoints=(other, *scan.endpoints), findings=(*scan.findings, twin))
    report = crossed(probe_of(tried("SP101", "open")), both)
    assert report.crossing is not None
    standings = {one.finding.location.path: one.standing for one in report.crossing.findings}
    assert standings == {"app.py": "confirmed", "other/app.py": "untested"}
    table = as_html(report).partition('id="findings"')[0]
    assert table.index(">app.py:5<") < table.index(URL + "</code>") < table.index("other/app.py:7")


def test_claims_name_what_exists() -> None:
    """Each rule and probe of the table exists, and what refutes is among what could confirm."""
    for rule, claim in CLAIMS.items():
        assert METAS.keys() >= {rule, *claim.confirms, *claim.refutes}
        assert claim.refutes == () or set(claim.refutes) <= set(claim.confirms)


ROUTES = {
    "literal": ("/ws/chat", "/ws/chat", 3),
    "anchored": ("/ws/chat$", "/ws/chat", 3),
    "group": (r"/doc/(\d+)", "/doc/4711", 2),
    "named_group": (r"/doc/(?P<id>[^/]+)/?", "/doc/x/", 2),
    "whole_path_only": ("/ws", "/ws/chat", 0),
    "unknown_beginning": ("…/ws/chat", "/user/alice/ws/chat", 1),
    "unknown_beginning_and_group": (r"…/kernels/(\w+)/channels", "/base/kernels/ab/channels", 1),
    "everything": (".*", "/ws/chat", 0),
    "no_pattern": ("(", "/ws/chat", 0),
    "repetition_of_a_repetition": ("/(a+)+b", "/" + "a" * 64, 0),
    "other": ("/ws/feed", "/ws/chat", 0),
}


@pytest.mark.parametrize("name", ROUTES)
def test_routes(name: str) -> None:
    """Routes lead to paths as in Tornado; a hostile pattern leads nowhere, and soon."""
    pattern, path, expected = ROUTES[name]
    assert leads_to(pattern, path) == expected


def test_two_handlers_for_a_path_are_not_guessed() -> None:
    """With two handlers for an address, neither finding is confirmed nor refuted."""
    scan = scan_of("SD101")
    other = replace(scan.endpoints[0], subject="app.Other")
    report = crossed(
        probe_of(tried("SP101", "open")), replace(scan, endpoints=(*scan.endpoints, other))
    )
    assert report.crossing is not None
    assert report.crossing.findings[0].standing == "untested"
    assert report.crossing.pairs == ((URL, ""),)
    assert [one.rule_id for one in report.crossing.only_live] == ["SP101"]


def test_another_address_says_nothing() -> None:
    """A handler without a tried address is untested, and its row names the route."""
    report = crossed(
        probe_of(tried("SP101", "closed", *REFUSED)), scan_of("SD101", paths=("/feed",))
    )
    assert report.crossing is not None
    [one] = report.crossing.findings
    assert (one.standing, one.url) == ("untested", "")
    assert "/feed" in one.why


def test_all_addresses_must_refute() -> None:
    """A route with two addresses: one that confirms is enough, one that refutes is not."""
    other = "ws://127.0.0.1:8888/doc/4712"
    first = probe_of(tried("SP101", "closed", *REFUSED))
    both = replace(first, endpoints=(*first.endpoints, *probe_of(url=other).endpoints))
    cases: tuple[tuple[Outcome, str], ...] = (
        ("open", "confirmed"),
        ("not-determined", "untested"),
        ("closed", "refuted"),
    )
    for came, expected in cases:
        report = replace(both, tried=(*first.tried, tried("SP101", came, *REFUSED, url=other)))
        crossing = crossed(report, scan_of("SD101")).crossing
        assert crossing is not None
        assert crossing.findings[0].standing == expected


def both() -> Report:
    """A crossing with everything in it, a suppressed finding and one only on the server included."""
    scan = scan_of("SD101", "SD201", "SD603", "SD605")
    scan = replace(scan, suppressed=(Suppressed(static(METAS["SD402"]), "until May"),))
    results = (
        tried("SP101", "closed", *REFUSED),
        tried("SP201", "open", origin("https://evil.example"), "< 101"),
        tried("SP304", "open", "> GET /doc/4711 ?<redacted>"),
    )
    return crossed(probe_of(*results), scan)


def test_json() -> None:
    """Everything is in the document, and the probe's own part is as without a scan."""
    found = json.loads(as_json(both()))
    assert found["schema"] == "stormdoor-report/2"
    said = found["from_scan"]
    assert said["summary"] == {"confirmed": 1, "refuted": 1, "untested": 3, "only_live": 1}
    by_rule = {one["finding"]["rule_id"]: one for one in said["findings"]}
    assert by_rule["SD201"]["probe"] == "SP201"
    assert by_rule["SD201"]["transcript"] == ["> Origin: https://evil.example", "< 101"]
    assert by_rule["SD402"]["suppressed"] == "until May"
    assert said["only_live"] == [{"rule_id": "SP304", "subject": URL}]


def test_sarif() -> None:
    """Two runs, valid; each result of the scan says how it stands."""
    found = json.loads(as_sarif(both()))
    assert faults(found) == []
    probe, scan = found["runs"]
    assert len(probe["results"]) == 2
    standings = {one["ruleId"]: one["properties"]["standing"] for one in scan["results"]}
    assert standings == {
        "SD101": "refuted",
        "SD201": "confirmed",
        "SD603": "untested",
        "SD605": "untested",
    }
    assert probe["automationDetails"] != scan["automationDetails"]


def test_html() -> None:
    """Nests, shows both verdicts and every standing, and nothing hostile runs."""
    report = both()
    assert report.crossing is not None
    scan = report.crossing.scan
    odd = replace(
        static(METAS["SD101"], message=EVIL, fix=EVIL, slug=EVIL),
        location=Location(EVIL, 1, excerpt=EVIL),
    )
    endpoint = replace(scan.endpoints[0], verdicts={Check.ORIGIN: Verdict("missing", EVIL)})
    hostile = tried("SP101", "open", EVIL)
    for one in (
        report,
        crossed(
            probe_of(replace(hostile, what=EVIL)),
            replace(scan, findings=(odd,), endpoints=(endpoint,), roots=(EVIL,)),
        ),
    ):
        page = Page(as_html(one))
        assert page.errors == []
        assert page.open == []
        assert {tag for tag, _ in page.tags} & {"img", "iframe", "link"} == set()
        assert sum(tag == "script" for tag, _ in page.tags) == 1
        assert not any(name.startswith("on") for _, given in page.tags for name in given)
    text = as_html(report)
    for word in ("confirmed", "refuted", "untested", "Seen only on the server", "until May"):
        assert word in text
    assert re.search(r'class="by">code</span><span class="chip missing">', text)


FOREIGN = {
    "no JSON": "# a page",
    "no report of a scan": "{}",
    "no report of a scan; ": '["stormdoor-report/2"]',
    "'stormdoor-report/9'": '{"schema": "stormdoor-report/9"}',
    "'stormdoor probe'": as_json(probe_of()),
    "without --endpoints": endpoints_as_json(scan_of()),
    "a damaged report": as_json(scan_of("SD101")).replace('"rule_id": "SD101"', '"rule_id": 101'),
    "no JSON: ": "[" * 100_000,
}


@pytest.mark.parametrize("message", FOREIGN)
def test_foreign_files(message: str) -> None:
    """A file that is no report of a scan is named as what it is."""
    with pytest.raises(ScanError, match=re.escape(message)):
        read_scan(FOREIGN[message])


def test_what_was_written_is_read() -> None:
    """A report of a scan survives the way through its file."""
    scan = scan_of("SD101", "SD201")
    assert set(read_scan(as_json(scan)).findings) == set(scan.findings)
    assert read_scan(as_json(scan)).endpoints[0].paths == scan.endpoints[0].paths
