"""The targets that `.ci/run` runs select every test together, and `make test` prints what it leaves out."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.extended import MARK, SAMPLED, check_texts, is_left_out, selects
from tests.support.installing import MARK as INSTALLS
from tests.support.project import ROOT

pytest_plugins = ["pytester"]

_MARKS = (INSTALLS, MARK)
_FILES = {
    "plain": "def test_one(): ...",
    "extended": "pytestmark = pytest.mark.extended",
    "installs, in a list": "pytestmark = [\n    pytest.mark.slow,\n    pytest.mark.installs,\n]",
    "some installs": "@pytest.mark.installs\ndef test_one(): ...",
    "sampled": "pytestmark = pytest.mark.sampled(8)",
    "properties": "from hypothesis import given\n\npytestmark = pytest.mark.extended",
}
_TEST = "not (installs or extended)"
_EXTENDED = "extended and not installs"
_BEYOND = "installs or extended"


def _commands(target: str) -> str:
    # `make --dry-run test` would run its recipe, because it contains $(MAKE).
    target = "unit" if target == "test" else target
    # Not with the options and variables of the make that runs this test.
    own = {name: text for name, text in os.environ.items() if "MAKE" not in name and name != "ARGS"}
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.replace("\\\n", " ")


def _targets() -> list[str]:
    return re.findall(
        r"^make --no-print-directory (\S+)", (ROOT / ".ci/run").read_text(), re.MULTILINE
    )


def _expressions(commands: str) -> list[str]:
    """The expressions of marks of each pytest that runs all folders."""
    lines = [
        line for line in commands.splitlines() if "-m pytest" in line and "auditor" not in line
    ]
    found = [re.search(r" -m (?:'([^']+)'|(\w+))", line.partition("pytest")[2]) for line in lines]
    return [one[1] or one[2] for one in found if one is not None]


def test_each_test_is_run_by_a_target_of_ci() -> None:
    """A test with any of the marks, with all of them or with none is selected by a target."""
    assert "auditor" in _targets()
    left_out = re.findall(r"--ignore=(\S+)", (ROOT / ".ci/run").read_text())
    assert left_out == [_commands("auditor").split("loadgroup ")[1].split()[0]]
    expressions = [one for target in _targets() for one in _expressions(_commands(target))]
    assert {_TEST, _BEYOND} <= set(expressions)
    assert _expressions(_commands("test-installs")) == [INSTALLS]
    assert _expressions(_commands("test-extended")) == [_EXTENDED]
    for size in range(len(_MARKS) + 1):
        for marks in itertools.combinations(_MARKS, size):
            assert any(selects(one, marks) for one in expressions), marks
            parts = [selects(one, marks) for one in (INSTALLS, _EXTENDED)]
            assert selects(_BEYOND, marks) is any(parts), marks


def test_make_test_prints_the_target_of_each_mark() -> None:
    """The result names the command that runs what is left out."""
    shown = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(
        r"^test: lint.*?\$\(MAKE\) --no-print-directory unit ", shown, re.DOTALL | re.MULTILINE
    )
    for target in ("test-installs", "test-extended", "types", "fuzz"):
        assert re.search(rf"^ .*echo '.*: make {target}'", shown, re.MULTILINE), target
        assert target in _targets() or target.startswith("test-")


@pytest.mark.parametrize(
    ("expression", "left_out"),
    [
        (_TEST, {"extended", "installs, in a list", "properties"}),
        (_EXTENDED, {"plain", "installs, in a list", "some installs"}),
        (INSTALLS, {"plain", "extended", "sampled", "properties"}),
        (_BEYOND, {"plain"}),
        ("slow", set()),
        ("hypothesis", set(_FILES) - {"properties"}),
    ],
)
def test_a_file_without_a_selected_test_is_not_imported(
    expression: str, left_out: set[str], tmp_path: Path
) -> None:
    """Only where its text leaves no doubt."""
    found = set()
    for number, (name, text) in enumerate(_FILES.items()):
        (file := tmp_path / f"test_{number}.py").write_text(
            f"import pytest\n\n{text}\n", encoding="utf-8"
        )
        if is_left_out(expression, file):
            found.add(name)
    assert found == left_out


def test_a_sample_and_the_rest_are_all_tests(pytester: pytest.Pytester) -> None:
    """One in four of a class and of the cases of a function runs, at least one; the others are extended."""
    pytester.makeconftest(
        "from tests.support.extended import extend_beyond_samples\n"
        "import pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_collection_modifyitems(items):\n"
        "    extend_beyond_samples(items)\n"
    )
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.mark.sampled(4)\n"
        "class TestA:\n"
        "    def test_one(self): ...\n"
        "    def test_two(self): ...\n"
        "@pytest.mark.sampled(4)\n"
        "@pytest.mark.parametrize('number', range(12))\n"
        "def test_numbers(number): ...\n"
        "def test_other(): ...\n"
    )
    plain = ("-p", "no:cacheprovider")
    pytester.runpytest_inprocess(*plain, "-m", _TEST).assert_outcomes(passed=5, deselected=10)
    pytester.runpytest_inprocess(*plain, "-m", _EXTENDED).assert_outcomes(passed=10, deselected=5)


def test_a_mark_that_the_file_does_not_name_is_refused(pytester: pytest.Pytester) -> None:
    """A target that reads the text of files would miss the test."""
    item = pytester.getitem("def test_one(): ...", "test_one")
    check_texts([item])
    for mark in (MARK, "hypothesis"):
        item = pytester.getitem("def test_one(): ...", "test_one")
        item.add_marker(mark)
        with pytest.raises(pytest.UsageError, match=rf"write pytest\.mark\.{mark}"):
            check_texts([item])
    assert SAMPLED != MARK
