"""Outcomes of conditions on a text that the client sends: the text stays the same all the way.

After `if kind not in ("login", "ping") and not self.user: return`, an unauthenticated client does not
reach `elif kind == "say"`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from stormdoor_audit.auditor.interpreter.values import Unknown, Value
from stormdoor_audit.auditor.naming.words import words

__all__ = ["PLAIN", "Told", "made_of", "part_in", "said_in"]

PLAIN = words("capitalize casefold decode lower lstrip rstrip strip title upper")
"""Methods that leave a text what it is, but for its spelling."""

Words = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    """Words that a text is known to be among, and words that it is not."""

    among: Words | None = None
    never: Words = frozenset()


@dataclass(slots=True)
class Told:
    """Known facts about the client's texts, by the part of the message."""

    known: dict[object, _Known] = field(default_factory=dict)
    recent: set[object] = field(default_factory=set)
    """Of these, what was told since the message came."""

    def note(self, value: Value, words: Iterable[object], *, holds: bool) -> None:
        """It is one of these, or none of them."""
        part = _part_of(value)
        if part is None:
            return
        before = self.known.get(part, _Known())
        said = frozenset(map(_spelling, words))
        if not holds:
            after = _Known(before.among, before.never | said)
        elif before.among is not None:
            after = _Known(before.among & said, before.never)
        else:
            after = _Known(said, before.never)
        self.known[part] = after
        self.recent.add(part)

    def is_one(self, value: Value, words: Iterable[object]) -> bool | None:
        """Return True if it is one of these; None if that is undecided."""
        known = self._of(value)
        if known is None:
            return None
        said = frozenset(map(_spelling, words))
        if known.among is not None:
            left = known.among - known.never
            return True if left and left <= said else None if left & said else False
        return False if said <= known.never else None

    def may_be(self, value: Value, word: object) -> bool:
        """Return True if it can be this, after all decided conditions."""
        return self.is_one(value, [word]) is not False

    def listed(self, value: Value) -> Words | None:
        """The list that it was found in, where it was."""
        known = self._of(value)
        return None if known is None else known.among

    def forget(self, holder: Value, name: object) -> None:
        """It was given another value."""
        self.known.pop(part_in(holder, name), None)

    def state(self) -> frozenset[object]:
        """Return the facts about the current message, as a key."""
        return frozenset((part, self.known.get(part)) for part in self.recent)

    def _of(self, value: Value) -> _Known | None:
        return self.known.get(_part_of(value)) if self.known else None


@dataclass(frozen=True, slots=True)
class Made:
    """A text that is made of one that the client sends, and of others: `"on_" + kind`."""

    of: object


def made_of(values: Iterable[Value]) -> Made | None:
    """Parts of a text, if only one of them is the client's."""
    parts = [part for one in values if (part := _part_of(one)) is not None]
    return Made(parts[0]) if len(parts) == 1 else None


def said_in(value: Value) -> Value:
    """Return the client's part of a composed text."""
    if isinstance(value, Unknown) and isinstance(value.part, Made):
        return Unknown(value.labels, part=value.part.of)
    return value


def part_in(holder: Value, name: object) -> object:
    """Stand-in for a part of a client's value, the same at every use."""
    return (_part_of(holder) or holder, name)


def _spelling(word: object) -> str:
    """Return a constant in one spelling: methods are called `on_chat_send` for `chat.send`."""
    text = word.decode("latin-1") if isinstance(word, bytes) else str(word)
    return re.sub(r"\W", "_", text.casefold())


def _part_of(value: Value) -> object | None:
    match value:
        case Unknown(labels=labels) if "client" in labels:
            return value.part or value
        case _:
            return None
