"""Messages may follow each other as fast as a client likes.

What:
    As the owner, the message of `--say` is sent 120 times at once, and each is answered as the first is.

Why:
    One member can keep the server from serving the others.

Fix:
    A rate for each connection and action: with stormdoor `@action(…, limit="5/s")`; it has limits without
    being told.
"""

from __future__ import annotations

from stormdoor.prober.conversation import Ask
from stormdoor.prober.delivered import shape
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.prober.wire import TEXT, frame_bytes
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_TIMES = 120


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is None or situation.base.once or not situation.client.say:
        return [skipped("No credential or no message was given.")]
    client = situation.client
    frames = tuple(
        frame_bytes(TEXT, text.encode()) for _ in range(_TIMES) for text in client.said()[:1]
    )
    quiet = await client.converse(Ask(who, situation.origin, patience=2, say=False))
    alone = sum(bool(shape(one)) for one in quiet.messages)
    heard = await client.converse(Ask(who, situation.origin, say=False, raw=frames, patience=2))
    answers = sum(bool(shape(one)) for one in heard.messages) - alone
    if heard.stays_open and answers >= _TIMES:
        return [found(f"{_TIMES} messages in one go were all answered.", heard.transcript)]
    if answers <= 0 and heard.stays_open:
        return [unknown("Whether messages are limited: they are not answered.")]
    return [clear(f"Of {_TIMES} messages in one go, {max(answers, 0)} were answered.")]


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
