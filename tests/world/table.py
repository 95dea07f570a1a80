"""The table of `make world`: an application's channel in each row, a check in each column."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.world.application import Application
from tests.world.checks import CHECKS, Outcome, Row
from tests.world.environment import ROOT

__all__ = ["PAGE", "NotInstalled", "Result", "failures", "table", "write_page"]

PAGE = ROOT / "docs" / "reference" / "world.md"
_BEGIN, _END = "% table: world\n", "% end\n"


@dataclass(frozen=True, slots=True)
class NotInstalled:
    """An application that could not be installed, and why."""

    application: Application
    reason: str


Result = Row | NotInstalled


def table(results: Sequence[Result]) -> str:
    """Return the results as a table in Markdown."""
    lines = [_HEAD]
    for one in results:
        lines += _lines(one)
    return "\n".join(lines) + "\n"


_COLUMNS = ["application", *CHECKS, "front"]
_HEAD = "| " + " | ".join(_COLUMNS) + " |\n|" + " --- |" * len(_COLUMNS)


def _lines(one: Result) -> list[str]:
    if isinstance(one, NotInstalled):
        cells = [f"not installed: {one.reason}", *[""] * (len(_COLUMNS) - 2)]
        return [f"| {one.application.name} | " + " | ".join(cells) + " |"]
    name = _versions(one.application)
    shown = f"{name}: {one.channel}" if one.channel else name
    cells = [*(one.cells[check].outcome.value for check in CHECKS), one.front or "–"]
    return [f"| {shown} | " + " | ".join(cells) + " |"]


def _versions(application: Application) -> str:
    asked = (
        "import importlib.metadata as m, platform, sys;"
        "print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]), end=', ');"
        "print('Python', platform.python_version())"
    )
    python = str(application.place / "bin" / "python")
    done = subprocess.run(
        [python, "-c", asked, *application.packages, "tornado"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def failures(results: Sequence[Result]) -> str:
    """Return what was seen in each failed check, or nothing."""
    said = ""
    for one in results:
        if isinstance(one, Row):
            for check, cell in one.cells.items():
                if cell.outcome is Outcome.FAILED:
                    name = f"{one.application.name} {one.application.python}".strip()
                    said += f"\n{name} {one.channel}, {check}:\n{cell.seen}\n"
    return said


def write_page(results: Sequence[Result], known: Mapping[str, Application]) -> None:
    """Replace the rows of these results in the table of the page."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(_BEGIN)
    old, after = rest.split(_END)
    rows = old.strip().splitlines()[2:]
    new: dict[str, list[str]] = {one.application.name: [] for one in results}
    for one in results:
        new[one.application.name] += _lines(one)
    lines = [_HEAD]
    for name, application in known.items():
        kept = [row for row in rows if _is_of(row, application)]
        lines += new.get(name, kept)
    table_of_page = "\n".join(lines)
    PAGE.write_text(f"{before}{_BEGIN}\n{table_of_page}\n\n{_END}{after}", "utf-8")


def _is_of(row: str, application: Application) -> bool:
    """Return whether a row of the page is one of `application`. Several may have the same packages."""
    cell = row.split("|")[1].strip()
    versions, _, channel = cell.partition(": ")
    known = channel in {one.name for one in application.channels}
    return cell == application.name or (
        known and versions.startswith(f"{application.packages[0]} ")
    )
