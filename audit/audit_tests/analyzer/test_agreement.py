"""The next engine answers the programs of the table: not fewer than before, and those of its design."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit_tests.analyzer.agreement import FLOORS, LINES, count, judged, read_floors
from audit_tests.auditor.programs.table import read_program
from audit_tests.auditor.sources import write
from audit_tests.project import REPOSITORY

PAPER = [one for one in LINES if one.group.startswith("paper-")]


def test_the_programs_of_the_design_are_answered_as_on_paper(tmp_path: Path) -> None:
    """All programs that the design solves on paper have the answer of the paper."""
    found = count(judged((one.id for one in PAPER), tmp_path), PAPER)
    assert sum(found.values()) == len(PAPER) == 80


@pytest.mark.extended
def test_no_group_has_fewer_right_answers_than_before(tmp_path: Path) -> None:
    """The agreement of each group may only rise, and no program ends the scan or is left out."""
    results = judged((one.id for one in LINES), tmp_path)
    assert {name: one.gaps for name, one in results.items() if one.gaps} == {}
    found, floors = count(results, LINES), read_floors()
    assert {name: found.get(name, 0) for name in floors if found.get(name, 0) < floors[name]} == {}
    assert found == floors, f"raise {FLOORS.name}: python -m audit_tests.analyzer.agreement"


@pytest.mark.extended
def test_the_seed_of_hashes_changes_no_verdict(tmp_path: Path) -> None:
    """The order of sets, which a seed decides, is in no answer."""
    names = [one.id for one in LINES if one.group in {"authentication", "origin"}]
    for name in names:
        write(tmp_path / name, read_program(name))
    outputs = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-P", "-c", _ANSWERS],
            input="\n".join(str(tmp_path / name) for name in names),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            cwd=REPOSITORY,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) > len(names) / 2


_ANSWERS = """
import sys
from pathlib import Path
from stormdoor_audit.analyzer.scanner import scan_files
for line in sys.stdin.read().split("\\n"):
    folder = Path(line)
    for one in scan_files(folder, sorted(folder.rglob("*.py"))).endpoints:
        print(folder.name, one.subject, one.authentication, one.origin)
"""
