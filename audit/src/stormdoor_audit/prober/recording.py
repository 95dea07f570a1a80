"""A recorded conversation: what was sent, what was answered, and which of it may be sent again.

INVARIANT: fail closed. What is not declared to be a read is taken for a write, and is sent only with
`--active`. A declaration is a mark in the file, or a name that matches `--safe`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from stormdoor_audit.prober.peer_json import read_json

__all__ = ["Action", "Recording", "distinct", "name_of", "of_talk", "spoken_secrets", "tag"]

_TAGS = ("type", "event", "action", "op", "cmd", "command", "method", "kind", "tag", "msg_type")
_SECRET = re.compile(
    r'"(\w*(?:passw|secret|token|jwt|api_?key|credential)\w*|otp|pin)"\s*:\s*"([^"\\]{4,})"',
    re.IGNORECASE,
)
_MOST = 200
"""Messages of one recording that are looked at."""
_DISTINCT = 24
"""Actions of one conversation that are tried; the rest would take too long, and is said."""


@dataclass(frozen=True, slots=True)
class Action:
    """One message that was sent.

    Args:
        name: What the matrix calls it.
        message: As it was sent.
        reads: Whether it is declared to read only.
        answers: What came after it, until the next was sent.
    """

    name: str
    message: str
    reads: bool = False
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """A conversation.

    Args:
        url: Of its endpoint; "" where the file does not say.
        actions: In their order.
        source: The file.
        left: How many more messages there were than are tried.
    """

    url: str
    actions: tuple[Action, ...]
    source: str
    left: int = 0

    def declared(self, safe: Sequence[str]) -> Recording:
        """With what `--safe` says: patterns of names, with `*` and `?` in them."""
        return replace(
            self,
            actions=tuple(
                replace(one, reads=one.reads or any(fnmatchcase(one.name, p) for p in safe))
                for one in self.actions
            ),
        )


def tag(found: Any) -> tuple[str, str]:
    """The field that says what a message is, and what it says; for a list, its first text."""
    if isinstance(found, dict):
        for name in _TAGS:
            if isinstance(value := found.get(name), str) and value:
                return name, value
    if isinstance(found, list) and found and isinstance(found[0], str):
        return "", found[0]
    return "", ""


def spoken_secrets(message: str) -> list[str]:
    """Return the values in a message that are named like a secret: they must not be shown."""
    return [found[2] for found in _SECRET.finditer(message)]


def name_of(message: str) -> str:
    """Return the name of an action: the type of the message, or its first word."""
    found = read_json(message)
    if name := tag(found)[1]:
        return name
    if isinstance(found, dict):
        return ",".join(map(str, list(found)[:3])) or "{}"
    return (message.split() or ["(empty)"])[0][:24]


def distinct(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Each action once, and those of one name told apart by a number."""
    seen: dict[str, list[str]] = {}
    kept: list[Action] = []
    for one in actions:
        known = seen.setdefault(one.name, [])
        if one.message in known or len(kept) >= _DISTINCT:
            continue
        known.append(one.message)
        kept.append(one if len(known) == 1 else replace(one, name=f"{one.name} #{len(known)}"))
    return tuple(kept)


def of_talk(url: str, talk: Sequence[tuple[str, str, bool, str]], source: str) -> Recording:
    """A recording of (`>` or `<`, message, whether it reads, name) in their order."""
    actions: list[Action] = []
    for sign, message, reads, name in talk[: _MOST * 4]:
        if sign == ">":
            actions.append(Action(name or name_of(message), message, reads))
        elif actions and len(actions[-1].answers) < 50:
            last = actions[-1]
            actions[-1] = replace(last, answers=(*last.answers, message))
    kept = distinct(actions)
    left = len({one.message for one in actions}) - len(kept) + max(len(talk) - _MOST * 4, 0)
    return Recording(url, kept, source, left)
