"""The prober's client reads what a server may send, cut anywhere, and nothing else (RFC 6455, section 5)."""

import asyncio
import contextlib
from typing import Any, cast

import pytest

from stormdoor_audit.prober.wire import BINARY, PONG, TEXT, Frame, NoAnswer, NotWebSocket, Wire


class _Sent:
    """Takes what the client sends."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.data += data

    async def drain(self) -> None:
        """Nothing is ever full."""


def _wire(*, compressed: bool = False) -> tuple[asyncio.StreamReader, _Sent, Wire]:
    reader, sent = asyncio.StreamReader(), _Sent()
    return reader, sent, Wire(reader, cast("Any", sent), compressed=compressed)


LONG = b"x" * 70_000
STREAM = (
    b"\x81\x02hi"
    b"\x01\x02in\x89\x01p\x00\x01 \x80\x06pieces"
    b"\x82\x7e\x01\x00" + b"y" * 256 + b"\x81\x7f" + len(LONG).to_bytes(8) + LONG
)
MESSAGES = [
    Frame(TEXT, b"hi"),
    Frame(9, b"p"),
    Frame(TEXT, b"in pieces"),
    Frame(BINARY, b"y" * 256),
    Frame(TEXT, LONG),
]


@pytest.mark.parametrize("cut", [*range(1, 40), 290, 300, 70_000])
async def test_a_call_may_be_cancelled_at_any_byte(cut: int) -> None:
    """A cancelled read neither loses nor misreads a partial frame."""
    reader, sent, wire = _wire()
    reader.feed_data(STREAM[:cut])
    heard: list[Frame] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            while True:
                heard.append(await wire.receive())
    reader.feed_data(STREAM[cut:])
    reader.feed_eof()
    with contextlib.suppress(NoAnswer):
        while True:
            heard.append(await wire.receive())
    assert heard == MESSAGES
    assert sent.data[:2] == bytes([0x80 | PONG, 0x81])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xc1\x02hi", "reserved bits"),
        (b"\xa1\x02hi", "reserved bits"),
        (b"\x91\x02hi", "reserved bits"),
        (b"\x83\x02hi", "unknown kind 3"),
        (b"\x8b\x02hi", "unknown kind 11"),
        (b"\x81\x82keyshi", "a mask"),
        (b"\x09\x01p", "in pieces"),
        (b"\x88\x7e\x00\x80" + b"z" * 128, "long"),
        (b"\x80\x02hi", "wrong order"),
        (b"\x01\x02hi\x81\x02hi", "wrong order"),
    ],
)
async def test_what_no_server_may_send_is_no_message(data: bytes, why: str) -> None:
    """It is neither delivered nor a refusal: it says what is wrong."""
    reader, _, wire = _wire()
    reader.feed_data(data)
    with pytest.raises(NotWebSocket, match=why):
        await wire.receive()


async def test_compression_that_was_agreed_gives_a_bit_its_meaning() -> None:
    """The first reserved bit; the others have none."""
    reader, _, wire = _wire(compressed=True)
    reader.feed_data(b"\xc1\x02hi\xe1\x02hi")
    assert (await wire.receive()).payload == b"hi"
    with pytest.raises(NotWebSocket, match="reserved bits"):
        await wire.receive()
