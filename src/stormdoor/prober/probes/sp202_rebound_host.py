"""A name of the attacker's that points to the server is as good as its own.

What:
    Where no credential is needed, a page whose host name was made to point to the server (DNS rebinding)
    gets in: `Host` and `Origin` both name `rebound.example`, and agree.

Why:
    A page in the browser of somebody inside the network reaches what listens there, past the origin check
    that compares the two.

Fix:
    Accept only a list of host names, and ask for a credential.
"""

from __future__ import annotations

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    if not situation.open_to_all:
        return [
            skipped("Cookies of the own name are not sent to another, so that it would not matter.")
        ]
    port = situation.client.target.port
    name = f"rebound.example:{port}"
    ask = Ask(situation.nobody.who, f"http://{name}", host=name)
    proof = await situation.attempt(ask)
    if proof.access is Access.IN:
        return [found(f"A page of a name that was rebound gets in: {proof.why}.", proof.transcript)]
    if proof.access is Access.UNKNOWN:
        return [unknown(f"Whether a rebound name gets in: {proof.why}.")]
    return [clear("Another host name is refused.")]


PROBE = probe(
    __doc__,
    id="SP202",
    slug="rebound-host",
    level=Level.WARNING,
    threat="cross-site-websocket-hijacking",
    cwe=(346,),
    asvs=("4.4.2",),
    check=Check.ORIGIN,
    run=_run,
)
