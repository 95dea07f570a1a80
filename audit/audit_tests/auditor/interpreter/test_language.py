"""What a check is does not hang on the kind of statement or expression that it is written with."""

from pathlib import Path
from textwrap import indent

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check

FRAME = """
from contextlib import suppress
from functools import partial
FLAG = None
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie('user')
    def prepare(self):
{}
    def on_message(self, message):
        self.write_message(message)
"""

CHECKS = {
    "if": "if not self.current_user:\n    raise HTTPError(401)",
    "elif": "if self.request.method == 'PUT':\n    raise HTTPError(405)\n"
    "elif not self.current_user:\n    raise HTTPError(401)",
    "else": "if self.current_user:\n    pass\nelse:\n    raise HTTPError(401)",
    "match": "match self.current_user:\n    case None:\n        raise HTTPError(401)",
    "match class": "match self.current_user:\n    case str():\n        pass\n    case _:\n"
    "        raise HTTPError(401)",
    "while": "while not self.current_user:\n    raise HTTPError(401)",
    "with": "with self.lock:\n    if not self.current_user:\n        raise HTTPError(401)",
    "finally": "try:\n    pass\nfinally:\n    if not self.current_user:\n        raise HTTPError(401)",
    "else of try": "try:\n    x = 1\nexcept ValueError:\n    pass\nelse:\n"
    "    if not self.current_user:\n        raise HTTPError(401)",
    "except and raise": "try:\n    if not self.current_user:\n        raise HTTPError(401)\n"
    "except HTTPError:\n    raise",
    "except another": "try:\n    if not self.current_user:\n        raise HTTPError(401)\n"
    "except KeyError:\n    pass",
    "for": "for name in ('user', 'other'):\n    if not self.get_signed_cookie(name):\n"
    "        raise HTTPError(401)",
    "else of for": "for one in ():\n    pass\nelse:\n    if not self.current_user:\n"
    "        raise HTTPError(401)",
    "walrus": "if not (user := self.current_user):\n    raise HTTPError(401)",
    "is None": "if self.current_user is None:\n    raise HTTPError(401)",
    "equals None": "if self.current_user == None:\n    raise HTTPError(401)",
    "and": "if True and not self.current_user:\n    raise HTTPError(401)",
    "or": "if not self.current_user or FLAG:\n    raise HTTPError(401)",
    "conditional": "user = self.current_user if True else 'all'\nif not user:\n    raise HTTPError(401)",
    "lambda": "ask = lambda: self.current_user\nif not ask():\n    raise HTTPError(401)",
    "inner function": "def ask():\n    if not self.current_user:\n        raise HTTPError(401)\nask()",
    "partial": "def ask(who):\n    if not who:\n        raise HTTPError(401)\n"
    "partial(ask, self.current_user)()",
    "tuple": "user, other = self.current_user, 1\nif not user:\n    raise HTTPError(401)",
    "dictionary": "held = {'user': self.current_user}\nif not held['user']:\n    raise HTTPError(401)",
    "list": "held = [self.current_user]\nif not held[0]:\n    raise HTTPError(401)",
    "attribute": "self.who = self.current_user\nif not self.who:\n    raise HTTPError(401)",
    "bool": "if not bool(self.current_user):\n    raise HTTPError(401)",
    "finish": "if not self.current_user:\n    self.set_status(401)\n    self.finish()\n    return",
    "getattr": "if not getattr(self, 'current_user'):\n    raise HTTPError(401)",
    "annotation": "user: str | None = self.current_user\nif not user:\n    raise HTTPError(401)",
    "from": "try:\n    int('x')\nexcept ValueError as error:\n    raise HTTPError(401) from error"
    "\nif not self.current_user:\n    raise HTTPError(401)",
    "nothing follows return": "if self.current_user:\n    return\nraise HTTPError(401)",
    "default of or": "user = self.current_user or None\nif not user:\n    raise HTTPError(401)",
}

NO_CHECKS = {
    "suppressed": "with suppress(HTTPError):\n    if not self.current_user:\n"
    "        raise HTTPError(401)",
    "except and pass": "try:\n    if not self.current_user:\n        raise HTTPError(401)\n"
    "except HTTPError:\n    pass",
    "bare except": "try:\n    if not self.current_user:\n        raise HTTPError(401)\nexcept:\n    pass",
    "result unused": "self.current_user",
    "after return": "return\nif not self.current_user:\n    raise HTTPError(401)",
    "never": "while False:\n    if not self.current_user:\n        raise HTTPError(401)",
    "empty loop": "for one in ():\n    if not self.current_user:\n        raise HTTPError(401)",
    "broken off": "for one in (1, 2):\n    break\n    if not self.current_user:\n"
    "        raise HTTPError(401)",
    "continued": "for one in (1, 2):\n    continue\n    if not self.current_user:\n"
    "        raise HTTPError(401)",
    "not called": "def ask():\n    if not self.current_user:\n        raise HTTPError(401)",
    "lambda not called": "ask = lambda: self.current_user",
    "another value": "user = self.current_user or 'guest'\nif not user:\n    raise HTTPError(401)",
    "the wrong way": "if self.current_user:\n    raise HTTPError(401)",
    "if False": "if False:\n    if not self.current_user:\n        raise HTTPError(401)",
    "and False": "if not self.current_user and False:\n    raise HTTPError(401)",
    "replaced": "user = self.current_user\nuser = 'guest'\nif not user:\n    raise HTTPError(401)",
    "only logged": "if not self.current_user:\n    print('nobody')",
    "another match": "match 1:\n    case 2:\n        raise HTTPError(401)",
    "match and pass": "match self.current_user:\n    case None:\n        pass\n    case _:\n"
    "        raise HTTPError(401)",
    "or True": "if not (self.current_user or True):\n    raise HTTPError(401)",
}


def _state(top: Path, body: str) -> str:
    write(top, {"app.py": HEAD + FRAME.format(indent(body, " " * 8))})
    (door,) = scan([top], settings=Settings(root=top, jobs=1)).endpoints
    return door.verdict(Check.AUTHENTICATION).state


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_a_check(tmp_path: Path, name: str) -> None:
    """The check stops every unauthenticated client, and the endpoint is guarded."""
    assert _state(tmp_path, CHECKS[name]) == "guarded"


@pytest.mark.parametrize("name", NO_CHECKS)
def test_what_stops_nobody_is_none(tmp_path: Path, name: str) -> None:
    """The code looks like a check and stops no client."""
    assert _state(tmp_path, NO_CHECKS[name]) == "missing"
