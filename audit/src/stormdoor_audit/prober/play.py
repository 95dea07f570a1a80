"""Replays a conversation as one identity: one message after the other, each with what is delivered for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stormdoor_audit.prober.budget import BudgetSpent
from stormdoor_audit.prober.conversation import Client
from stormdoor_audit.prober.delivered import Message, is_refusal, shapes, text_of
from stormdoor_audit.prober.evidence import Heard
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.links import Link, filled_in
from stormdoor_audit.prober.peer_json import read_json, read_object
from stormdoor_audit.prober.wire import (
    BINARY,
    CLOSE,
    TEXT,
    NoAnswer,
    NotWebSocket,
    Request,
    Wire,
    frame_bytes,
    opened,
)

__all__ = ["Line", "fresh", "play"]

_GREETING = 0.25
_GRACE = 0.15
_REST = 0.4
"""Of the time to listen: before the first message; after what was waited for, since a refusal may follow;
and after something, where it is not known how much there is."""
_MOST_MESSAGES = 100
_SHOWN = 4
_LIMITED = {1013, 4029, 4429}
_ONCE = re.compile(
    r"^(request|req|msg|message|correlation|trace|client)[_-]?id$|^(nonce|uuid|idempotency[_-]?key)$",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F-]{4,24}$|^[0-9a-f]{16,64}$")
_CORRELATES = (
    "id",
    "request_id",
    "requestId",
    "reqId",
    "msg_id",
    "message_id",
    "ref",
    "nonce",
    "seq",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A message to send, and the shapes after which nothing more need be waited for.

    Args:
        message: As it was recorded.
        reads: Whether it only reads, so that it may be repeated on a new connection.
        enough: What is waited for.
        links: What is taken from the answers to earlier lines, by their number.
    """

    message: str
    reads: bool
    enough: frozenset[str] = frozenset()
    links: tuple[tuple[Link, int], ...] = ()


