"""A text that a regular expression matches, with what in it the pattern leaves free.

An attacker who wants to pass a pattern begins with a text that it is meant for. Nothing is searched: one
repetition, one alternative, one character of each set are taken, so it is quick for any pattern.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Example", "examples", "is_glob", "is_pattern"]

_META = re.compile(r"\\[.\-/dwWSA]|[\[(^$*+|]")
_QUANTIFIER = re.compile(r"[*+?]|\{\d*,?\d*\}")
_MAX_PATTERN = 300
_MAX_EXAMPLES = 4
_MAX_DEPTH = 8
_CLASSES = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_EDGES = frozenset("AZbBzG")


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a pattern is meant for.

    Args:
        text: The text.
        free: For each character whether the pattern would take another in its place.
        wild: Where a dot stands that is any character.
    """

    text: str
    free: tuple[bool, ...]
    wild: tuple[int, ...]


def is_pattern(text: str) -> bool:
    """Return True if a text reads like a regular expression, and not like a name with stars."""
    return len(text) <= _MAX_PATTERN and _META.search(text.replace("*.", "")) is not None


def is_glob(text: str) -> bool:
    """Return True if a text has stars and nothing else that only a regular expression has."""
    return "*" in text and re.search(r"[\\\[\](){}^$+|]", text) is None


def examples(pattern: str) -> Iterator[Example]:
    """A text for each of the first alternatives of a pattern."""
    for one in list(_alternatives(pattern))[:_MAX_EXAMPLES]:
        reader = _Reader(one)
        made = reader.read()
        yield Example(
            "".join(char for char, _, _ in made),
            tuple(free for _, free, _ in made),
            tuple(at for at, (_, _, wild) in enumerate(made) if wild),
        )


_Char = tuple[str, bool, bool]


class _Reader:
    """Reads one alternative from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def read(self, depth: int = 0) -> list[_Char]:
        """The characters of an example, each with whether it is free and whether it is a wild dot."""
        made: list[_Char] = []
        while self._at < len(self._pattern) and depth <= _MAX_DEPTH:
            piece = self._piece(depth)
            quantifier = _QUANTIFIER.match(self._pattern, self._at)
            if quantifier is not None:
                self._at = quantifier.end()
                if self._pattern[self._at : self._at + 1] in {"?", "+"}:
                    self._at += 1
                if quantifier.group() not in {"?", "{1}"}:
                    piece = [("a" if wild else char, True, False) for char, _, wild in piece]
            made += piece
        return made

    def _piece(self, depth: int) -> list[_Char]:
        char = self._pattern[self._at]
        self._at += 1
        match char:
            case "\\":
                name = self._pattern[self._at : self._at + 1]
                self._at += 1
                if name in _CLASSES:
                    return [(_CLASSES[name], True, False)]
                return [] if name in _EDGES or not name else [(name, False, False)]
            case "^" | "$":
                return []
            case ".":
                return [(".", True, True)]
            case "[":
                return self._set()
            case "(":
                return self._group(depth)
            case _:
                return [(char, False, False)]

    def _set(self) -> list[_Char]:
        end = self._pattern.find("]", self._at + 1)
        if end < 0:
            return []
        inside, self._at = self._pattern[self._at : end], end + 1
        if inside.startswith("^"):
            return [("a", True, False)]
        if inside in {".", "\\."}:
            return [(".", False, False)]
        if re.search(r"a-|\\w", inside):
            return [("a", True, False)]
        if re.search(r"\d-|\\d", inside):
            return [("1", True, False)]
        first = inside.lstrip("\\")[:1]
        return [(first, len(inside.lstrip("\\")) > 1, False)] if first else []

    def _group(self, depth: int) -> list[_Char]:
        begin, level = self._at, 1
        while self._at < len(self._pattern) and level:
            char = self._pattern[self._at]
            if char == "\\":
                self._at += 1
            level += {"(": 1, ")": -1}.get(char, 0)
            self._at += 1
        inside = self._pattern[begin : self._at - 1]
        if re.match(r"\?<?[=!]", inside):
            return []
        inside = re.sub(r"^\?(:|P?<\w+>)", "", inside)
        first = next(_alternatives(inside), "")
        return _Reader(first).read(depth + 1)


def _alternatives(pattern: str) -> Iterator[str]:
    """The parts between the bars that stand in no group and in no set."""
    level, begin, at = 0, 0, 0
    in_set = False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
        elif char in "()":
            level += 1 if char == "(" else -1
        elif char == "|" and level == 0:
            yield pattern[begin:at]
            begin = at + 1
        at += 1
    yield pattern[begin:]
