"""Names of handlers: programs that are scanned together may have classes of the same name."""

import json
from pathlib import Path

import pytest

from audit_tests.auditor.sources import write
from audit_tests.report.sarif_schema import faults
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.as_sarif import as_sarif
from stormdoor_audit.report.finding import Report

DOOR = """
from tornado.websocket import WebSocketHandler

class Door(WebSocketHandler):
    def check_origin(self, origin):
        return True
    def on_message(self, message):
        eval(message)
"""
PAGE = """<script>
if (password === "letmein") { s = new WebSocket("/door?token=" + t) }
</script>
"""
PROGRAMS = {
    "in folders": ({"first-app/server.py": DOOR, "second-app/server.py": DOOR}, ("",)),
    "in folders of folders": ({"a/v1.0/server.py": DOOR, "a/v1.1/server.py": DOOR}, ("",)),
    "in roots": ({"one/server.py": DOOR, "two/server.py": DOOR}, ("one", "two")),
    "pages": ({"one/x.html": PAGE, "two/x.html": PAGE, "one/server.py": DOOR}, ("",)),
}


def _scanned(folder: Path, files: dict[str, str], roots: tuple[str, ...]) -> Report:
    write(folder, files)
    return scan([folder / one for one in roots], settings=Settings(root=folder, jobs=1))


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_told_apart(tmp_path: Path, name: str) -> None:
    """Each has a name of its own in findings, in fingerprints and in SARIF, which is valid."""
    report = _scanned(tmp_path, *PROGRAMS[name])
    places = {(one.subject, one.location.path) for one in report.findings}
    assert len({path for _, path in places}) == len(PROGRAMS[name][0])
    assert len({subject for subject, _ in places}) == len(places)
    names = [one.fingerprint for one in report.findings]
    assert len(set(names)) == len(names)
    document = json.loads(as_sarif(report))
    assert not faults(document)
    logical = {
        (
            where["fullyQualifiedName"],
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        )
        for one in document["runs"][0]["results"]
        for where in one["locations"][0]["logicalLocations"]
    }
    assert logical == places


def test_a_fingerprint_survives_moved_lines(tmp_path: Path) -> None:
    """What stands above a handler, or how it is spaced, does not change what its findings are called."""
    before = _scanned(tmp_path, {"an-app/server.py": DOOR}, ("",))
    moved = DOOR.replace("class Door", "X = 1\n\n\nclass Door").replace("(message)", "( message )")
    after = _scanned(tmp_path, {"an-app/server.py": moved}, ("",))
    assert before.findings
    assert [one.fingerprint for one in after.findings] == [
        one.fingerprint for one in before.findings
    ]
    assert [one.location.line for one in after.findings] != [
        one.location.line for one in before.findings
    ]
