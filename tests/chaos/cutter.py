"""A TCP proxy on loopback that breaks a link as networks do: per direction, and while it is in use."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

__all__ = ["Cutter", "Direction"]

_AT_ONCE = 64 * 1024


@dataclass
class Direction:
    """What happens to the bytes of one direction.

    Attributes:
        delay: Seconds by which each piece is late.
        dropping: Bytes are lost. The link must be reset afterwards, as TCP would lose nothing.
        endless: The end of a connection is lost, and no byte before it.
    """

    delay: float = 0.0
    dropping: bool = False
    endless: bool = False
    _flows: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._flows.set()

    def hold(self) -> None:
        """Forward nothing (black hole). The connections stay open, and bytes wait."""
        self._flows.clear()

    def flow(self) -> None:
        """Forward again, at first what has waited, as TCP does after a loss."""
        self._flows.set()

    async def passed(self) -> None:
        """Wait until bytes may go on."""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._flows.wait()


class Cutter:
    """Forwards connections to a port of loopback.

    Args:
        target: The port. It may change between connections.

    Attributes:
        port: The port that it listens on.
        there: Bytes from the client to the server.
        back: Bytes from the server to the client.
        refusing: Whether new connections are reset.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.there, self.back = Direction(), Direction()
        self.refusing = False
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()
        await asyncio.gather(*self._links, return_exceptions=True)
        await self._server.wait_closed()

    def hold(self) -> None:
        """Make a black hole of both directions. New connections are accepted, and get no answer."""
        self.there.hold()
        self.back.hold()

    def heal(self) -> None:
        """Forward everything again. Connections that lost bytes are reset."""
        self.refusing = False
        if self.there.dropping or self.back.dropping:
            self.reset()
        for direction in (self.there, self.back):
            direction.dropping, direction.endless, direction.delay = False, False, 0.0
            direction.flow()

    def reset(self) -> None:
        """Reset all present connections on both sides."""
        for link in self._links:
            link.cancel()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        other: asyncio.StreamWriter | None = None
        try:
            if self.refusing:
                return
            answers, other = await asyncio.open_connection("127.0.0.1", self.target)
            async with asyncio.TaskGroup() as both:
                both.create_task(_forward(reader, other, self.there))
                both.create_task(_forward(answers, writer, self.back))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            for one in (writer, other):
                if one is not None:
                    _reset(one)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, not FIN: a peer must not read a proper end."""
    if (sock := writer.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
) -> None:
    """Forward one direction. An error ends the link: a reset is no black hole."""
    while data := await reader.read(_AT_ONCE):
        await direction.passed()
        if not direction.dropping:
            writer.write(data)
            await writer.drain()
    await direction.passed()
    if not (direction.dropping or direction.endless) and writer.can_write_eof():
        writer.write_eof()
