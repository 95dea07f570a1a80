"""Several forms of one attack, tried in turn: each finding and each doubt has its own result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access, Proof
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import (
    SAY,
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
)

__all__ = ["Form", "by_place", "checked", "concluded", "each_form", "token_form"]

_LIMITS = {429, 503}
"""Statuses that may be a limit for all clients."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of an attack.

    Args:
        name: Its name in a doubt.
        ask: The client that tries it.
        found: The sentence of the finding, to which the reason is added.
        control: A client that must not get in; None where the owner is the only comparison.
        by_opening: As in `decide.attempt`.
        by_place: Only the page or the host differs from the right client's, as in `by_place`.
    """

    name: str
    ask: Ask
    found: str
    control: Ask | None = None
    by_opening: bool = False
    by_place: bool = False


def token_form(situation: Situation, owner: Identity, name: str, token: str) -> Form:
    """Return the attempt to show a token in the place of the owner's; garbage must not get in."""
    garbage = owner.changed("garbage", lambda _: "stormdoor-probe-garbage")
    who = owner.changed(f"{owner.name}, token {name}", lambda _: token)
    control = Ask(garbage, situation.origin)
    return Form(name, Ask(who, situation.origin), f"A token {name} gets in", control)


def concluded(
    found: Sequence[Open],
    doubts: Sequence[str],
    closed: str,
    asked: str,
    *,
    settle: str,
    exchange: tuple[str, ...],
) -> list[Result]:
    """Return each finding, the doubts beside them, or *closed* where there is neither.

    Args:
        found: The attempts that succeeded.
        doubts: The reasons why attempts prove nothing.
        closed: The result if every attempt was refused.
        asked: The question, such as `The probe cannot tell whether a forged token gets in`.
        settle: The option that would decide it.
        exchange: The lines of the last attempt.
    """
    results: list[Result] = list(found)
    if doubts:
        reasons = "; ".join(dict.fromkeys(doubts[:3]))
        results.append(NotDetermined(f"{asked} ({reasons}).", settle, exchange))
    return results or [Closed(closed, exchange)]


async def by_place(situation: Situation, ask: Ask, proof: Proof) -> Proof:
    """Return a refusal in the place of a doubt if 429 or 503 is the answer to one page or host only.

    The right client gets in before and after a second attempt that gets the same status.
    """
    status = proof.conversation.status
    if status not in _LIMITS or not await situation.owner_still_gets_in():
        return proof
    again = await situation.client.converse(ask)
    if again.status != status or not await situation.owner_still_gets_in():
        return proof
    why = f"the handshake was answered with {status}, while the right client gets in"
    return Proof(Access.REFUSED, why, again.transcript, again)


async def checked(situation: Situation, results: list[Result]) -> list[Result]:
    """Return the results, with doubt in the place of *closed* if the right client is refused by now, too."""
    if not any(isinstance(one, Closed) for one in results):
        return results
    if await situation.owner_still_gets_in():
        return results
    why = "The right client is refused by now, too, so that refusals prove nothing."
    settle = "`--per-second N` with a smaller number"
    return [
        NotDetermined(why, settle, one.exchange) if isinstance(one, Closed) else one
        for one in results
    ]


async def each_form(
    situation: Situation,
    forms: Iterable[Form],
    *,
    closed: str,
    asked: str,
    settle: str = SAY,
    doubts: Sequence[str] = (),
    exchange: tuple[str, ...] = (),
) -> list[Result]:
    """Try the forms until one of them gets in, or the server says that it was asked too often.

    Without `--active`, a form that sends a second wrong password is left out and reported as not tried.

    Args:
        situation: The endpoint and its identities.
        forms: The forms, in their order.
        closed: The result if every form was refused.
        asked: The question, for a doubt.
        settle: The option that would decide it.
        doubts: Doubts from before.
        exchange: The lines that prove *closed*; those of the last attempt where empty.
    """
    found: list[Open] = []
    reasons, left = list(doubts), []
    last: tuple[str, ...] = ()
    for form in forms:
        asks = [one for one in (form.ask, form.control) if one is not None]
        if not all(map(situation.client.may_send, asks)):
            left.append(form.name)
            continue
        proof = await situation.attempt(form.ask, form.control, by_opening=form.by_opening)
        proof = await by_place(situation, form.ask, proof) if form.by_place else proof
        last = proof.transcript
        if proof.access is Access.IN:
            found.append(Open(f"{form.found}: {proof.why}.", last))
            break
        if proof.access is Access.UNKNOWN:
            reasons.append(f"{form.name}: {proof.why}")
        if proof.conversation.limited:
            break
    results: list[Result] = []
    if exchange or last or reasons:
        results = concluded(found, reasons, closed, asked, settle=settle, exchange=exchange or last)
    if left and not found:
        results.append(
            NotTried(f"`--active`, since it sends more wrong passwords: {', '.join(left)}")
        )
    return results
