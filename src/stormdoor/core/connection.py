"""The states of a connection and their transitions, as a table.

A connection is PENDING from its registration until Tornado has sent the 101 and called `open()`. Only an
OPEN one receives or sends messages. ENDED is final: later events have no effect.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["TRANSITIONS", "ConnectionEvent", "State"]


class State(Enum):
    """State of a connection."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name at each use

    PENDING = "pending"
    OPEN = "open"
    ENDED = "ended"


class ConnectionEvent(Enum):
    """Event that changes the state of a connection."""

    __hash__ = object.__hash__

    OPENED = "opened"
    MESSAGE = "message"
    ENDED = "ended"


TRANSITIONS: dict[tuple[State, ConnectionEvent], State] = {
    (State.PENDING, ConnectionEvent.OPENED): State.OPEN,
    (State.PENDING, ConnectionEvent.ENDED): State.ENDED,
    (State.OPEN, ConnectionEvent.MESSAGE): State.OPEN,
    (State.OPEN, ConnectionEvent.ENDED): State.ENDED,
    (State.ENDED, ConnectionEvent.ENDED): State.ENDED,
}
"""The state after an event. Other events have no effect, and deliver nothing. INVARIANT: ENDED is final."""
