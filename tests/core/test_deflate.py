"""RFC 7692: what is agreed upon, and that what is small on the wire cannot become large in memory."""

from __future__ import annotations

import zlib

import pytest

from stormdoor.core.deflate import Agreement, Deflater, Inflater, agree
from stormdoor.core.frame import BINARY, CLOSE, CONTINUATION, PING, TEXT
from stormdoor.core.frame_reader import FrameReader
from tests.support.client_frames import client_frame

RSV1 = 0x40
PLAIN = Agreement()

OFFERS: list[tuple[str, str, str | None]] = [
    ("bare", "permessage-deflate", "permessage-deflate"),
    ("no extension", "", None),
    ("another one", "permessage-bzip2", None),
    ("another one first", "x-other; a=1, permessage-deflate", "permessage-deflate"),
    (
        "window of the client, unnamed",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate",
    ),
    (
        "window of the client",
        "permessage-deflate; client_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=10",
    ),
    (
        "window of the server, quoted",
        'permessage-deflate; server_max_window_bits="10"',
        "permessage-deflate; server_max_window_bits=10",
    ),
    (
        "window of the server, quoted and escaped",
        'permessage-deflate; server_max_window_bits="1\\0"',
        "permessage-deflate; server_max_window_bits=10",
    ),
    (
        "no windows kept",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    ),
    ("a name with a value", "permessage-deflate=1", None),
    ("unknown parameter", "permessage-deflate; x=1", None),
    ("doubled", "permessage-deflate; client_max_window_bits; client_max_window_bits=9", None),
    ("flag with a value", "permessage-deflate; server_no_context_takeover=1", None),
    ("server window without a value", "permessage-deflate; server_max_window_bits", None),
    ("window of 7", "permessage-deflate; client_max_window_bits=7", None),
    ("window of 16", "permessage-deflate; server_max_window_bits=16", None),
    ("leading zero", "permessage-deflate; server_max_window_bits=09", None),
    ("not a number", "permessage-deflate; server_max_window_bits=ten", None),
    ("a window that zlib cannot write", "permessage-deflate; server_max_window_bits=8", None),
    (
        "a second, better offer",
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "permessage-deflate",
    ),
    ("unreadable", "permessage-deflate; ;", None),
    ("unfinished", "permessage-deflate;", None),
]


@pytest.mark.parametrize(("header", "answer"), [o[1:] for o in OFFERS], ids=[o[0] for o in OFFERS])
def test_what_is_agreed_upon(header: str, answer: str | None) -> None:
    """§7.1: the first offer that can be kept, and its answer names what was accepted."""
    agreement = agree(header)
    assert (agreement.answer if agreement else None) == answer


def test_an_agreement_says_who_keeps_what() -> None:
    """Each parameter has its effect."""
    found = agree(
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "server_max_window_bits=9; client_max_window_bits=8"
    )
    assert found is not None
    assert (found.server_bits, found.client_bits) == (9, 8)
    assert (found.server_keeps, found.client_keeps) == (False, False)


