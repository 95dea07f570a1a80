"""The same bytes into three readers: ours, Tornado's, and the one of the library `websockets`.

They say the same, or ours is stricter in one of the ways that `STRICTER` lists. What the network cuts where
makes no difference to ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13, _WebSocketParams
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import SERVER, Protocol

from stormdoor.core.deflate import Agreement, Inflater
from stormdoor.core.frame import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from stormdoor.core.frame_reader import FrameReader
from tests.support.client_frames import client_frame

LIMIT = 300
RSV1 = 0x40

Event = tuple[int, bytes]

STRICTER = (
    # Tornado takes these; RFC 6455 §5.1, §5.2, §5.5.1, §7.4 do not, nor RFC 7692 §6 the last one.
    "a frame is not masked",
    "a length is not written in the shortest way",
    "a control frame is too long",  # likewise: `websockets` takes a short one in the long form
    "a close frame has no valid code",
    "a text is not UTF-8",  # of a close frame's reason; and while the rest is still to come
    "a reserved bit is set",
    # Ours alone; the first of what comes behind the end of a client's stream (RFC 7692 §7.2.3.4).
    "a message cannot be decompressed",
    "a message of too many small fragments",
)

# Three readers ------------------------------------------------------------------------------------


class Noting(Inflater):
    """Writes down whether the client's stream ended: the other two lose what comes after that."""

    ended = False

    def piece(self, data: bytes, room: int, *, last: bool) -> bytes | None:
        out = super().piece(data, room, last=last)
        self.ended = self.ended or (last and self._stream is None)
        return out


def ours(
    pieces: list[bytes], *, compressed: bool, inflater: Inflater | None = None
) -> tuple[list[Event], str]:
    """Return the events of our reader, and the rule that the data broke."""
    reader = FrameReader(
        LIMIT, inflater=(inflater or Inflater(Agreement())) if compressed else None
    )
    events: list[Event] = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next()) is not None:
            events.append(event)
    return events, reader.violation.reason if reader.violation else ""


class Stream:
    """The part of Tornado's `IOStream` that its protocol needs to read from memory."""

    io_loop: Any = None

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.shut = False

    async def read_bytes(self, size: int) -> bytes:
        if self.shut or len(self.data) < size:
            raise StreamClosedError
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def write(self, data: bytes) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def closed(self) -> bool:
        return self.shut

    def close(self) -> None:
        self.shut = True


class Writer:
    """A handler that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_message(self, message: str | bytes) -> None:
        self.events.append(
            (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
        )

    def on_ping(self, data: bytes) -> None:
        self.events.append((PING, data))

    def on_pong(self, data: bytes) -> None:
        self.events.append((PONG, data))

    def on_ws_connection_close(self, code: int | None = None, reason: str | None = None) -> None:
        if code is not None:
            self.events.append((CLOSE, code.to_bytes(2, "big") + (reason or "").encode()))

    def log_exception(self, *args: object) -> None:
        """Says nothing."""


class Mended(WebSocketProtocol13):
    """Tornado's, but for one mistake: a control frame makes it forget that a message is compressed."""

    async def _receive_frame(self) -> None:
        kept = None if self._fragmented_message_buffer is None else self._frame_compressed
        await super()._receive_frame()
        if kept is not None and self._fragmented_message_buffer is not None:
            self._frame_compressed = kept


def tornados(
    data: bytes, *, compressed: bool, kind: type[WebSocketProtocol13] = Mended
) -> list[Event]:
    """Return the events of Tornado's protocol; an empty close frame is left out."""

    async def run() -> list[Event]:
        writer = Writer()
        protocol = kind(
            writer, False, _WebSocketParams(max_message_size=LIMIT, compression_options={})
        )
        if compressed:
            protocol._create_compressors("server", {}, {})
        stream = Stream(data)
        stream.io_loop = type("Timers", (), {"time": lambda _: 0, "add_timeout": lambda *_: None})()
        protocol.stream = stream  # type: ignore[assignment]
        # A bad reason or a bad stream raises: it ends all the same.
        with contextlib.suppress(UnicodeDecodeError, zlib.error):
            await protocol._receive_frame_loop()
        return writer.events

    return asyncio.run(run())


def theirs(data: bytes, *, compressed: bool) -> list[Event]:
    """Return the messages that `websockets` reads."""
    quiet = logging.getLogger("websockets.silent")
    quiet.setLevel(logging.CRITICAL + 1)
    protocol = Protocol(SERVER, max_size=LIMIT, logger=quiet)
    if compressed:
        protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
    protocol.receive_data(data)
    events: list[Event] = []
    message, opcode = b"", 0
    for frame in protocol.events_received():
        kind = int(frame.opcode)  # type: ignore[union-attr]
        payload = bytes(frame.data)  # type: ignore[union-attr]
        if kind >= CLOSE:
            events.append((kind, payload))
            continue
        message = payload if kind != Opcode.CONT else message + payload
        opcode = kind if kind != Opcode.CONT else opcode
        if frame.fin:  # type: ignore[union-attr]
            if opcode == TEXT:
                try:
                    message.decode()
                except UnicodeDecodeError:
                    break
            events.append((opcode, message))
    return events


# What clients send --------------------------------------------------------------------------------


