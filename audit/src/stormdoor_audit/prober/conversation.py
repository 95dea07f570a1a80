"""One connection from its handshake to its end: who connects, what was said, what was delivered."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import secrets
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

from stormdoor_audit.prober.ask import Ask, Conversation, Manner
from stormdoor_audit.prober.budget import Budget, BudgetSpent
from stormdoor_audit.prober.delivered import Message, text_of
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.packs import in_words
from stormdoor_audit.prober.passwords import Guesses, WrongPassword, differs, passwords_of
from stormdoor_audit.prober.peer_json import read_object
from stormdoor_audit.prober.redact import Redactor
from stormdoor_audit.prober.same import Told, Wanted
from stormdoor_audit.prober.target import Target
from stormdoor_audit.prober.wire import (
    ANSWER_SECONDS,
    BINARY,
    CLOSE,
    PONG,
    TEXT,
    Answer,
    NoAnswer,
    NotWebSocket,
    Request,
    TooLarge,
    Wire,
    exchange,
    frame_bytes,
    message_frame,
    opened,
)

__all__ = ["Ask", "Client", "Conversation", "Manner"]

UNIQUE = "{unique}"
"""Placeholder for a new word each time, in messages and in the address."""
_SHOWN_MESSAGES = 12
_SHOWN_SIGNS = 200
_MANY = 4
_GREETING = 0.2
"""Of the time to listen: what a server says before it knows the client."""
_IDS = {"id", "msgid", "messageid", "requestid", "reqid", "uuid", "nonce", "ref", "seq", "clientid"}
_LONGEST_TALK = 400
_TURN = 0.3
"""Of the time to listen: how long who speaks in turn listens on after the last word it has heard."""
_MOMENT = 0.05
"""Of the time to listen: after the last message that is waited for."""
_SETTLE = 2.5
"""Of the time to listen: until a session that was ended is seen to have ended."""
_QUIET = 8.0
"""Of the time to listen: to a socket that stays open after its credential has ended."""


def _in_any_time(ask: Ask) -> Ask:
    """The attempt without the time that it listens."""
    return replace(ask, patience=1.0, linger=0.0)


def _numbered(text: str) -> str:
    """The message with another id, where it is JSON that has one."""
    found = read_object(text)
    if found is None:
        return text
    for name in (name for name in found if name.lower().replace("_", "") in _IDS):
        whole = isinstance(found[name], int)
        found[name] = secrets.randbelow(1 << 31) if whole else secrets.token_hex(8)
    return json.dumps(found)


def _folded(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines, with one in the place of many that follow each other and are the same."""
    made: list[str] = []
    for line, same in itertools.groupby(lines):
        many = len(list(same))
        made += (
            [line] * many if many < _MANY else [line, f"{line[:1]} (the same, {many - 1} times)"]
        )
    return tuple(made)


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
        self.manner = Manner(tuple(say))
        self.listen = self.usual = listen
        self.slow = False
        self.answer_seconds = ANSWER_SECONDS
        self.order: tuple[str, ...] = ()
        self.stranger = Identity("nobody")
        self.companions: tuple[Target, ...] = ()
        self.companions_say: tuple[str, ...] = ()
        self.fresh: Callable[[], tuple[tuple[str, str], ...]] = tuple
        self.wanted: Wanted | None = None
        self.all: list[Conversation] = []
        self._earlier: list[tuple[Target, Ask, Manner, Conversation]] = []
        self._passwords: frozenset[tuple[str, str]] = frozenset()
        self._guesses: Guesses | None = None

    @property
    def say(self) -> tuple[str, ...]:
        """The messages of each client."""
        return self.manner.say

    @contextlib.contextmanager
    def to_the_end(self, say: Sequence[str] | None = None) -> Iterator[None]:
        """Listen to the end of each conversation in this block, and say these messages if they are given."""
        usual = self.wanted, self.manner
        self.wanted = None
        if say is not None:
            self.manner = replace(self.manner, say=tuple(say))
        try:
            yield
        finally:
            self.wanted, self.manner = usual

    def limit_passwords(self, guesses: Guesses, *right: Identity) -> None:
        """Limit the passwords that are not among those of these identities."""
        self._passwords |= frozenset[tuple[str, str]]().union(*map(passwords_of, right))
        self._guesses = guesses

    def sends_wrong_password(self, ask: Ask) -> bool:
        """Return True if wrong passwords are limited, and the attempt sends one."""
        return self._guesses is not None and differs(ask.who, self._passwords)

    def may_send(self, ask: Ask) -> bool:
        """Return True if the attempt sends no wrong password, or the first one."""
        return self._guesses is None or self._guesses.left > 0 or not self.sends_wrong_password(ask)

    def accepted(self, ask: Ask) -> None:
        """Allow a password that the server has accepted once more: it counts as no failure."""
        if self._guesses is not None and self.sends_wrong_password(ask):
            self._guesses.left += 1

    async def plain(self, target: Target, request: Request) -> Answer:
        """A request without an upgrade.

        Raises:
            NoAnswer: There was no answer.
        """
        return await exchange(target, request, self.budget, self.tls)

    def said(self, unique: str = "", *, again: bool = False) -> list[str]:
        """The owner's messages for one conversation, or those of them that may be said once more in it."""
        manner = self.manner
        said = manner.say
        if again and manner.pack is not None and manner.pack.again is not None and manner.by_pack:
            said = manner.pack.again
        said = tuple(one.replace(UNIQUE, unique or secrets.token_hex(6)) for one in said)
        return [_numbered(one) for one in said] if manner.numbered else list(said)

    async def converse(self, ask: Ask) -> Conversation:
        """Connect, speak, listen and hang up. A server that does not answer is an outcome, too.

        Raises:
            WrongPassword: The attempt sends a second wrong password, without `--active`.
            BudgetSpent: No connection is left.
        """
        if self._guesses is not None and self.sends_wrong_password(ask):
            if not self._guesses.left:
                raise WrongPassword
            self._guesses.left -= 1
        word = secrets.token_hex(6)
        async with contextlib.AsyncExitStack() as stack:
            beside = []
            if ask.target is None:
                for one in self.companions:
                    wire = await self._beside(self._at(ask, one, word), ask, stack)
                    beside += [wire] if wire is not None else []
            if not self.manner.companions_wait:
                await self._speak_beside(beside)
            return await self._converse(ask, word, beside)

    async def _beside(
        self, target: Target, ask: Ask, stack: contextlib.AsyncExitStack
    ) -> Wire | None:
        """Open a socket that must be open beside this one, as the same client."""
        shown = [("Origin", ask.origin)] if ask.origin is not None else []
        request = Request(headers=(*shown, *ask.who.shown(), *ask.headers), host=ask.host)
        with contextlib.suppress(NoAnswer):
            _, wire = await stack.enter_async_context(
                opened(target, request, self.budget, self.tls)
            )
            return wire
        return None

    async def _speak_beside(self, beside: Sequence[Wire]) -> None:
        """Say there what the operator has given for it, and leave the server a moment to act."""
        for wire in beside:
            for text in self.companions_say:
                with contextlib.suppress(NoAnswer):
                    await wire.send(message_frame(text.replace(UNIQUE, secrets.token_hex(6))))
        if beside and self.companions_say:
            await asyncio.sleep(self.usual * _GREETING)

    def _at(self, ask: Ask, target: Target, word: str) -> Target:
        """The address with the parameters of who asks, and with those that are others each time."""
        whole = ask.who.at(Identity("", query=self.fresh(), order=self.order).at(target))
        return whole.at(whole.resource.replace(UNIQUE, word))

    async def _converse(self, ask: Ask, word: str, beside: Sequence[Wire]) -> Conversation:
        target = self._at(ask, ask.target or self.target, word)
        shown = list(ask.who.shown())
        if ask.origin is not None:
            shown.insert(0, ("Origin", ask.origin))
        request = Request(headers=(*shown, *ask.headers), host=ask.host)
        query = " ?<redacted>" if "?" in target.resource else ""
        lines = [f"> GET {self.redact(target.path)}{query}"]
        lines += [f"> {self.redact(f'{name}: {value}')}" for name, value in request.headers]
        if ask.host:
            lines.append(f"> Host: {ask.host}")
        talk = _Talk(self, ask, lines)
        early = (
            b"".join(frame_bytes(TEXT, one.encode()) for one in self.said(ask.unique))
            if ask.early
            else b""
        )
        if ask.early:
            lines.extend(f"> (at once) {self.shown(one)}" for one in self.say)
        try:
            began = asyncio.get_running_loop().time()
            async with opened(
                target,
                request,
                self.budget,
                self.tls,
                at_once=early,
                seconds=self.answer_seconds,
                gate=ask.gate,
            ) as (answer, wire):
                took = asyncio.get_running_loop().time() - began
                lines.append(f"< {answer.status}")
                lines += [
                    f"< {self.redact(f'{name.title()}: {value}')}"
                    for name, value in answer.headers
                    if name
                    in {"location", "www-authenticate", "sec-websocket-protocol", "retry-after"}
                ]
                talk.found = Conversation(
                    status=answer.status, answer=answer, handshake=took, path=target.path
                )
                if wire is not None:
                    if self.manner.companions_wait:
                        await self._speak_beside(beside)
                    await talk.run(wire)
                elif text := answer.body[:_SHOWN_SIGNS].decode("utf-8", "replace").strip():
                    lines.append(f"< {self.shown(text)}")
        except NoAnswer as error:
            if talk.found.status:
                talk.found = replace(talk.found, ended=talk.found.ended or "gone")
            else:
                talk.found = Conversation(problem=str(error))
            lines.append(f"< ({error})")
        found = replace(talk.found, transcript=_folded(lines))
        self.all.append(found)
        self._earlier.append((self.target, _in_any_time(ask), replace(self.manner, tries=1), found))
        return found

    def earlier(self, ask: Ask) -> list[Conversation]:
        """Return the conversations of this run that such an attempt has had in the present manner."""
        wanted = (self.target, _in_any_time(ask), replace(self.manner, tries=1))
        return [found for *how, found in self._earlier if tuple(how) == wanted]

    def shown(self, text: str) -> str:
        """One line of a transcript."""
        text = " ".join(self.redact(text).split())
        return text if len(text) <= _SHOWN_SIGNS else f"{text[:_SHOWN_SIGNS]}…"


