"""Messages may follow each other as fast as a client likes.

What:
    As the owner, the message of `--say` is sent 120 times at once, and each is answered as the first is.

Why:
    One member can keep the server from serving the others.

Fix:
    A rate for each connection and action: with stormdoor `@action(…, limit="5/s")`; its default limits apply
    in any case.
"""

from __future__ import annotations

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.delivered import shape
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
from stormdoor_audit.prober.wire import TEXT, frame_bytes
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_TIMES = 120


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is None or situation.base.once or not situation.client.say:
        return [NotTried(f"{SAY}, and a credential that works more than once")]
    client = situation.client
    frames = tuple(
        frame_bytes(TEXT, text.encode()) for _ in range(_TIMES) for text in client.said()[:1]
    )
    quiet = await client.converse(Ask(who, situation.origin, patience=2, say=False))
    alone = sum(bool(shape(one)) for one in quiet.messages)
    heard = await client.converse(Ask(who, situation.origin, say=False, raw=frames, patience=2))
    answers = sum(bool(shape(one)) for one in heard.messages) - alone
    if heard.stays_open and answers >= _TIMES:
        return [Open(f"{_TIMES} messages in one go were all answered.", heard.transcript)]
    if answers <= 0 and heard.stays_open:
        what = "The probe cannot tell whether messages are limited: they are not answered."
        return [NotDetermined(what, SAY, heard.transcript)]
    what = f"Of {_TIMES} messages in one go, {max(answers, 0)} were answered."
    if heard.problem or (heard.stays_open and _still_answering(heard, client.listen)):
        return [NotDetermined(f"{what} The server may be slow.", "`--listen S`", heard.transcript)]
    return [Closed(what, heard.transcript)]


def _still_answering(heard: Conversation, listened: float) -> bool:
    """Return True if answers came until the client stopped listening, so that more may have followed."""
    return bool(heard.times) and heard.times[-1] > listened * 1.5


PROBE = probe(
    __doc__,
    id="SP602",
    slug="message-rate",
    level=Level.WARNING,
    threat="message-flood",
    cwe=(770,),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
    active=True,
)
