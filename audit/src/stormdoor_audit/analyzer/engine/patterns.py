"""The cost of a regular expression of the program: one that may backtrack without end is not matched."""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

__all__ = ["LONGEST", "PARSER", "is_safe_pattern"]

PARSER: Any = import_module("re._parser")
"""Python's parser of patterns: the standard library has no public one."""
LONGEST = 2_000
"""Characters of a pattern, and of a text."""

_CHARACTERS = frozenset(map(chr, range(128)))
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
_Item = tuple[Any, Any]


def is_safe_pattern(pattern: str) -> bool:
    """Return True if matching short texts with a pattern takes little time.

    A part of variable length in a repeated group is safe where the next character ends it. Else the text can
    be divided in exponentially many ways, as by `(a+)+` and `(a|aa)*`.
    """
    if len(pattern) > LONGEST:
        return False
    try:
        return _is_safe(PARSER.parse(pattern), repeated=False)
    except (re.error, RecursionError, OverflowError):
        return False


def _is_safe(tree: Iterable[_Item], *, repeated: bool) -> bool:
    items = list(_flat(tree))
    for number, (operation, given) in enumerate(items):
        match str(operation):
            case "BRANCH":
                if repeated or not all(_is_safe(one, repeated=False) for one in given[1]):
                    return False
            case "MAX_REPEAT" | "MIN_REPEAT":
                low, high, body = given
                if (
                    repeated
                    and low != high
                    and not _is_ended(body, items[(number + 1) % len(items)])
                ):
                    return False
                if not _is_safe(body, repeated=repeated or high > 1):
                    return False
            case "ASSERT" | "ASSERT_NOT":
                if not _is_safe(given[1], repeated=repeated):
                    return False
            case _:
                pass
    return True


def _flat(tree: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the parts of a pattern with those of its groups."""
    for operation, given in tree:
        if str(operation) == "SUBPATTERN":
            yield from _flat(given[-1])
        else:
            yield operation, given


def _is_ended(body: Iterable[_Item], following: _Item) -> bool:
    """Return True if a repeated character cannot be the character behind the repetition."""
    items = list(_flat(body))
    return len(items) == 1 and not _characters(*items[0]) & _characters(*following)


def _characters(operation: Any, given: Any) -> frozenset[str]:
    """Return the characters that a part matches, in lower case; all for a part that is no character."""
    match str(operation):
        case "LITERAL":
            return frozenset(chr(given).lower())
        case "NOT_LITERAL":
            return _CHARACTERS - {chr(given).lower()}
        case "IN":
            return frozenset(one.lower() for one in _CHARACTERS if _is_member(one, given))
        case _:
            return _CHARACTERS


def _is_member(character: str, members: Sequence[_Item]) -> bool:
    negated = str(members[0][0]) == "NEGATE"
    return negated is not any(_is_one(character, *one) for one in members[negated:])


def _is_one(character: str, operation: Any, given: Any) -> bool:
    match str(operation):
        case "LITERAL":
            return bool(ord(character) == given)
        case "RANGE":
            return bool(given[0] <= ord(character) <= given[1])
        case _:
            _, _, name = str(given).partition("_")
            negated, name = name.startswith("NOT_"), name.removeprefix("NOT_")
            return negated is not bool(re.match(_CATEGORIES[name], character))
