"""The socket outlives the right to have it.

What:
    The second identity says the message of `--revoke`, which takes the owner's right away, while the
    owner's socket is open. It goes on delivering what the owner gets, or the credential opens a new one.

Why:
    Whoever was dismissed listens on, until they hang up.

Fix:
    Close the sockets of a principal whose rights change, in every process, and ask again at each message:
    stormdoor does both.
"""

from __future__ import annotations

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.listening import PATIENCE, lasting
from stormdoor.prober.probe import (
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
from stormdoor.prober.wire import TEXT, frame_bytes
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    owner, other, revoke = situation.owner, situation.other, situation.declared.revoke
    if not revoke or owner is None or other is None:
        return [NotTried("`--revoke MESSAGE`, and a second identity that says it")]
    if situation.open_to_all or situation.base.once:
        return [NotTried(CREDENTIAL)]
    client = situation.client
    delivered = await lasting(client, Ask(owner, situation.origin))
    if not delivered:
        return [
            NotDetermined(
                "The probe cannot tell what a revocation ends: the owner gets no message.",
                SAY,
            )
        ]
    said: list[bool] = []

    async def take_away() -> None:
        raw = (frame_bytes(TEXT, revoke.encode()),)
        one = await client.converse(Ask(other, situation.origin, say=False, raw=raw))
        said.append(one.stays_open)

    went_on = await client.converse(
        Ask(owner, situation.origin, patience=PATIENCE, later=take_away)
    )
    if not said or not said[-1]:
        return [
            NotDetermined(
                f"The probe cannot tell what a revocation ends: {other.name} could not send it.",
                "",
                went_on.transcript,
            )
        ]
    results: list[Result] = []
    if went_on.stays_open and delivered & went_on.delivered:
        what = f"The owner's socket goes on after {other.name} has taken the right away."
        results.append(Open(what, went_on.transcript))
    proof = await situation.attempt(Ask(owner, situation.origin), situation.nobody)
    if proof.access is Access.IN:
        what = f"The credential opens a new socket after {other.name} has taken the right away."
        results.append(Open(what, proof.transcript))
    if proof.access is Access.UNKNOWN and not results:
        what = f"The probe cannot tell whether the revoked credential opens a socket: {proof.why}."
        return [NotDetermined(what, "", proof.transcript)]
    what = "A revocation ends the open socket, and opens no other."
    return results or [Closed(what, (*went_on.transcript, *proof.transcript))]


PROBE = probe(
    __doc__,
    id="SP904",
    slug="after-revocation",
    level=Level.ERROR,
    threat="stale-authorization",
    cwe=(613,),
    asvs=("7.4.2",),
    check=Check.AUTHENTICATION,
    run=_run,
    active=True,
)
