"""One definition of *the same answer*: a client stops to listen by it, and the judge compares by it.

Forms tell one message from another, and texts tell data from a notice of the same form. If a client stopped
by forms alone, a first frame in bytes would end the conversation before the data that the judge looks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stormdoor_audit.prober.delivered import GREETING, STREAM, Message, content, leaves, shape

__all__ = ["Told", "Wanted", "differs"]

_SHORT = 300
_ENOUGH_TEXTS = 3
"""By which the texts of one client are known in those of another."""
_LEAST = 8
"""Characters from which on a text is looked for within a stream."""


class Told:
    """The messages of one conversation by their forms, kept as they arrive.

    Args:
        messages: The messages until now.
    """

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.messages: dict[str, list[Message]] = {}
        self.contents: dict[str, set[str]] = {}
        for one in messages:
            self.add(one)

    def add(self, message: Message) -> str:
        """Keep a message, and return its form; "" if it is a greeting, a heartbeat or a refusal."""
        form = shape(message)
        if form:
            self.messages.setdefault(form, []).append(message)
            self.contents.setdefault(form, set()).add(content(message))
        return form

    def texts(self, form: str) -> set[str]:
        """Return the texts of messages of this form, without numbers and names of users."""
        return self.contents.get(form, set())

    def fields(self, form: str) -> frozenset[str]:
        """Return the texts in the fields of messages of this form."""
        return frozenset[str]().union(*map(leaves, self.messages.get(form, ())))


def differs(own: Sequence[Told], theirs: Told, forms: Iterable[str]) -> bool:
    """Return True if the owner is always told the same in these forms, and this client something else."""
    data = [form for form in forms if not form.startswith(GREETING)]
    return bool(data) and all(_differs(own, theirs, form) for form in data)


def _differs(own: Sequence[Told], theirs: Told, form: str) -> bool:
    always = set[str].intersection(*(one.texts(form) for one in own))
    ever = set[str]().union(*(one.texts(form) for one in own))
    told = theirs.texts(form)
    if not always or told & ever:
        return False
    if form == STREAM:
        # The server cuts a stream into frames by chance.
        whole = "".join(map(content, theirs.messages.get(form, ())))
        if any(len(text) >= _LEAST and text in whole for text in ever):
            return False
    return all(len(text) < _SHORT for text in told) or _has_none_of_it(own, theirs, form)


def _has_none_of_it(own: Sequence[Told], theirs: Told, form: str) -> bool:
    """Return True if this client is told next to nothing of the owner's constant texts."""
    always = frozenset[str].intersection(*(one.fields(form) for one in own))
    return len(always) >= _ENOUGH_TEXTS and len(always & theirs.fields(form)) * 4 < len(always)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The answer that other clients are compared with.

    Args:
        forms: The forms that the owner always gets.
        bought: Those that a client without a credential does not get; all of them if there are none.
        own: The conversations of the owner.
    """

    forms: frozenset[str]
    bought: frozenset[str]
    own: tuple[Told, ...]

    def heard(self, told: Told, proven: frozenset[str]) -> bool:
        """Return True if a client was told the same, so that it need not listen on.

        Args:
            told: Its messages.
            proven: Forms that the protocol pack adds.
        """
        return self.forms <= told.contents.keys() | proven and not any(
            differs(self.own, told, forms) for forms in (self.forms, self.bought)
        )
