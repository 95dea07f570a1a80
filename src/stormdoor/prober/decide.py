"""Whether somebody got in, judged by what was delivered to them and to the owner.

INVARIANT: a 101 alone proves nothing. It counts as entry only where a client without a credential is
refused, so that the 101 is what the credential bought.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from stormdoor.prober.conversation import Ask, Client, Conversation
from stormdoor.prober.delivered import GREETING, is_refusal
from stormdoor.prober.identity import Identity

__all__ = ["Access", "Baseline", "Proof", "attempt", "judged", "refused", "take_baseline"]

_POLICY = {1002, 1003, 1007, 1008, 1011, 1013}


class Access(StrEnum):
    """What a client got."""

    REFUSED = "refused"
    IN = "in"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the others are compared with.

    Args:
        owner: What the owner saw, twice; empty where no credential was given.
        nobody: What a client without a credential saw.
        nowhere: What a path answers that does not exist.
        delivered: What the owner always gets, and not before the credential was shown.
        once: The credential worked once, and not again.
    """

    owner: tuple[Conversation, ...]
    nobody: Conversation
    nowhere: Conversation
    delivered: frozenset[str]
    once: bool = False


def refused(one: Conversation) -> bool:
    """Whether it was turned away before anything was delivered."""
    return one.status != 101 or (bool(one.ended) and not one.delivered)


async def take_baseline(client: Client, owner: Identity | None, origin: str) -> Baseline:
    """Look as the owner, twice, as nobody, and at a path that does not exist."""
    seen: list[Conversation] = []
    if owner is not None:
        seen.append(await client.converse(Ask(owner, origin, patience=1.5)))
        if seen[0].status == 101:
            seen.append(await client.converse(Ask(owner, origin, patience=1.5)))
    once = len(seen) == 2 and refused(seen[1]) and not refused(seen[0])
    if once:
        seen.pop()
    stranger = owner.nobody() if owner is not None else Identity("nobody")
    nobody = await client.converse(Ask(stranger, origin, patience=1.5))
    directory = client.target.path.rsplit("/", 1)[0]
    elsewhere = client.target.at(f"{directory}/stormdoor-probe-nothing-here")
    nowhere = await client.converse(
        Ask(Identity("nobody"), origin, target=elsewhere, say=False, patience=0.2)
    )
    delivered: frozenset[str] = frozenset()
    if seen:
        first, *more = (one.delivered for one in seen)
        delivered = first.intersection(*more)
        # What is said before the credential is shown is said to everybody.
        for one in seen:
            delivered -= Conversation(messages=one.greeting).delivered
    if delivered:
        client.enough = delivered.issubset
    return Baseline(tuple(seen), nobody, nowhere, delivered, once)


def judged(base: Baseline, one: Conversation, *, anonymous: bool = False) -> tuple[Access, str]:
    """What this client got, and why that is concluded.

    Args:
        base: What it is compared with.
        one: Its conversation.
        anonymous: It shows no credential at all, so that being let in is not compared with nobody.
    """
    if one.limited:
        return Access.UNKNOWN, "the server said that there were too many attempts"
    if one.problem:
        # A bare end is a way to refuse; that the server is there, the owner has shown.
        ended = bool(base.owner) and "hung up" in one.problem
        return (Access.REFUSED if ended else Access.UNKNOWN), one.problem
    if one.status != 101:
        return Access.REFUSED, f"the handshake was answered with {one.status}"
    got = one.delivered
    if base.owner:
        return _like_owner(base, one, got, anonymous=anonymous)
    # Without an owner there is nobody to tell this name from: it may be that of a guest.
    got = frozenset(shape for shape in got if not shape.startswith(GREETING))
    if got and not (one.ended and one.code in _POLICY | set(range(3000, 5000))):
        return Access.IN, "data were delivered"
    if one.ended:
        return (
            Access.REFUSED,
            f"it was ended with {one.code}" if one.ended == "close" else "it hung up",
        )
    if any(is_refusal(message) for message in one.messages):
        return Access.REFUSED, "the answer was an error"
    return Access.UNKNOWN, "it stays open, and nothing that would be worth protecting was delivered"


def _like_owner(
    base: Baseline, one: Conversation, got: frozenset[str], *, anonymous: bool
) -> tuple[Access, str]:
    if base.delivered:
        if base.delivered <= got:
            return Access.IN, "it was delivered what the owner gets"
        if base.delivered & got:
            return Access.UNKNOWN, "some of what the owner gets was delivered, and some was not"
        if one.ended:
            return Access.REFUSED, "it was opened, and ended before anything was delivered"
        return Access.REFUSED, "it stays open, and nothing of what the owner gets was delivered"
    if one.ended:
        return Access.REFUSED, "it was opened, and ended before anything was delivered"
    if any(is_refusal(message) for message in one.messages):
        return Access.REFUSED, "the answer was an error"
    if not base.owner[-1].stays_open:
        return Access.UNKNOWN, "the owner's own connection does not stay open"
    if not anonymous and refused(base.nobody):
        return (
            Access.IN,
            "it was let in and stays open, while a client without a credential is refused",
        )
    return Access.UNKNOWN, "the owner was delivered nothing, so there is nothing to compare with"


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of an attempt that was made twice, with a control between.

    Args:
        access: IN only where both times agree, and the control was refused.
        why: In a few words.
        transcript: Of the last time.
        conversation: The last time.
    """

    access: Access
    why: str
    transcript: tuple[str, ...] = ()
    conversation: Conversation = field(default_factory=Conversation)


async def attempt(
    client: Client,
    base: Baseline,
    ask: Ask,
    control: Ask | None = None,
    *,
    by_opening: bool = False,
) -> Proof:
    """Try; if that gets in, see that the control does not, and try once more, listening longer.

    Args:
        client: Connects.
        base: What it is compared with.
        ask: The attempt.
        control: What must not get in, for the attempt to mean anything; None where nobody may.
        by_opening: The credential itself is good, so that a socket which stays open shows enough.
            Otherwise the server may look at it with the first message, and something must be delivered.
    """
    anonymous = ask.who.empty and not ask.headers
    first = await client.converse(ask)
    access, why = judged(base, first, anonymous=anonymous)
    if access is not Access.IN:
        return Proof(access, why, first.transcript, first)
    if base.owner and not base.delivered and not by_opening:
        why = "it is let in, but nothing is delivered that would tell; `--say MESSAGE` may"
        return Proof(Access.UNKNOWN, why, first.transcript, first)
    if control is not None:
        other = await client.converse(control)
        without, _ = judged(base, other, anonymous=control.who.empty)
        if without is Access.IN:
            return Proof(
                Access.UNKNOWN, "a client without it gets in as well", first.transcript, first
            )
        if without is Access.UNKNOWN and not base.delivered:
            return Proof(Access.UNKNOWN, "the control could not be told", first.transcript, first)
    second = await client.converse(replace(ask, patience=ask.patience * 2))
    again, _ = judged(base, second, anonymous=anonymous)
    if again is Access.IN:
        return Proof(Access.IN, why, second.transcript, second)
    return Proof(Access.UNKNOWN, "it got in once, and not again", second.transcript, second)
