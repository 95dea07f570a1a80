"""The same endpoint is served without TLS.

What:
    The endpoint of a `wss://` address also answers to plain `ws://`, on the same port, on port 80, or at the
    address of `--plain URL`, without a redirection to TLS. The prober sends the owner's credential there only
    on this machine.

Why:
    An attacker on the network reads the cookie, and every message.

Fix:
    Redirect port 80 to https, send `Strict-Transport-Security`, and let the application listen on loopback
    only, behind a proxy with TLS.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.probe import Closed, NotTried, Open, Result, Situation, probe
from stormdoor_audit.prober.target import Target
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


def _places(situation: Situation) -> list[Target]:
    target = situation.client.target
    if situation.declared.plain is not None:
        return [replace(situation.declared.plain, resource=target.resource)]
    return [replace(target, secure=False), replace(target, secure=False, port=80)]


async def _run(situation: Situation) -> list[Result]:
    client, target = situation.client, situation.client.target
    if not target.secure:
        if target.is_here:
            return [NotTried("an endpoint that is not on this machine")]
        what = "Its address is a plain one: cookies and messages go over the network in the clear."
        return [Open(what, client.all[0].transcript)]
    tried: list[Conversation] = []
    for place in _places(situation):
        if place == target:
            continue
        who = situation.owner if place.is_here and situation.owner is not None else client.stranger
        if situation.base.once:
            who = client.stranger
        ask = Ask(who, place.origin, target=place, say=False)
        nowhere = client.target.path.rpartition("/")[0] + "/stormdoor-probe-nothing-here"
        first = await client.converse(ask)
        # 101 only for what is there: a server that accepts every path is another one.
        tried.append(first)
        if first.status != 101:
            continue
        other = await client.converse(replace(ask, target=place.at(nowhere)))
        if other.status != 101 and (await client.converse(ask)).status == 101:
            return [Open(f"It is served at {place.at(target.path).url}, too.", first.transcript)]
    if not tried:
        return [NotTried("`--plain URL`, where the endpoint may be served without TLS")]
    what = "No plain WebSocket answers beside the one with TLS."
    return [Closed(what, tuple(line for one in tried for line in one.transcript))]


PROBE = probe(
    __doc__,
    id="SP204",
    slug="plain-transport",
    level=Level.WARNING,
    threat="session-hijacking",
    cwe=(319,),
    asvs=("4.4.1",),
    check=Check.AUTHENTICATION,
    run=_run,
    decides=False,
)
