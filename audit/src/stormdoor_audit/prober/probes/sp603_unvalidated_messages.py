"""Messages with invalid content are passed on to others.

What:
    The prober repeats the owner's message of `--say`, if it is a JSON object, with an additional field, with
    `NaN`, with a text in place of a number, an object in place of a text, and a text inside forty lists. The
    server passes the invalid part on to another connection of the owner.

Why:
    An additional field may overwrite data that no message should change (a limit, an owner, a price). No
    browser can parse `NaN`, so it breaks the page of every user.

Fix:
    Decode into a type that knows its fields and their limits: with stormdoor, a `Command`; by hand, copy
    the known fields one by one, and use `json.loads(text, parse_constant=refuse)`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.delivered import TAGS, Message, text_of
from stormdoor_audit.prober.peer_json import read_json, read_object
from stormdoor_audit.prober.probe import Closed, NotTried, Open, Result, Situation, probe
from stormdoor_audit.prober.wire import TEXT, frame_bytes
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_EXTRA = "stormdoor_probe"
_DEEP = 40


def _objects(texts: list[str]) -> list[dict[str, Any]]:
    return [one for text in texts if (one := read_object(text)) is not None]


def _holds(message: Message, name: str, value: Any) -> bool:
    """Return True if it is a field of that name and value, and not only text that quotes it."""

    def look(one: Any, depth: int) -> bool:
        if depth == 0:
            return False
        if isinstance(one, dict):
            return one.get(name) == value or any(look(inner, depth - 1) for inner in one.values())
        return isinstance(one, list) and any(look(inner, depth - 1) for inner in one)

    return look(read_json(message), 8)


def _in_lists(value: str) -> Any:
    made: Any = value
    for _ in range(_DEEP):
        made = [made]
    return made


def _wrong(message: dict[str, Any]) -> Iterator[tuple[str, str, Callable[[str], Any]]]:
    """Yield invalid messages: the fault, the field, and the message with a made-up word."""
    yield "A field that is in no schema is kept, and delivered to others.", _EXTRA, str
    rest = {name: value for name, value in message.items() if name not in TAGS}
    if name := next((key for key, one in rest.items() if type(one) in {int, float}), ""):
        yield f"`{name}`, a number, may be a text, which is delivered to others.", name, str
    if name := next((key for key, one in rest.items() if isinstance(one, str)), ""):
        yield (
            f"`{name}`, a text, may be an object, which is delivered to others.",
            name,
            lambda word: {_EXTRA: word},
        )
        what = f"`{name}` may be nested {_DEEP} deep, which is delivered to others."
        yield what, name, _in_lists


async def _heard(situation: Situation, who: Any, text: str) -> Conversation:
    """Return the messages of another connection while this message is sent."""
    client = situation.client
    raw = (frame_bytes(TEXT, text.encode()),)

    async def speak() -> None:
        await client.converse(Ask(who, situation.origin, say=False, raw=raw))

    ask = Ask(who, situation.origin, say=False, later=speak, overhears=True)
    return await client.converse(ask)


async def _passed_on(
    situation: Situation, who: Any, message: dict[str, Any], name: str, make: Callable[[str], Any]
) -> Conversation | None:
    """Return another connection's conversation; None unless it hears the message unchanged twice."""
    heard = None
    for _ in range(2):
        value = make(secrets.token_hex(6))
        heard = await _heard(situation, who, json.dumps({**message, name: value}))
        if not any(_holds(one, name, value) for one in heard.messages):
            return None
    return heard


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is None or situation.base.once:
        return [NotTried("a credential that works more than once")]
    objects = _objects(situation.client.said())
    if not objects:
        return [NotTried("`--say MESSAGE` with a JSON object")]
    results: list[Result] = []
    for what, name, make in _wrong(objects[0]):
        heard = await _passed_on(situation, who, objects[0], name, make)
        if heard is not None:
            results.append(Open(what, heard.transcript))
    numbers = [key for key, one in objects[0].items() if type(one) in {int, float}]
    if numbers:
        text = json.dumps({**objects[0], numbers[-1]: float("nan")})
        heard = await _heard(situation, who, text)
        if any(": NaN" in text_of(one) or ":NaN" in text_of(one) for one in heard.messages):
            what = f"`{numbers[-1]}` may be NaN, which is delivered to others, and no browser can read."
            results.append(Open(what, heard.transcript))
    closed = "Fields that are in no schema, or of a wrong type, are not passed on."
    return results or [Closed(closed, situation.client.all[-1].transcript)]


PROBE = probe(
    __doc__,
    id="SP603",
    slug="unvalidated-messages",
    level=Level.WARNING,
    threat="message-injection",
    cwe=(915, 20),
    asvs=("2.2.1", "15.3.3"),
    check=Check.VALIDATION,
    run=_run,
    active=True,
)
