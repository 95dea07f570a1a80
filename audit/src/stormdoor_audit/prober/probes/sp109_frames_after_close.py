"""Messages are acted upon although the server has closed.

What:
    The server refuses a client without a credential after the 101. After the server's close frame, the client
    sends the owner's message (`--say` with `{unique}`), and the owner receives it.

Why:
    `close()` in `open()` sends a close frame, and Tornado continues to read. A client that does not
    disconnect can send messages without a credential, although it gets no answer.

Fix:
    Refuse the handshake before the 101, or let `on_message()` first check whether the client has logged in.
    stormdoor reads nothing before the authentication.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.listening import overheard
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    Closed,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    owner, client, base = situation.owner, situation.client, situation.base
    if owner is None or situation.open_to_all or base.once:
        return [NotTried(CREDENTIAL)]
    if base.nobody.status != 101:
        what = "Unauthenticated clients are refused before there is a socket to send messages on."
        return [Closed(what, base.nobody.transcript)]
    if not any("{unique}" in one for one in client.say):
        return [NotTried("`--say MESSAGE` with `{unique}` in it")]
    listener = Ask(owner, situation.origin, say=False)
    if await overheard(client, base, listener, Ask(owner, situation.origin)) is None:
        return [NotTried("a message that is heard on another of the owner's sockets")]
    speakers = {
        "after it was sent the close frame": replace(situation.nobody, say=False, after_end=True),
        "on its open socket": situation.nobody,
        "together with the handshake": replace(situation.nobody, early=True),
    }
    for when, speaker in speakers.items():
        heard = await overheard(client, base, listener, speaker)
        if heard is not None:
            what = f"The owner gets a message that a client without a credential sends {when}."
            return [Open(what, heard.transcript)]
    what = "No other client gets a message of a client without a credential."
    return [Closed(what, client.all[-1].transcript)]


PROBE = probe(
    __doc__,
    id="SP109",
    slug="frames-after-close",
    level=Level.ERROR,
    threat="race-in-authorization",
    cwe=(696,),
    asvs=("8.3.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
