"""One fault, one finding: inherited lines, and lines on which several rules report."""

from pathlib import Path

from audit_tests.auditor.sources import write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

BASE = """
import json
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

class Base(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        call = json.loads(message)
        getattr(self, call["name"])(**call["given"])

class Lamps(Base):
    pass
class Doors(Base):
    pass
class Blinds(Base):
    pass
app = Application([("/lamps", Lamps), ("/doors", Doors), ("/blinds", Blinds)])
"""
CODE = """
import json
from elsewhere import cells
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

class Cells(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        call = json.loads(message)
        eval(call["code"])
        getattr(self, eval(call["name"]))(call)
app = Application([("/cells", Cells)])
"""


def findings_of(folder: Path, text: str) -> list[tuple[str, int, str]]:
    """Rule, line and message of each finding."""
    write(folder, {"app.py": text})
    report = scan([folder], settings=Settings(root=folder, jobs=1))
    return [(one.rule_id, one.location.line, one.message) for one in report.findings]


def test_an_inherited_line_is_reported_once_with_its_endpoints(tmp_path: Path) -> None:
    """Three classes inherit the line; one finding names them."""
    found = [one for one in findings_of(tmp_path, BASE) if one[0] == "SD302"]
    assert [line for _, line, _ in found] == [12]
    assert "Lamps, Doors, Blinds" in found[0][2]


def test_a_line_that_runs_code_is_not_reported_as_dispatch_too(tmp_path: Path) -> None:
    """Code execution is the attack; the missing permission is a part of it."""
    found = findings_of(tmp_path, CODE)
    on_line = {rule for rule, line, _ in found if line == 14}
    assert "SD502" in on_line
    assert not on_line & {"SD301", "SD302", "SD303"}
