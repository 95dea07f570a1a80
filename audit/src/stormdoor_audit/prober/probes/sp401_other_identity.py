"""Another member is delivered what only the owner may read.

What:
    The second identity connects to the owner's address, and receives the text that only the owner may read
    (`--private`). It sends the owner's messages; or sends them with their values in capitals, which a check
    by name may not recognise; or only listens while the owner sends messages.

Why:
    An id in the address or in a message is no permission.

Fix:
    Check at each message whether this principal may do this action with that object: with stormdoor
    `@action[Read]("doc:read", resource=lambda read: ("doc", read.id))` and a policy.
"""

from __future__ import annotations

import json
from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.delivered import TAGS, text_of
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.passwords import is_password
from stormdoor_audit.prober.peer_json import read_object
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


def _in_capitals(text: str) -> str:
    """A JSON message with its texts in capitals, except for the one that says what it is."""
    found = read_object(text)
    if found is None:
        return text
    return json.dumps(
        {
            key: value.upper()
            if isinstance(value, str) and key not in TAGS and not is_password(key)
            else value
            for key, value in found.items()
        }
    )


async def _run(situation: Situation) -> list[Result]:
    owner, other, private = situation.owner, situation.other, situation.private
    if owner is None or other is None:
        return [
            NotTried("a second identity (`--other-cookie`, `--other-header` or `--identities`)")
        ]
    if not private:
        return [NotTried("`--private TEXT`, which only the owner may read")]
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]

    # Not until something is delivered, but until the end: the text may come last.
    def seen(one: Conversation) -> bool:
        return any(private in text_of(message) for message in (*one.greeting, *one.messages))

    client, asks = situation.client, Ask(other, situation.origin)
    say = client.say
    with client.to_the_end():
        if not seen(await client.converse(Ask(owner, situation.origin))):
            what = (
                "The probe cannot tell whether another member reads it: the owner does not get it."
            )
            return [NotDetermined(what, SAY, client.all[-1].transcript)]
        # A refusal may quote what was asked for: then nothing follows from the answer.
        quoted = any(private in one for one in say)
        tries = {"the owner's messages": say, "them in capitals": tuple(map(_in_capitals, say))}
        first = await client.converse(replace(asks, say=not quoted))
        for said, messages in tries.items():
            client.manner = replace(client.manner, say=messages)
            one = replace(asks, say=not quoted)
            if seen(await client.converse(one)):
                again = await client.converse(one)
                if not seen(again):
                    what = f"{other.name} was delivered it once, and not again."
                    return [NotDetermined(what, "", again.transcript)]
                how = f", and sends {said}" if say and not quoted else ""
                text = f"{other.name} is delivered what only {owner.name} may read{how}."
                return [Open(text, again.transcript)]
            if not say or quoted:
                break
        client.manner = replace(client.manner, say=say)
        if say and first.stays_open and (heard := await _overhears(situation, asks)) is not None:
            what = f"{other.name} listens, and hears what only {owner.name} may read."
            return [Open(what, heard.transcript)]
    return [_refused(other, first)]


def _refused(other: Identity, first: Conversation) -> Result:
    """The result where the other was not delivered the text."""
    if first.problem or first.limited:
        why = first.problem or "there were too many attempts"
        what = f"The probe cannot tell whether {other.name} reads it: {why}."
        return NotDetermined(what, "", first.transcript)
    if first.status != 101:
        return Closed(f"{other.name} is refused with {first.status}.", first.transcript)
    what = f"{other.name} gets in, and is not delivered what is the owner's."
    return Closed(what, first.transcript)


async def _overhears(situation: Situation, asks: Ask) -> Conversation | None:
    """Return the other's conversation if it hears the private text twice while the owner speaks."""
    client, owner = situation.client, situation.owner
    if owner is None:
        return None
    heard = None
    for _ in range(2):

        async def speak() -> None:
            await client.converse(Ask(owner, situation.origin))

        heard = await client.converse(replace(asks, say=False, later=speak, overhears=True))
        if not any(situation.private in text_of(message) for message in heard.messages):
            return None
    return heard


PROBE = probe(
    __doc__,
    id="SP401",
    slug="other-identity",
    level=Level.ERROR,
    threat="privilege-escalation",
    cwe=(639,),
    asvs=("8.2.2",),
    check=Check.AUTHORIZATION,
    run=_run,
)
