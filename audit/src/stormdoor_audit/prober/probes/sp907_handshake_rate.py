"""Handshakes may follow each other as fast as a client likes.

What:
    The prober makes eighty handshakes without a credential, as fast as its budget allows, and ends each
    immediately. All of them get a 101: the server limits none (429, 503, close 1013, or no answer). If the
    server refuses unauthenticated clients, there is no finding.

Why:
    Each handshake costs the server a look-up in its store, or a hash, and the client nothing.

Fix:
    Limit the rate of each address before any other check: stormdoor's `Limits(handshakes_per_address=…)`.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.probe import (
    ENOUGH,
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

_TIMES = 80


async def _run(situation: Situation) -> list[Result]:
    client = situation.client
    if client.budget.connections - client.budget.used < _TIMES:
        return [
            NotDetermined(
                "The probe cannot tell whether handshakes are limited: the budget is too small.",
                ENOUGH,
            )
        ]
    ask = replace(situation.nobody, say=False, patience=0.01)
    lines: tuple[str, ...] = ()
    status = 0
    with client.to_the_end():
        for number in range(_TIMES):
            one = await client.converse(ask)
            lines, status = one.transcript, one.status
            if one.problem:
                what = f"The probe cannot tell whether handshakes are limited: after {number}, {one.problem}."
                return [NotDetermined(what, "", lines)]
            if one.limited:
                what = f"After {number} handshakes, the next is refused for its number."
                return [Closed(what, lines)]
    if status != 101:
        return [NotTried("an endpoint that answers an unauthenticated client with 101")]
    what = f"{_TIMES} handshakes without a credential in a row were all answered."
    return [Open(what, lines)]


PROBE = probe(
    __doc__,
    id="SP907",
    slug="handshake-rate",
    level=Level.NOTE,
    threat="connection-flood",
    cwe=(770,),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
    active=True,
)
