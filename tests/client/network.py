"""A network between client and server that can be cut, go silent, and lead to another server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

__all__ = ["Network"]


class Network:
    """A TCP relay on loopback with a fixed address, so that the server behind it can be another one.

    Attributes:
        port: Where clients connect.
        server: Port of the server; None if there is no way to it.
    """

    def __init__(self) -> None:
        self.port = 0
        self.server: int | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listener: asyncio.Server | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def up(cls) -> AsyncIterator[Self]:
        """A network that leads nowhere yet."""
        network = cls()
        network._listener = await asyncio.start_server(network._relay, "127.0.0.1", 0)
        network.port = network._listener.sockets[0].getsockname()[1]
        try:
            yield network
        finally:
            network._listener.close()
            network._flowing.set()
            network.cut()
            await asyncio.sleep(0)

    def cut(self) -> None:
        """Every connection breaks, without a word."""
        for writer in self._open:
            writer.transport.abort()

    def silence(self) -> None:
        """Drop all data silently."""
        self._flowing.clear()

    def restore(self) -> None:
        """Deliver data again."""
        self._flowing.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.server is None:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.server)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            for one in (writer, far_writer):
                self._open.discard(one)
                one.transport.abort()
                with contextlib.suppress(OSError):
                    await one.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
