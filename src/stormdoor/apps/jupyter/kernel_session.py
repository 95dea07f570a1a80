"""Bind the session of a kernel's socket to its principal."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["own_session"]

_NAME = "session_id"


def own_session(handler: Any, principal_id: str) -> None:
    """Replace the id of the session that a client chose by one that no other principal can choose.

    Jupyter closes the open socket of a session when another one names the same session, and gives the new
    socket the messages that wait for the old one. Each client of a kernel sees the ids of the others in their
    messages. A principal can still take over its own session, as a page does after a lost connection.

    Args:
        handler: The handler of the socket.
        principal_id: The principal that opens it.
    """
    arguments = handler.request.arguments
    if arguments.get(_NAME):
        chosen = hashlib.sha256(principal_id.encode() + b"\0" + arguments[_NAME][-1])
        arguments[_NAME] = [chosen.hexdigest()[:32].encode()]
