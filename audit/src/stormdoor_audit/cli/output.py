"""Print lines and tables without control sequences for the terminal.

Servers and source files choose texts. None of them may move the cursor, change a colour or change the
direction of writing: each unprintable character is shown as its escape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["clean", "console", "remark", "say", "table"]


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
    console().print(clean(text), style=style or None, soft_wrap=True)


def remark(text: str) -> None:
    """Print a line that is not part of the result: on standard error."""
    console(stderr=True).print(clean(text), style="dim", soft_wrap=True)


Cell: TypeAlias = "str | tuple[str, ...] | Text | None"


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

    Args:
        columns: Their names.
        rows: A text is cleaned and shown unchanged; of a tuple, each text on its own line. None is shown as
            a dash.
    """
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(
            column.rstrip(">!"),
            justify="right" if ">" in column else "left",
            no_wrap="!" in column,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*map(_cell, row))
    console().print(shown)
