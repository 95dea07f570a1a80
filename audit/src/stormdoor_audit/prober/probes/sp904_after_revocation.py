"""The socket outlives the right to have it.

What:
    The second identity sends the message of `--revoke`, which removes the owner's right, while the owner's
    socket is open. The socket continues to receive the owner's data, or the credential opens a new one.

Why:
    A former member keeps listening until the connection ends.

Fix:
    Close the sockets of a principal when its rights change, in every process, and check the rights again
    at each message: stormdoor does both.
"""

from __future__ import annotations

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.listening import PATIENCE, lasting
from stormdoor_audit.prober.outlives import opens_another, outlives
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotDetermined,
    NotTried,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.wire import TEXT, frame_bytes
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_ASKED = "The probe cannot tell whether an open socket ends with the right"


async def _run(situation: Situation) -> list[Result]:
    owner, other, revoke = situation.owner, situation.other, situation.declared.revoke
    if not revoke or owner is None or other is None:
        return [NotTried("`--revoke MESSAGE`, and a second identity that says it")]
    if situation.open_to_all or situation.base.once:
        return [NotTried(CREDENTIAL)]
    client = situation.client
    before = await lasting(client, Ask(owner, situation.origin))
    if not before.delivered:
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
    socket = outlives(situation, before, went_on, event="the revocation", asked=_ASKED)
    another = await opens_another(
        situation,
        owner,
        named=f"The credential whose right {other.name} has taken away",
        event="the revocation",
    )
    return [socket, another]


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
