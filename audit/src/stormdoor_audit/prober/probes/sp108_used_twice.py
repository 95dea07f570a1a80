"""A credential that should work once works again.

What:
    The owner's credential is a ticket (by its name or by `--one-time`), and opens a second socket after the
    first one.

Why:
    Tickets are sent in addresses and headers, and so get into logs and bug reports. A ticket that can be used
    again is as dangerous there as a password.

Fix:
    Look the ticket up and remove it in one step of the store, as stormdoor's `TicketAuthenticator` does.
"""

from __future__ import annotations

import re

from stormdoor_audit.prober.decide import Access, judged, refused
from stormdoor_audit.prober.identity import Identity
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

__all__ = ["PROBE", "is_ticket"]

_TICKET = re.compile(r"ticket|one.?time|\botp\b|nonce", re.IGNORECASE)


def is_ticket(owner: Identity) -> bool:
    """Return True if the credential is called a ticket, or something like it."""
    names = [name for name, _ in (*owner.query, *owner.headers)]
    # `ticket.` before the secret; what the secret itself spells is chance.
    names += [one.rpartition(".")[0] for one in owner.protocols]
    return any(map(_TICKET.search, names))


async def _run(situation: Situation) -> list[Result]:
    owner, base = situation.owner, situation.base
    if owner is None or owner.empty or situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    if not is_ticket(owner) and not situation.declared.one_time:
        return [NotTried("a ticket as the credential, or `--one-time`")]
    if base.second is not None:
        return [Closed("The ticket opens one socket, and no second one.", base.second.transcript)]
    if len(base.owner) < 2 or any(map(refused, base.owner)):
        what = "The probe cannot tell whether the ticket works twice: its first connections close."
        return [NotDetermined(what, SAY)]
    if judged(base, base.nobody, anonymous=True)[0] is not Access.REFUSED:
        what = "The probe cannot tell whether the ticket works twice: it is not known whether one is needed."
        return [NotDetermined(what, SAY, base.nobody.transcript)]
    what = f"The ticket has opened {len(base.owner)} sockets, one after the other."
    return [Open(what, base.owner[-1].transcript)]


PROBE = probe(
    __doc__,
    id="SP108",
    slug="used-twice",
    level=Level.WARNING,
    threat="token-theft-and-replay",
    cwe=(294,),
    asvs=("6.5.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
