"""Bases that are known although nobody has read them."""

from pathlib import Path

from stormdoor.auditor.scanning.engine import scan
from stormdoor.auditor.scanning.settings import Settings
from tests.auditor.sources import write

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
