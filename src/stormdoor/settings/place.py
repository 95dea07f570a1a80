"""A place in a configuration file: the path of names, and its line.

`tomllib` returns no lines, so the text is scanned for the place of each value.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

__all__ = ["Place", "find_line", "lines_of", "parse_place", "show_place"]

Place = tuple[str | int, ...]
"""The path from the top of the file: names of tables and options, positions in lists (from 0)."""

# Possessive: linear time for every text. A text of several lines may end in five quotes.
_TEXT = (
    r'"""(?:\\.|[^"\\]|"(?!""))*+"{3,5}|' + r"'''(?:[^']|'(?!''))*+'{3,5}"
    r'|"(?:\\.|[^"\\\n])*+"|' + r"'[^'\n]*+'"
)
_TOKEN = re.compile(
    rf"(?s)[ \t\r]++|#[^\n]*+|(?P<text>{_TEXT})|(?P<word>[^\s\"'#=,.\[\]{{}}]++)|(?P<mark>.)"
)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def lines_of(text: str) -> dict[Place, int]:
    """Return the line (from 1) of every table, option and element of a list.

    Args:
        text: TOML that `tomllib` accepts; for other text, the lines mean nothing.
    """
    scan = _Scan(text)
    scan.document()
    return scan.lines


class _Scan:
    """The tokens of a TOML text, and the lines found until now."""

    def __init__(self, text: str) -> None:
        ends = [match.start() for match in re.finditer("\n", text)]
        self._tokens = [
            (match[0], match.lastgroup, bisect_right(ends, match.start() - 1) + 1)
            for match in _TOKEN.finditer(text)
            if match.lastgroup
        ]
        self._tokens.append(("", "end", len(ends) + 1))
        self._at = 0
        self.lines: dict[Place, int] = {}

    @property
    def _token(self) -> str:
        return self._tokens[self._at][0]

    def _take(self, *tokens: str) -> bool:
        """Pass the next token if it is one of these."""
        found = self._token in tokens
        self._at += found
        return found

    def _note(self, place: Place) -> None:
        self.lines.setdefault(place, self._tokens[self._at][2])

    def document(self) -> None:
        """Scan the whole text."""
        table: Place = ()
        counts: dict[Place, int] = {}
        while self._token:
            if self._take("["):
                listed = self._take("[")
                line = self._tokens[self._at][2]
                table = _inside(self._key(), counts)
                self.lines.setdefault(table, line)
                if listed:
                    counts[table] = counts.get(table, -1) + 1
                    table = (*table, counts[table])
                    self.lines[table] = line
                while self._take("]"):
                    pass
            elif not self._take("\n"):
                self._option(table)

    def _option(self, table: Place) -> None:
        at = self._at
        place = (*table, *self._key())
        self.lines.setdefault(place, self._tokens[at][2])
        self._take("=")
        self._value(place)
        if self._at == at:
            self._at += 1  # not TOML: an end is certain even so

    def _key(self) -> Place:
        parts: list[str] = []
        while self._tokens[self._at][1] in ("word", "text"):
            text, kind, _ = self._tokens[self._at]
            parts.append(text if kind == "word" else _unquoted(text))
            self._at += 1
            if not self._take("."):
                break
        return tuple(parts)

    def _value(self, place: Place) -> None:
        self._note(place)
        if self._take("["):
            position = 0
            while self._token not in ("]", ""):
                if self._take(","):
                    position += 1
                elif not self._take("\n"):
                    at = self._at
                    self._value((*place, position))
                    self._at += self._at == at
            self._take("]")
        elif self._take("{"):
            while self._token not in ("}", ""):
                if not self._take(",", "\n"):
                    self._option(place)
            self._take("}")
        else:
            while self._token not in (",", "]", "}", "\n", ""):
                self._at += 1


def _unquoted(text: str) -> str:
    try:
        return str(tomllib.loads(f"key = {text}")["key"])
    except tomllib.TOMLDecodeError:
        return text


def _inside(name: Place, counts: Mapping[Place, int]) -> Place:
    """Resolve `[a.b]` after `[[a]]`, which means the last element of the list `a`."""
    place: Place = ()
    for part in name[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    return (*place, *name[-1:])


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
