"""One client may hold as many sockets as it likes.

What:
    The prober opens forty sockets from one address and keeps them open: with the owner's credential, and
    without one if unauthenticated clients get a 101. The server closes none of them.

Why:
    One attacker can use up the connections that all clients share.

Fix:
    Limit the connections of each address and each principal: stormdoor's
    `Limits(connections_per_principal=…)`; refuse unauthenticated clients before the 101.
"""

from __future__ import annotations

import asyncio

from stormdoor_audit.prober.budget import BudgetSpent
from stormdoor_audit.prober.conversation import Ask, Conversation
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

_SOCKETS = 40
_HELD = 1.5
"""Of the time to listen: how long the last of them is held."""


async def _held(situation: Situation, ask: Ask) -> list[Conversation]:
    """Open all of them, as fast as the budget lets, and hold them together."""
    client = situation.client
    takes = _SOCKETS / client.budget.per_second + _HELD * client.usual
    patience = takes / client.listen
    held = [
        client.converse(Ask(ask.who, ask.origin, say=False, patience=patience))
        for _ in range(_SOCKETS)
    ]
    return [
        one
        for one in await asyncio.gather(*held, return_exceptions=True)
        if isinstance(one, Conversation)
    ]


async def _run(situation: Situation) -> list[Result]:
    client, base = situation.client, situation.base
    asks = []
    if base.nobody.status == 101:
        asks.append(("without a credential", Level.WARNING, situation.nobody))
    if situation.owner is not None and not base.once and not situation.open_to_all:
        ask = Ask(situation.owner, situation.origin)
        asks.append(("with the owner's credential", Level.NOTE, ask))
    if not asks:
        return [NotTried("a credential that works more than once")]
    results: list[Result] = []
    ended: tuple[str, ...] = ()
    try:
        for who, level, ask in asks:
            if client.budget.connections - client.budget.used < _SOCKETS:
                raise BudgetSpent
            with client.to_the_end():
                held = await _held(situation, ask)
            # What ends at once was not held; all must be there together.
            ended = next((one.transcript for one in held if one.ended or one.limited), ended)
            if len(held) == _SOCKETS and all(one.stays_open for one in held):
                what = f"{_SOCKETS} sockets {who}, from one address, were open at the same time."
                results.append(Open(what, held[-1].transcript, level=level))
    except BudgetSpent:
        if not results:
            return [
                NotDetermined(
                    "The probe cannot tell how many sockets one client may hold: the budget is too small.",
                    ENOUGH,
                )
            ]
    if results:
        return results
    if not ended:
        return [
            NotDetermined(
                "The probe cannot tell how many sockets one client may hold: some were not answered.",
                "",
            )
        ]
    return [Closed(f"Not all of {_SOCKETS} sockets of one client stay open.", ended)]


PROBE = probe(
    __doc__,
    id="SP906",
    slug="connections-per-client",
    level=Level.WARNING,
    threat="connection-flood",
    cwe=(770,),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
    active=True,
)
