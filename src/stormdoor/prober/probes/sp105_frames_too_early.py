"""Messages are acted upon although the client is being refused.

What:
    A client without a credential sends its messages together with the handshake, before the server has
    said no, and is answered as the owner is. `--say MESSAGE` says what to send.

Why:
    A handler that calls `close()` in `open()` goes on reading until the client closes, too.

Fix:
    Refuse before the handshake is answered with 101, or let `on_message()` look first whether the login is
    over.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor.prober.decide import Access
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    if situation.open_to_all:
        return [skipped("No credential is needed.")]
    if not situation.client.say:
        return [skipped("No message was given with `--say`.")]
    proof = await situation.attempt(replace(situation.nobody, early=True))
    if proof.access is Access.IN:
        return [
            found(f"Messages sent before the refusal are answered: {proof.why}.", proof.transcript)
        ]
    if proof.access is Access.UNKNOWN:
        return [unknown(f"Whether messages sent before the refusal are acted upon: {proof.why}.")]
    return [clear("Messages sent before the refusal are not answered.")]


PROBE = probe(
    __doc__,
    id="SP105",
    slug="frames-too-early",
    level=Level.ERROR,
    threat="race-in-authorization",
    cwe=(696,),
    asvs=("8.3.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
