"""Another member is delivered what only the owner may read.

What:
    The second identity connects to the owner's address, sends the owner's messages, and is delivered the
    text that `--private` says only the owner may read.

Why:
    An id in the address or in a message is a wish, and no permission.

Fix:
    Ask at each message whether this principal may do this to that object: with stormdoor
    `@action("doc:read", resource=lambda read: ("doc", read.id))` and a policy.
"""

from __future__ import annotations

from stormdoor.prober.conversation import Ask, Conversation
from stormdoor.prober.delivered import text_of
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


def _never(_: frozenset[str]) -> bool:
    return False


async def _run(situation: Situation) -> list[Result]:
    owner, other, private = situation.owner, situation.other, situation.private
    if owner is None or other is None:
        return [skipped("A second identity was not given.")]
    if not private:
        return [skipped("It was not said with `--private` what only the owner may read.")]
    if situation.open_to_all:
        return [skipped("No credential is needed.")]

    # Not until something is delivered, but until the end: the text may come last.
    def seen(one: Conversation) -> bool:
        return any(private in text_of(message) for message in (*one.greeting, *one.messages))

    client = situation.client
    usual, client.enough = client.enough, _never
    try:
        if not seen(await client.converse(Ask(owner, situation.origin))):
            return [
                unknown("Whether another member reads it: the owner is not delivered the text.")
            ]
        first = await client.converse(Ask(other, situation.origin))
        if not seen(first):
            if first.status != 101 or first.problem:
                return [clear(f"{other.name} is refused with {first.status}.")]
            return [clear(f"{other.name} gets in, and is not delivered what is the owner's.")]
        second = await client.converse(Ask(other, situation.origin))
    finally:
        client.enough = usual
    if seen(second):
        what = f"{other.name} is delivered what only {owner.name} may read."
        return [found(what, second.transcript)]
    return [unknown(f"{other.name} was delivered it once, and not again.")]


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
