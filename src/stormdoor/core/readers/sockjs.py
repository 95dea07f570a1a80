"""Messages of SockJS: a JSON array of texts, each of which is a JSON text of the application."""

from __future__ import annotations

from typing import Any

from stormdoor.core.readers.reader import TypeReader, Unreadable
from stormdoor.core.readers.strict_json import parse, type_at

__all__ = ["SockJsReader"]


class SockJsReader(TypeReader):
    """Reads the types of the messages in an array of SockJS.

    Args:
        steps: The place of the type in a message of the application, from `parse_pointer`.
    """

    def __init__(self, steps: tuple[str, ...]) -> None:
        self._steps = steps

    def read(self, message: str | bytes) -> tuple[str, ...]:
        """See `TypeReader`. A socket also takes one text without an array, and ignores an empty message."""
        if not message:
            return ()
        found = parse(message)
        return self._types([found] if isinstance(found, str) else found)

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`. The form of JSONP, `d=…`, is unreadable."""
        return self._types(parse(body))

    def _types(self, found: Any) -> tuple[str, ...]:
        # A server that iterates over an object would deliver its names as messages.
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise Unreadable("not an array of texts")
        return tuple(type_at(parse(one), self._steps) for one in found)
