"""Prose with code between backticks, for the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.text import Text

from stormdoor_audit.report.printable import source_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["inline"]

_CODE = re.compile(r"`([^`\n]+)`")


def inline(text: str, out: Console, style: str = "", *, code: str = "cyan") -> Text:
    """`text` with its code in another colour instead of backticks, and nothing a terminal obeys.

    Args:
        text: May have several lines.
        out: Where it is printed. Without colours, the backticks stay.
        style: Of the prose.
        code: Of what stands between backticks.
    """
    mark = "`" if out.color_system is None else ""
    shown = Text()
    for number, part in enumerate(_CODE.split(text)):
        clean = "\n".join(source_line(line) for line in part.split("\n"))
        if number % 2:
            shown.append(f"{mark}{clean}{mark}", style=code)
        else:
            shown.append(clean, style=style)
    return shown
