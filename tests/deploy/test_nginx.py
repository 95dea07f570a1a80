"""The nginx of the Compose file shares sockets between the servers: a real nginx, and servers with a name."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tornado.websocket import WebSocketProtocol13

from tests.deploy.files import DEPLOY
from tests.docs.pages import until_listening
from tests.support.ports import free_port
from tests.tornado.wire import Wire, request

ADDRESSES = ("172.30.0.11:8888", "172.30.0.12:8888")


class Backend:
    """A server that opens each socket with its name, and closes a request for /broken without an answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """End with all sockets."""
        self._server.close()
        for writer in self._open:
            writer.close()
        self._open.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/broken" in head:
            writer.close()
            return
        self._open.add(writer)
        key = re.search(rb"Sec-WebSocket-Key: (.*)\r", head)
        assert key is not None
        proof = WebSocketProtocol13.compute_accept_value(key[1])
        answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        more = f"Sec-WebSocket-Accept: {proof}\r\nX-Server: {self.name}\r\n\r\n"
        writer.write((answer + more).encode())


class Proxy:
    """The nginx, with its client."""

    def __init__(self) -> None:
        self.port = free_port()
        self._sockets: list[Wire] = []

    async def ask(self, path: str) -> tuple[int, str | None]:
        """Open a socket, which stays open. The status and the name of the server."""
        wire = await request(self.port, path)
        self._sockets.append(wire)
        return wire.status, wire.header("X-Server")

    async def close(self) -> None:
        """Close all sockets."""
        for wire in self._sockets:
            await wire.hang_up()

    async def open(self, count: int) -> Counter[str | None]:
        """Open so many sockets, one by one. The number on each server."""
        return Counter([(await self.ask("/chat"))[1] for _ in range(count)])


@contextlib.asynccontextmanager
async def nginx(folder: Path, *backends: Backend, without: str = "") -> AsyncIterator[Proxy]:
    """Start nginx with the file, but without TLS, on the addresses of the backends."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("no nginx here")
    proxy = Proxy()
    text = (DEPLOY / "compose" / "nginx.conf").read_text().replace(without or "\0", "")
    text = re.sub(r"ssl_certificate\S* .*", "", text).replace("8443 ssl", f"127.0.0.1:{proxy.port}")
    for address, backend in zip(ADDRESSES, backends, strict=True):
        text = text.replace(address, f"127.0.0.1:{backend.port}")
        await backend.start()
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; daemon off; worker_processes 2;"
        f"events {{}} http {{ access_log off; {paths} {text} }}"
    )
    process = await asyncio.create_subprocess_exec(
        program, "-p", folder, "-c", folder / "nginx.conf"
    )
    try:
        await asyncio.to_thread(until_listening, proxy.port)
        yield proxy
    finally:
        await proxy.close()
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)
        for backend in backends:
            await backend.stop()


async def test_sockets_are_shared_equally(tmp_path: Path) -> None:
    """Each socket goes to the server with the fewest, also to one that was restarted and has none."""
    one, two = Backend("one"), Backend("two")
    async with nginx(tmp_path, one, two) as proxy:
        assert await proxy.open(20) == {"one": 10, "two": 10}
        await one.stop()
        assert await proxy.open(10) == {"two": 10}
        await one.start()
        assert await proxy.open(20) == {"one": 20}


@pytest.mark.parametrize("without", ["", " max_fails=0"], ids=["the file", "the default"])
async def test_a_client_takes_no_server_away(without: str, tmp_path: Path) -> None:
    """A request that no server answers makes nginx refuse no other. With its default it would."""
    async with nginx(tmp_path, Backend("one"), Backend("two"), without=without) as proxy:
        assert (await proxy.ask("/broken"))[0] == 502
        statuses = {(await proxy.ask("/chat"))[0] for _ in range(4)}
        assert statuses == ({502} if without else {101})
