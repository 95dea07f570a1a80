"""Decide if a credential that has ended is of use: for a socket that is open, or to open another one.

INVARIANT: *closed* needs a control. A socket with a good credential stayed open and was answered for as long.
"""

from __future__ import annotations

from collections.abc import Sequence

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.decide import Access, refused
from stormdoor_audit.prober.delivered import is_refusal
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import SAY, Closed, NotDetermined, Open, Result, Situation

__all__ = ["ended_together", "opens_another", "outlives"]


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


def ended_together(results: Sequence[Result]) -> list[Result]:
    """Return the results of sockets that one event ends: each is closed only if all are."""
    distinct = list({one.what: one for one in results}.values())
    return [one for one in distinct if not isinstance(one, Closed)] or distinct[:1]


async def opens_another(situation: Situation, who: Identity, *, named: str, event: str) -> Result:
    """Return the result for a new socket with a credential that has ended.

    A socket that stays open and delivers nothing counts, too, if clients with no credential and with garbage
    get none: then the credential has opened it.

    Args:
        situation: The endpoint and its identities.
        who: The identity with the credential.
        named: The credential, as a sentence about it begins: `The session that was logged out`.
        event: What ended it, after *after*: `the logout`.
    """
    ask = Ask(who, situation.origin)
    proof = await situation.attempt(ask, situation.nobody)
    if proof.access is Access.IN:
        return Open(f"{named} opens a new socket: {proof.why}.", proof.transcript)
    doubt = f"The probe cannot tell whether a new socket opens after {event}"
    if _silent(proof.conversation) and refused(await situation.client.converse(situation.nobody)):
        garbage = Ask(who.changed("garbage", lambda _: "stormdoor-probe-garbage"), ask.origin)
        tried = situation.client.may_send(garbage)
        if tried and not refused(await situation.client.converse(garbage)):
            why = "it stays open, as the socket of a client with garbage does"
            return NotDetermined(f"{doubt}: {why}.", SAY, proof.transcript)
        again = await situation.client.converse(ask)
        if _silent(again):
            what = f"{named} opens a new socket, and a client without a credential gets none."
            return Open(what, again.transcript)
    if proof.access is Access.UNKNOWN:
        return NotDetermined(f"{doubt}: {proof.why}.", SAY, proof.transcript)
    return Closed(f"{named} opens no new socket.", proof.transcript)


def _silent(one: Conversation) -> bool:
    """Return True if the socket stays open, and no message refuses the client."""
    return one.stays_open and not one.denied and not any(map(is_refusal, one.messages))