def deflated(data: bytes) -> bytes:
    """One message that needs no window of an earlier one."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH))[:-4]


payloads = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
    st.sampled_from([b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03", b"\xff", b"x" * 126, b"x" * 301]),
    st.text(max_size=40).map(str.encode).map(deflated),
    st.just(deflated(b"\0" * 400)),
)
well_formed = st.builds(
    client_frame,
    st.sampled_from([TEXT, TEXT, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE]),
    payloads,
    final=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, RSV1]),
    key=st.binary(min_size=4, max_size=4),
)
odd = st.sampled_from([2, 8]).flatmap(
    lambda width: st.builds(
        client_frame,
        st.integers(0, 15),
        payloads,
        final=st.booleans(),
        rsv=st.sampled_from([0, 0x10, 0x20, RSV1, 0x70]),
        masked=st.booleans(),
        width=st.just(width),
        claimed=st.none()
        | st.integers(0, 400)
        | (st.just(65535) if width == 2 else st.integers(2**62, 2**64 - 1)),
    )
)
texts = st.lists(st.text(max_size=30), max_size=6)


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Mostly good manners: messages whole and in fragments, control frames between, now and then a defect."""
    parts: list[bytes] = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.integers(0, 9))
        if kind < 4:
            opcode = draw(st.sampled_from([TEXT, BINARY]))
            payload = draw(st.text(max_size=60)).encode()
            rsv = draw(st.sampled_from([0, 0, RSV1]))
            if rsv:
                payload = deflated(payload)
            cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
            edges = [0, *cuts, len(payload)]
            for number, (start, end) in enumerate(pairwise(edges)):
                last = number == len(edges) - 2
                first = number == 0
                parts.append(
                    client_frame(
                        opcode if first else CONTINUATION,
                        payload[start:end],
                        final=last,
                        rsv=rsv if first else 0,
                    )
                )
                if not last and draw(st.booleans()):
                    parts.append(client_frame(PING, b"between"))
        elif kind < 8:
            parts.append(draw(well_formed))
        elif kind == 8:
            parts.append(draw(odd))
        else:
            parts.append(draw(st.binary(max_size=6)))
    return b"".join(parts)


def agree(said: list[Event], other: list[Event], broken: str) -> bool:
    """Return whether the other reader agrees, up to the point where ours is stricter."""
    if said == other:
        return True
    return other[: len(said)] == said and broken in STRICTER


@given(data=conversations(), compressed=st.booleans(), seed=st.integers(0, 2**32))
def test_three_readers_agree(data: bytes, compressed: bool, seed: int) -> None:
    """Three readers read the same messages, and ours does so in pieces of any length."""
    inflater = Noting(Agreement())
    said, broken = ours([data], compressed=compressed, inflater=inflater)
    chance = random.Random(seed)
    cuts = sorted(chance.randint(0, len(data)) for _ in range(5))
    edges = [0, *cuts, len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    for cut in (pieces, [data[at : at + 1] for at in range(len(data))]):
        again, why = ours(cut, compressed=compressed)
        assert again == said
        # Of a message that is bad twice, what comes out first depends on how much has arrived.
        assert why == broken or (compressed and why and broken)
    if inflater.ended:
        return
    told = [event for event in said if event != (CLOSE, b"")]
    seen = tornados(data, compressed=compressed)
    assert agree(told, seen, broken), (told, seen, broken)

    read = theirs(data, compressed=compressed)
    if said and said[-1][0] == CLOSE and read == said[:-1]:
        return  # `websockets` takes no close frame inside of a fragmented message; RFC 6455 §5.5 does
    assert agree(said, read, broken), (said, read, broken)


@given(texts, st.booleans())
def test_good_manners_are_understood_by_all(messages: list[str], compressed: bool) -> None:
    """All three implementations read a valid sequence of messages."""
    data = b"".join(
        client_frame(
            TEXT, deflated(one.encode()) if compressed else one.encode(), rsv=RSV1 * compressed
        )
        for one in messages
    )
    expected = [(TEXT, one.encode()) for one in messages]
    assert ours([data], compressed=compressed) == (expected, "")
    assert tornados(data, compressed=compressed) == expected
    assert theirs(data, compressed=compressed) == expected


SHOWN: list[tuple[str, bytes, str]] = [
    ("not masked", client_frame(TEXT, b"x", masked=False), "a frame is not masked"),
    (
        "a length that could be shorter",
        client_frame(TEXT, b"x", width=8),
        "a length is not written in the shortest way",
    ),
    ("close 1005", client_frame(CLOSE, b"\x03\xed"), "a close frame has no valid code"),
]


@pytest.mark.parametrize(("data", "broken"), [one[1:] for one in SHOWN], ids=[o[0] for o in SHOWN])
def test_where_ours_is_stricter_than_tornados(data: bytes, broken: str) -> None:
    """Tornado reads on; RFC 6455 says that it must not."""
    assert ours([data], compressed=False) == ([], broken)
    assert tornados(data, compressed=False)


def test_a_ping_inside_of_a_compressed_message() -> None:
    """Tornado forgets that the message is compressed, and delivers what was on the wire. Ours does not."""
    packed = deflated(b"hello")
    data = (
        client_frame(BINARY, packed[:2], rsv=RSV1, final=False)
        + client_frame(PING, b"between")
        + client_frame(CONTINUATION, packed[2:])
    )
    said, _ = ours([data], compressed=True)
    assert said == theirs(data, compressed=True) == [(PING, b"between"), (BINARY, b"hello")]
    stock = tornados(data, compressed=True, kind=WebSocketProtocol13)
    assert stock == [(PING, b"between"), (BINARY, packed)]


def test_the_comparison_can_fail() -> None:
    """A reader that says something else, or less without a reason that is listed, is noticed."""
    assert not agree([(TEXT, b"a")], [(TEXT, b"b")], "")
    assert not agree([], [(TEXT, b"b")], "an opcode is unknown")
    assert not agree([(TEXT, b"a")], [], "")
