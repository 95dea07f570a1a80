"""JSON that all parsers read alike: Python's, those in C, and those of other languages.

Refused, because parsers differ: names that come twice, NaN and Infinity, a byte order mark, and every
encoding but UTF-8. `json.loads(bytes)` would detect UTF-16 and UTF-32. On the way to a type, names that
differ in case alone are refused: parsers of Go and .NET take the last of them, and so do kernels in Go.
"""

from __future__ import annotations

import json
from typing import Any

from stormdoor.core.readers.reader import Unreadable

__all__ = ["parse", "parse_pointer", "text_of", "type_at"]

_MOST = 2**63
"""Integers beyond it are no type: parsers differ in what they make of them."""


def parse(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        Unreadable: Parsers might disagree about it.
    """
    try:
        return _DECODER.decode(text_of(text))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None


def text_of(text: str | bytes) -> str:
    """Return a text, decoded from UTF-8 if it is binary.

    Raises:
        Unreadable: It is not UTF-8.
    """
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None


def parse_pointer(pointer: str) -> tuple[str, ...]:
    """Return the steps of a JSON pointer (RFC 6901), such as `/header/msg_type` or `/0`.

    Raises:
        ValueError: It is none, or it points at the whole document.
    """
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is not a JSON pointer")
    return tuple(
        one.replace("~1", "/").replace("~0", "~") for one in pointer.removeprefix("/").split("/")
    )


def type_at(document: Any, steps: tuple[str, ...]) -> str:
    """Return the type at a place in a document: a text, or an integer in decimal digits.

    Raises:
        Unreadable: There is nothing, or something else.
    """
    found = document
    for step in steps:
        if isinstance(found, dict) and step in found:
            folded = step.casefold()
            if any(name != step and name.casefold() == folded for name in found):
                raise Unreadable(f"two names like {step!r}")
            found = found[step]
        elif isinstance(found, list) and _is_index(step) and int(step) < len(found):
            found = found[int(step)]
        else:
            raise Unreadable(f"nothing at {step!r}")
    if isinstance(found, str):
        return found
    if type(found) is int and -_MOST <= found < _MOST:
        return str(found)
    raise Unreadable(f"the type is a {type(found).__name__}")


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) < 10 and step == str(int(step))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_: str) -> float:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
