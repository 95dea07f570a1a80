"""The form of a case: bytes that a client sends, the events that it must see, and the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.tornado.wire import BINARY, CONTINUATION, TEXT, frame_bytes

__all__ = [
    "FAILED_1002",
    "FAILED_1007",
    "NORMAL",
    "Case",
    "Closing",
    "Event",
    "Exchange",
    "Observation",
    "Open",
    "Pause",
    "Verdict",
    "echo",
    "fragments",
    "judge",
    "sent",
]


class Verdict(StrEnum):
    """The result of a case."""

    OK = "ok"
    NON_STRICT = "non-strict"
    """The server behaves in a way that RFC 6455 allows but advises against."""
    INFORMATIONAL = "informational"
    """RFC 6455 leaves the behaviour open."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Open:
    """The connection is still open after a pause."""

    label: str


Event = tuple[str, bytes] | Open
"""A kind (`text`, `binary`, `pong`) with its payload, or `Open`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The client sends nothing for a moment.

    Attributes:
        label: Name of the event `Open`; empty if there is none.
    """

    label: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """The end that a case expects.

    Attributes:
        by_client: Whether the client begins the closing handshake.
        codes: Codes that the server's close frame may have. A frame without a code is always allowed.
        clean: Whether the server must answer with a close frame; otherwise it may only close the connection.
        sent: Whether the frames of the case include the client's close frame.
    """

    by_client: bool
    codes: frozenset[int]
    clean: bool
    sent: bool = False


NORMAL = Closing(by_client=True, codes=frozenset([1000]), clean=True)
FAILED_1002 = Closing(by_client=False, codes=frozenset([1002]), clean=False)
FAILED_1007 = Closing(by_client=False, codes=frozenset([1007]), clean=False)


def sent(*codes: int, clean: bool = True) -> Closing:
    """Return the end of a case in which the client's close frame is one of its frames."""
    return Closing(by_client=True, codes=frozenset(codes), clean=clean, sent=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case with its published number.

    Attributes:
        number: The published number.
        steps: Bytes for one write each, and pauses.
        events: The events that the client must see.
        tolerated: Events that give `non-strict`; None if there are none.
        closing: The expected end.
        chop: Largest number of bytes of one write; 0 for no limit.
        informational: Whether every behaviour is allowed that ends the connection.
    """

    number: str
    steps: tuple[bytes | Pause, ...]
    events: tuple[Event, ...] = ()
    tolerated: tuple[Event, ...] | None = None
    closing: Closing = NORMAL
    chop: int = 0
    informational: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One case of many messages: the client sends the next one when the echo of the last one has arrived.

    Attributes:
        number: The published number.
        payload: Function of the index of a message; returns its payload.
        binary: Whether the messages are binary.
        offer: Value of `Sec-WebSocket-Extensions`; empty for no compression.
        fragment: Largest payload of one frame; 0 for no limit.
    """

    number: str
    payload: Callable[[int], bytes]
    binary: bool
    offer: str = ""
    fragment: int = 0


@dataclass(slots=True)
class Observation:
    """The events that the client of a case has seen.

    Attributes:
        events: Messages and pongs, in order.
        began: The side that began to close; None if neither did.
        answered: Whether the server has sent a close frame.
        code: Code of that frame.
        ended: Whether the server has closed the TCP connection in time.
        problem: The reason why the case ended early.
    """

    events: list[Event] = field(default_factory=list)
    began: str | None = None
    answered: bool = False
    code: int | None = None
    ended: bool = False
    problem: str = ""


def judge(case: Case, seen: Observation) -> tuple[Verdict, str]:
    """Return the verdict, and the reason if it is not `ok`."""
    closing = case.closing
    if seen.problem:
        return Verdict.FAILED, seen.problem
    if not seen.ended:
        return Verdict.FAILED, "the server did not close the connection"
    if case.informational:
        return Verdict.INFORMATIONAL, f"{len(seen.events)} events, close code {seen.code}"
    if (seen.began == "client") != closing.by_client:
        return Verdict.FAILED, f"the {seen.began} began to close"
    if seen.code is not None and seen.code not in closing.codes:
        return Verdict.FAILED, f"close code {seen.code}"
    if closing.clean and not seen.answered:
        return Verdict.FAILED, "no close frame"
    if tuple(seen.events) == case.events:
        return Verdict.OK, ""
    kinds = ", ".join(one.label if isinstance(one, Open) else one[0] for one in seen.events)
    if case.tolerated is not None and tuple(seen.events) == case.tolerated:
        return Verdict.NON_STRICT, f"events: {kinds or 'none'}"
    return Verdict.FAILED, f"events: {kinds or 'none'}"


def fragments(payload: bytes, size: int, opcode: int = TEXT, *, rsv: int = 0) -> bytes:
    """Return the frames of one message with at most `size` bytes in each; 0 for one frame."""
    if not size or len(payload) <= size:
        return frame_bytes(opcode, payload, rsv=rsv)
    starts = range(0, len(payload), size)
    return b"".join(
        frame_bytes(
            CONTINUATION if at else opcode,
            payload[at : at + size],
            final=at == starts[-1],
            rsv=0 if at else rsv,
        )
        for at in starts
    )


def echo(number: str, opcode: int, payload: bytes, *, fragment: int = 0, chop: int = 0) -> Case:
    """Return a case of one message that must come back."""
    return Case(
        number=number,
        steps=(fragments(payload, fragment, opcode),),
        events=(("binary" if opcode == BINARY else "text", payload),),
        chop=chop,
    )
