"""RFC 6455 chapter by chapter: what a client may send, and with which code it is cut off for the rest.

Every case is fed whole, and byte by byte: where the network cuts must make no difference.
"""

from __future__ import annotations

import pytest

from stormdoor.core.frame import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from stormdoor.core.frame_reader import FrameReader
from tests.support.client_frames import client_frame, covered

LIMIT = 1000

Event = tuple[int, bytes]


def read(data: bytes, *, cut: int, limit: int = LIMIT) -> tuple[list[Event], FrameReader]:
    """Return all messages in `data`, read in pieces of `cut` bytes, and the reader."""
    reader = FrameReader(limit)
    events: list[Event] = []
    for at in range(0, len(data), cut):
        reader.feed(data[at : at + cut])
        while (event := reader.next()) is not None:
            events.append(event)
    return events, reader


def frames(*parts: bytes) -> bytes:
    """One after the other."""
    return b"".join(parts)


T, B, C = TEXT, BINARY, CONTINUATION
KOSME = "κόσμε".encode()

ALLOWED: list[tuple[str, bytes, list[Event]]] = [
    # §5.2 and §5.6: whole messages of every length
    ("nothing", b"", []),
    ("empty text", client_frame(T), [(T, b"")]),
    ("text", client_frame(T, b"hello"), [(T, b"hello")]),
    ("text of 125", client_frame(T, b"x" * 125), [(T, b"x" * 125)]),
    ("text of 126", client_frame(T, b"x" * 126), [(T, b"x" * 126)]),
    ("text of 1000", client_frame(T, b"x" * 1000), [(T, b"x" * 1000)]),
    ("empty binary", client_frame(B), [(B, b"")]),
    ("binary", client_frame(B, b"\x00\xff\xfe"), [(B, b"\x00\xff\xfe")]),
    ("mask of zeros", client_frame(T, b"hello", key=b"\0\0\0\0"), [(T, b"hello")]),
    (
        "several",
        client_frame(T, b"a") + client_frame(B, b"b") * 2,
        [(T, b"a"), (B, b"b"), (B, b"b")],
    ),
    # §5.4: fragments, empty ones too
    (
        "two fragments",
        frames(client_frame(T, b"he", final=False), client_frame(C, b"llo")),
        [(T, b"hello")],
    ),
    (
        "empty fragments",
        frames(client_frame(B, final=False), client_frame(C, final=False), client_frame(C)),
        [(B, b"")],
    ),
    (
        "control frames between fragments",
        frames(
            client_frame(T, b"he", final=False),
            client_frame(PING, b"1"),
            client_frame(C, b"l", final=False),
            client_frame(PONG, b"2"),
            client_frame(C, b"lo"),
        ),
        [(PING, b"1"), (PONG, b"2"), (T, b"hello")],
    ),
    (
        "a character in two fragments",
        frames(client_frame(T, KOSME[:5], final=False), client_frame(C, KOSME[5:])),
        [(T, KOSME)],
    ),
    (
        "256 fragments of a byte",
        client_frame(B, b"x", final=False)
        + client_frame(C, b"x", final=False) * 254
        + client_frame(C, b"x"),
        [(B, b"x" * 256)],
    ),
    # §5.5: control frames
    ("empty ping", client_frame(PING), [(PING, b"")]),
    ("ping of 125", client_frame(PING, b"\xff" * 125), [(PING, b"\xff" * 125)]),
    ("pong unasked", client_frame(PONG, b"x"), [(PONG, b"x")]),
    ("empty close", client_frame(CLOSE), [(CLOSE, b"")]),
    ("close with a code", client_frame(CLOSE, b"\x03\xe8"), [(CLOSE, b"\x03\xe8")]),
    (
        "close with a reason",
        client_frame(CLOSE, b"\x03\xe8" + KOSME),
        [(CLOSE, b"\x03\xe8" + KOSME)],
    ),
    (
        "close of 125",
        client_frame(CLOSE, b"\x0f\xa0" + b"x" * 123),
        [(CLOSE, b"\x0f\xa0" + b"x" * 123)],
    ),
    (
        "close inside of a message",
        client_frame(T, b"he", final=False) + client_frame(CLOSE),
        [(CLOSE, b"")],
    ),
    # §1.4: after the close frame nothing counts, not even what is wrong
    ("text after close", client_frame(CLOSE) + client_frame(T, b"x"), [(CLOSE, b"")]),
    ("rubbish after close", client_frame(CLOSE) + b"\xff" * 40, [(CLOSE, b"")]),
    # §8.1
    ("text beyond ASCII", client_frame(T, KOSME), [(T, KOSME)]),
    ("long text beyond ASCII", client_frame(T, KOSME * 20), [(T, KOSME * 20)]),
    ("the last character", client_frame(T, b"\xf4\x8f\xbf\xbf"), [(T, b"\xf4\x8f\xbf\xbf")]),
    ("a noncharacter", client_frame(T, b"\xef\xbf\xbf"), [(T, b"\xef\xbf\xbf")]),
]
ALLOWED += [
    (
        f"close code {code}",
        client_frame(CLOSE, code.to_bytes(2, "big")),
        [(CLOSE, code.to_bytes(2, "big"))],
    )
    for code in (1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
]

CUTS = [1, 2, 3, 7, 1_000_000]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("data", "expected"), [c[1:] for c in ALLOWED], ids=[c[0] for c in ALLOWED]
)
def test_what_is_allowed(data: bytes, expected: list[Event], cut: int) -> None:
    """An allowed frame is read in pieces of any length."""
    events, reader = read(data, cut=cut)
    assert events == expected
    assert reader.violation is None
    assert reader.waiting == 0
    assert reader.ended is any(opcode == CLOSE for opcode, _ in expected)


