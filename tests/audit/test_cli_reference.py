"""The page about the command line is what `--help` prints."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.cli_reference import PAGE, STORED, commands, help_of, reference, stored

# One worker prints the help of each command once.
pytestmark = pytest.mark.xdist_group("cli-reference")

COMMANDS = [one for one in commands() if one[1:]]


def test_page_is_up_to_date() -> None:
    """If this fails, run `python -m tests.support.cli_reference` and commit the page."""
    page = PAGE.read_text(encoding="utf-8")
    assert reference(page) == page


@pytest.mark.parametrize("program", STORED)
def test_stored_help_is_up_to_date(program: str) -> None:
    """If this fails, run `python -m tests.support.cli_reference` and commit the files."""
    assert STORED[program].read_text(encoding="utf-8") == stored(program)


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("stormdoor.cli.main", "roles"),
        ("stormdoor.cli.main", "scan"),
        ("stormdoor_audit.cli.main", "probe"),
    ],
)
def test_help_is_stored_at_its_width(module: str, command: str) -> None:
    """The stored page is printed without the library that renders it; a narrow terminal gets its own."""

    def printed(columns: str, before: str) -> str:
        script = f"import sys; {before}; from {module} import run; sys.exit(run(['{command}', '--help']))"
        return subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "COLUMNS": columns, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout

    wide = printed("80", "sys.modules['cyclopts'] = None")
    assert 60 < max(map(len, wide.splitlines())) <= 80
    assert max(map(len, printed("60", "pass").splitlines())) <= 60


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_argument_is_explained(command: tuple[str, ...]) -> None:
    """Each command says what it does, and each of its arguments and options what it is."""
    text = help_of(command)
    assert re.match(r"Usage: .*\n\n\w", text)
    for line in text.splitlines():
        if line.startswith("│ ") and re.match(r"│ [* ]*(?:--?\w|[A-Z]+ )", line):
            assert re.search(r"\S  +\S+ \S+ ", line), f"{' '.join(command)}: {line}"
