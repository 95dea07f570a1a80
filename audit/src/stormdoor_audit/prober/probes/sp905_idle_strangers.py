"""Clients that say nothing may stay.

What:
    Only with `--idle SECONDS`. For that time, the probe leaves a handshake unfinished and, if unauthenticated
    clients get a 101, a socket silent. It reports each connection that is still open then.

Why:
    Each connection uses a file descriptor and memory, and costs the client nothing.

Fix:
    A time limit for the headers at the proxy (or `HTTPServer(idle_connection_timeout=…)`), and one for the
    first message: stormdoor's `Limits(first_message_seconds=…)`.
"""

from __future__ import annotations

import asyncio

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.probe import Closed, NotTried, Open, Result, Situation, probe
from stormdoor_audit.prober.wire import half_open
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    seconds, client = situation.declared.idle, situation.client
    if seconds <= 0:
        return [NotTried("`--idle SECONDS`")]
    idle = Ask(client.stranger, situation.origin, say=False, patience=seconds / client.listen)
    with client.to_the_end():
        half, silent = await asyncio.gather(
            half_open(client.target, client.budget, client.tls, seconds), client.converse(idle)
        )
    results: list[Result] = []
    if half:
        what = f"A handshake that is not finished may stay for more than {seconds:g} s."
        results.append(Open(what, ("> GET (half of a request)", "< (still open)")))
    if silent.stays_open and not situation.open_to_all:
        what = (
            f"A client without a credential may stay for more than {seconds:g} s, and say nothing."
        )
        results.append(Open(what, silent.transcript))
    what = f"Clients that say nothing are gone after {seconds:g} s."
    return results or [Closed(what, silent.transcript)]


PROBE = probe(
    __doc__,
    id="SP905",
    slug="idle-strangers",
    level=Level.NOTE,
    threat="connection-flood",
    cwe=(400,),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
)
