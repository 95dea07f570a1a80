"""The states of a connection and their transitions, as a table.

A connection is PENDING from its registration until Tornado has sent the 101 and called `open()`. Only an
OPEN one receives or sends messages. ENDED is final: later events have no effect.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["TRANSITIONS", "Happening", "State", "after"]


class State(Enum):
    """State of a connection."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name at each use

    PENDING = "pending"
    OPEN = "open"
    ENDED = "ended"


class Happening(Enum):
    """An event of a connection."""

    __hash__ = object.__hash__

    OPENED = "opened"
    MESSAGE = "message"
    ENDED = "ended"


TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.PENDING, Happening.OPENED): State.OPEN,
    (State.PENDING, Happening.ENDED): State.ENDED,
    (State.OPEN, Happening.MESSAGE): State.OPEN,
    (State.OPEN, Happening.ENDED): State.ENDED,
    (State.ENDED, Happening.ENDED): State.ENDED,
}
"""Other events have no effect and deliver nothing. INVARIANT: ENDED has no transition."""


def after(state: State, happening: Happening) -> State | None:
    """Return the state after `happening`, or None if it has no effect."""
    return TRANSITIONS.get((state, happening))
