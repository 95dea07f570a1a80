"""Write docs/reference/cli.md and the stored help of both commands: `python -m tests.support.cli_reference`.

A test fails while a page says something else than the commands.
"""

import contextlib
import functools
import io
import os
from collections.abc import Iterator
from unittest import mock

from cyclopts import App

from stormdoor.cli.app import app
from stormdoor.cli.audit import COMMANDS
from stormdoor.cli.main import run
from stormdoor.cli.stored_help import PAGES
from stormdoor_audit.cli.app import app as audit_app
from stormdoor_audit.cli.main import run as run_audit
from stormdoor_audit.cli.stored_help import PAGES as AUDIT_PAGES
from tests.support.project import ROOT

__all__ = ["PAGE", "STORED", "commands", "help_of", "reference", "stored"]

PAGE = ROOT / "docs" / "reference" / "cli.md"

STORED = {"stormdoor": PAGES, "stormdoor-audit": AUDIT_PAGES}
"""The file with the help of each program."""

_MARK = "<!-- What follows is written by `python -m tests.support.cli_reference`. -->"


def commands() -> Iterator[tuple[str, ...]]:
    """Every command of both packages, by the words that call it."""
    yield from _below(app, ("stormdoor",))
    yield from _below(audit_app, ("stormdoor-audit",))


def _below(within: App, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    for name in sorted(within):
        if not name.startswith("-") and (within is audit_app or name not in COMMANDS):
            yield from _below(within[name], (*path, name))


@functools.cache
def help_of(command: tuple[str, ...]) -> str:
    """Return the output of `--help` at 80 columns, without colours; rendered, not the stored one."""
    printed = io.StringIO()
    plain = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed):
        program = run_audit if command[0] == "stormdoor-audit" else run
        assert program([*command[1:], "--help"]) == 0
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def reference(page: str) -> str:
    """The page, with its second half written anew."""
    head = page.split(_MARK, maxsplit=1)[0].rstrip()
    parts = [head, _MARK]
    for command in commands():
        level = "##" if len(command) < 3 else "###"
        parts.append(f"{level} {' '.join(command)}\n\n```text\n{help_of(command)}\n```")
    return "\n\n".join(parts) + "\n"


def stored(program: str) -> str:
    """Return the file with the help of each command of a program."""
    return "".join(
        f"\f{' '.join(command[1:])}\n{help_of(command)}\n"
        for command in commands()
        if command[0] == program
    )


if __name__ == "__main__":
    PAGE.write_text(reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, file in STORED.items():
        file.write_text(stored(name), encoding="utf-8")
