"""Print the bytes that Python allocates for an idle guarded connection, as tracemalloc counts them.

Server and client are one process. The client keeps descriptors alone, for which Python allocates nothing
that stays. Two runs differ by up to 4 %, since the tables of a process grow in steps.

    python bench/idle_memory.py
"""

import asyncio
import gc
import socket
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Final

from echo_server import Echo, make_guard
from policy import PATH, token
from process import HOST
from tornado.web import Application
from ws_load import upgrade

from stormdoor import guarded_server, protect

__all__ = ["measure"]

WARM: Final = 100
COUNTED: Final = 1000


async def measure() -> float:
    """Return the bytes of one connection, after `WARM` others were opened.

    Raises:
        RuntimeError: A handshake was refused.
    """
    with (
        tempfile.TemporaryDirectory(prefix="stormdoor-memory-") as directory,
        socket.create_server((HOST, 0)) as listening,
    ):
        port = listening.getsockname()[1]
        listening.setblocking(False)
        guard = make_guard(port, Path(directory))
        application = Application([(PATH, Echo)], log_function=lambda _: None)
        protect(application, guard)
        server = guarded_server(application)
        request = upgrade(port, PATH, [f"Authorization: Bearer {token()}"])
        async with guard:
            server.add_socket(listening)
            await _open(WARM, port, request)
            await guard.tick()
            gc.collect()
            tracemalloc.start()
            await _open(COUNTED, port, request)
            await guard.tick()  # the trail and the list of connections are written
            gc.collect()
            used, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            server.stop()
    return used / COUNTED


async def _open(count: int, port: int, request: bytes) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        await loop.sock_connect(client, (HOST, port))
        await loop.sock_sendall(client, request)
        answer = await loop.sock_recv(client, 4096)
        if b" 101 " not in answer:
            raise RuntimeError(f"refused: {answer[:100]!r}")
        client.detach()  # open until the process ends


if __name__ == "__main__":
    print(f"{asyncio.run(measure()):.0f}")
    sys.exit(0)
