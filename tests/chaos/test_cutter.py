"""The cutter forwards, and breaks a link in each of its ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from tests.chaos.cutter import Cutter

SOON = 0.2
"""Seconds that are long for loopback."""


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[tuple[Cutter, list[bytes]]]:
    """Give a cutter before a server that returns what it gets, and the list of what it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                got.append(data)
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Cutter(server.sockets[0].getsockname()[1]) as cutter:
        yield cutter, got


@contextlib.asynccontextmanager
async def client(
    cutter: Cutter,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect through the cutter."""
    reader, writer = await asyncio.open_connection("127.0.0.1", cutter.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_it_forwards_both_directions_and_the_end() -> None:
    """An end of file passes, and the other direction goes on."""
    async with echo() as (cutter, _), client(cutter) as (reader, writer):
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.write_eof()
        assert await reader.read() == b""


@pytest.mark.parametrize("direction", ["there", "back"])
async def test_a_black_hole_keeps_the_connection_and_loses_nothing(direction: str) -> None:
    """The bytes arrive after it, in order."""
    async with echo() as (cutter, got), client(cutter) as (reader, writer):
        getattr(cutter, direction).hold()
        writer.write(b"one")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), SOON)
        assert got == ([] if direction == "there" else [b"one"])
        writer.write(b"two")
        cutter.heal()
        assert await reader.readexactly(6) == b"onetwo"


async def test_a_black_hole_also_swallows_new_connections() -> None:
    """They are accepted and not answered: a client learns nothing."""
    async with echo() as (cutter, _):
        cutter.hold()
        async with client(cutter) as (reader, writer):
            writer.write(b"one")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), SOON)


async def test_a_lost_answer_leaves_the_deed_done() -> None:
    """The server got the bytes; the client gets a reset instead of the answer."""
    async with echo() as (cutter, got), client(cutter) as (reader, writer):
        cutter.back.dropping = True
        writer.write(b"commit")
        while got != [b"commit"]:
            await asyncio.sleep(0.01)
        cutter.heal()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(6)


async def test_a_reset_ends_present_connections_only() -> None:
    """A refusing cutter also resets new ones."""
    async with echo() as (cutter, _):
        async with client(cutter) as (reader, writer):
            writer.write(b"one")
            await reader.readexactly(3)
            cutter.reset()
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        async with client(cutter) as (reader, writer):
            writer.write(b"two")
            assert await reader.readexactly(3) == b"two"
        cutter.refusing = True
        async with client(cutter) as (reader, writer):
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)


async def test_a_reset_by_the_server_reaches_the_client() -> None:
    """It does not become a black hole, which the client would notice by its time limit only."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server, Cutter(server.sockets[0].getsockname()[1]) as cutter, client(cutter) as one:
        one[1].write(b"1")
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionResetError):
                await one[0].read()


async def test_a_delay_is_added_to_each_piece() -> None:
    """The answer comes late by the delays of both directions."""
    loop = asyncio.get_running_loop()
    async with echo() as (cutter, _), client(cutter) as (reader, writer):
        cutter.there.delay = cutter.back.delay = SOON / 2
        began = loop.time()
        writer.write(b"one")
        await reader.readexactly(3)
        assert loop.time() - began >= SOON * 0.99
