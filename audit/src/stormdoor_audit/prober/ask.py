"""One attempt to connect, and its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stormdoor_audit.prober.delivered import Message, is_hello, shape, shapes, text_of
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.packs import Pack
from stormdoor_audit.prober.target import Target
from stormdoor_audit.prober.wire import UNREACHED, Answer

__all__ = ["Ask", "Conversation", "Manner"]


_AGAIN = 0.2
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Manner:
    """The way in which every client speaks to an endpoint, as the owner's conversation was measured.

    Args:
        say: Messages that the operator or a protocol pack gives. `{unique}` becomes another word each time.
        in_turn: Say each message after the answer to the one before it.
        greets: The server speaks before the first message that is said in turn.
        numbered: Give each message an id of its own.
        pack: The protocol pack.
        companions_wait: Speak on the sockets beside this one after it was opened, not before.
        tries: Attempts after which a refusal counts; more than one if the server failed the owner.
    """

    say: tuple[str, ...] = ()
    in_turn: bool = False
    greets: bool = True
    numbered: bool = False
    pack: Pack | None = None
    companions_wait: bool = False
    tries: int = 1

    @property
    def by_pack(self) -> bool:
        """Return True if the messages are those of the protocol pack, since the operator has given none."""
        return self.pack is not None and self.say[: len(self.pack.say)] == self.pack.say


@dataclass(frozen=True, slots=True)
class Ask:
    """The parameters of one connection.

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
        meanwhile: Happens after `later`, when the messages were sent again and before what follows is heard.
        overhears: Nothing is said after `later`, and what is heard while it runs counts, too.
        unique: What `{unique}` in the messages becomes; another word each time where empty.
        after_end: Say the messages once more when the server has sent its close frame.
        ping: What is said in a ping that is sent last: whether it is answered is noted.
        linger: Seconds to go on listening after the first thing that was delivered; 0 listens as long as
            patience says, or until it is enough.
        gate: Awaited when all of the handshake but its last byte was sent.
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
    meanwhile: Callable[[], Awaitable[None]] | None = None
    overhears: bool = False
    unique: str = ""
    after_end: bool = False
    ping: bytes = b""
    linger: float = 0.0
    gate: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The result of one attempt to connect.

    Args:
        status: Of the handshake's answer; 0 where there was none.
        answer: The answer itself.
        greeting: What was delivered before the identity's first message was sent.
        messages: What was delivered afterwards.
        ended: How the server ended it: with a close frame, by hanging up, or not at all.
        code: Of the close frame.
        reason: Text of the close frame.
        used: Name of the protocol pack that a message matched as proof of use; "" where none did.
        path: Of the endpoint that was asked for.
        spoke: The server spoke before the first message that was said in turn.
        denied: A message refuses the client, as the protocol pack says.
        denied_credential: It does so for want of a credential.
        problem: Why there is no answer.
        transcript: All of it for a reader, without credentials.
        times: When each of the messages came, in seconds since the client spoke last, or the socket was open.
        handshake: Seconds until the handshake was answered.
        too_large: The server sent a message that is larger than the prober reads.
        ponged: Whether the ping was answered.
    """

    status: int = 0
    answer: Answer = field(default_factory=lambda: Answer(0))
    greeting: tuple[Message, ...] = ()
    messages: tuple[Message, ...] = ()
    ended: str = ""
    code: int = 0
    problem: str = ""
    transcript: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    handshake: float = 0.0
    ponged: bool = False
    too_large: bool = False
    reason: str = ""
    used: str = ""
    denied: bool = False
    denied_credential: bool = False
    path: str = ""
    spoke: bool = False

    @property
    def unreached(self) -> bool:
        """Return True if no connection could be made."""
        return UNREACHED in self.problem

    @property
    def elsewhere(self) -> str:
        """The path of a redirection; "" where it is the same one, with a slash or another host."""
        there = urlsplit("".join(self.answer.values("location"))).path
        return "" if there.rstrip("/") == self.path.rstrip("/") else there

    @property
    def stays_open(self) -> bool:
        """Return True if it was accepted, and not ended while it was listened to."""
        return self.status == 101 and not self.ended

    @property
    def greets_on(self) -> bool:
        """Return True if the same greeting comes again after a while: it is a feed, if a poor one."""
        began: dict[Message, float] = {}
        for message, at in zip(self.messages, self.times, strict=False):
            if is_hello(message) and at - began.setdefault(message, at) > _AGAIN:
                return True
        return False

    @property
    def delivered(self) -> frozenset[str]:
        """Shapes of what was delivered; nothing where the protocol's own message refuses the client."""
        if self.denied and not self.used:
            return frozenset()
        return shapes(self.messages) | self.proven

    @property
    def proven(self) -> frozenset[str]:
        """The shape of a message that proves use, as the protocol pack says; empty where none came."""
        return frozenset({f"pack {self.used}"}) if self.used else frozenset()

    def pace(self, wanted: frozenset[str]) -> float:
        """Seconds until all that is wanted had been delivered."""
        first: dict[str, float] = {}
        for message, at in zip(self.messages, self.times, strict=False):
            first.setdefault(shape(message), at)
        return max((first.get(one, 0.0) for one in wanted), default=0.0)

    @property
    def wait(self) -> float:
        """Seconds after which the server says that one may try again; 0 where it does not."""
        given = next(iter(self.answer.values("retry-after")), "")
        return float(given) if given.isdecimal() else 0.0

    @property
    def limited(self) -> bool:
        """Return True if the server said that there were too many attempts."""
        return self.status in {429, 503} or self.code in {1013, 4029, 4429}

    def texts(self) -> list[str]:
        """Everything that the server said, for what must not be in it."""
        body = self.answer.body.decode("utf-8", "replace")
        return [body, *(text_of(one) for one in (*self.greeting, *self.messages))]
