"""Messages of Bokeh: a header, metadata and content as texts, then pairs of a text and a binary buffer."""

from __future__ import annotations

from stormdoor.core.readers.reader import TypeReader, Types, Unreadable
from stormdoor.core.readers.strict_json import parse, type_at

__all__ = ["BokehReader"]

_MOST_BUFFERS = 1_000_000


class BokehReader(TypeReader):
    """Reads the type in the header of a message. Its other frames continue it."""

    def __init__(self) -> None:
        self._left = 0
        """Frames that the present message still has; an odd number from 1 on: a binary buffer comes next."""
        self._buffers = 0

    def read(self, message: str | bytes) -> Types:
        """See `TypeReader`."""
        if self._left == 0:
            return self._read_header(message)
        # The frames of the buffers come last, in pairs: 2n is a text, 2n - 1 is binary.
        is_binary = self._left <= 2 * self._buffers and self._left % 2 == 1
        if isinstance(message, bytes) != is_binary:
            raise Unreadable("a text frame in place of a binary one, or the reverse")
        self._left -= 1
        return None

    def _read_header(self, message: str | bytes) -> tuple[str, ...]:
        if isinstance(message, bytes):
            raise Unreadable("a binary header")
        header = parse(message)
        found = type_at(header, ("msgtype",))
        buffers = header.get("num_buffers", 0) if isinstance(header, dict) else None
        if type(buffers) is not int or not 0 <= buffers <= _MOST_BUFFERS:
            raise Unreadable("num_buffers is not a number of buffers")
        self._buffers = buffers
        self._left = 2 + 2 * buffers
        return (found,)

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        raise Unreadable("Bokeh has no HTTP transport of messages")
