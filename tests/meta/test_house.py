"""The measures of the house hold: files that a handshake and a message execute."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "house.md").read_text("utf-8")
MOST = {"decision": 20, "handshake": 41, "message": 9}


def _files() -> dict[str, int]:
    """The figures of `bench/files.py`, from a process of its own: nothing else runs there."""
    done = subprocess.run(
        [sys.executable, "bench/files.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {
        path: int(count)
        for path, count in re.findall(r"^(\w+): (\d+) files$", done.stdout, re.MULTILINE)
    }


def test_a_handshake_and_a_message_execute_few_files() -> None:
    """A reader who follows a path opens these files. A lower figure is written down at once."""
    found = _files()
    assert found == MOST, json.dumps(found)


def test_the_page_states_these_figures() -> None:
    """The page and the limits above are the same numbers."""
    for path, most in MOST.items():
        assert re.search(rf"^\| {path}[^|]*\| {most} \|", PAGE, re.MULTILINE), path
