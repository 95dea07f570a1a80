"""An HTTP handler that opens a WebSocket by itself is guarded, if `permissions` names it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.iostream import StreamClosedError
from tornado.routing import PathMatches, Rule
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, Target, public
from tests.guard.fakes import events, give_lease
from tests.support.clock import FakeClock
from tests.tornado.test_answer_check import (
    ALICE,
    HEAD,
    KEY,
    OPENED,
    SAME,
    UPGRADE,
    WAYS,
    Plain,
    answer,
    becoming,
    detached,
    door,
    routes,
    serve_by,
    site,
)
from tests.tornado.wire import Encrypted, settled, until


@pytest.mark.parametrize("pages", [None, "chat:connect"], ids=["sockets", "pages"])
@pytest.mark.parametrize("way", ["detached", "nested", "turned", "by hand"])
async def test_a_declared_handler_is_admitted_as_a_socket(way: str, pages: str | None) -> None:
    """By class or by path; with its own permission, and from pages of the origins only."""
    for name in ("/", None):
        made = becoming(WAYS[way])
        guard = door()
        async with site(
            Application([("/", made)]),
            guard,
            permissions={name or made: "chat:connect"},
            pages=pages,
        ) as port:
            assert OPENED.search(await answer(port, UPGRADE, ALICE, SAME, patience=30))
            for headers in ([UPGRADE], [UPGRADE, "Authorization: Bearer eve"], [ALICE]):
                assert not OPENED.search(await answer(port, *headers)), headers
            foreign = "Origin: https://evil.example"
            assert not OPENED.search(await answer(port, UPGRADE, ALICE, foreign))
            await until(lambda: not len(guard.registry))  # noqa: B023 - within the iteration


async def test_a_declared_function_is_admitted_as_a_socket() -> None:
    """An object without a handler class is declared by its path."""
    application = Application([Rule(PathMatches("/"), serve_by(detached))])
    async with site(application, door(), permissions={"/": "chat:connect"}) as port:
        assert OPENED.search(await answer(port, UPGRADE, ALICE, SAME, patience=30))
        assert not OPENED.search(await answer(port, UPGRADE))


async def test_a_public_handler_opens_for_all() -> None:
    """The declaration says so, and the start-up check reports it."""
    application = Application(routes("detached"))
    permissions: dict[Any, Any] = {"/": public("prices for all"), "/socket": "chat:connect"}
    async with site(application, door(), permissions=permissions) as port:
        assert OPENED.search(await answer(port, UPGRADE, patience=30))


async def test_a_public_socket_may_open_itself() -> None:
    """A WebSocketHandler as well, if its endpoint is public."""

    class Own(WebSocketHandler):
        async def get(self, *_: str) -> None:
            await detached(self)

    for declared in (public("prices for all"), "chat:connect"):
        async with site(Application([("/", Own)]), door(), permissions={"/": declared}) as port:
            opened = bool(OPENED.search(await answer(port, UPGRADE, ALICE, SAME, patience=30)))
            assert opened is not isinstance(declared, str)


async def test_an_upgrade_to_another_protocol() -> None:
    """It is declared in the same way."""
    for name, opens in ({}, False), ({"/": "chat:connect"}, True):
        application = Application([("/", becoming(detached))])
        async with site(application, door(), permissions=name) as port:
            said = await answer(port, "Upgrade: tcp", ALICE, SAME, patience=30)
            assert bool(OPENED.search(said)) is opens


@dataclass
class _Terminal:
    """An HTTP handler with a raw socket, and its client.

    Attributes:
        streams: The stream that it has detached.
        heard: The bytes that it has read.
    """

    guard: Guard
    clock: FakeClock
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)
    streams: list[Any] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    def handler(self) -> type[RequestHandler]:
        """Return the class of the handler."""
        terminal = self

        class Terminal(RequestHandler):
            async def get(self) -> None:
                stream = self.detach()
                await stream.write(HEAD)
                terminal.streams.append(stream)
                with suppress(StreamClosedError):
                    while True:
                        terminal.heard.append(await stream.read_bytes(64, partial=True))

        return Terminal

    async def send(self, data: bytes) -> None:
        """Send to the client, as far as the stream lets it."""
        with suppress(StreamClosedError):
            self.streams[0].write(data)
        await settled()

    async def rest(self) -> bytes:
        """Return the bytes to the client until the end."""
        data = b""
        with suppress(ConnectionError):
            while more := await asyncio.wait_for(self.reader.read(65536), 30):
                data += more
        return data


@asynccontextmanager
async def _terminal(**options: Any) -> AsyncIterator[_Terminal]:
    """Serve a terminal, and open it."""
    clock = FakeClock()
    terminal = _Terminal(door(clock=clock), clock)
    give_lease(terminal.guard, 1e9)
    application = Application([("/", terminal.handler())])
    permissions: dict[Any, Any] = {"/": "chat:connect"}
    async with site(application, terminal.guard, permissions=permissions, **options) as port:
        terminal.reader, terminal.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=Encrypted.client
        )
        lines = ["GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: Upgrade", UPGRADE, ALICE, SAME]
        lines += [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", "", ""]
        terminal.writer.write("\r\n".join(lines).encode())
        await asyncio.wait_for(terminal.reader.readuntil(b"\r\n\r\n"), 30)
        await until(lambda: terminal.streams)
        terminal.writer.write(b"before")
        await until(lambda: terminal.heard == [b"before"])
        yield terminal
        terminal.writer.close()


async def test_a_declared_handler_ends_with_the_logout() -> None:
    """No byte passes in either direction after it, also if the handler only waits."""
    async with _terminal() as terminal:
        terminal.writer.write(b"after")
        assert (await terminal.guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 1
        await terminal.send(b"secret")
        assert await terminal.rest() == b""
        assert terminal.heard == [b"before"]
        assert len(terminal.guard.registry) == 0
        assert "revoked" in [one.cause for one in await events(terminal.guard)]


async def test_a_declared_handler_ends_at_its_deadline() -> None:
    """Nothing passes after it, even before the next beat."""
    async with _terminal() as terminal:
        [connection] = terminal.guard.registry
        connection.expire(
            terminal.clock.now() + 1, terminal.clock.now(), terminal.clock.monotonic()
        )
        terminal.clock.advance(2)
        await terminal.send(b"secret")
        assert await terminal.rest() == b""
        assert [one.cause for one in await events(terminal.guard)][-1] == "expired"


async def test_a_declared_handler_waits_for_the_lease() -> None:
    """Bytes wait in both directions, and pass in their order after its renewal."""
    async with _terminal() as terminal:
        lease = terminal.guard.lease
        lease.seconds, lease.until = 1.0, terminal.clock.monotonic() - 1
        terminal.writer.write(b"in")
        await terminal.send(b"out")
        await asyncio.sleep(0.05)
        assert terminal.heard == [b"before"]
        assert not terminal.reader._buffer  # type: ignore[attr-defined]
        lease.renew(terminal.clock.monotonic())
        assert await asyncio.wait_for(terminal.reader.readexactly(3), 30) == b"out"
        await until(lambda: terminal.heard == [b"before", b"in"])


async def test_a_client_that_leaves_frees_its_place() -> None:
    """The handler need not tell it."""
    async with _terminal() as terminal:
        assert len(terminal.guard.registry) == 1
        terminal.writer.close()
        await until(lambda: len(terminal.guard.registry) == 0)


async def test_a_declared_handler_may_answer_as_a_page() -> None:
    """The next request of its client is decided anew."""
    guard = door()
    async with site(Application([("/", Plain)]), guard, permissions={"/": "chat:connect"}) as port:
        said = await answer(port, UPGRADE, ALICE, SAME, times=2, patience=1)
        assert said.count(b"page") == 2
        await until(lambda: not len(guard.registry))
