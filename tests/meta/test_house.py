"""The measures of the house hold: files that a handshake and a message execute."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
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