def _renewed(value: Any) -> Any:
    """The same, with new values where each message must have one of its own."""
    if isinstance(value, list):
        return [_renewed(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: re.sub("[0-9a-f]", lambda _: secrets.token_hex(1)[0], inner.lower())
        if isinstance(inner, str) and _ONCE.match(name) and _RANDOM.match(inner)
        else _renewed(inner)
        for name, inner in value.items()
    }


def fresh(message: str) -> str:
    """A message as it is sent this time: `{unique}` filled in, and a new id where it names a request."""
    message = message.replace("{unique}", secrets.token_hex(6))
    found = read_json(message)
    try:
        made = _renewed(found)
    except RecursionError:
        return message
    return message if made == found else json.dumps(made, ensure_ascii=False)


def _key(message: Message) -> str:
    """Return the field that relates an answer to its question; "" without one."""
    found = read_object(message) or {}
    return next(
        (
            f"{name}={found[name]}"
            for name in _CORRELATES
            if isinstance(found.get(name), str | int) and found[name] != ""
        ),
        "",
    )


@dataclass(slots=True)
class _Player:
    client: Client
    who: Identity
    origin: str
    lines: Sequence[Line]
    heard: dict[int, Heard] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)
    wire: Wire | None = None
    ended: str = ""
    limited: bool = False
    keys: set[str] = field(default_factory=set)
    latest: dict[int, Sequence[Message]] = field(default_factory=dict)

    async def run(self) -> list[Heard]:
        at = 0
        while at < len(self.lines):
            begun = at
            at = await self._connect(at)
            if at == begun:
                break
        last = self.ended or "it was not reached"
        rest = Heard(sent=False, why=last, unsure=self.limited, transcript=tuple(self.head))
        return [self.heard.get(number, rest) for number in range(len(self.lines))]

    async def _connect(self, at: int) -> int:
        """Play on from here on a connection of its own, and return how far it went."""
        client, who = self.client, self.who
        target = who.at(client.target)
        request = Request(headers=(("Origin", self.origin), *who.shown()))
        self.head = [f"> GET {target.path}" + (" ?<redacted>" if "?" in target.resource else "")]
        self.head += [f"> {client.redact(f'{name}: {value}')}" for name, value in request.headers]
        self.ended, self.limited = "", False
        self.keys.clear()
        try:
            async with opened(target, request, client.budget, client.tls) as (answer, wire):
                self.head.append(f"< {answer.status}")
                if wire is None:
                    self.ended = f"the handshake is answered with {answer.status}"
                    self.limited = answer.status in {429, 503}
                    return at
                self.wire = wire
                return await self._speak(at)
        except NoAnswer as error:
            # What was said until then is kept; a bare end is a way to refuse.
            self.ended = str(error)
            self.head.append(f"< ({error})")
            self.limited = "hung up" not in str(error) and "ended" not in str(error)
            return at

    async def _speak(self, at: int) -> int:
        listen = self.client.listen
        said: list[str] = []
        await self._hear(said, listen * _GREETING, frozenset())
        if self.who.first_message and not self.ended:
            await self._send(said, self.who.first_message)
            await self._hear(said, listen * _GREETING, frozenset())
        for number in range(at):
            # What was only read before may be needed: a room that was joined, a list that was opened.
            old = self.heard[number]
            if self.lines[number].reads and old.sent and not old.ended and not self.ended:
                await self._send(said, self._message(number))
                enough = self.lines[number].enough or old.shapes
                self.latest[number] = await self._hear(said, listen, enough)
        self.head += said
        if self.ended:
            return at
        for number in range(at, len(self.lines)):
            if not self.client.budget.left():
                raise BudgetSpent
            line, talk = self.lines[number], [*self.head]
            message = self._message(number)
            await self._send(talk, message)
            messages = await self._hear(talk, listen, line.enough, _key(message))
            self.latest[number] = messages
            self.heard[number] = Heard(
                tuple(messages),
                ended=bool(self.ended),
                why=self.ended,
                unsure=self.limited,
                transcript=tuple(talk),
            )
            if self._over():
                return number + 1
        return len(self.lines)

    def _message(self, number: int) -> str:
        """The message as it is sent now."""
        line = self.lines[number]
        known = [(link, self.latest.get(source, ())) for link, source in line.links]
        return fresh(filled_in(line.message, known))

    def _over(self) -> bool:
        """Return True if the server has ended it; it may at each message."""
        return bool(self.ended)

    async def _send(self, talk: list[str], message: str) -> None:
        talk.append(f"> {self.client.shown(message)}")
        # A server that has hung up is noticed in the turn of the answer.
        with contextlib.suppress(NoAnswer):
            if self.wire is not None:
                await self.wire.send(frame_bytes(TEXT, message.encode("utf-8", "replace")))

    async def _hear(
        self, talk: list[str], seconds: float, enough: frozenset[str], key: str = ""
    ) -> list[Message]:
        """Return the messages until the time is over, or until the awaited one has come."""
        found: list[Message] = []
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        grace = seconds * _GRACE
        waited = False
        while len(found) < _MOST_MESSAGES and self.wire is not None:
            try:
                async with asyncio.timeout_at(end):
                    frame = await self.wire.receive()
            except TimeoutError:
                break
            except NoAnswer as error:
                talk.append(f"< ({error})")
                self.limited = isinstance(error, NotWebSocket)
                self.ended = str(error) if self.limited else "the server hung up"
                break
            if frame.opcode == CLOSE:
                talk.append(f"< close {frame.code}")
                self.ended = f"the connection is closed with {frame.code}"
                self.limited = frame.code in _LIMITED
                break
            if frame.opcode not in {TEXT, BINARY}:
                continue
            message: Message = frame.payload
            if frame.opcode == TEXT:
                message = frame.payload.decode("utf-8", "replace")
            if len(found) < _SHOWN:
                talk.append(f"< {self.client.shown(text_of(message))}")
            if (other := _key(message)) and other != key and other in self.keys:
                continue
            found.append(message)
            done = bool(enough) and enough <= shapes(tuple(found))
            if not waited and (done or is_refusal(message)):
                waited = True
                end = min(end, loop.time() + grace)
            elif not enough and not waited and shapes((message,)):
                # The number of messages to come is unknown: what follows an answer follows soon.
                end = min(end, loop.time() + seconds * _REST)
        if key:
            self.keys.add(key)
        return found


async def play(client: Client, who: Identity, origin: str, lines: Sequence[Line]) -> list[Heard]:
    """Replay a conversation, on as few connections as the server allows.

    Where the server ends the connection after a message, the next ones are sent on a new one, after those
    before them that only read.

    Raises:
        BudgetSpent: No connection is left.
    """
    return await _Player(client, who, origin, lines).run()
