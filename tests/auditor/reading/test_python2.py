"""Text of Python 2 is read, not skipped: old applications run, too."""

import ast
from pathlib import Path

import pytest

from stormdoor.auditor.reading.python2 import modernised
from tests.auditor.sources import scene_of

SPELLINGS = {
    'print "a %s" % b, c': 'print("a %s" % b, c)',
    "print": "print()",
    'if x: print "y"': 'if x: print("y")',
    'print >>f, "a", b': 'print("a", b, file=f)',
    "print(a, b)": "print(a, b)",
    "printer = 1": "printer = 1",
    "raise E, 'no'": "raise E('no')",
    "exec code in names": "exec(code, names)",
    "x = 0777 + 10L": "x = 0o777 + 10",
    "x = `y` <> 'a <> b'": "x = repr(y) != 'a <> b'",
    "x = ur'a'": "x = r'a'",
    "call(async=True)": "call(async_=True)",
    "a; print 'b; c'  # d": "a; print('b; c')  # d",
    "x = '''\nprint y\n'''": "x = '''\nprint y\n'''",
    "print 'a' + (\n    b)": "print('a' + (\n    b))",
}


@pytest.mark.parametrize("old", SPELLINGS)
def test_a_spelling(old: str) -> None:
    """What Python 2 writes differently is rewritten, nothing else, and no line moves."""
    new = modernised(old)
    assert new == SPELLINGS[old]
    ast.parse(new)
    assert new.count("\n") == old.count("\n")


def test_the_handler_of_an_old_application_is_judged(tmp_path: Path) -> None:
    """An endpoint in Python 2 is an endpoint."""
    old = """
        from tornado import web, websocket
        class Door(websocket.WebSocketHandler):
            def check_origin(self, origin):
                return True
            def on_message(self, message):
                try:
                    print "got", message
                    room.say(message)
                except ValueError, error:
                    print error
        web.Application([(r"/door", Door)])
        """
    scene = scene_of(tmp_path, {"app.py": old})
    (endpoint,) = scene.endpoints
    assert endpoint.info.name == "Door"
    assert endpoint.authentication.kind == "missing"
    assert endpoint.origins.kind == "open"


def test_what_is_no_python_at_all_is_still_reported(tmp_path: Path) -> None:
    """The reason is the parser's, about the text as it stands."""
    scene = scene_of(tmp_path, {"app.py": "from tornado.websocket import (\nclass def\n"})
    assert not scene.endpoints
