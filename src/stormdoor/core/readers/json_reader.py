"""Messages that are one JSON text each, with their type at one place."""

from __future__ import annotations

from stormdoor.core.readers.reader import TypeReader
from stormdoor.core.readers.strict_json import parse, type_at

__all__ = ["JsonReader"]


class JsonReader(TypeReader):
    """Reads the type at a place of a JSON text.

    Args:
        steps: The place, from `parse_pointer`.
    """

    def __init__(self, steps: tuple[str, ...]) -> None:
        self._steps = steps

    def read(self, message: str | bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        return (type_at(parse(message), self._steps),)

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        return self.read(body)