def deflated(data: bytes, *, bits: int = 15) -> bytes:
    """One message as a client compresses it."""
    stream = zlib.compressobj(wbits=-bits)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def ended(data: bytes) -> bytes:
    """Return a compressed message with the final bit set in its last block (RFC 7692 §7.2.3.4)."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush(zlib.Z_FINISH) + b"\x00"


@pytest.mark.parametrize("keeps", [True, False])
def test_the_way_out_can_be_read_by_any_inflater(keeps: bool) -> None:
    """With and without a window that is kept; the second message is smaller only if it is."""
    deflater = Deflater(Agreement(server_keeps=keeps), {"compression_level": 9, "mem_level": 5})
    texts = [b"hello hello hello " * 5] * 2
    sent = [deflater.message(text) for text in texts]
    inflater = zlib.decompressobj(-15)
    for text, one in zip(texts, sent, strict=True):
        if not keeps:
            inflater = zlib.decompressobj(-15)
        assert inflater.decompress(one + b"\x00\x00\xff\xff") == text
    assert (len(sent[1]) < len(sent[0])) is keeps


@pytest.mark.parametrize(
    "options",
    [{"compression_level": 10}, {"compression_level": -2}, {"mem_level": 0}, {"mem_level": 10}],
)
def test_an_option_that_zlib_does_not_have(options: dict[str, int]) -> None:
    """An option that zlib does not have is refused when the connection opens, not at its first message."""
    with pytest.raises(ValueError, match="compression_level"):
        Deflater(PLAIN, options)


def test_a_client_with_the_smallest_window() -> None:
    """The inflater reads a window of 9 bits, which zlib uses for the agreed 8."""
    text = bytes(range(256)) * 4
    found = Inflater(Agreement(client_bits=8)).piece(deflated(text, bits=9), 2000, last=True)
    assert found == text


@pytest.mark.parametrize("keeps", [True, False])
def test_incoming_messages_in_pieces(keeps: bool) -> None:
    """Incoming messages in pieces are inflated, with or without the window of the previous message."""
    inflater = Inflater(Agreement(client_keeps=keeps))
    stream = zlib.compressobj(wbits=-15)
    for text in (b"hello " * 50, b"hello " * 50, b""):
        if not keeps:
            stream = zlib.compressobj(wbits=-15)
        data = (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
        pieces = [inflater.piece(data[at : at + 1], 1000, last=False) for at in range(len(data))]
        last = inflater.piece(b"", 1000, last=True)
        assert b"".join(filter(None, [*pieces, last])) == text


def test_a_bomb_does_not_go_off() -> None:
    """A megabyte of zeros is a kilobyte on the wire, and no more than the limit is ever made of it."""
    bomb = deflated(b"\0" * 1_000_000)
    assert len(bomb) < 2000
    assert Inflater(PLAIN).piece(bomb, 10_000, last=True) is None
    assert Inflater(PLAIN).piece(bomb, 1_000_000, last=True) == b"\0" * 1_000_000
    assert Inflater(PLAIN).piece(bomb, 999_999, last=True) is None
    assert Inflater(PLAIN).piece(deflated(b""), 0, last=True) == b""
    assert Inflater(PLAIN).piece(deflated(b"x"), 0, last=True) is None


def test_a_client_may_end_its_stream_with_a_message() -> None:
    """§7.2.3.4: and begins another one with the next."""
    inflater = Inflater(PLAIN)
    for text in (b"one", b"two", b""):
        data = ended(text)
        assert inflater.piece(data, 100, last=True) == text
        cut = [inflater.piece(data[at : at + 1], 100, last=False) for at in range(len(data))]
        assert b"".join(filter(None, cut)) == text
        assert inflater.piece(b"", 100, last=True) == b""
    assert inflater.piece(deflated(b"three"), 100, last=True) == b"three"
    bare = ended(b"no empty block behind it")[:-1]
    assert inflater.piece(bare, 100, last=True) == b"no empty block behind it"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff",
        ended(b"x") + deflated(b"y"),
        ended(b"x") + b"\x01",
        b"\x03\x00" * 1000,  # one stream after the other: each would cost a new window
    ],
)
def test_what_no_compressor_writes(data: bytes) -> None:
    """Invalid compressed data is refused, in pieces of any length."""
    with pytest.raises(zlib.error):
        Inflater(PLAIN).piece(data, 10_000, last=True)
    inflater = Inflater(PLAIN)
    with pytest.raises(zlib.error):
        for at in range(len(data)):
            inflater.piece(data[at : at + 1], 10_000, last=False)
        inflater.piece(b"", 10_000, last=True)


# -- in frames -------------------------------------------------------------------------------------


def read(data: bytes, *, cut: int, limit: int = 1000) -> tuple[list[tuple[int, bytes]], int | None]:
    """Return the events, and the code of the violation."""
    reader = FrameReader(limit, inflater=Inflater(PLAIN))
    events = []
    for at in range(0, len(data), cut):
        reader.feed(data[at : at + cut])
        while (event := reader.next()) is not None:
            events.append(event)
    return events, reader.violation.code if reader.violation else None


WORD = deflated(b"hello")
HALF = len(WORD) // 2
FRAMED: list[tuple[str, bytes, list[tuple[int, bytes]], int | None]] = [
    ("a text", client_frame(TEXT, WORD, rsv=RSV1), [(TEXT, b"hello")], None),
    ("a binary", client_frame(BINARY, WORD, rsv=RSV1), [(BINARY, b"hello")], None),
    ("one that is not compressed", client_frame(TEXT, b"hello"), [(TEXT, b"hello")], None),
    ("an empty one", client_frame(TEXT, deflated(b""), rsv=RSV1), [(TEXT, b"")], None),
    (
        "fragments: RSV1 on the first one only",
        client_frame(TEXT, WORD[:HALF], rsv=RSV1, final=False)
        + client_frame(PING)
        + client_frame(CONTINUATION, WORD[HALF:]),
        [(PING, b""), (TEXT, b"hello")],
        None,
    ),
    (
        "RSV1 on a continuation",
        client_frame(TEXT, WORD[:HALF], rsv=RSV1, final=False)
        + client_frame(CONTINUATION, WORD[HALF:], rsv=RSV1),
        [],
        1002,
    ),
    ("RSV1 on a ping", client_frame(PING, rsv=RSV1), [], 1002),
    ("RSV1 on a close", client_frame(CLOSE, rsv=RSV1), [], 1002),
    ("RSV1 and RSV2", client_frame(TEXT, WORD, rsv=0x60), [], 1002),
    ("rubbish", client_frame(BINARY, b"\xff\xff\xff", rsv=RSV1), [], 1007),
    ("not UTF-8", client_frame(TEXT, deflated(b"\xff"), rsv=RSV1), [], 1007),
    ("a bomb", client_frame(BINARY, deflated(b"\0" * 1001), rsv=RSV1), [], 1009),
    (
        "the largest",
        client_frame(BINARY, deflated(b"\0" * 1000), rsv=RSV1),
        [(BINARY, b"\0" * 1000)],
        None,
    ),
    (
        "a bomb in two halves",
        client_frame(BINARY, deflated(b"\0" * 1001)[:5], rsv=RSV1, final=False)
        + client_frame(CONTINUATION, deflated(b"\0" * 1001)[5:]),
        [],
        1009,
    ),
    (
        "more on the wire than it becomes",
        client_frame(BINARY, b"\x00\x00\x00\xff\xff" * 201, rsv=RSV1),
        [],
        1009,
    ),
]


@pytest.mark.parametrize("cut", [1, 3, 1_000_000])
@pytest.mark.parametrize(
    ("data", "expected", "code"), [c[1:] for c in FRAMED], ids=[c[0] for c in FRAMED]
)
def test_compressed_frames(
    data: bytes, expected: list[tuple[int, bytes]], code: int | None, cut: int
) -> None:
    """§6: one bit on the first frame of a message, and the limit on both sides of the compression."""
    assert read(data, cut=cut) == (expected, code)
