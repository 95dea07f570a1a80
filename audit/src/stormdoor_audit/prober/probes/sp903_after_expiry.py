"""The socket outlives the credential that has opened it.

What:
    If the owner's token expires within twenty seconds (`exp`), the prober opens a socket with it, and waits
    until the server refuses the token at a handshake. The open socket continues to receive the owner's data.

Why:
    A short-lived token limits nothing if its socket stays open for days.

Fix:
    Close the socket at `exp`, or let the client send a new token in time; stormdoor does both.
"""

from __future__ import annotations

import asyncio
import time

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access, judged
from stormdoor_audit.prober.listening import PATIENCE, lasting
from stormdoor_audit.prober.outlives import outlives
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotDetermined,
    NotTried,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.probes.sp106_expired_token import ends_at
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_ASKED = "The probe cannot tell whether a socket ends with its token"

_LONGEST = 20.0
_GRACE = 6
"""Seconds after the end in which a handshake with it may still be accepted: clocks differ."""


async def _run(situation: Situation) -> list[Result]:
    owner, client = situation.owner, situation.client
    if owner is None or situation.open_to_all or situation.base.once:
        return [NotTried(CREDENTIAL)]
    ends = ends_at(owner.jwts())
    if not ends:
        return [NotTried("a token that says when it ends (`exp`)")]
    left = ends - time.time()
    if left <= 0 or left > min(_LONGEST, client.budget.left() - 2 * _GRACE):
        return [NotTried("a token that ends within 20 seconds")]
    before = await lasting(client, Ask(owner, situation.origin))
    if not before.delivered:
        return [
            NotDetermined(
                "The probe cannot tell whether a socket ends with its token: it delivers nothing to compare.",
                SAY,
            )
        ]
    gone: list[bool] = []

    async def until_it_ends() -> None:
        await asyncio.sleep(max(ends - time.time(), 0.0) + 0.5)
        for _ in range(_GRACE):
            one = await client.converse(Ask(owner, situation.origin))
            if judged(situation.base, one)[0] is Access.REFUSED:
                gone.append(True)
                return
            await asyncio.sleep(1)

    went_on = await client.converse(
        Ask(owner, situation.origin, patience=PATIENCE, later=until_it_ends)
    )
    if not went_on.ended and not gone:
        what = f"{_ASKED}: a new socket opens, too."
        return [NotDetermined(what, "", went_on.transcript)]
    return [outlives(situation, before, went_on, event="the end of its token", asked=_ASKED)]


PROBE = probe(
    __doc__,
    id="SP903",
    slug="after-expiry",
    level=Level.WARNING,
    threat="stale-authorization",
    cwe=(613,),
    asvs=("7.3.2",),
    check=Check.AUTHENTICATION,
    run=_run,
)
