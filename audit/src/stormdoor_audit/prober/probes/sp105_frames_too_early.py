"""Messages are acted upon although the client is being refused.

What:
    A client without a credential sends messages together with the handshake, before the server refuses it,
    and gets the same answers as the owner. `--say MESSAGE` gives the message.

Why:
    After `close()` in `open()`, Tornado continues to read messages until the client has closed, too.

Fix:
    Refuse the handshake before the 101, or let `on_message()` first check whether the client has logged in.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.conversation import Conversation
from stormdoor_audit.prober.decide import Access
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


async def _run(situation: Situation) -> list[Result]:
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    if not situation.client.say:
        return [NotTried(SAY)]
    if not _turned_away(situation.base.nobody):
        return [NotTried("a server that refuses an unauthenticated client: this one does not")]
    proof = await situation.attempt(replace(situation.nobody, early=True))
    if proof.access is Access.IN:
        return [
            Open(f"Messages sent before the refusal are answered: {proof.why}.", proof.transcript)
        ]
    if proof.access is Access.UNKNOWN:
        what = f"The probe cannot tell whether messages sent before the refusal are acted upon: {proof.why}."
        return [NotDetermined(what, "", proof.transcript)]
    return [Closed("Messages sent before the refusal are not answered.", proof.transcript)]


def _turned_away(one: Conversation) -> bool:
    """Return True if the server refused the handshake or ended the socket."""
    return one.status not in {0, 101} or bool(one.ended)


PROBE = probe(
    __doc__,
    id="SP105",
    slug="frames-too-early",
    level=Level.ERROR,
    threat="race-in-authorization",
    cwe=(696,),
    asvs=("8.3.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
