"""The server keeps everything for a client that does not read.

What:
    As the owner, the prober sends the first message of `--say` until it expects forty megabytes of answers,
    and meanwhile reads nothing, on a connection with small buffers. The server reads all messages, and all
    answers arrive when the prober reads: the server has buffered them. A server that stops reading, drops
    answers or ends the connection is correct. The amount is forty megabytes because kernels and proxies may
    buffer thirty. The probe is not run if an answer has less than 7 KiB or more than 60 KiB (an echoed
    message with `{unique}` has 8), or if other clients receive the messages.

Why:
    A few clients that never read can fill the memory, at no cost for the attacker.

Fix:
    Await each write before you read the next message (`await self.write_message(…)`), and limit the unsent
    bytes if other code writes to the socket, too: stormdoor's `Limits(outbound_bytes=…, outbound_seconds=…)`.
"""

from __future__ import annotations

from stormdoor_audit.prober.backlog import fill
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.probe import (
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

__all__ = ["PROBE"]

_RIGHT = {
    "paused": "stops reading, too",
    "ended": "ends the connection",
    "fewer": "does not keep all the answers",
}
_NOT_TRIED = {
    "silent": "a message that is answered",
    "short": "longer answers: these are too short to fill the buffers; an echoed message with `{unique}` may",
    "long": "shorter answers: these are too long to ask for many",
}


async def _spreads(situation: Situation, ask: Ask) -> bool:
    """Return True if another of the owner's sockets hears what is said, or is told as much anyway."""
    client = situation.client

    async def speak() -> None:
        await client.converse(ask)

    listener = Ask(ask.who, ask.origin, say=False, later=speak, overhears=True)
    heard = await client.converse(listener)
    spoken = client.all[-2].delivered if len(client.all) > 1 else frozenset()
    return bool(heard.delivered & spoken)


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    client = situation.client
    if who is None or situation.base.once or not client.say:
        return [NotTried(f"{SAY}, and a credential that works more than once")]
    if await _spreads(situation, Ask(who, situation.origin)):
        return [NotTried("a message that no other client hears: the others would have to bear it")]
    one = await fill(client, who, situation.origin)
    if one.how == "kept":
        # Once more: an answer that came late, and all at once, may have had another reason.
        one = await fill(client, who, situation.origin)
        if one.how == "kept":
            kept = one.asked * one.size // 1024 // 1024
            what = (
                f"{one.asked} messages are answered to a client that reads nothing: "
                f"{kept} MiB were kept until it did."
            )
            level = Level.WARNING if situation.open_to_all else Level.NOTE
            return [Open(what, one.lines, level=level)]
    if why := _NOT_TRIED.get(one.how):
        return [NotTried(why)]
    if one.how == "slow":
        return [
            NotDetermined(
                "The probe cannot tell what is kept for a slow reader: it takes too long to ask for much.",
                "`--seconds S`",
                one.lines,
            )
        ]
    what = f"With a client that asks and does not read, the server {_RIGHT[one.how]}."
    return [Closed(what, one.lines)]


PROBE = probe(
    __doc__,
    id="SP605",
    slug="slow-reader",
    level=Level.WARNING,
    threat="message-flood",
    cwe=(770, 400),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
    active=True,
)
