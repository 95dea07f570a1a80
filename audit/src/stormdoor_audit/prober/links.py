"""Values that a server made and a client sent back: a session, a channel, a ticket.

They stand in the recording, and are others each time. In a replay they are taken from the answers of now.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stormdoor_audit.prober.delivered import Message, shape
from stormdoor_audit.prober.evidence import leaves
from stormdoor_audit.prober.member import exchanged, mentions
from stormdoor_audit.prober.recording import Action

__all__ = ["Link", "filled_in", "links_of"]

_MADE = re.compile(r"(?=.*\d)[\w.\-:=/+]{6,}")
_MOST = 4


@dataclass(frozen=True, slots=True)
class Link:
    """A value in a message that an earlier answer held.

    Args:
        value: As it was recorded.
        source: Index of the action that was answered with it.
        shape: Of that answer.
        path: Of the field.
    """

    value: str
    source: int
    shape: str
    path: str

    def now(self, heard: Sequence[Message]) -> str:
        """Return the value at this place; "" without one."""
        for message in heard:
            if shape(message) == self.shape:
                for path, value in leaves(message):
                    if path == self.path and value not in (None, "", False):
                        return str(value)
        return ""


def links_of(actions: Sequence[Action], declared: Collection[str]) -> dict[int, tuple[Link, ...]]:
    """Return the links of each action to earlier answers.

    Args:
        actions: The recorded conversation, with its answers.
        declared: Ids that are declared: they are objects, and stay as they are.
    """
    made: dict[str, Link] = {}
    found: dict[int, tuple[Link, ...]] = {}
    said: set[str] = set()
    for number, action in enumerate(actions):
        mine = [link for value, link in made.items() if mentions(action.message, value)]
        if mine:
            found[number] = tuple(mine[:_MOST])
        said |= {str(value) for _, value in leaves(action.message)}
        for answer in action.answers:
            for path, value in leaves(answer):
                text = str(value)
                # What the client has said before is its own; what it only repeats is no secret of the server.
                if _MADE.fullmatch(text) and text not in said and text not in declared:
                    made.setdefault(text, Link(text, number, shape(answer), path))
    return found


def filled_in(message: str, links: Sequence[tuple[Link, Sequence[Message]]]) -> str:
    """The message with what was answered this time."""
    for link, heard in links:
        if value := link.now(heard):
            message = exchanged(message, link.value, value)
    return message
