"""One connection from its handshake to its end: who connects, what was said, what was delivered."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from stormdoor.prober.budget import Budget
from stormdoor.prober.delivered import Message, shapes, text_of
from stormdoor.prober.identity import Identity
from stormdoor.prober.redact import Redactor
from stormdoor.prober.target import Target
from stormdoor.prober.wire import (
    BINARY,
    CLOSE,
    TEXT,
    Answer,
    NoAnswer,
    Request,
    Wire,
    exchange,
    frame_bytes,
    message_frame,
    opened,
)

__all__ = ["Ask", "Client", "Conversation"]

_SHOWN_MESSAGES = 12
_SHOWN_SIGNS = 200
_GREETING = 0.2
"""Of the time to listen: what a server says before it is told who is there."""
_LONGEST_TALK = 400
_SETTLE = 2.5
"""Of the time to listen: until a session that was ended is seen to have ended."""


@dataclass(frozen=True, slots=True)
class Ask:
    """How to connect.

    Args:
        who: The identity.
        origin: Of the page that would do it; None sends no Origin.
        headers: More headers.
        host: Another `Host:`.
        target: Another resource.
        say: Whether to send the messages that the owner would.
        early: Whether these are sent before the server has answered the handshake.
        raw: Frames to send after them, as bytes.
        patience: Seconds to listen, as a factor of the usual.
        later: What happens when it was listened to; afterwards the messages are sent again, and what
            is delivered then counts. What was delivered before is the greeting.
    """

    who: Identity
    origin: str | None
    headers: tuple[tuple[str, str], ...] = ()
    host: str = ""
    target: Target | None = None
    say: bool = True
    early: bool = False
    raw: tuple[bytes, ...] = ()
    patience: float = 1.0
    later: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What came of it.

    Args:
        status: Of the handshake's answer; 0 where there was none.
        answer: The answer itself.
        greeting: What was delivered before the identity's first message was sent.
        messages: What was delivered afterwards.
        ended: How the server ended it: with a close frame, by hanging up, or not at all.
        code: Of the close frame.
        problem: Why there is no answer.
        transcript: All of it for a reader, without credentials.
    """

    status: int = 0
    answer: Answer = field(default_factory=lambda: Answer(0))
    greeting: tuple[Message, ...] = ()
    messages: tuple[Message, ...] = ()
    ended: str = ""
    code: int = 0
    problem: str = ""
    transcript: tuple[str, ...] = ()

    @property
    def stays_open(self) -> bool:
        """Whether it was accepted, and not ended while it was listened to."""
        return self.status == 101 and not self.ended

    @property
    def delivered(self) -> frozenset[str]:
        """Shapes of what was delivered."""
        return shapes(self.messages)

    @property
    def limited(self) -> bool:
        """Whether the server said that there were too many attempts."""
        return self.status in {429, 503} or self.code in {1013, 4029, 4429}

    def texts(self) -> list[str]:
        """Everything that the server said, for what must not be in it."""
        body = self.answer.body.decode("utf-8", "replace")
        return [body, *(text_of(one) for one in (*self.greeting, *self.messages))]


def _never(_: frozenset[str]) -> bool:
    """Listen to the end."""
    return False


class Client:
    """Connects to one endpoint, within a budget.

    Args:
        target: The endpoint.
        budget: What connections are paid from.
        tls: For wss.
        redact: Makes transcripts harmless.
        say: Messages that the owner says may be sent: reads, or what may be repeated without harm.
            `{unique}` in them becomes another word each time.
        listen: Seconds to listen.
    """

    def __init__(
        self,
        target: Target,
        budget: Budget,
        tls: ssl.SSLContext | None,
        redact: Redactor,
        *,
        say: Sequence[str] = (),
        listen: float = 1.0,
    ) -> None:
        self.target = target
        self.budget = budget
        self.tls = tls
        self.redact = redact
        self.say = tuple(say)
        self.listen = listen
        self.enough: Callable[[frozenset[str]], bool] = _never
        self.all: list[Conversation] = []

    async def plain(self, target: Target, request: Request) -> Answer:
        """A request without an upgrade.

        Raises:
            NoAnswer: There was no answer.
        """
        return await exchange(target, request, self.budget, self.tls)

    def said(self) -> list[str]:
        """The owner's messages, for one conversation."""
        return [one.replace("{unique}", secrets.token_hex(6)) for one in self.say]

    async def converse(self, ask: Ask) -> Conversation:
        """Connect, speak, listen and hang up. A server that does not answer is an outcome, too."""
        target = ask.who.at(ask.target or self.target)
        shown = list(ask.who.shown())
        if ask.origin is not None:
            shown.insert(0, ("Origin", ask.origin))
        request = Request(headers=(*shown, *ask.headers), host=ask.host)
        lines = [f"> GET {target.path}" + (" ?<redacted>" if "?" in target.resource else "")]
        lines += [f"> {self.redact(f'{name}: {value}')}" for name, value in request.headers]
        if ask.host:
            lines.append(f"> Host: {ask.host}")
        talk = _Talk(self, ask, lines)
        early = (
            b"".join(frame_bytes(TEXT, one.encode()) for one in self.said()) if ask.early else b""
        )
        if ask.early:
            lines.extend(f"> (at once) {self.shown(one)}" for one in self.say)
        try:
            async with opened(target, request, self.budget, self.tls, early) as (answer, wire):
                lines.append(f"< {answer.status}")
                lines += [
                    f"< {self.redact(f'{name.title()}: {value}')}"
                    for name, value in answer.headers
                    if name
                    in {"location", "www-authenticate", "sec-websocket-protocol", "retry-after"}
                ]
                talk.found = Conversation(status=answer.status, answer=answer)
                if wire is not None:
                    await talk.run(wire)
                elif text := answer.body[:_SHOWN_SIGNS].decode("utf-8", "replace").strip():
                    lines.append(f"< {self.shown(text)}")
        except NoAnswer as error:
            if talk.found.status:
                talk.found = replace(talk.found, ended=talk.found.ended or "gone")
            else:
                talk.found = Conversation(problem=str(error))
            lines.append(f"< ({error})")
        found = replace(talk.found, transcript=tuple(lines))
        self.all.append(found)
        return found

    def shown(self, text: str) -> str:
        """One line of a transcript."""
        text = " ".join(self.redact(text).split())
        return text if len(text) <= _SHOWN_SIGNS else f"{text[:_SHOWN_SIGNS]}…"


