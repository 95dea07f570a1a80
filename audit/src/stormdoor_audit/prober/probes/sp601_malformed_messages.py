"""Messages that no honest client sends are accepted.

What:
    As the owner, one message of 1 MiB, and one text message that is not UTF-8: the server should close with
    1009 or 1007, or answer with an error. These are small amounts, which harm no server.

Why:
    Without a limit on messages, a client decides how much memory the server uses; text that is not UTF-8 must
    end the connection (RFC 6455, section 8.1).

Fix:
    Set `websocket_max_message_size` to what the application needs, such as 65536.
"""

from __future__ import annotations

from stormdoor_audit.prober.attempts import concluded
from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.probe import (
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.wire import PING, TEXT, frame_bytes
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_MIB = 1024 * 1024
_SAID = b"still there?"


def _taken(one: Conversation) -> bool:
    """Return True if the socket is open and the server answered the ping sent after the message."""
    return one.stays_open and one.ponged


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is None or situation.base.once:
        return [NotTried("a credential that works more than once")]
    ping = frame_bytes(PING, _SAID)
    plain = await situation.client.converse(
        Ask(who, situation.origin, say=False, raw=(ping,), ping=_SAID)
    )
    if not _taken(plain):
        what = (
            "The probe cannot tell how messages are limited: the socket closes, or answers no ping."
        )
        return [NotDetermined(what, "", plain.transcript)]
    found: list[Open] = []
    doubts: list[str] = []
    last: tuple[str, ...] = ()
    for what, data in (
        ("a message of 1 MiB", frame_bytes(TEXT, b'"' + b"x" * _MIB + b'"')),
        ("text that is not UTF-8", frame_bytes(TEXT, b'"\xff\xfe"')),
    ):
        ask = Ask(who, situation.origin, say=False, raw=(data, ping), ping=_SAID)
        first = await situation.client.converse(ask)
        last = first.transcript
        if _taken(first) and _taken(await situation.client.converse(ask)):
            found.append(
                Open(f"The owner may send {what}: the socket stays open.", first.transcript)
            )
        elif not first.ended:
            doubts.append(
                f"{what}: {first.problem or 'the ping behind it was not answered in time'}"
            )
    closed = "A message of 1 MiB, and text that is not UTF-8, end the connection."
    asked = "The probe cannot tell how messages are limited"
    return concluded(found, doubts, closed, asked, settle="", exchange=last)


PROBE = probe(
    __doc__,
    id="SP601",
    slug="malformed-messages",
    level=Level.NOTE,
    threat="message-injection",
    cwe=(770, 20),
    asvs=("2.2.1",),
    check=Check.VALIDATION,
    run=_run,
    active=True,
)
