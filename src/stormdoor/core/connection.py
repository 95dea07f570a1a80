"""The life of a connection, as a table.

A connection is PENDING from the moment it is registered until Tornado has sent the 101 and called
`open()`. Only an OPEN one gives or takes messages. ENDED is final: whatever comes then is dropped.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["TRANSITIONS", "Happening", "State", "after"]


class State(Enum):
    """Where a connection is in its life."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name each time

    PENDING = "pending"
    OPEN = "open"
    ENDED = "ended"


class Happening(Enum):
    """What can happen to it."""

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
"""What is not in the table has no effect and delivers nothing. INVARIANT: nothing leaves ENDED."""


def after(state: State, happening: Happening) -> State | None:
    """The state after `happening`, or None if it must have no effect."""
    return TRANSITIONS.get((state, happening))
