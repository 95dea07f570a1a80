"""Messages of any protocol: their content is not read."""

from __future__ import annotations

from stormdoor.core.readers.reader import TypeReader

__all__ = ["OpaqueReader"]

_TYPES = ("message",)


class OpaqueReader(TypeReader):
    """Gives each message, and each body of an HTTP transport, the type `message`."""

    def read(self, message: str | bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        return _TYPES

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        return _TYPES
