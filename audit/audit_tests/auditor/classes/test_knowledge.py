"""Known bases of handlers in packages that the scan did not read."""

from pathlib import Path

from audit_tests.auditor.sources import write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check

SERVER = """
import elsewhere
from stormdoor import GuardedHandler
from tornado.websocket import WebSocketHandler

class Door(GuardedHandler): pass
class Other(elsewhere.Base, WebSocketHandler):
    def on_message(self, message):
        eval(message)
"""


def test_stormdoor_need_not_be_there(tmp_path: Path) -> None:
    """`GuardedHandler` is known: that it was not read leaves nothing open; another base's absence does."""
    write(tmp_path, {"server.py": SERVER})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert {one.subject for one in report.endpoints} == {"server.Door", "server.Other"}
    assert [one.what for one in report.coverage.unresolved] == [
        "base elsewhere.Base of Other was not read"
    ]


ROUTED = """
from sockjs.tornado import SockJSRouter
from elsewhere import Base, Router
from tornado.web import Application

class Rooms(Base):
    def on_open(self, info): pass
class Others(Base):
    def on_open(self, info): pass
app = Application(SockJSRouter(Rooms, "/rooms").urls + Router(Others, "/others").urls)
"""


def test_what_a_known_router_is_given_is_a_connection(tmp_path: Path) -> None:
    """A known router with an unread base is an endpoint with unknown authentication and a known origin."""
    write(tmp_path, {"server.py": ROUTED})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert [one.subject for one in report.endpoints] == ["server.Rooms"]
    assert report.endpoints[0].verdict(Check.AUTHENTICATION).state == "unknown"
    assert report.endpoints[0].verdict(Check.ORIGIN).state == "missing"
