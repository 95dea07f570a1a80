"""A token that the owner declares to be no good, shown in the place of the good one."""

from __future__ import annotations

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import SAY, Closed, NotDetermined, Open, Result, Situation

__all__ = ["stand_in"]


async def stand_in(
    situation: Situation, owner: Identity, kind: str, token: str, *, named: str, doubted: str
) -> list[Result]:
    """Show `token` in the place of the owner's, with garbage as the control, which must be refused.

    Args:
        situation: What a probe may look at.
        owner: The identity that owns the replaced token.
        kind: Kind of the token, for the client's name in transcripts.
        token: The token to show.
        named: The token, as a sentence about it begins.
        doubted: The token, within a sentence.
    """
    garbage = owner.changed("garbage", lambda _: "stormdoor-probe-garbage")
    ask = Ask(owner.changed(f"{owner.name}, token {kind}", lambda _: token), situation.origin)
    proof = await situation.attempt(ask, Ask(garbage, situation.origin))
    if proof.access is Access.IN:
        return [Open(f"{named} gets in: {proof.why}.", proof.transcript)]
    if proof.access is Access.UNKNOWN:
        return [
            NotDetermined(
                f"The probe cannot tell whether {doubted} gets in: {proof.why}.",
                SAY,
                proof.transcript,
            )
        ]
    return [Closed(f"{named} is refused.", proof.transcript)]
