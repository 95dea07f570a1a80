"""A token that the owner declares to be no good, shown in the place of the good one."""

from __future__ import annotations

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.identity import Identity
from stormdoor.prober.probe import Result, Situation, clear, found, unknown

__all__ = ["stand_in"]


async def stand_in(
    situation: Situation, owner: Identity, kind: str, token: str, *, named: str, doubted: str
) -> list[Result]:
    """What comes of `token`, with garbage as the control: it must be refused where the token gets in.

    Args:
        situation: What a probe may look at.
        owner: Whose credential the token replaces.
        kind: Of the token, in the name that transcripts give the client.
        token: What is shown.
        named: The token, as a sentence about it begins.
        doubted: The token, within a sentence.
    """
    garbage = owner.changed("garbage", lambda _: "stormdoor-probe-garbage")
    ask = Ask(owner.changed(f"{owner.name}, token {kind}", lambda _: token), situation.origin)
    proof = await situation.attempt(ask, Ask(garbage, situation.origin))
    if proof.access is Access.IN:
        return [found(f"{named} gets in: {proof.why}.", proof.transcript)]
    if proof.access is Access.UNKNOWN:
        return [unknown(f"Whether {doubted} gets in: {proof.why}.")]
    return [clear(f"{named} is refused.")]
