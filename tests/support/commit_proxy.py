"""A TCP proxy in front of PostgreSQL that loses the answer to a commit, or the commit itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import Enum

__all__ = ["CommitProxy", "Loss", "commit_proxy"]

_QUERY = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_ANSWER = b"C\x00\x00\x00\x0bCOMMIT\x00"


class Loss(Enum):
    """What the proxy loses, and how the client notices."""

    ANSWER = "the server has committed; the connection is reset"
    ANSWER_SILENTLY = "the server has committed; the connection stays open without an answer"
    COMMIT = "the server never gets the commit; the connection is reset"


class CommitProxy:
    """Forwards connections to a port of this machine.

    Attributes:
        port: Where it listens.
        lose: Loss at the next commit; None to forward everything. It is None again after the loss.
        lost: Number of losses.
        connections: Number of connections that clients have made.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.lose: Loss | None = None
        self.lost = 0
        self.connections = 0

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.reset()

    def retarget(self, target: int) -> None:
        """Forward new connections to another port; those that exist stay."""
        self._target = target

    def reset(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        pair = {writer, back}
        self._writers |= pair
        swallowing = asyncio.Event()
        for coroutine in (
            self._to_server(reader, back, pair),
            self._to_client(there, writer, pair, swallowing),
        ):
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _to_server(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: set[asyncio.StreamWriter],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.lose is Loss.COMMIT and _QUERY in data:
                    self._note()
                    break
                writer.write(data)
        self._end(pair)

    async def _to_client(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: set[asyncio.StreamWriter],
        swallowing: asyncio.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.lose in (Loss.ANSWER, Loss.ANSWER_SILENTLY) and _ANSWER in data:
                    silently = self.lose is Loss.ANSWER_SILENTLY
                    self._note()
                    if not silently:
                        break
                    swallowing.set()
                if not swallowing.is_set():
                    writer.write(data)
        self._end(pair)

    def _note(self) -> None:
        self.lost += 1
        self.lose = None

    def _end(self, pair: set[asyncio.StreamWriter]) -> None:
        for writer in pair:
            writer.transport.abort()
        self._writers -= pair


@contextlib.asynccontextmanager
async def commit_proxy(target: int) -> AsyncIterator[CommitProxy]:
    """Run a proxy in front of a port."""
    proxy = CommitProxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
