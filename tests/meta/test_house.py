"""The measures of the house hold: files that a handshake and a message execute, and lines of code."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from types import ModuleType

from tests.support.project import PACKAGE, ROOT

PAGE = (ROOT / "docs" / "explanation" / "house.md").read_text("utf-8")
MOST = {"decision": 20, "handshake": 40, "message": 9}


@cache
def _files() -> dict[str, list[str]]:
    """The files of each path by `bench/files.py`, from a process of its own: nothing else runs there."""
    done = subprocess.run(
        [sys.executable, "bench/files.py", "--names"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, list[str]] = {}
    for path, names in re.findall(r"^(\w+): \d+ files\n((?:  .*\n)*)", done.stdout, re.MULTILINE):
        found[path] = names.split()
    return found


def test_a_handshake_and_a_message_execute_few_files() -> None:
    """A reader who follows a path opens these files. A lower figure is written down at once."""
    found = {path: len(names) for path, names in _files().items()}
    assert found == MOST, json.dumps(found)


def test_the_page_lists_the_files_of_a_handshake() -> None:
    """Each file of a handshake is named once, those of the decision in the second table."""
    adapter, decision = (
        re.findall(r"^\| `(\S+\.py)` \|", part, re.MULTILINE)
        for part in PAGE.partition("### The adapter")[2].split("### The decision")
    )
    assert sorted(decision) == _files()["decision"]
    assert sorted(adapter + decision) == _files()["handshake"]


def test_the_page_states_these_figures() -> None:
    """The page and the limits above are the same numbers."""
    for path, most in MOST.items():
        assert re.search(rf"^\| {path}[^|]*\| {most} \|", PAGE, re.MULTILINE), path


def _lines() -> ModuleType:
    """The script `bench/lines.py`, as a module."""
    spec = importlib.util.spec_from_file_location("bench_lines", ROOT / "bench" / "lines.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_states_the_lines_of_each_folder() -> None:
    """The table of lines is the one that the script makes of the source code now."""
    script = _lines()
    figures = script.count()
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(figures) == folders | {"modules"}
    assert script.render(PAGE, figures) == PAGE, "run: python bench/lines.py --write"


def test_only_code_is_counted() -> None:
    """Docstrings, comments and empty lines are no code; each line of a statement is."""
    text = '"""Module."""\n\nx = (  # why\n    1,\n)\n\n\ndef f():\n    """Do."""\n    return x\n'
    assert _lines().code_lines(text) == 5


def test_figures_are_rounded() -> None:
    """Hundreds for a folder, thousands for all: few commits change them."""
    shown = _lines().table({"core": 4581, "modules": 356})
    assert shown.splitlines()[2:] == [
        "| `core` | 4,600 |",
        "| modules beside the folders | 400 |",
        "| all | 5,000 |",
    ]
