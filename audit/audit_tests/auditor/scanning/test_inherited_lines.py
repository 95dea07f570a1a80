"""A line that several handlers inherit is reported once, with the names of all of them."""

from pathlib import Path

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

SHARED = """
class Base(WebSocketHandler):
    def check_origin(self, origin):
        return True
    def prepare(self):
        if not sessions.verify(self.get_argument("token")):
            raise HTTPError(403)
    def on_message(self, message):
        eval(message)
class First(Base):
    pass
class Second(Base):
    pass
class Third(Base):
    def on_message(self, message):
        room.say(message)
application = Application([("/1", First), ("/2", Second), ("/3", Third)])
"""


def test_an_inherited_line_is_reported_once_with_its_handlers(tmp_path: Path) -> None:
    """The origin check and the token are of all handlers, the eval() of three."""
    write(tmp_path, {"app.py": HEAD + SHARED})
    found = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1)).findings
    handlers = {
        rule: [{one.subject, *one.also} for one in found if one.rule_id == rule]
        for rule in ("SD201", "SD401", "SD502")
    }
    assert handlers == {
        "SD201": [{"app.Base", "app.First", "app.Second", "app.Third"}],
        "SD401": [{"app.Base", "app.First", "app.Second", "app.Third"}],
        "SD502": [{"app.Base", "app.First", "app.Second"}],
    }
    (origin,) = [one for one in found if one.rule_id == "SD201"]
    assert origin.message.endswith(" Other handlers with this line: First, Second, Third.")
