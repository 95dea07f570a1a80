"""What a client chooses stays its own through `*` and `**`."""

from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

DOOR = """
import os
from dataclasses import dataclass

def run(kind, program="ls", *, place="."):
    os.system(program)

def runs(**words):
    os.system(words["program"])

class Job:
    def __init__(self, program="ls"):
        self.program = program

@dataclass
class Order:
    kind: str
    program: str

class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        {}
    def do_run(self, program="ls"):
        os.system(program)

app = Application([(r'/door', Door)])
"""

CHOSEN = {
    "words": "run(**data)",
    "words behind one that is given": "run('x', **data)",
    "words into words": "runs(**data)",
    "words of an argument": "self.do_run(**data.get('args', {}))",
    "words made": "runs(**dict(data))",
    "words of a dictionary in a dictionary": "runs(**{'kind': 'x', **data})",
    "places": "run(*data)",
    "places behind one that is given": "run('x', *data['args'])",
    "a method by name": "getattr(self, 'do_' + data['type'])(**data['args'])",
    "a class": "os.system(Job(**data).program)",
    "a record": "os.system(Order(**data).program)",
}
OTHER = {
    "given": "run(data['kind'], program='ls')",
    "given beside words": "run(**data, program='ls')",
    "words that stand here": "run(**{'kind': data['kind'], 'program': 'ls'})",
    "the rest of it": "os.system(Order(program='ls', **data).program)",
    "words of a setting": "runs(**self.settings['job'])",
}


@pytest.mark.parametrize("call", CHOSEN.values(), ids=CHOSEN)
def test_is_found(call: str, tmp_path: Path) -> None:
    """The client chooses the program."""
    assert _found(call, tmp_path)


@pytest.mark.parametrize("call", OTHER.values(), ids=OTHER)
def test_is_silent(call: str, tmp_path: Path) -> None:
    """The program stands in the source."""
    assert not _found(call, tmp_path)


def _found(call: str, place: Path) -> list[str]:
    write(place, {"app.py": HEAD + DOOR.replace("{}", call, 1)})
    report = scan([place], settings=Settings(root=place, jobs=1, select=("SD505",)))
    return [one.message for one in report.findings]
