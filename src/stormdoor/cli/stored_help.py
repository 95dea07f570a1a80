"""The output of `--help`, rendered in advance: rendering it takes ten times as long as printing it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["PAGES", "stored_help"]

PAGES = Path(__file__).with_name("help.txt")
"""The help of each command at 80 columns, after a form feed and the words of the command."""
_FLAGS = frozenset({"--help", "-h"})
_WIDTH = 80


def stored_help(arguments: Sequence[str]) -> str | None:
    """Return the help that these arguments ask for; None if it must be rendered.

    Args:
        arguments: The words after the name of the program.
    """
    if not arguments or arguments[-1] not in _FLAGS:
        return None
    if "utf" not in (getattr(sys.stdout, "encoding", None) or "").lower() or _columns() < _WIDTH:
        return None
    words = " ".join(arguments[:-1])
    return PAGES.read_text(encoding="utf-8").partition(f"\f{words}\n")[2].partition("\f")[0] or None


def _columns() -> int:
    """Return the width of the terminal; that of the pages where there is none."""
    if (given := os.environ.get("COLUMNS", "")).isdecimal():
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH
    except (OSError, ValueError):  # no terminal
        return _WIDTH