class _Talk:
    """What happens on one open socket."""

    def __init__(self, client: Client, ask: Ask, lines: list[str]) -> None:
        self.client, self.ask, self.lines = client, ask, lines
        self.found = Conversation()
        self._heard: list[Message] = []

    async def run(self, wire: Wire) -> None:
        """Speak, and listen."""
        client, ask = self.client, self.ask
        seconds = client.listen * ask.patience
        if ask.who.first_message:
            await self._listen(wire, client.listen * _GREETING, stop=False)
            self.found = replace(self.found, greeting=tuple(self._heard))
            self._heard.clear()
            if self.found.ended:
                return
            await self._send(wire, ask.who.first_message)
            if client.say:
                await self._listen(wire, client.listen * _GREETING, stop=False)
        if ask.say and not ask.early and not self.found.ended:
            for one in client.said():
                await self._send(wire, one)
        for data in ask.raw:
            self.lines.append(f"> ({len(data)} bytes that no honest client sends)")
            await wire.send(data)
        if not self.found.ended:
            await self._listen(wire, seconds, stop=not ask.raw)
        if ask.later is not None and not self.found.ended:
            await self._go_on(wire, ask.later, seconds)
        if not self.found.ended:
            self.lines.append("< (still open)")

    async def _go_on(
        self, wire: Wire, later: Callable[[], Awaitable[None]], seconds: float
    ) -> None:
        await later()
        self.lines.append("(the credential was ended)")
        # Whatever was under way arrives, and a server that looks once a second has looked.
        await self._listen(wire, self.client.listen * _SETTLE, stop=False)
        self.found = replace(self.found, greeting=tuple(self._heard), messages=())
        self._heard.clear()
        if self.found.ended:
            return
        for one in self.client.said():
            await self._send(wire, one)
        await self._listen(wire, seconds, stop=True)

    async def _send(self, wire: Wire, text: str) -> None:
        self.lines.append(f"> {self.client.shown(text)}")
        await wire.send(message_frame(text))

    async def _listen(self, wire: Wire, seconds: float, *, stop: bool) -> None:
        try:
            async with asyncio.timeout(seconds):
                while len(self._heard) < _LONGEST_TALK:
                    frame = await wire.receive()
                    if frame.opcode == CLOSE:
                        reason = frame.payload[2:].decode("utf-8", "replace")
                        self.lines.append(
                            f"< close {frame.code} {self.client.shown(reason)}".rstrip()
                        )
                        self._keep("close", frame.code)
                        return
                    if frame.opcode not in {TEXT, BINARY}:
                        continue
                    message: Message = frame.payload
                    if frame.opcode == TEXT:
                        message = frame.payload.decode("utf-8", "replace")
                    self._heard.append(message)
                    if len(self._heard) <= _SHOWN_MESSAGES:
                        self.lines.append(f"< {self.client.shown(text_of(message))}")
                    if stop and self.client.enough(shapes(tuple(self._heard))):
                        break
        except TimeoutError:
            pass
        except NoAnswer as error:
            self.lines.append(f"< ({error})")
            self._keep("gone", 1006)
            return
        self._keep("", 0)

    def _keep(self, ended: str, code: int) -> None:
        self.found = replace(self.found, messages=tuple(self._heard), ended=ended, code=code)
