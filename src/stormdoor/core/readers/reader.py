"""The interface of a reader of message types, and its error."""

from __future__ import annotations

from typing import Protocol

__all__ = ["TypeReader", "Types", "Unreadable"]

Types = tuple[str, ...] | None
"""The types in a message: several if it is an envelope of several messages, and none, `()`, for a message of
the transport itself, such as a heartbeat. None: the message continues the one before."""


class Unreadable(Exception):
    """A message without one certain type: malformed, or the host might read another type in it."""


class TypeReader(Protocol):
    """Reads the types of the messages of one connection, in their order.

    It has no I/O, and raises nothing but `Unreadable`. Its time is linear in the size of the message. After
    `Unreadable`, its state is the same as before.

    INVARIANT: if the host acts on a message, it acts on a type that `read` has returned for it.
    """

    def read(self, message: str | bytes) -> Types:
        """Return the types in a message of a WebSocket.

        Raises:
            Unreadable: It has no certain type.
        """
        ...

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """Return the types in the body of a request of an HTTP transport, which is complete in itself.

        Raises:
            Unreadable: It has no certain type, or this format has no HTTP transport.
        """
        ...

    def general(self, type: str) -> str:
        """Return the type that counts in place of `type` where `type` is not declared; mostly itself."""
        return type

    def answers(self, text: str) -> tuple[str | bytes, ...]:
        """Return the answers of the protocol that refuse the message read last, with `text` as the reason.

        The protocol must have a form for them that each client understands; most have none.
        """
        return ()
