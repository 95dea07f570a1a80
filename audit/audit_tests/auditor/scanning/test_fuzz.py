"""The whole scanner on programs that chance has changed: no crash, no hang, nothing left out, the same twice.

`make fuzz` runs it for long.
"""

import ast
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit_tests.auditor.mutating import HEAD, HOSTILE, pool, projects
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Report

POOL = pool()
MOST = 12_000_000
"""Calls of functions that a scan of three small files may make."""
FEW = 12
LONG = settings.get_current_profile_name() == "fuzz"


class TooMuch(BaseException):
    """The scan does not seem to come to an end."""


@contextmanager
def _bounded(most: int = MOST) -> Iterator[None]:
    """Counts work in calls: a busy machine makes as many as an idle one."""
    left = most

    def count(frame: FrameType, what: str, _: object) -> None:
        nonlocal left
        if what == "call":
            left -= 1
            if left < 0:
                raise TooMuch(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


def _scanned(folder: Path) -> Report:
    with _bounded():
        return scan([folder], settings=Settings(root=folder, jobs=1))


def _parses(content: bytes | str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _check(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).write_bytes(text.encode("utf-8", "surrogatepass"))
        report = _scanned(folder)
        again = _scanned(folder)
    assert replace(again, started="", seconds=0.0) == replace(report, started="", seconds=0.0)
    tripped = [one for one in report.coverage.not_analysed if "failed here" in one.reason]
    assert all(one.reason.endswith("RecursionError") for one in tripped), tripped
    assert report.coverage.files == len(files)
    unread = {one.path for one in report.coverage.not_analysed if one not in tripped}
    unread -= {one.path for one in report.coverage.not_analysed if ": more ways" in one.reason}
    for path, text in files.items():
        content = text.encode("utf-8", "surrogatepass")
        if _parses(content):
            assert path not in unread
        else:
            assert path in unread


def test_work_is_counted(tmp_path: Path) -> None:
    """A scan that makes more calls than it may is stopped: the bound of the tests below can be met."""
    (tmp_path / "one.py").write_text(HEAD + HOSTILE["a property of itself"], encoding="utf-8")
    with pytest.raises(TooMuch), _bounded(1000):
        scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", HOSTILE)
def test_difficult_programs(name: str) -> None:
    """Classes, decorators, properties and names that need themselves, and choices without an end."""
    _check({"one.py": HEAD + HOSTILE[name]})


@settings(max_examples=settings().max_examples if LONG else FEW)
@given(seed=st.integers(min_value=0, max_value=2**32))
@example(seed=0)
def test_changed_programs(seed: int) -> None:
    """Real files after changes of their bytes, tokens, lines, names and syntax trees."""
    chance = random.Random(seed)
    _check(dict(projects(chance, POOL)))
