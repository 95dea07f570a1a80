"""The server stopped answering during the probe.

What:
    The last connection of a run is a handshake without a credential, which any status answers. Three such
    handshakes, a second apart, get no answer, or some connections of the run could not be made. Then the
    result is *not determined*: the server has ended, or it refuses the address of the prober. Refusals after
    its last answer prove nothing, and are not determined either.

Why:
    A server that ends because of a message or a lost connection can be ended by each client.

Fix:
    Look into the log of the server. Handle the errors of a connection within that connection. If the server
    limits addresses, probe with a smaller `--per-second`.
"""

from __future__ import annotations

import asyncio

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.probe import Closed, NotDetermined, NotTried, Result, Situation, probe
from stormdoor_audit.prober.wire import NoAnswer, Request, opened
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_TIMES, _PAUSE = 3, 1.0
_SETTLE = "the log of the server, and `--per-second N` with a smaller number"


async def _run(situation: Situation) -> list[Result]:
    client = situation.client
    request = Request((("Origin", situation.origin), *client.stranger.shown()))
    left = client.budget.connections - client.budget.used
    if left <= 0:
        return [NotTried("`--connections N`, since none is left")]
    # The time of the run may be spent: these few connections are beside it.
    budget = Budget(connections=left, seconds=30.0)
    lines = [f"> GET {client.redact(client.target.path)}"]
    for number in range(min(_TIMES, left)):
        await asyncio.sleep(_PAUSE if number else 0.0)
        client.budget.used += 1
        try:
            async with opened(client.target, request, budget, client.tls) as (answer, _):
                lines.append(f"< {answer.status}")
        except NoAnswer as error:
            lines.append(f"< ({error})")
            continue
        if number or any(one.unreached for one in client.all):
            what = "The server did not answer some of the connections, and answers again."
            return [NotDetermined(what, _SETTLE, tuple(lines))]
        return [Closed("The server still answers at the end.", tuple(lines))]
    what = "The server stopped answering during the probe: it has ended, or refuses this address."
    return [NotDetermined(what, _SETTLE, tuple(lines))]


PROBE = probe(
    __doc__,
    id="SP908",
    slug="stopped-answering",
    level=Level.WARNING,
    threat="connection-flood",
    cwe=(703,),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
    decides=False,
)
