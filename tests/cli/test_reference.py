"""The page about the command line is what `--help` prints."""

import re

import pytest

from tests.support.cli_reference import PAGE, commands, help_of, reference

COMMANDS = [one for one in commands() if one[1:]]


def test_page_is_up_to_date() -> None:
    """If this fails, run `python -m tests.support.cli_reference` and commit the page."""
    page = PAGE.read_text(encoding="utf-8")
    assert reference(page) == page


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_argument_is_explained(command: tuple[str, ...]) -> None:
    """Each command says what it does, and each of its arguments and options what it is."""
    text = help_of(command)
    assert re.match(r"Usage: .*\n\n\w", text)
    for line in text.splitlines():
        if line.startswith("│ ") and re.match(r"│ [* ]*(?:--?\w|[A-Z]+ )", line):
            assert re.search(r"\S  +\S+ \S+ ", line), f"{' '.join(command)}: {line}"
