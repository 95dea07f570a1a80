"""Paths that a pattern matches, to ask a table of patterns about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any

__all__ = ["path_samples"]

_MOST = 24
"""Number of samples of one pattern, and of each part of it."""
_LONGEST = 512
_CHARACTERS = "aZ0/-_.~xé "
_parser: Any = import_module("re._parser")


@cache
def path_samples(pattern: str) -> Sequence[str]:
    """Return some of the paths that a pattern matches as a whole; few if any for one with look-around.

    Each alternative, and each count of a repetition up to one more than its least, is in one of them.

    Args:
        pattern: A regular expression without a mistake.
    """
    compiled = re.compile(pattern)
    found = _sequence(_parser.parse(pattern))
    return tuple(one for one in dict.fromkeys(found) if compiled.fullmatch(one))


def _sequence(parts: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return texts for a sequence of parts: each text of each part is in one of them."""
    found = [""]
    for operation, argument in parts:
        texts = _part(str(operation), argument)
        if not texts:
            return []
        count = max(len(found), len(texts))
        found = [found[number % len(found)] + texts[number % len(texts)] for number in range(count)]
    return found


def _part(operation: str, argument: Any) -> list[str]:
    match operation:
        case "LITERAL":
            return [chr(argument)]
        case "NOT_LITERAL":
            return _characters(lambda code: code != argument)
        case "ANY":
            return _characters(lambda _: True)
        case "IN":
            return _characters(_in_class(argument), _named_in(argument))
        case "BRANCH":
            return list(islice((text for one in argument[1] for text in _sequence(one)), _MOST))
        case "SUBPATTERN":
            return _sequence(argument[3])
        case "ATOMIC_GROUP":
            return _sequence(argument)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            counts = [one for one in (least, least + 1) if one <= int(most)]
            texts = _sequence(inner)
            repeated = (
                text * count for count in counts for text in texts if len(text) * count <= _LONGEST
            )
            return list(dict.fromkeys(repeated))[:_MOST]
    return [""]  # AT, an assertion, a reference: the whole pattern decides


def _characters(fits: Callable[[int], bool], more: Sequence[str] = ()) -> list[str]:
    return [one for one in dict.fromkeys((*more, *_CHARACTERS)) if fits(ord(one))][:_MOST]


def _named_in(items: Sequence[tuple[Any, Any]]) -> list[str]:
    """Return characters that a class names: its literals, and the ends of its ranges."""
    found: list[str] = []
    for operation, argument in items:
        if str(operation) == "LITERAL":
            found.append(chr(argument))
        elif str(operation) == "RANGE":
            found += [chr(one) for one in argument]
    return found


def _in_class(items: Sequence[tuple[Any, Any]]) -> Callable[[int], bool]:
    negated = str(items[0][0]) == "NEGATE"
    return lambda code: any(_is_item(str(one), said, code) for one, said in items) != negated


def _is_item(operation: str, argument: Any, code: int) -> bool:
    match operation:
        case "LITERAL":
            return bool(code == argument)
        case "RANGE":
            return bool(argument[0] <= code <= argument[1])
        case "CATEGORY":
            inside = re.fullmatch(_CATEGORIES[str(argument).rpartition("_")[2]], chr(code))
            return (inside is not None) != ("_NOT_" in str(argument))
    return False


_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
