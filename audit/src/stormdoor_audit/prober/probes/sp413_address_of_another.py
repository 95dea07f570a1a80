"""An address that holds an object of one identity is open to another.

What:
    The endpoint's address contains an id that belongs to the owner only, as `--identities` declares. Another
    identity connects to it, and receives the owner's object: values from both of the owner's connections that
    are neither in that identity's own object nor in the answer for an id that does not exist.

Why:
    Any logged-in user changes the id in the address, and reads the messages of another.

Fix:
    Check whether the object belongs to the principal: with stormdoor, deliver it in answer to an
    `@action("doc:read", resource=…)` with a policy for owners or tenants; by hand, check it in `prepare()`.
"""

from __future__ import annotations

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.delivered import shapes
from stormdoor_audit.prober.evidence import values
from stormdoor_audit.prober.matrix import other_id
from stormdoor_audit.prober.member import Member, exchanged, mentions
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

_MOST = 4


async def _at(situation: Situation, member: Member, id: str, other: str) -> Conversation:
    """The conversation of an identity at the address of another object."""
    target = situation.client.target
    place = target if id == other else target.at(exchanged(target.resource, id, other))
    ask = Ask(member.identity, situation.origin, target=place, patience=1.5)
    return await situation.client.converse(ask)


async def _by(situation: Situation, owner: Member, other: Member, id: str) -> Result:
    """Return True if the other reads the owner's object."""
    own = [await _at(situation, owner, id, id) for _ in range(2)]
    forms = shapes(own[0].messages) & shapes(own[1].messages)
    theirs = await _at(situation, other, id, id)
    doubt = f"The probe cannot tell whether {other.name} reads the object of {owner.name}"
    if not shapes(theirs.messages):
        how = f"is refused with {theirs.status}" if theirs.status != 101 else "is delivered nothing"
        if theirs.problem or theirs.limited:
            what = f"{doubt}: {theirs.problem or how}."
            return NotDetermined(what, "", theirs.transcript)
        return Closed(f"{other.name} {how} where the object is {owner.name}'s.", theirs.transcript)
    controls = [await _at(situation, other, id, other_id(id))]
    if mine := other.first(owner.kind(id)):
        controls.append(await _at(situation, other, id, mine))
    known = {id}.union(*(values(one.messages, shapes(one.messages)) for one in controls))
    tells = values(own[0].messages, forms) & values(own[1].messages, forms) - known
    again = await _at(situation, other, id, id)
    if not tells:
        what = f"{doubt}: nothing in it tells it from others."
        return NotDetermined(what, SAY, theirs.transcript)
    if all(tells <= values(one.messages, forms) for one in (theirs, again)):
        what = f"{other.name} connects to the address of {owner.name}'s `{id}`, and reads what stands in it."
        return Open(what, again.transcript)
    if any(tells & values(one.messages, forms) for one in (theirs, again)):
        what = f"{other.name} is delivered a part of the object of {owner.name}."
        return NotDetermined(what, "", again.transcript)
    what = f"{other.name} is answered, and not with the object of {owner.name}."
    return Closed(what, again.transcript)


async def _run(situation: Situation) -> list[Result]:
    client, owner = situation.client, situation.own
    id = next((id for _, id in owner.ids if mentions(client.target.resource, id)), "")
    if situation.owner is None or not id:
        return [
            NotTried("an address with an id that `--identities` declares to be the owner's alone")
        ]
    if situation.open_to_all or situation.base.once:
        return [NotTried(CREDENTIAL)]
    others = [
        one
        for one in situation.members
        if not one.identity.empty and not one.all_objects and id not in {own for _, own in one.ids}
    ]
    if not others:
        return [NotTried("another identity in the file of `--identities`")]
    # What names the object in a message is another probe's: here it is the address that names it.
    with client.to_the_end([one for one in client.say if not mentions(one, id)]):
        return [await _by(situation, owner, one, id) for one in others[:_MOST]]


PROBE = probe(
    __doc__,
    id="SP413",
    slug="address-of-another",
    level=Level.ERROR,
    threat="privilege-escalation",
    cwe=(639,),
    asvs=("8.2.2",),
    check=Check.AUTHORIZATION,
    run=_run,
)
