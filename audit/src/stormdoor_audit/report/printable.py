"""Text of unknown origin, made harmless for a terminal.

Source code, names and paths are written by others. None of them may move the cursor, change a
colour or turn the direction of writing: what is not printable is shown as its escape.
"""

from __future__ import annotations

from typing import Any

__all__ = ["counted", "encodable", "printable", "source_line"]

TAB = 4


def printable(text: str) -> str:
    """`text` with everything that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def source_line(text: str) -> str:
    """A line of source code: tabs are four spaces, the rest as in `printable`."""
    return printable(text.rstrip("\r\n").replace("\t", " " * TAB))


def encodable(value: Any) -> Any:
    """The same texts, lists and mappings without lone surrogates, which UTF-8 cannot carry.

    They come from names of files that are not UTF-8, and from escapes in literals.
    """
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {encodable(key): encodable(one) for key, one in value.items()}
        case list() | tuple():
            return [encodable(one) for one in value]
        case _:
            return value
