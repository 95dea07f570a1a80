"""Decide if an open socket goes on after its credential has ended: after a logout, an expiry, a revocation.

INVARIANT: *closed* needs a control. A socket with a good credential stayed open and was answered for as long.
"""

from __future__ import annotations

from stormdoor_audit.prober.conversation import Conversation
from stormdoor_audit.prober.probe import SAY, Closed, NotDetermined, Open, Result, Situation

__all__ = ["outlives"]


def outlives(
    situation: Situation, before: Conversation, after: Conversation, *, event: str, asked: str
) -> Result:
    """Return the result for the socket that was open while its credential ended.

    Args:
        situation: What a probe may look at.
        before: The control: the same with a credential that stays good.
        after: The conversation in which the credential ended; what came before that is its greeting.
        event: What ended the credential, after *after*: `the logout`.
        asked: The question, such as `The probe cannot tell whether an open socket ends with the session`.
    """
    lines = after.transcript

    def doubt(why: str, settle: str = SAY) -> NotDetermined:
        return NotDetermined(f"{asked}: {why}.", settle, lines)

    if after.status != 101:
        return doubt(after.problem or f"the handshake was answered with {after.status}", "")
    if before.ended:
        return doubt("a socket with a valid credential is ended by the same messages")
    if after.ended:
        return Closed(f"The open socket ends after {event}.", lines)
    owned = before.delivered - situation.base.nobody.delivered
    if owned & after.delivered:
        return Open(
            f"The open socket goes on delivering what the owner gets, after {event}.", lines
        )
    if not owned:
        return doubt("it delivers nothing")
    if after.denied and not after.delivered:
        return Closed(f"After {event} the open socket is refused when it asks again.", lines)
    if after.delivered:
        return doubt("it is answered otherwise than before")
    if not situation.client.said(again=True):
        return doubt("it stays open and delivers nothing more, and it was sent no message")
    return Closed(f"After {event} the open socket answers nothing, and delivers nothing.", lines)