class _Talk:
    """The messages on one open socket."""

    def __init__(self, client: Client, ask: Ask, lines: list[str]) -> None:
        self.client, self.ask, self.lines = client, ask, lines
        self.found = Conversation()
        self._heard: list[Message] = []
        self._times: list[float] = []
        self._told = Told()
        self._proof: frozenset[str] = frozenset()
        self._since = asyncio.get_running_loop().time()

    async def run(self, wire: Wire) -> None:
        """Speak, and listen."""
        client, ask = self.client, self.ask
        self._since = asyncio.get_running_loop().time()
        seconds = client.listen * ask.patience
        if ask.who.first_message:
            await self._listen(wire, client.listen * _GREETING, stop=False)
            self._greeted()
            if self.found.ended:
                return
            await self._send(wire, ask.who.first_message)
            if client.say:
                await self._listen(wire, client.listen * _GREETING, stop=False)
        if ask.say and not ask.early and not self.found.ended:
            await self._say(wire)
        await self._send_raw(wire)
        if not self.found.ended:
            stop = not (ask.raw or ask.overhears)
            await self._listen(wire, seconds, stop=stop, linger=ask.linger)
        if ask.later is not None and not self.found.ended:
            await self._go_on(wire, ask.later, seconds)
        if ask.after_end and self.found.ended == "close":
            for one in client.said(ask.unique):
                await self._send(wire, one)
            await self._listen(wire, seconds, stop=False)
        if not self.found.ended:
            self.lines.append("< (still open)")

    async def _say(self, wire: Wire) -> None:
        """Say what the owner would: at once, or each when the server has said what it had to say."""
        manner = self.client.manner
        waits = manner.pack is not None and manner.pack.waits
        for number, one in enumerate(self.client.said(self.ask.unique)):
            if (manner.in_turn and (number or manner.greets)) or (waits and not number):
                turn = self.client.usual * _TURN
                await self._listen(wire, self.client.usual, stop=False, linger=turn)
                if self.found.ended:
                    return
                if not number:
                    self.found = replace(self.found, spoke=bool(self._heard))
            await self._send(wire, one)

    async def _send_raw(self, wire: Wire) -> None:
        """Send the frames that were made by hand; what is sent often takes one line."""
        for size, times in Counter(map(len, self.ask.raw)).items():
            often = f"{times} times " if times > 1 else ""
            self.lines.append(f"> ({often}{size} bytes that no honest client sends)")
        for data in self.ask.raw:
            await wire.send(data)

    def _greeted(self) -> None:
        """Make the messages until now the greeting."""
        self.found = replace(
            self.found,
            greeting=(*self.found.greeting, *self._heard),
            messages=(),
            times=(),
            used="",
            denied=False,
            denied_credential=False,
        )
        self._heard.clear()
        self._times.clear()
        self._told, self._proof = Told(), frozenset()

    async def _go_on(
        self, wire: Wire, later: Callable[[], Awaitable[None]], seconds: float
    ) -> None:
        if self.ask.overhears:
            self._greeted()
            await later()
            self.lines.append("(another client has spoken)")
            await self._listen(wire, seconds, stop=False)
            return
        await later()
        self.lines.append("(time has passed)")
        # Messages that were under way arrive, and a server that looks once a second has looked.
        await self._listen(wire, self.client.usual * _SETTLE, stop=False)
        left = self._left()
        self._greeted()
        if self.found.ended:
            return
        for one in self.client.said(again=not left):
            await self._send(wire, one)
        if self.ask.meanwhile is not None:
            await self.ask.meanwhile()
            self.lines.append("(another session has spoken)")
        # A feed may have become slower, and a socket that stays open is called closed only after that.
        await self._listen(wire, max(seconds, self.client.usual * _QUIET), stop=True)

    def _left(self) -> bool:
        """Return True if the server has ended the conversation of the pack, and not the socket."""
        pack = self.client.manner.pack
        if pack is None or not pack.left:
            return False
        return any(re.search(pack.left, in_words(one)) for one in self._heard)

    async def _send(self, wire: Wire, text: str) -> None:
        self.lines.append(f"> {self.client.shown(text)}")
        await wire.send(message_frame(text))
        self._since = asyncio.get_running_loop().time()

    async def _listen(self, wire: Wire, seconds: float, *, stop: bool, linger: float = 0.0) -> None:
        budget = self.client.budget
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(seconds, budget.grace())) as limit:
                while len(self._heard) < _LONGEST_TALK:
                    frame = await wire.receive()
                    if frame.opcode == CLOSE:
                        reason = frame.payload[2:].decode("utf-8", "replace")
                        self.lines.append(
                            f"< close {frame.code} {self.client.shown(reason)}".rstrip()
                        )
                        self._keep("close", frame.code, reason)
                        return
                    if frame.opcode == PONG and self.ask.ping and frame.payload == self.ask.ping:
                        self.found = replace(self.found, ponged=True)
                    if frame.opcode not in {TEXT, BINARY}:
                        continue
                    message: Message = frame.payload
                    if frame.opcode == TEXT:
                        message = frame.payload.decode("utf-8", "replace")
                    self._heard.append(message)
                    self._times.append(asyncio.get_running_loop().time() - self._since)
                    # Kept beside them: a server that floods must not make it look at all of them each time.
                    form = self._told.add(message)
                    self._prove(message)
                    if len(self._heard) <= _SHOWN_MESSAGES:
                        self.lines.append(f"< {self.client.shown(text_of(message))}")
                    if linger and (when := limit.when()) and (form or not stop):
                        now = asyncio.get_running_loop().time()
                        limit.reschedule(min(when, now + linger))
                    wanted = self.client.wanted
                    if stop and wanted is not None and wanted.heard(self._told, self._proof):
                        # Some servers break if a client leaves while they send.
                        stop, linger = False, 0.0
                        soon = asyncio.get_running_loop().time() + self.client.usual * _MOMENT
                        limit.reschedule(min(limit.when() or soon, soon))
        except TimeoutError:
            cut = budget.over and asyncio.get_running_loop().time() - began < seconds
            if cut and not self._told.messages:
                # Silence that was not waited for says nothing.
                raise BudgetSpent from None
        except NoAnswer as error:
            self._broke_off(error)
            return
        self._keep("", 0)

    def _prove(self, message: Message) -> None:
        """Keep the form by which the protocol pack knows that the client may use the endpoint."""
        pack = self.client.manner.pack
        if pack is not None and pack.delivered and re.search(pack.delivered, in_words(message)):
            self._proof = frozenset({f"pack {pack.name}"})

    def _broke_off(self, error: NoAnswer) -> None:
        self.lines.append(f"< ({error})")
        self._keep("gone", 1006)
        self.found = replace(self.found, too_large=isinstance(error, TooLarge))
        if isinstance(error, NotWebSocket) and not self._heard and not self.found.greeting:
            # No way to refuse, and nothing that could be read: it cannot be told.
            self.found = replace(self.found, problem=str(error))

    def _proven(self) -> tuple[str, bool, bool]:
        """Return the pack with a proof of use, if a message refuses, and if one asks for a credential."""
        pack = self.client.manner.pack
        if pack is None:
            return "", False, False
        words = [in_words(one) for one in self._heard]

        def matches(pattern: str) -> bool:
            return bool(pattern) and any(re.search(pattern, one) for one in words)

        no = matches(pack.credential)
        return pack.name if matches(pack.delivered) else "", no or matches(pack.denied), no

    def _keep(self, ended: str, code: int, reason: str = "") -> None:
        used, denied, credential = self._proven()
        self.found = replace(
            self.found,
            used=used,
            denied=denied,
            denied_credential=credential,
            messages=tuple(self._heard),
            times=tuple(self._times),
            ended=self.found.ended or ended,
            code=self.found.code or code,
            reason=self.found.reason or reason,
        )
