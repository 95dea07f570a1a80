"""The limit of a message's size is passed by compressing it, or in pieces.

What:
    The server refuses a plain message of 1 MiB. It accepts the same text compressed to about a thousandth
    (permessage-deflate, RFC 7692), or in 64 fragments with a ping among them, and the socket stays open.

Why:
    A few kilobytes from each of a thousand clients fill the memory.

Fix:
    Limit the size after decompression, and the sum of the fragments: Tornado does both with
    `websocket_max_message_size`.
"""

from __future__ import annotations

import zlib

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.probe import (
    Closed,
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
_OFFER = (("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover"),)
_TEXT = b'"' + b"x" * _MIB + b'"'
_PIECES = 64


def _compressed() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(_TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)
    return frame_bytes(TEXT | 0x40, data[:-4])


def _in_pieces() -> bytes:
    size = len(_TEXT) // _PIECES + 1
    parts = [_TEXT[at : at + size] for at in range(0, len(_TEXT), size)]
    frames = [frame_bytes(TEXT, parts[0], fin=False), frame_bytes(PING, b"between")]
    frames += [frame_bytes(0, part, fin=False) for part in parts[1:-1]]
    return b"".join([*frames, frame_bytes(0, parts[-1])])


async def _run(situation: Situation) -> list[Result]:
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is None or situation.base.once:
        return [NotTried("a credential that works more than once")]
    client, origin = situation.client, situation.origin
    ping = frame_bytes(PING, b"still there?")
    if not (await client.converse(Ask(who, origin, say=False, raw=(ping,)))).stays_open:
        return [
            NotDetermined(
                "The probe cannot tell how messages are limited: the connection does not stay open.",
                "",
            )
        ]
    plain = Ask(who, origin, say=False, raw=(frame_bytes(TEXT, _TEXT), ping))
    if (await client.converse(plain)).stays_open:
        return [
            NotTried("a server that refuses a plain message of 1 MiB: there is no limit to pass")
        ]
    held: list[str] = ["as it is"]
    results: list[Result] = []
    last: tuple[str, ...] = ()
    rest = ""
    for what, data, headers in (
        ("in pieces", _in_pieces(), ()),
        ("compressed", _compressed(), _OFFER),
    ):
        ask = Ask(who, origin, headers, say=False, raw=(data, ping))
        first = await client.converse(ask)
        last = first.transcript
        agreed = "permessage-deflate" in ",".join(first.answer.values("sec-websocket-extensions"))
        if headers and not agreed:
            rest = " The server does not agree to compression."
        elif not first.stays_open:
            held.append(what)
        # The plain message once more: what has changed in between is no bypass.
        elif (await client.converse(plain)).stays_open or not (
            await client.converse(ask)
        ).stays_open:
            results.append(
                NotDetermined(
                    f"The probe cannot tell whether a message of 1 MiB is taken {what}: it differs by turns.",
                    "",
                )
            )
        else:
            text = f"A message of 1 MiB is refused as it is, and taken {what}."
            results.append(Open(text, first.transcript, kind=what))
    ways = f"{', '.join(held[:-1])} and {held[-1]}" if len(held) > 1 else held[0]
    return results or [Closed(f"A message of 1 MiB is refused {ways}.{rest}", last)]


PROBE = probe(
    __doc__,
    id="SP604",
    slug="size-limit-bypass",
    level=Level.WARNING,
    threat="message-flood",
    cwe=(409, 770),
    asvs=("2.4.1",),
    check=Check.LIMITS,
    run=_run,
    active=True,
)