FORBIDDEN: list[tuple[str, bytes, int]] = [
    # §5.1
    ("text without a mask", client_frame(T, b"x", masked=False), 1002),
    ("empty text without a mask", client_frame(T, masked=False), 1002),
    ("long text without a mask", client_frame(T, b"x" * 200, masked=False), 1002),
    ("ping without a mask", client_frame(PING, masked=False), 1002),
    (
        "continuation without a mask",
        client_frame(T, final=False) + client_frame(C, masked=False),
        1002,
    ),
    # §5.2: reserved bits and opcodes, lengths
    ("RSV1", client_frame(T, b"x", rsv=0x40), 1002),
    ("RSV2", client_frame(T, b"x", rsv=0x20), 1002),
    ("RSV3", client_frame(B, b"x", rsv=0x10), 1002),
    ("RSV1 on a ping", client_frame(PING, rsv=0x40), 1002),
    ("126 for a short length", client_frame(T, b"x" * 125, width=2), 1002),
    ("127 for a medium length", client_frame(T, b"x" * 126, width=8), 1002),
    ("127 for 65535", client_frame(T, claimed=65535, width=8), 1002),
    ("the highest bit of a length", client_frame(T, claimed=1 << 63, width=8), 1002),
    # §5.4
    ("continuation of nothing", client_frame(C, b"x"), 1002),
    ("continuation of nothing, not final", client_frame(C, b"x", final=False), 1002),
    ("a message inside of another", client_frame(T, final=False) + client_frame(T, b"x"), 1002),
    (
        "a binary inside of an unfinished text",
        client_frame(T, final=False) + client_frame(B, final=False),
        1002,
    ),
    # §5.5
    ("ping of 126", client_frame(PING, b"x" * 126), 1002),
    ("ping of 65536", client_frame(PING, claimed=65536), 1002),
    ("ping in fragments", client_frame(PING, final=False), 1002),
    ("close in fragments", client_frame(CLOSE, final=False), 1002),
    ("close of one byte", client_frame(CLOSE, b"\x03"), 1002),
    ("close of 126", client_frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    ("close with a reason that is not UTF-8", client_frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ("close with half a character", client_frame(CLOSE, b"\x03\xe8\xce"), 1007),
    # §8.1: not UTF-8
    ("not UTF-8", client_frame(T, b"\xff"), 1007),
    ("not UTF-8, in a long text", client_frame(T, b"x" * 200 + b"\xff"), 1007),
    ("a surrogate", client_frame(T, b"\xed\xa0\x80"), 1007),
    ("an overlong slash", client_frame(T, b"\xc0\xaf"), 1007),
    ("beyond the last character", client_frame(T, b"\xf4\x90\x80\x80"), 1007),
    ("half a character at the end", client_frame(T, KOSME[:1]), 1007),
    (
        "half a character at the end of fragments",
        client_frame(T, b"x", final=False) + client_frame(C, KOSME[:1]),
        1007,
    ),
    # §10.4: limits
    ("too large", client_frame(T, b"x" * 1001), 1009),
    ("too large, and only claimed", client_frame(T, claimed=1001)[:-4], 1009),
    ("far too large", client_frame(B, claimed=(1 << 63) - 1)[:-4], 1009),
    (
        "too large in fragments",
        client_frame(B, b"x" * 600, final=False) + client_frame(C, b"x" * 401),
        1009,
    ),
    # A rule of our own: what is cut into crumbs costs more than it is charged.
    (
        "257 fragments of a byte",
        client_frame(B, b"x", final=False) + client_frame(C, b"x", final=False) * 256,
        1008,
    ),
    (
        "empty fragments without end",
        client_frame(B, final=False) + client_frame(C, final=False) * 256,
        1008,
    ),
]
FORBIDDEN += [
    (f"opcode {opcode:#x}", client_frame(opcode), 1002)
    for opcode in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF)
]
FORBIDDEN += [
    (f"close code {code}", client_frame(CLOSE, code.to_bytes(2, "big")), 1002)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("data", "code"), [c[1:] for c in FORBIDDEN], ids=[c[0] for c in FORBIDDEN]
)
def test_what_is_forbidden(data: bytes, code: int, cut: int) -> None:
    """Frames before a violation count, the violation has its code, and later bytes are not read."""
    good = client_frame(T, b"before")
    after = client_frame(T, b"after")
    events, reader = read(good + data + after, cut=cut)
    assert events == [(T, b"before")]
    assert reader.violation is not None
    assert reader.violation.code == code
    assert reader.violation.reason
    assert reader.waiting == 0
    assert reader.next() is None


@pytest.mark.parametrize(
    ("data", "code"), [c[1:] for c in FORBIDDEN], ids=[c[0] for c in FORBIDDEN]
)
def test_each_violation_also_ends_a_conversation_at_its_start(data: bytes, code: int) -> None:
    """Each violation also ends a conversation in which no valid frame came first."""
    events, reader = read(data, cut=len(data))
    assert not events
    assert reader.violation is not None
    assert reader.violation.code == code


EARLY: list[tuple[str, bytes, int]] = [
    ("two bytes of a frame without a mask", b"\x81\x05", 1002),
    ("two bytes with a reserved bit", b"\xa1\x85", 1002),
    ("a length beyond the limit", b"\x81\xfe\x03\xe9", 1009),
    (
        "bad UTF-8 in the first half of a frame",
        b"\x81\xfe\x01\xf4\0\0\0\0" + b"x" * 10 + b"\xff",
        1007,
    ),
    ("bad UTF-8 in the first fragment", client_frame(T, b"\xc0\xaf", final=False), 1007),
    (
        "bad UTF-8 in the second fragment",
        client_frame(T, KOSME[:1], final=False) + client_frame(C, b"x", final=False),
        1007,
    ),
]


@pytest.mark.parametrize(("data", "code"), [c[1:] for c in EARLY], ids=[c[0] for c in EARLY])
def test_a_violation_is_seen_as_soon_as_it_is_there(data: bytes, code: int) -> None:
    """The reader reports a violation at its first byte (Autobahn calls it fail-fast)."""
    _, reader = read(data, cut=1)
    assert reader.violation is not None
    assert reader.violation.code == code


def test_a_message_that_has_ended_cannot_be_continued() -> None:
    """A continuation after the last fragment of a message is a violation."""
    data = client_frame(T, final=False) + client_frame(C) + client_frame(C)
    events, reader = read(data, cut=1)
    assert events == [(T, b"")]
    assert reader.violation is not None
    assert reader.violation.code == 1002


def test_what_is_too_large_is_never_kept() -> None:
    """The length in the head decides, before a byte of the payload has come."""
    reader = FrameReader(LIMIT)
    reader.feed(client_frame(B, claimed=1 << 40)[:-4])
    assert reader.next() is None
    assert reader.violation is not None
    reader.feed(b"x" * 100_000)
    assert reader.waiting == 0


def test_a_caller_that_stops_has_looked_at_nothing_that_comes_later() -> None:
    """Between two messages the limit may change, and counts for the next one."""
    reader = FrameReader(10)
    reader.feed(client_frame(T, b"first") + client_frame(T, b"x" * 11) + client_frame(PING))
    assert reader.next() == (T, b"first")
    reader.limit = 11
    assert reader.next() == (T, b"x" * 11)
    reader.limit = 0
    assert reader.next() == (PING, b"")
    reader.feed(client_frame(T, b"x"))
    assert reader.next() is None
    assert reader.violation is not None
    assert reader.violation.code == 1009


def test_the_mask_goes_on_where_a_frame_was_cut() -> None:
    """A frame that comes in pieces is unmasked with the key turned by what has gone before."""
    payload = bytes(range(256)) * 3
    data = client_frame(B, payload)
    for first in range(1, len(data), 5):
        reader = FrameReader(LIMIT)
        events: list[Event] = []
        for part in (data[:first], data[first : first + 1], data[first + 1 :]):
            reader.feed(part)
            while (event := reader.next()) is not None:
                events.append(event)
        assert events == [(B, payload)], first


def test_the_mask_that_is_given_is_the_one_that_is_used() -> None:
    """The fastest that the machine has can be put in."""
    asked: list[int] = []

    def mask(key: bytes, data: bytes) -> bytes:
        asked.append(len(data))
        return covered(data, key)

    reader = FrameReader(LIMIT, mask=mask)
    reader.feed(client_frame(T, b"hello") + client_frame(PING, b"x"))
    assert [reader.next(), reader.next(), reader.next()] == [(T, b"hello"), (PING, b"x"), None]
    assert asked == [5, 1]


def test_an_idle_reader_keeps_nothing() -> None:
    """The reader releases the bytes that it has read."""
    reader = FrameReader(10_000)
    reader.feed(client_frame(B, b"x" * 9000))
    assert reader.next() is not None
    assert reader.next() is None
    assert reader._buffer == b""
    assert reader._message is None


def test_size_of_an_incomplete_message() -> None:
    """The reader counts the bytes of an incomplete message; after `stop` it keeps and reads no bytes."""
    reader = FrameReader(1000)
    reader.feed(client_frame(BINARY, b"x" * 300, final=False))
    assert reader.next() is None
    assert (reader.kept, reader.unfinished) == (300, True)
    reader.unfinished = False
    reader.feed(client_frame(CONTINUATION, b"x" * 300)[:200])
    assert reader.next() is None
    assert reader.unfinished
    assert reader.kept == 300 + 200 - 8
    reader.stop()
    reader.feed(client_frame(BINARY, b"x"))
    assert reader.next() is None
    assert (reader.kept, reader.violation) == (0, None)


def test_a_whole_message_is_not_unfinished() -> None:
    """A message in one frame is not counted as unfinished."""
    reader = FrameReader(1000)
    reader.feed(client_frame(TEXT, b"x") + client_frame(BINARY, b"x" * 300))
    assert [reader.next(), reader.next(), reader.next()] == [
        (TEXT, b"x"),
        (BINARY, b"x" * 300),
        None,
    ]
    assert (reader.kept, reader.unfinished) == (0, False)
