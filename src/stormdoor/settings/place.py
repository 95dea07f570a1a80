"""A place in a configuration file: the path of names, and its line.

`tomllib` returns no lines. They are found from the beginnings of lines, which is correct for every file
with the usual layout. For others the result may be the line of the surrounding table.
"""

from __future__ import annotations

import re

__all__ = ["Place", "find_line", "lines_of", "parse_place", "show_place"]

Place = tuple[str | int, ...]
"""The path from the top of the file: names of tables and options, positions in lists (from 0)."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LIST = re.compile(rf"\s*\[\[\s*({_KEY})\s*\]\]")
_TABLE = re.compile(rf"\s*\[\s*({_KEY})\s*\]")
_OPTION = re.compile(rf"\s*({_KEY})\s*=")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def _parts(key: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


def lines_of(text: str) -> dict[Place, int]:
    """Return the line (from 1) of every table and option in a TOML text."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    quote: str | None = None  # inside a text of several lines
    for number, line in enumerate(text.splitlines(), 1):
        if quote is None:
            if match := _LIST.match(line):
                name = _inside(_parts(match[1]), counts)
                counts[name] = counts.get(name, -1) + 1
                lines.setdefault(name, number)
                table = (*name, counts[name])
                lines[table] = number
            elif match := _TABLE.match(line):
                table = _inside(_parts(match[1]), counts)
                lines.setdefault(table, number)
            elif match := _OPTION.match(line):
                lines.setdefault((*table, *_parts(match[1])), number)
        for mark in ('"""', "'''"):
            if quote in (None, mark) and line.count(mark) % 2:
                quote = mark if quote is None else None
    return lines


def _inside(name: Place, counts: dict[Place, int]) -> Place:
    """Resolve `[a.b]` after `[[a]]`, which means the last element of the list `a`."""
    place: Place = ()
    for part in name[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    return (*place, name[-1])


def find_line(lines: dict[Place, int], place: Place) -> int | None:
    """Return the line of `place`, or of the nearest enclosing place; None if there is none."""
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return None


def show_place(place: Place) -> str:
    """Return `policies.permit[2].when`; empty for the file as a whole."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return shown.removeprefix(".")


def parse_place(path: str) -> Place:
    """Parse the place `.policies.permit[2].when`, as msgspec writes it."""
    return tuple(name or int(position) for name, position in _STEP.findall(path))
