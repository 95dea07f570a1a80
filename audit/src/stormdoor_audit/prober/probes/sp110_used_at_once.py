"""A credential that should work once works several times at the same moment.

What:
    The owner's credential is a ticket (by its name or by `--one-time`), and the server refuses its second
    use. Four clients use a fresh ticket (from the owner's steps or `--unused-token`) at the same time: each
    sends its handshake except the last byte, and then all send that byte. The server accepts more than one of
    them, and refuses a fifth client afterwards.

Why:
    The server looks the ticket up, waits, and removes it later. It accepts each client in between. An
    attacker who has read the ticket in a log or on the network only has to be fast.

Fix:
    Look the ticket up and remove it in one step of the store (`DELETE … RETURNING`, `GETDEL`), as stormdoor's
    `TicketAuthenticator` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access, judged
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.probes.sp108_used_twice import is_ticket
from stormdoor_audit.prober.together import meeting, together
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_AT_ONCE = 4
_ROUNDS = 2
_LATE = 3.0
"""Seconds that a client waits for the others."""


async def _fresh(situation: Situation, owner: Identity) -> AsyncIterator[Identity]:
    """The owner with credentials that were not used yet."""
    for token in situation.declared.unused[:_ROUNDS]:
        yield owner.changed(owner.name, lambda _, token=token: token)  # type: ignore[misc]
    if situation.declared.unused or situation.renew is None:
        return
    for _ in range(_ROUNDS):
        renewed = await situation.renew()
        if renewed is None or renewed == owner:
            return
        yield renewed


async def _run(situation: Situation) -> list[Result]:
    owner, base = situation.owner, situation.base
    if owner is None or owner.empty or situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    if not is_ticket(owner) and not situation.declared.one_time:
        return [NotTried("a ticket as the credential, or `--one-time`")]
    if not base.once:
        return [NotTried("a credential that works once, where one use follows the other")]
    lines: list[str] = []
    async for who in _fresh(situation, owner):
        ask = Ask(who, situation.origin, gate=meeting(_AT_ONCE, _LATE))
        seen = await together(*(situation.client.converse(ask) for _ in range(_AT_ONCE)))
        won = [one for one in seen if judged(base, one)[0] is Access.IN]
        if not won:
            return [
                NotDetermined(
                    "The probe cannot tell whether a ticket works twice at once: a new one fails.",
                    "`--unused-token TOKEN`",
                )
            ]
        lines = [f"({_AT_ONCE} clients with the same ticket, in the same moment)"]
        for number, one in enumerate(seen, start=1):
            lines += [f"({number})", *one.transcript]
        if len(won) == 1:
            continue
        later = await situation.client.converse(Ask(who, situation.origin))
        if judged(base, later)[0] is not Access.REFUSED:
            return [
                NotDetermined(
                    "The probe cannot tell whether a ticket works twice at once: it works later, too.",
                    "",
                    later.transcript,
                )
            ]
        what = (
            f"One ticket, shown {_AT_ONCE} times in the same moment, has opened {len(won)} sockets."
        )
        return [Open(what, (*lines, "(afterwards)", *later.transcript))]
    if not lines:
        return [NotTried("a ticket that was not used: `--unused-token TOKEN`, or `--steps FILE`")]
    what = f"A ticket that is shown {_AT_ONCE} times at once opens one socket."
    return [Closed(what, tuple(lines))]


PROBE = probe(
    __doc__,
    id="SP110",
    slug="used-at-once",
    level=Level.WARNING,
    threat="race-in-authorization",
    cwe=(367, 294),
    asvs=("15.4.2", "6.5.1"),
    check=Check.AUTHENTICATION,
    run=_run,
)
