"""Messages of Yjs on a WebSocket, as in jupyter-collaboration: a byte for the kind, then its content.

A message to synchronise has a second byte for its step: a request for what is missing (`sync-step-1`), the
answer (`sync-step-2`), or a change (`sync-update`). Both latter change the document, unless they are empty.
"""

from __future__ import annotations

from stormdoor.core.readers.reader import TypeReader, Unreadable

__all__ = ["YjsReader"]

_SYNC = 0
_STEPS = {0: "sync-step-1", 1: "sync-step-2", 2: "sync-update"}
_KINDS = {1: "awareness", 2: "raw"}
_NOTHING = b"\x02\x00\x00"
"""The update without a change: its length, and its two bytes."""


class YjsReader(TypeReader):
    """Reads the type of a message of Yjs."""

    def read(self, message: str | bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        if isinstance(message, str):
            raise Unreadable("a text message")
        if len(message) < len(_NOTHING) - 1:
            raise Unreadable("too short")
        # Numbers of more than one byte are refused: hosts differ in whether they read the first byte alone.
        if message[0] != _SYNC:
            found = _KINDS.get(message[0])
        elif message[2:] == _NOTHING and message[1] in (1, 2):
            found = "sync-empty"
        else:
            found = _STEPS.get(message[1])
        if found is None:
            raise Unreadable("an unknown kind")
        return (found,)

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        raise Unreadable("Yjs has no HTTP transport")
