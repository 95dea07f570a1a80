"""What no message may hold is put where others read it.

What:
    The owner's message of `--say`, where it is a JSON object, once more with a field that is in no schema,
    and with numbers that are none (`NaN`). The field, or the `NaN`, comes back in what the server delivers
    to another connection of the owner.

Why:
    A field too many overwrites what no message is meant to change (a limit, an owner, a price). No browser
    can parse `NaN`, so that everybody's page breaks.

Fix:
    Decode into a type that knows its fields and their limits: with stormdoor, a `Command`; by hand, copy
    the known fields one by one, and use `json.loads(text, parse_constant=refuse)`.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from stormdoor.prober.conversation import Ask, Conversation
from stormdoor.prober.delivered import Message, text_of
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped
from stormdoor.prober.wire import TEXT, frame_bytes
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


def _objects(texts: list[str]) -> list[dict[str, Any]]:
    found = []
    for text in texts:
        try:
            one = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(one, dict):
            found.append(one)
    return found


def _holds(message: Message, name: str, value: str) -> bool:
    """Whether it is a field of that name and value, and not only text that quotes it."""

    def look(one: Any, depth: int) -> bool:
        if depth == 0:
            return False
        if isinstance(one, dict):
            return one.get(name) == value or any(look(inner, depth - 1) for inner in one.values())
        return isinstance(one, list) and any(look(inner, depth - 1) for inner in one)

    try:
        return look(json.loads(message), 8)
    except (ValueError, RecursionError):
        return False


async def _heard(situation: Situation, who: Any, text: str) -> Conversation:
    """What another connection hears, while this message is sent."""
    client = situation.client
    raw = (frame_bytes(TEXT, text.encode()),)

    async def speak() -> None:
        await client.converse(Ask(who, situation.origin, say=False, raw=raw))

    ask = Ask(who, situation.origin, say=False, later=speak, overhears=True)
    return await client.converse(ask)


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is None or situation.base.once:
        return [skipped("No credential was given, or it works only once.")]
    objects = _objects(situation.client.said())
    if not objects:
        return [skipped("No message that is a JSON object was given with `--say`.")]
    results = []
    heard = Conversation()
    for _ in range(2):
        value = secrets.token_hex(6)
        extra = json.dumps({**objects[0], "stormdoor_probe": value})
        heard = await _heard(situation, who, extra)
        if not any(_holds(one, "stormdoor_probe", value) for one in heard.messages):
            break
    else:
        what = "A field that is in no schema is kept, and delivered to others."
        results.append(found(what, heard.transcript))
    numbers = [key for key, one in objects[0].items() if type(one) in {int, float}]
    if numbers:
        text = json.dumps({**objects[0], numbers[-1]: float("nan")})
        heard = await _heard(situation, who, text)
        if any(": NaN" in text_of(one) or ":NaN" in text_of(one) for one in heard.messages):
            what = f"`{numbers[-1]}` may be NaN, which is delivered to others, and no browser can read."
            results.append(found(what, heard.transcript))
    return results or [clear("A field that is in no schema, and `NaN`, are not passed on.")]


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
