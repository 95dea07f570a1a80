"""Text of unknown origin, made harmless for a terminal.

Source code, names and paths are written by others. None of them may move the cursor, change a
colour or turn the direction of writing: what is not printable is shown as its escape.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["TAB", "counted", "encodable", "json_text", "printable", "source_line"]

TAB = 4
_NOT_ASCII = re.compile(r"[^\n -~]")


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


def json_text(value: Any) -> str:
    """`value` as an indented JSON document, with each character that is not printable as an escape.

    A reader of JSON gets the same texts. A terminal or an editor that shows the document gets no control
    character and none that changes the direction of writing.
    """
    text = msgspec.json.format(msgspec.json.encode(encodable(value)), indent=2).decode()
    return _NOT_ASCII.sub(_escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    """The escapes of a character in JSON, which are units of UTF-16; a printable character as it is."""
    if found[0].isprintable():
        return found[0]
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
