"""Frames that break the protocol are accepted.

What:
    The prober sends each of these on a separate connection, followed by a ping: a frame without a mask; each
    reserved bit; reserved opcodes; a continuation without a beginning; a message inside another one; control
    frames of 126 bytes and in fragments; text with a surrogate, with an overlong character, or cut off inside
    a character; a close frame of one byte, with a forbidden code, or with a reason that is not UTF-8. The
    server should fail the connection (1002, 1007; RFC 6455, sections 5 to 8). It is a finding if the server
    answers the ping and leaves the socket open, twice.

Why:
    This alone gives no access. But if a proxy and the server read the same bytes differently, an attacker can
    hide a message from the proxy's filter. The mask prevents scripts from writing into the caches of
    intermediaries.

Fix:
    Use a library that fails such connections: stormdoor's own protocol does; plain Tornado accepts frames
    without a mask.
"""

from __future__ import annotations

import asyncio

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import (
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.wire import CLOSE, PING, TEXT, frame_bytes
from stormdoor_audit.report.finding import Check, Level

__all__ = ["CASES", "PROBE"]

_AT_ONCE = 6
_CONTINUATION, _RSV1, _RSV2, _RSV3 = 0, 0x40, 0x20, 0x10


_SAID = b"still there?"
_PING = frame_bytes(PING, _SAID)


def _close(code: int, reason: bytes = b"") -> bytes:
    return frame_bytes(CLOSE, code.to_bytes(2) + reason)


# Pings, wherever the opcode does not matter: the application has nothing to do with them.
CASES = {
    "a frame without a mask": frame_bytes(PING, b"x", mask=False),
    "the reserved bit RSV1": frame_bytes(PING | _RSV1, b"x"),
    "the reserved bit RSV2": frame_bytes(PING | _RSV2, b"x"),
    "the reserved bit RSV3": frame_bytes(PING | _RSV3, b"x"),
    "the reserved opcode 0x3": frame_bytes(0x3, b"x"),
    "the reserved opcode 0xB": frame_bytes(0xB, b"x"),
    "a continuation of nothing": frame_bytes(_CONTINUATION, b'""'),
    "a message within a message": frame_bytes(TEXT, b'"', fin=False) + frame_bytes(TEXT, b'""'),
    "a ping of 126 bytes": frame_bytes(PING, b"x" * 126),
    "a ping in pieces": frame_bytes(PING, b"x", fin=False) + frame_bytes(_CONTINUATION, b"x"),
    "text with a surrogate": frame_bytes(TEXT, b'"\xed\xa0\x80"'),
    "text with a character written too long": frame_bytes(TEXT, b'"\xc0\xaf"'),
    "text that ends within a character": frame_bytes(TEXT, b'"\xe2\x82'),
    "a close frame of one byte": frame_bytes(CLOSE, b"\x03"),
    "a close with the code 999": _close(999),
    "a close with the code 1005": _close(1005),
    "a close with the code 1015": _close(1015),
    "a close with a reason that is not UTF-8": _close(1000, b"\xff\xfe"),
}
"""Frames that a server must not accept, as bytes."""


async def _tried(situation: Situation, who: Identity, data: bytes) -> Conversation:
    # Longer than usual: some answer the ping first, and look at the text when the application wants it.
    ask = Ask(who, situation.origin, say=False, raw=(data + _PING,), ping=_SAID, patience=2.0)
    return await situation.client.converse(ask)


def _accepted(one: Conversation) -> bool:
    return one.ponged and one.stays_open


def _ended(one: Conversation) -> str:
    if _accepted(one):
        return "(a ping after it is answered, and the socket stays open)"
    if one.ended == "close":
        return f"close {one.code}"
    return (
        "(the server hung up)"
        if one.ended
        else "(nothing: neither an end nor an answer to the ping)"
    )


async def _run(situation: Situation) -> list[Result]:
    who = situation.owner
    if who is None or situation.base.once:
        who = situation.client.stranger
        if situation.base.nobody.status != 101:
            return [NotTried("a credential that works more than once")]
    if not _accepted(await _tried(situation, who, b"")):
        return [
            NotDetermined(
                "The probe cannot tell how frames are checked: a ping is not answered.", ""
            )
        ]
    turn = asyncio.Semaphore(_AT_ONCE)  # what is accepted is listened to for long

    async def twice(data: bytes) -> Conversation:
        async with turn:
            one = await _tried(situation, who, data)
            return await _tried(situation, who, data) if _accepted(one) else one

    seen = await asyncio.gather(*map(twice, CASES.values()))
    accepted: list[str] = []
    lines: list[str] = []
    refused = 0
    for name, one in zip(CASES, seen, strict=True):
        if one.status != 101:
            continue
        lines += [f"> ({name})", f"< {_ended(one)}"]
        if _accepted(one):
            accepted.append(name)
        refused += bool(one.ended)
    if accepted:
        return [Open(f"The socket stays open after {'; '.join(accepted)}.", tuple(lines))]
    if refused < len(CASES):
        what = f"The probe cannot tell how frames are checked: {refused} of {len(CASES)} end the socket."
        return [NotDetermined(what, "", tuple(lines))]
    what = f"{len(CASES)} kinds of frames that break the protocol end the connection."
    return [Closed(what, tuple(lines))]


PROBE = probe(
    __doc__,
    id="SP606",
    slug="malformed-frames",
    level=Level.NOTE,
    threat="message-injection",
    cwe=(20, 703),
    asvs=("2.2.1",),
    check=Check.VALIDATION,
    run=_run,
    active=True,
)
