"""A scan counts its work in steps: it ends on any project, and says the same on each machine."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.reading.budget import Budget, OverBudget
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.auditor.scanning.engine import prepare, scan
from stormdoor_audit.auditor.scanning.running import run_rules
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check

_EVENTS = 40
_FILES = 300
_ROOM = """
class People:
    here = {{}}

class Room{number}(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.name = data["name"]
        if self.name not in People.here:
            People.here[self.name] = set()
{joins}
"""
_OTHER = """\
# websocket
from app import People
LISTED{number} = {{}}
def names{number}():
    return [one.name for one in People.here]
def fill{number}(key):
    LISTED{number}[key] = [one for one in range(3) for two in range(4)]
"""


def _large(folder: Path, files: int) -> None:
    """Many files that name the table of a handler, and a handler with many events."""
    joins = "\n".join("        People.here[self.name].add(self)" for _ in range(_EVENTS))
    rooms = "".join(_ROOM.format(number=at, joins=joins) for at in range(3))
    routes = ", ".join(f'(r"/{at}", Room{at})' for at in range(3))
    text = f"{HEAD}import json\nfrom tornado.web import Application\n{rooms}\nAPP = Application([{routes}])\n"
    write(
        folder, {"app.py": text, **{f"m{at}.py": _OTHER.format(number=at) for at in range(files)}}
    )


def _steps(folder: Path) -> list[int]:
    """The steps that each endpoint takes."""
    scene = prepare([folder], settings=Settings(root=folder, jobs=1))
    spent: list[int] = []
    budget = scene.project.budget
    begin = Budget.begin

    def note(self: Budget, most: int | None) -> None:
        if self is budget and most is None and self.most is not None:
            spent.append(self.spent)
        begin(self, most)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Budget, "begin", note)
        run_rules(scene, RULES, None)
    return spent[: len(scene.endpoints)]


def test_files_are_searched_once_and_not_for_each_event(tmp_path: Path) -> None:
    """Three hundred files with the table cost a handler of forty events a few searches, not forty."""
    (tmp_path / "small").mkdir()
    (tmp_path / "large").mkdir()
    _large(tmp_path / "small", 3)
    _large(tmp_path / "large", _FILES)
    small, large = _steps(tmp_path / "small"), _steps(tmp_path / "large")
    assert len(small) == len(large) == 3
    assert all(one > 0 for one in small)
    assert max(large) - max(small) < _FILES * _EVENTS / 2


def test_the_same_steps_whatever_was_judged_before(tmp_path: Path) -> None:
    """What an earlier endpoint searched for costs the next one as much as if it were the first."""
    _large(tmp_path, 20)
    forward = _steps(tmp_path)
    assert max(forward) - min(forward) <= len(forward)


_PAGE = """
import secrets
from tornado.web import RequestHandler
from making import new_session

SESSIONS = {}

class Page(RequestHandler):
    def get(self):
        sid = secrets.token_hex(16)
        SESSIONS[sid] = new_session()
        self.set_cookie("sid", sid)
"""
_MAKING = """
def new_session():
    return {"user": None}
"""
_SOCKET = f"""{HEAD}
from page import SESSIONS

class Socket(WebSocketHandler):
    def prepare(self):
        if SESSIONS.get(self.get_cookie("sid")) is None:
            raise HTTPError(403)
"""


def test_the_same_files_whatever_was_judged_before(tmp_path: Path) -> None:
    """The page and the other socket may fill the table: they are followed once, and count for both."""
    write(tmp_path, {"page.py": _PAGE, "making.py": _MAKING, "one.py": _SOCKET, "two.py": _SOCKET})
    one, two = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1)).endpoints
    assert one.files == two.files == ("making.py", "one.py", "page.py", "two.py")


_BESIDE = f"""{HEAD}
from rights import may

ROOMS = {{}}

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class First(Base):
    def on_message(self, message):
        room = ROOMS[json.loads(message)["room"]]
        room["open"] = False

class Second(Base):
    def on_message(self, message):
        room = ROOMS[json.loads(message)["room"]]
        if may(self.current_user, room):
            room["open"] = True
"""
_RIGHTS = """
def may(user, room):
    return room["owner"] == user
"""


def test_the_same_steps_and_files_in_each_order(tmp_path: Path) -> None:
    """The handler of comparison is the same in each order of judgement."""
    write(
        tmp_path,
        {"doors.py": _BESIDE.replace("import", "import json\nimport", 1), "rights.py": _RIGHTS},
    )
    seen = []
    for turned in (False, True):
        scene = prepare([tmp_path], settings=Settings(root=tmp_path, jobs=1))
        scene.endpoints.sort(key=lambda endpoint: endpoint.subject, reverse=turned)
        outcome = run_rules(scene, RULES, None)
        seen.append({one.subject: one.files for one in outcome.endpoints})
    assert seen[0] == seen[1]
    assert seen[0]["doors.First"] == ("doors.py", "rights.py")


def test_a_search_costs_the_same_again(tmp_path: Path) -> None:
    """The index counts each file that it gives, and what is over the budget is not found out."""
    write(tmp_path, {"one.py": f"{HEAD}class One(WebSocketHandler):\n    pass\n"})
    project: Project = prepare([tmp_path], settings=Settings(root=tmp_path, jobs=1)).project
    costs = []
    for _ in range(2):
        project.budget.begin(100)
        assert [one.name for one in project.naming("One")] == ["one"]
        assert [one.name for one in project.speaking("Handler")] == ["one"]
        costs.append(project.budget.spent)
    assert costs[0] == costs[1] > 0
    project.budget.begin(1)
    with pytest.raises(OverBudget):
        list(project.speaking("Handler")) + list(project.naming("One"))


def test_an_endpoint_beyond_its_budget_is_not_analysed(tmp_path: Path) -> None:
    """It is never called guarded, and the others are judged."""
    long = "".join(
        f"        if self.get_argument('a{at}'):\n            x = {at}\n" for at in range(30)
    )
    text = (
        f"{HEAD}class Long(WebSocketHandler):\n    def open(self):\n{long}"
        "class Short(WebSocketHandler):\n    pass\n"
    )
    write(tmp_path, {"app.py": text})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, steps=400))
    (gap,) = report.coverage.not_analysed
    assert gap.reason.startswith("app.Long: the analysis takes more than 400 steps")
    states = {one.subject: one.verdict(Check.AUTHENTICATION).state for one in report.endpoints}
    assert states == {"app.Long": "unknown", "app.Short": "missing"}


def test_the_same_report_for_each_seed_and_number_of_processes(tmp_path: Path) -> None:
    """Neither the order of sets nor that of the work decides anything."""
    _large(tmp_path, 12)
    shown = set()
    for seed, jobs in (("0", "1"), ("1", "2"), ("2", "2")):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from stormdoor_audit.cli.main import main; main()",
                *("scan", "--format", "json", "--isolated", "--no-cache", "--jobs", jobs, "."),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        shown.add(re.sub(r'"(started|seconds)": [^\n]*', "", done.stdout))
    assert len(shown) == 1


def test_no_clock_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine on which hours pass between two instructions, a scan says the same."""
    _large(tmp_path, 3)
    settings = Settings(root=tmp_path, jobs=1)
    before = scan([tmp_path], settings=settings)
    now = iter(range(0, 10**9, 3600))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))
    after = scan([tmp_path], settings=settings)
    assert replace(after, started="", seconds=0.0) == replace(before, started="", seconds=0.0)


def test_a_file_is_parsed_only_if_it_can_import_the_handler(tmp_path: Path) -> None:
    """A word that is also the name of a handler elsewhere is no reason to parse a file."""
    write(
        tmp_path,
        {
            "chat/__init__.py": "from .doors import Server\n",
            "chat/doors.py": f"{HEAD}class Server(WebSocketHandler):\n    pass\n",
            "chat/near.py": "from . import Server\nclass Near(Server):\n    pass\n",
            "own/__init__.py": "",
            "own/far.py": "from chat import Server\nclass Far(Server):\n    pass\n",
            "own/again.py": "from own.far import Server\nclass Again(Server):\n    pass\n",
            "other/words.py": "class Server:\n    pass\n# and a type, for type.__subclasses__()\n",
        },
    )
    scene = prepare([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert {one.info.name for one in scene.endpoints} >= {"Near", "Far", "Again"}
    assert "words.py" not in {one.file.name for one in scene.project.modules.values()}
