"""The server that the client is driven against, and the network between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, StaticFileHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    Reply,
    SessionAuthenticator,
    Text,
    TicketAuthenticator,
    action,
    client_routes,
    login_routes,
    protect,
    role,
)
from stormdoor.ports import Store
from stormdoor.stores import MemoryStore
from tests.client.clients import Client, in_chromium, in_node
from tests.client.network import Network
from tests.support.clock import FakeClock

__all__ = ["PASSWORD", "FirstMessageChat", "World", "world"]

PASSWORD = "correct horse battery"
_SECRET = "client-tests-only-0123456789abcdef0123456789"
_HERE = Path(__file__).parent


class Say(Command, tag="say"):
    text: Text


class Ban(Command, tag="ban"):
    who: Text


class Pay(Command, tag="pay"):
    amount: int


class Hang(Command, tag="hang"):
    """Is never answered."""


class Said(Reply, tag="said"):
    text: str


class Paid(Reply, tag="paid"):
    amount: int


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(text=command.text)

    @action("chat:ban")
    def ban(self, command: Ban) -> Said:
        return Said(text=command.who)

    @action("chat:pay", fresh=60)
    def pay(self, command: Pay) -> Paid:
        return Paid(amount=command.amount)

    @action("chat:say")
    def hang(self, command: Hang) -> None:
        """It arrived, and that is all."""
        self.settings["hung"].set()


class FirstMessageChat(Chat):
    first_message = True


class _Page(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/html")
        self.finish("<!doctype html><title>a page</title>")


@dataclass
class World:
    """One installation behind one address.

    Attributes:
        network: Between the client and the server.
        clock: Of the server; the client's is the real one.
        store: Outlives the server.
        guard: Of the server that runs.
        hung: Whether a `Hang` has arrived.
    """

    network: Network
    clock: FakeClock
    store: Store
    handler: type[GuardedHandler]
    options: dict[str, Any]
    guard: Guard
    server: HTTPServer | None = None
    hung: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.network.port}"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.network.port}/chat"

    def token(self, seconds: float = 300.0, principal: str = "ann", **claims: Any) -> str:
        """An access token, by the server's clock."""
        issuer = JwtIssuer(JwtKey("HS256", _SECRET), "tests", "chat", seconds=seconds)
        claims = {"roles": ["member"], **claims}
        return issuer.issue(principal, now=self.clock.now(), claims=claims).token

    async def start(self) -> None:
        """Start a server; the network leads to it."""
        self.guard = _guard(self)
        (socket,) = bind_sockets(0, "127.0.0.1")
        application = Application(
            [
                *login_routes(self.guard, endpoint="/chat"),
                *client_routes(),
                ("/", _Page),
                ("/(driver.mjs)", StaticFileHandler, {"path": str(_HERE)}),
                ("/chat", self.handler),
            ],
            websocket_ping_interval=20,
            hung=self.hung,
        )
        protect(application, self.guard)
        await self.guard.start()
        self.server = HTTPServer(application)
        self.server.add_sockets([socket])
        self.network.server = socket.getsockname()[1]

    async def stop(self) -> None:
        """Shut it down in good order; the network leads nowhere."""
        self.network.server = None
        await self.guard.close()
        if self.server is not None:
            self.server.stop()
            await self.server.close_all_connections()
            self.server = None

    async def pass_time(self, seconds: float) -> None:
        """Time passes on the server, and it notices."""
        self.clock.advance(seconds)
        await self.guard.tick()

    @contextlib.asynccontextmanager
    async def client(self, kind: str, *, login: bool = False) -> AsyncIterator[tuple[Client, Any]]:
        """A client, and what its `start` needs to come in with a ticket."""
        headers: dict[str, str] = {}
        if kind == "node":
            if login:
                issued = await self.guard.sessions.create("ann")
                cookie = f"{self.guard.sessions.cookie.name}={issued.secret}"
                headers = {"Cookie": cookie}
            opened = in_node()
        else:
            opened = in_chromium(self.origin)
        async with opened as client:
            if login and kind != "node":
                who = {"username": "ann", "password": PASSWORD}
                assert await client.do("login", **who) == 200
            ticket = {"ticket": f"{self.origin}/auth/ticket", "headers": headers, "url": self.url}
            yield client, ticket


def _guard(world: World) -> Guard:
    key = JwtKey("HS256", _SECRET)
    return Guard(
        origins=[world.origin],
        authenticators=[
            SessionAuthenticator(),
            TicketAuthenticator(),
            JwtAuthenticator(keys=[key], issuer="tests", audience="chat"),
        ],
        policies=PolicySet([role("member", "chat:connect", "chat:say", "chat:pay")]),
        store=world.store,
        clock=world.clock,
        production=False,
        **world.options,
    )


@contextlib.asynccontextmanager
async def world(handler: type[GuardedHandler] = Chat, **options: Any) -> AsyncIterator[World]:
    """A running installation with ann, a member."""
    async with Network.up() as network:
        clock, store = FakeClock(), MemoryStore()
        one = World(network, clock, store, handler, options, guard=Guard())
        await one.start()
        await one.guard.admin.add_principal("ann", password=PASSWORD, roles=["member"])
        try:
            yield one
        finally:
            await one.stop()
