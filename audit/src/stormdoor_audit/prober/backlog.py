"""Messages that a server keeps for a client that asks and does not read."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from stormdoor_audit.prober.conversation import Client
from stormdoor_audit.prober.delivered import Message, shape, text_of
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.peer_json import read_json
from stormdoor_audit.prober.wire import (
    BINARY,
    CLOSE,
    TEXT,
    NoAnswer,
    Request,
    Wire,
    message_frame,
    opened,
)

__all__ = ["Backlog", "fill"]

MUCH = 40 * 1024 * 1024
"""Bytes, in both directions. Kernels and two proxies on one machine were seen to hold 30 MiB."""
_FEWEST, _MOST_ASKED = 900, 6_000
"""Messages: more than a server may have taken in and not looked at yet; and few enough to be harmless."""
_FIRST = 8 * 1024
_LARGEST = 48 * 1024
"""Bytes of a message: what most limits allow."""
_PIECE = 16 * 1024
_STALLED = 2.5
"""Seconds in which a server that is still reading takes a piece."""
_PATIENCE = 20.0
_ALL = 0.95

How = Literal["kept", "paused", "ended", "fewer", "short", "long", "silent", "slow"]


@dataclass(frozen=True, slots=True)
class Backlog:
    """The result for one slow reader.

    Args:
        how: All answers were kept; the server stopped reading; it ended the connection; it gave fewer
            answers; these are too short, or too long, to tell; there are none; the line is too slow.
        asked: How many messages were sent without reading.
        size: Bytes of one answer.
        forms: Shapes of the answers.
        lines: For a reader.
    """

    how: How
    asked: int = 0
    size: int = 0
    forms: frozenset[str] = frozenset()
    lines: tuple[str, ...] = ()


def _padded(text: str, size: int) -> str:
    """The message, filled with blanks to a size where it is JSON, which does not mind them."""
    return text if read_json(text) is None else text + " " * (size - _size(text))


def _size(message: Message) -> int:
    return len(message.encode() if isinstance(message, str) else message)


def _messages(client: Client, size: int) -> Iterator[str]:
    """The owner's first message again and again, each of a size; one that is echoed asks for as much."""
    echoes = "{unique}" in client.say[0]
    while True:
        unique = "stormdoor-probe-" * (size // 16 - 8) + secrets.token_hex(6) if echoes else ""
        yield _padded(client.said(unique)[0], size)


async def _heard(
    wire: Wire, seconds: float, idle: float | None = None, most: int = _MOST_ASKED
) -> tuple[list[Message], int]:
    """Read for so many seconds; return the bytes and the close code or 0. Silence ends it earlier."""
    found: list[Message] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while len(found) < most and (left := end - loop.time()) > 0:
        try:
            async with asyncio.timeout(min(left, idle or left)):
                frame = await wire.receive()
        except TimeoutError:
            break
        except NoAnswer:
            return found, 1006
        if frame.opcode == CLOSE:
            return found, frame.code
        if frame.opcode in {TEXT, BINARY}:
            data = frame.payload
            found.append(data if frame.opcode == BINARY else data.decode("utf-8", "replace"))
    return found, 0


async def _ask(wire: Wire, messages: Iterator[str], number: int) -> How:
    """Send so many of them and read nothing: `kept` where the server has taken all."""
    transport = wire.writer.transport
    transport.set_write_buffer_limits(high=1)  # with 0, asyncio's TLS never resumes
    waiting = bytearray()
    end = asyncio.get_running_loop().time() + _PATIENCE
    for left in range(number - 1, -1, -1):
        waiting += message_frame(next(messages))
        while len(waiting) >= _PIECE or (waiting and not left):
            if asyncio.get_running_loop().time() > end:
                return "slow"
            try:
                async with asyncio.timeout(_STALLED):
                    await wire.send(bytes(waiting[:_PIECE]))
            except TimeoutError:
                return "paused"
            except NoAnswer:
                return "ended"
            del waiting[:_PIECE]
    return "kept"


async def _enter(client: Client, who: Identity, wire: Wire) -> None:
    """Hear the greeting, and show what is shown in the first message."""
    await _heard(wire, client.listen, most=_FEWEST)
    if who.first_message:
        await wire.send(message_frame(who.first_message))
        await _heard(wire, client.listen, most=_FEWEST)


def _plan(size: int, length: int) -> How | int:
    """Return the number of messages to send, or the reason for the doubt."""
    number = max(_FEWEST, -(-MUCH // size))
    if number > _MOST_ASKED or length < _FIRST:
        return "short"
    return "long" if number * size > MUCH + MUCH // 3 else number


async def fill(client: Client, who: Identity, origin: str) -> Backlog:
    """Ask for megabytes, read nothing meanwhile, and see what has become of the answers.

    Args:
        client: Connects. Its first message is what is asked.
        who: Identity of the client.
        origin: Of the endpoint's own pages.

    Raises:
        NoAnswer: The server hung up before it was asked for much.
        BudgetSpent: No connection is left.
    """
    target = who.at(client.target)
    request = Request(headers=(("Origin", origin), *who.shown()))
    lines = [f"> GET {target.path}" + (" ?<redacted>" if "?" in target.resource else "")]
    lines += [f"> {client.redact(f'{name}: {value}')}" for name, value in request.headers]
    async with opened(target, request, client.budget, client.tls, narrow=True) as (answer, wire):
        lines.append(f"< {answer.status}")
        if wire is None:
            return Backlog("ended", lines=tuple(lines))
        await _enter(client, who, wire)
        first = next(_messages(client, _FIRST))
        await wire.send(message_frame(first))
        lines.append(f"> {client.shown(first)}")
        answers, _ = await _heard(wire, client.listen, most=_FEWEST)
        answers = [one for one in answers if shape(one)]
        if not answers:
            return Backlog("silent", lines=tuple(lines))
        lines.append(f"< {client.shown(text_of(answers[-1]))}")
        forms = frozenset(map(shape, answers))
        size = sum(map(_size, answers))
        number = _plan(size, _size(first))
        if not isinstance(number, int):
            return Backlog(number, size=size, forms=forms, lines=tuple(lines))
        length = min(max(_FIRST, -(-MUCH // number)), _LARGEST)
        how = await _ask(wire, _messages(client, length), number)
        lines.append(f"> ({number} messages of {length} bytes, while nothing is read)")
        if how == "kept":
            wanted = int(number * len(answers) * _ALL)
            later, code = await _heard(wire, _PATIENCE, max(client.listen, 1.5), wanted + 1)
            came = sum(shape(one) in forms for one in later)
            lines.append(f"< ({came} answers, as soon as they are read)")
            if came < wanted:
                how = "ended" if code else "fewer"
        lines += [f"< ({_SAYS[how]})"] if how in _SAYS else []
        return Backlog(how, number, size, forms, tuple(lines))


_SAYS = {
    "paused": "the server reads no more until it is read",
    "ended": "the server ends the connection",
    "slow": "it takes too long",
}
