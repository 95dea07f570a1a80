"""Writes docs/reference/cli.md from what `--help` prints: `python -m tests.support.cli_reference`.

A test fails while the page says something else than the commands.
"""

import contextlib
import functools
import io
import os
from collections.abc import Iterator
from unittest import mock

from cyclopts import App

from stormdoor.cli.main import app, run
from tests.support.project import ROOT

__all__ = ["PAGE", "commands", "help_of", "reference"]

PAGE = ROOT / "docs" / "reference" / "cli.md"

_MARK = "<!-- What follows is written by `python -m tests.support.cli_reference`. -->"


def commands(within: App = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, by the words that call it."""
    yield path
    for name in sorted(within):
        if not name.startswith("-"):
            yield from commands(within[name], (*path, name))


@functools.cache
def help_of(command: tuple[str, ...]) -> str:
    """Return the output of `--help` at 80 columns, without colours."""
    printed = io.StringIO()
    plain = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed):
        assert run([*command, "--help"]) == 0
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def reference(page: str) -> str:
    """The page, with its second half written anew."""
    head = page.split(_MARK, maxsplit=1)[0].rstrip()
    parts = [head, _MARK]
    for command in commands():
        name = " ".join(("stormdoor", *command))
        level = "##" if len(command) < 2 else "###"
        parts.append(f"{level} {name}\n\n```text\n{help_of(command)}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
