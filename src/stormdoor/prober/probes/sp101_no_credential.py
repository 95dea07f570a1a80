"""Anybody can open it, without a credential.

What:
    A client without a credential connects, and is delivered what the owner is delivered; without an
    owner to compare with, it is delivered anything that is no greeting, heartbeat or refusal. A socket
    that opens and then says nothing to strangers is protected.

Why:
    Whoever can reach the port reads along with a ten-line script, whatever the login page says.

Fix:
    Refuse the handshake before it is answered with 101: with stormdoor, `protect(application, guard)`; by
    hand, raise `HTTPError(401)` in `prepare()` where there is no `current_user`.
"""

from __future__ import annotations

import re

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.delivered import text_of
from stormdoor.prober.probe import Result, Situation, clear, found, probe, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_CAPABILITY = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}")


async def _run(situation: Situation) -> list[Result]:
    ask = situation.nobody
    proof = await situation.attempt(ask)
    private = situation.private
    if private and any(private in text_of(one) for one in proof.conversation.messages):
        again = await situation.client.converse(ask)
        if any(private in text_of(one) for one in again.messages):
            situation.open_to_all = True
            what = "A client without a credential is delivered what only the owner may read."
            return [found(what, again.transcript)]
    if proof.access is Access.IN:
        if secret := _CAPABILITY.search(situation.client.target.path):
            path = situation.client.target.resource.replace(secret[0], secret[0][::-1], 1)
            other = await situation.client.converse(
                Ask(ask.who, ask.origin, target=situation.client.target.at(path))
            )
            if other.status != 101:
                return [
                    unknown(
                        "No credential is asked for, but the path may be one: a client that changes "
                        "its long id is refused. Who knows the address gets in."
                    )
                ]
        situation.open_to_all = True
        return [found(f"A client without a credential gets in: {proof.why}.", proof.transcript)]
    if proof.access is Access.UNKNOWN:
        hint = (
            ""
            if situation.client.say
            else "; `--say MESSAGE` sends a message that should be answered"
        )
        return [unknown(f"Whether a client without a credential gets in: {proof.why}{hint}.")]
    return [clear(f"A client without a credential is refused: {proof.why}.")]


PROBE = probe(
    __doc__,
    id="SP101",
    slug="no-credential",
    level=Level.ERROR,
    threat="direct-connection",
    cwe=(306,),
    asvs=("4.4.3", "6.3.4"),
    check=Check.AUTHENTICATION,
    run=_run,
)
