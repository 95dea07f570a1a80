"""Print tables for people and JSON for scripts, without control sequences for the terminal.

Unauthenticated clients choose names, addresses and user agents. None of them may move the cursor, change a
colour or change the direction of writing: each unprintable character is shown as its escape.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from textwrap import fill
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from stormdoor.cli.where import Where

__all__ = [
    "clean",
    "console",
    "day",
    "facts",
    "folded",
    "iso",
    "moment",
    "print_json",
    "print_list",
    "print_result",
    "remark",
    "say",
    "table",
]


def clean(text: str) -> str:
    """Return `text` with every unprintable character written as an escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or error. Without a terminal: 80 columns, no colour."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=False)


def say(text: str = "", *, style: str = "") -> None:
    """Print a line of the result."""
    _print_line(console(), text, style)


def remark(text: str) -> None:
    """Print a line that is not part of the result: on standard error."""
    _print_line(console(stderr=True), text, "dim")


def folded(text: str, width: int) -> str:
    """Return the text with lines of at most `width` characters. A longer word, such as a key, stays whole."""
    if len(text) <= width:
        return text
    return fill(text, width, break_long_words=False, break_on_hyphens=False)


def _print_line(to: Console, text: str, style: str) -> None:
    # A terminal would break the line within a word. A program that reads a pipe gets it in one piece.
    shown = clean(text)
    if to.is_terminal:
        shown = folded(shown, to.width)
    to.print(shown, style=style or None, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON, in ASCII."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def print_result(where: Where, result: object, text: str) -> None:
    """Print the result of a command: as JSON for scripts with `--json`, else as a line of text."""
    if where.json:
        print_json(result)
    else:
        say(text)


_GAP = 3
"""Characters between two columns."""

Cell: TypeAlias = "str | tuple[str, ...] | Text | None"
Found = TypeVar("Found")


def _cell(value: Cell) -> Text:
    from rich.text import Text

    match value:
        case None | "" | ():
            return Text("-", style="dim")
        case str():
            return Text(clean(value))
        case tuple():
            return Text("\n".join(map(clean, value)))
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table. A column that ends in `>` is aligned to the right, one in `!` is not broken.

    A row takes more lines where the terminal is narrow, and no word is broken. If the words do not fit side
    by side, each row becomes a block with a line for each column.

    Args:
        columns: Their names.
        rows: A text is cleaned and shown unchanged; of a tuple, each text on its own line. None is shown as
            a dash.
    """
    from rich import box
    from rich.table import Table

    names = [column.rstrip(">!") for column in columns]
    cells = [list(map(_cell, row)) for row in rows]
    out = console()
    widths = _widths(columns, cells, out.width - _GAP * (len(columns) - 1))
    if widths is None:
        for position, row in enumerate(cells):
            if position:
                out.print()
            facts(zip(names, row, strict=True))
        return
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column, name, width in zip(columns, names, widths, strict=True):
        shown.add_column(name, justify="right" if ">" in column else "left", width=width)
    for row in cells:
        shown.add_row(*row)
    out.print(shown)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Text]], room: int) -> list[int] | None:
    """Return the width of each column so that no word is broken; None if there is not enough room.

    Args:
        columns: Their names, with the marks of `table`.
        rows: The cells.
        room: The columns of the terminal without the gaps.
    """
    from rich.cells import cell_len

    widths, least = [], []
    for position, column in enumerate(columns):
        name = column.rstrip(">!")
        lines = [name, *(line for row in rows for line in row[position].plain.split("\n"))]
        words = lines if "!" in column else [word for line in lines for word in line.split()]
        widths.append(max(map(cell_len, lines), default=0))
        least.append(max(map(cell_len, words), default=0))
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda one: (widths[one] > least[one], widths[one]))
        widths[widest] -= 1
    return widths


def print_list(
    where: Where,
    found: Sequence[Found],
    *,
    as_json: Callable[[Found], object],
    columns: Sequence[str],
    row: Callable[[Found], Sequence[Cell]],
    empty: str,
) -> int:
    """Print a list: as JSON for scripts with `--json`, else as a table.

    Args:
        where: Options, for `--json`.
        found: The entries.
        as_json: Returns the JSON object of an entry.
        columns: Names of the columns (see `table`).
        row: Returns the cells of an entry.
        empty: Sentence for an empty list.

    Returns:
        The exit code: 0, or 1 if the list is empty.
    """
    if where.json:
        print_json([as_json(one) for one in found])
    elif found:
        table(columns, map(row, found))
    else:
        remark(empty)
    return 0 if found else 1


def facts(rows: Iterable[tuple[str, Cell]]) -> None:
    """Print names and values below each other."""
    from rich.table import Table
    from rich.text import Text

    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in rows:
        shown.add_row(Text(clean(name)), _cell(value))
    console().print(shown)


def iso(seconds: float | None) -> str | None:
    """Return a time for scripts: ISO 8601, UTC, milliseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def moment(seconds: float | None) -> str | None:
    """Return a time for people, UTC: `2026-11-24 16:44:40`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def day(seconds: float | None) -> str | None:
    """Return a day for people, UTC: `2026-11-24`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
