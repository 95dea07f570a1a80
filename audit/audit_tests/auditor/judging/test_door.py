"""Handlers behind stormdoor: what the door does is not asked of them, and nothing else is forgiven."""

from pathlib import Path

import pytest

from audit_tests.auditor.sources import write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check

FEED = """
import pickle
from stormdoor import Guard, GuardedHandler, protect
from tornado.web import Application
from tornado.websocket import WebSocketHandler

class Feed(WebSocketHandler):
    def check_origin(self, origin):
        return True
    def on_message(self, message):
        self.write_message(pickle.loads(message))
"""

BEHIND = {
    "the call": 'app = protect(Application([("/feed", Feed)]), guard, "feed:connect")',
    "a name": 'app = Application([("/feed", Feed)])\nprotect(app, guard, "feed:connect")',
    "an attribute": """
class Site:
    def __init__(self):
        self.app = Application([("/feed", Feed)])
        protect(self.app, guard, "feed:connect")
""",
    "a function": """
def make():
    return Application([("/feed", Feed)])
app = protect(make(), guard, "feed:connect")
""",
    "in a coroutine": """
async def make(origin):
    routes = []
    return protect(Application([*routes, ("/feed", Feed)]), guard, "feed:connect")
""",
}

NOT_BEHIND = {
    "nobody calls it": 'app = Application([("/feed", Feed)])',
    "another application": """
app = Application([("/feed", Feed)])
protect(Application([]), guard, "feed:connect")
""",
    "one of two applications": """
first = Application([("/feed", Feed)])
second = Application([("/feed", Feed)])
protect(first, guard, "feed:connect")
""",
    "another function of that name": """
def protect(application, guard, permission):
    return application
app = protect(Application([("/feed", Feed)]), guard, "feed:connect")
""",
}


def _found(folder: Path, text: str) -> tuple[set[str], dict[Check, str]]:
    write(folder, {"app.py": FEED + text})
    report = scan([folder], settings=Settings(root=folder, jobs=1))
    (endpoint,) = report.endpoints
    states: dict[Check, str] = {
        check: verdict.state for check, verdict in endpoint.verdicts.items()
    }
    return {one.rule_id for one in report.findings}, states


@pytest.mark.parametrize("text", BEHIND.values(), ids=BEHIND)
def test_behind_the_door(tmp_path: Path, text: str) -> None:
    """Authentication, origin and limits are the door's; what is done with a message is not."""
    rules, states = _found(tmp_path, text)
    assert not rules & {"SD101", "SD201", "SD602", "SD603", "SD604"}
    assert states[Check.AUTHENTICATION] == states[Check.ORIGIN] == states[Check.LIMITS] == "guarded"
    assert "SD503" in rules


@pytest.mark.parametrize("text", NOT_BEHIND.values(), ids=NOT_BEHIND)
def test_not_behind_it(tmp_path: Path, text: str) -> None:
    """A call that guards something else guards nothing here."""
    rules, states = _found(tmp_path, text)
    assert {"SD101", "SD201", "SD503"} <= rules
    assert states[Check.AUTHENTICATION] == "missing"
