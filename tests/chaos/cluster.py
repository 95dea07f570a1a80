"""The cluster under test: nodes as processes, the links to their store, and the clients."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.chaos.cutter import Cutter
from tests.chaos.node import ORIGIN, PATH, Configuration, run_node
from tests.chaos.processes import processes
from tests.support import watchdog
from tests.support.client_frames import client_frame

__all__ = ["Client", "Gone", "NodeProcess"]

_START_SECONDS = 60.0
_ANSWER_SECONDS = 4.0
_SLOW_BYTES, _SLOW_SECONDS = 4096, 0.05
"""A slow reader reads so many bytes at a time, and then waits."""


def _received(ours: Connection) -> tuple[int, int]:
    """Return the two ports of a node.

    Raises:
        EOFError: It does not start.
    """
    with ours:
        if not ours.poll(_START_SECONDS):
            raise EOFError
        found: tuple[int, int] = ours.recv()
        return found


class Gone(Exception):
    """The node does not answer, or refuses. The caller does something else."""


class NodeProcess:
    """A node, over all its starts.

    Args:
        number: Its number, the first part of the name of each start.
        store: URL of its store, through `cutters` if there are any.
        cutters: Its links to the servers.
        folder: Folder of the histories and of the logs.
        options: Further fields of its `Configuration`.
    """

    def __init__(
        self, number: int, store: str, cutters: list[Cutter], folder: Path, **options: Any
    ) -> None:
        self.number = number
        self.cutters = cutters
        self.ahead = 0.0
        self.up = False
        self.port = 0
        self.name = ""
        self._store = store
        self._folder = folder
        self._options = options
        self._starts = itertools.count()
        self._process: ForkServerProcess | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and wait until it can be reached. It may have to wait for its store."""
        self.name = name = f"n{self.number}.{next(self._starts)}"
        configuration = Configuration(
            name=name,
            store=self._store,
            history=str(self._folder / f"{name}.jsonl"),
            ahead=self.ahead,
            shift=1000.0 * self.number,
            **self._options,
        )
        log = str(self._folder / f"{name}.log")
        ours, theirs = processes.Pipe(duplex=False)
        self._process = processes.Process(target=run_node, args=(configuration, theirs, log))
        # The first start loads the modules; the other processes are forked from that one.
        await asyncio.to_thread(self._process.start)
        assert self._process.pid is not None
        watchdog.watch(self._process.pid)
        theirs.close()
        async with asyncio.timeout(_START_SECONDS):
            try:
                ports = await asyncio.to_thread(_received, ours)
            except EOFError:
                raise RuntimeError(f"{name} does not start; see {log}") from None
            self.port = ports[0]
            reader, self._writer = await asyncio.open_connection("127.0.0.1", ports[1])
        self._reading = asyncio.create_task(self._read(reader))
        self.up = True

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                answer = json.loads(line)
                waiting = self._answers.pop(answer.pop("number"), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(Gone("the node is gone"))
        self._answers.clear()

    async def ask(
        self, do: str, *, seconds: float = _ANSWER_SECONDS, **arguments: Any
    ) -> dict[str, Any]:
        """Let the node do something. See the operations of `tests.chaos.node.Node`.

        Raises:
            Gone: It does not answer, or could not do it.
        """
        if not self.up or self._writer is None:
            raise Gone("the node is down")
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"number": number, "do": do, **arguments}).encode() + b"\n")
        try:
            async with asyncio.timeout(seconds):
                found = await answer
        except TimeoutError as error:
            raise Gone(f"no answer to {do}") from error
        if "error" in found:
            raise Gone(f"{do}: {found['error']}")
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self._process is not None
        assert self._process.pid is not None
        if self._process.exitcode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def kill(self) -> None:
        """End it without a word."""
        self.up = False
        self.signal(signal.SIGKILL)
        await self._ended()

    async def stop(self) -> None:
        """End it properly."""
        self.up = False
        if self._process is None or self._process.pid is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        await asyncio.to_thread(self._process.join, _START_SECONDS)
        self.signal(signal.SIGKILL)
        await self._ended()

    async def _ended(self) -> None:
        assert self._process is not None
        await asyncio.to_thread(self._process.join)
        assert self._process.pid is not None
        watchdog.forget(self._process.pid)
        if self._writer is not None:
            self._writer.transport.abort()
        if self._reading is not None:
            await self._reading


class Client:
    """A client of the feed of one node.

    Args:
        node: The node.
        cookie: Secret of a session, or "".
        ticket: A ticket, or "".
        bearer: An API key or a token, or "".
        slow: Whether it reads less than it gets.
    """

    def __init__(
        self,
        node: NodeProcess,
        *,
        cookie: str = "",
        ticket: str = "",
        bearer: str = "",
        slow: bool = False,
    ) -> None:
        self.node = node
        self._cookie = cookie
        self._ticket = ticket
        self._bearer = bearer
        self._slow = slow
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, seconds: float = 5.0) -> bool:
        """Make the handshake. Returns whether the node accepted it."""
        lines = [
            f"GET {PATH} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {ORIGIN}",
        ]
        if self._cookie:
            lines.append(f"Cookie: __Host-stormdoor={self._cookie}")
        if self._bearer:
            lines.append(f"Authorization: Bearer {self._bearer}")
        if self._ticket:
            lines.append(f"Sec-WebSocket-Protocol: stormdoor.ticket.{self._ticket}")
        try:
            async with asyncio.timeout(seconds):
                reader, self._writer = await self._connect()
                self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
                answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.close()
            return False
        if not answer.startswith(b"HTTP/1.1 101"):
            self.close()
            return False
        self._reading = asyncio.create_task(self._read(reader))
        return True

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = "127.0.0.1", self.node.port
        if not self._slow:
            return await asyncio.open_connection(*address, limit=1 << 14)
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SLOW_BYTES)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, address)
            return await asyncio.open_connection(sock=sock, limit=_SLOW_BYTES)
        except BaseException:
            sock.close()
            raise

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(_SLOW_BYTES if self._slow else 1 << 16):
                if self._slow:
                    await asyncio.sleep(_SLOW_SECONDS)
        self.close()

    def send(self) -> None:
        """Send a message."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(client_frame(1, b"hello"))

    @property
    def closed(self) -> bool:
        """True before the handshake, and after the end."""
        return self._writer is None or self._writer.is_closing()

    def close(self) -> None:
        """Close the socket."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.transport.abort()


@contextlib.asynccontextmanager
async def cutters(ports: list[int]) -> AsyncIterator[list[Cutter]]:
    """Give a cutter before each port."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Cutter(port)) for port in ports]
