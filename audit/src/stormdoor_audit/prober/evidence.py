"""Return True if what one identity was delivered is what another is: shapes, and what the fields say.

A shape alone is not enough: `{"status": "denied"}` looks like `{"status": "ok"}`, and an emptied document
like a full one. Every difference that may be a refusal makes it *could not tell*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stormdoor_audit.prober.delivered import Message, is_refusal, shape
from stormdoor_audit.prober.peer_json import read_json
from stormdoor_audit.report.access import AccessState

__all__ = ["Heard", "Reference", "compare", "leaves", "values"]

_STATUS = re.compile(
    r"(^|[._])(status|state|result|outcome|code|rc|retcode|errno|error|errors|success|ok|allowed|"
    r"granted|accepted|reason)$",
    re.IGNORECASE,
)
_NO = re.compile(
    r"error|fail|denied|refus|reject|forbid|not.?allow|not.?permit|unauthor|invalid|insufficient|"
    r"no.?(access|permission|right)|\b40[134]\b|"
    # The same in other languages that servers speak.
    r"verweiger|verboten|nicht (erlaubt|berechtigt|gestattet)|fehler|ung[uü]ltig|keine berechtigung|"
    r"interdit|refus|non autoris|erreur|denegad|prohibid|no autorizad|negado|proibid|vietat|negat|"
    r"verboden|geweigerd|запрещ|отказ|нет доступа|ошибка|拒绝|禁止|无权|权限|拒否|エラー|거부|금지",
    re.IGNORECASE,
)
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers to one message.

    Args:
        messages: What was delivered after it.
        sent: Whether it was sent at all.
        ended: The connection was ended after it.
        why: Why it was not sent, or how it was ended.
        unsure: That says nothing about the action: there were too many attempts, or there was no answer.
        transcript: How it went.
    """

    messages: tuple[Message, ...] = ()
    sent: bool = True
    ended: bool = False
    why: str = ""
    unsure: bool = False
    transcript: tuple[str, ...] = ()

    @property
    def shapes(self) -> frozenset[str]:
        """Of what was delivered, refusals and greetings left out."""
        return frozenset(one for one in map(shape, self.messages) if one)

    @property
    def refusal(self) -> bool:
        """Return True if one of the messages says no."""
        return any(map(is_refusal, self.messages))


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth == 0:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{path}.{name}", depth - 1)
    elif isinstance(value, list):
        if not value:
            yield path, None
        for inner in value[:50]:
            yield from _walk(inner, f"{path}[]", depth - 1)
    else:
        yield path, value


def leaves(message: Message) -> list[tuple[str, Any]]:
    """The fields of a message with what they hold; a text that is no JSON is one field."""
    if isinstance(message, bytes):
        return [("", len(message))]
    found = read_json(message)
    return [("", message)] if found is None else list(_walk(found, "", _DEPTH))


def _full(value: Any) -> bool:
    return value not in (None, "", False)


def values(heard: Sequence[Message], shapes: frozenset[str]) -> frozenset[str]:
    """Return the values in messages of these shapes: they tell one object from another."""
    return frozenset(
        str(value)
        for message in heard
        if shape(message) in shapes
        for _, value in leaves(message)
        if value not in (None, "") and not isinstance(value, bool)
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """The messages that the rightful identity is delivered for an action.

    Args:
        shapes: Always, and not without the action.
        full: Fields that always hold something.
        status: Fields that say how it went, with what they always say.
        values: What always stands in the answers.
        words: Whether what the answers say holds words that refusals hold.
    """

    shapes: frozenset[str]
    full: frozenset[str]
    status: frozenset[tuple[str, str]]
    values: frozenset[str]
    words: bool

    @classmethod
    def of(cls, rounds: Sequence[Heard], noise: frozenset[str]) -> Reference:
        """From all the times that it was tried."""
        shapes = frozenset.intersection(*(one.shapes for one in rounds)) - noise
        return cls(
            shapes,
            frozenset.intersection(*(_filled(one.messages, shapes) for one in rounds)),
            frozenset.intersection(*(_says(one.messages, shapes) for one in rounds)),
            frozenset.intersection(*(values(one.messages, shapes) for one in rounds)),
            any(_refuses(one.messages) for one in rounds),
        )


def _filled(messages: Sequence[Message], shapes: frozenset[str]) -> frozenset[str]:
    return frozenset(
        path
        for one in messages
        if shape(one) in shapes
        for path, value in leaves(one)
        if _full(value)
    )


def _says(messages: Sequence[Message], shapes: frozenset[str]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (path, str(value)[:80])
        for one in messages
        if shape(one) in shapes
        for path, value in leaves(one)
        if _STATUS.search(path)
    )


def _refuses(messages: Sequence[Message]) -> bool:
    return any(isinstance(one, str) and _NO.search(one) for one in messages)


def compare(reference: Reference, heard: Heard) -> tuple[AccessState, str]:
    """Compare the answers of this identity with those of the rightful one."""
    if not heard.sent:
        return ("unknown", heard.why) if heard.unsure else ("refused", heard.why)
    if heard.unsure:
        return "unknown", heard.why
    got = heard.shapes & reference.shapes
    if not got:
        if heard.refusal:
            return "refused", "the answer is a refusal"
        if heard.ended:
            return "refused", heard.why
        if heard.shapes:
            return "unknown", "it is answered, and otherwise than the rightful identity is"
        return "silent", "nothing is delivered"
    if got != reference.shapes:
        return "unknown", "some of what the rightful identity gets is delivered, and some is not"
    if heard.refusal or (not reference.words and _refuses(heard.messages)):
        return "unknown", "it is delivered, and a message says no"
    if heard.ended:
        return "unknown", "it is delivered, and the connection ended"
    if empty := sorted(reference.full - _filled(heard.messages, reference.shapes)):
        return "unknown", f"it is answered, and `{empty[0].lstrip('.')}` is empty"
    if differs := sorted(reference.status - _says(heard.messages, reference.shapes)):
        path, value = differs[0]
        return "unknown", f"it is answered, and `{path.lstrip('.')}` is not `{value}`"
    return "allowed", "it is delivered what the rightful identity gets"
