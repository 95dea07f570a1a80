"""A socket that only receives, and the login behind it: an open tab does not keep a login alive.

ASVS 7.3.1: a login ends when its user has been inactive for too long. Messages of the server and pongs are
sent without any user.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, GuardedHandler, protect
from stormdoor.core.account import Account
from tests.guard.fakes import FakeStore, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import PING, PONG, TEXT, Wire, connect, request, serving, until

IDLE, ABSOLUTE = 400.0, 9000.0
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])


class Board(WebSocketHandler):
    """A dashboard of an application that knows nothing of stormdoor."""

    here: Board

    def open(self, *args: str, **kwargs: str) -> None:
        Board.here = self
        self.heard: list[Any] = []

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(message)

    def on_pong(self, data: bytes) -> None:
        self.heard.append(("pong", data))

    def on_ping(self, data: bytes) -> None:
        self.heard.append(("ping", data))


class Own(GuardedHandler):
    """The same, written for stormdoor."""

    permission = "chat:connect"
    receive_only = True


class World:
    """A login, its open socket, and a clock.

    Attributes:
        guard: Decides.
        clock: Stands still until a test moves it.
        port: Where the server listens.
        secret: Of the login's cookie.
        cookie: The header with it.
        wire: The open socket.
    """

    def __init__(self, guard: Guard, clock: FakeClock, port: int, cookie: str, wire: Wire) -> None:
        self.guard, self.clock, self.port, self.wire = guard, clock, port, wire
        self.secret = cookie
        self.cookie = ("Cookie", f"__Host-stormdoor={cookie}")

    @property
    def open(self) -> bool:
        """True while the guard has the connection."""
        return len(self.guard.registry) == 1

    async def seen(self) -> float:
        """When the login was last seen."""
        (session,) = await self.guard.state.sessions.sessions("carol")
        return session.last_seen_at

    async def status(self) -> int:
        """Return the status of another handshake with the cookie of the login."""
        async with await request(self.port, "/ws", self.cookie) as wire:
            return wire.status

    async def sends(self) -> None:
        """The server sends something, and the client reads it."""
        await Board.here.write_message("tick")
        assert await self.wire.text() == "tick"

    async def pongs(self) -> None:
        """The client answers a ping of the server."""
        heard = Board.here.heard
        before = len(heard)
        Board.here.ping(b"?")
        assert (await self.wire.receive()).opcode == PING
        self.wire.frame(PONG, b"?")
        await until(lambda: len(heard) > before)

    async def pings(self) -> None:
        """The client sends a ping."""
        heard = Board.here.heard
        before = len(heard)
        self.wire.frame(PING, b"!")
        assert (await self.wire.receive()).opcode == PONG
        await until(lambda: len(heard) > before)

    async def says(self) -> None:
        """The client sends a message."""
        heard = Board.here.heard
        before = len(heard)
        self.wire.frame(TEXT, b"hello")
        await until(lambda: len(heard) > before)

    async def passes(self, seconds: float, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Let time pass, while something happens every 50 s."""
        until_then = self.clock.monotonic() + seconds
        while self.open and self.clock.monotonic() < until_then:
            await meanwhile()
            self.clock.advance(min(50.0, until_then - self.clock.monotonic()))
            await self.guard.tick()
            await self.guard.deadlines.touch_sessions()


@contextlib.asynccontextmanager
async def world(fast: bool, **options: Any) -> AsyncIterator[World]:
    """A member's login and its open socket on the dashboard."""
    clock, store = FakeClock(), FakeStore()
    guard = make_guard(
        clock=clock,
        store=store,
        fast=fast,
        insecure_allow_any_host=True,
        insecure_allow_missing_origin=True,
        sessions={"idle_seconds": IDLE, "absolute_seconds": ABSOLUTE},
    )
    application = Application([("/ws", Board)])
    protect(application, guard, "chat:connect", **options)
    async with serving(application, guard) as served:
        if await guard.state.accounts.account("carol") is None:
            await guard.state.accounts.add_account(Account(id="carol", roles=frozenset({"member"})))
        secret = (await guard.sessions.create("carol")).secret
        cookie = ("Cookie", f"__Host-stormdoor={secret}")
        async with await connect(served.port, "/ws", cookie) as wire:
            await until(lambda: len(guard.registry) == 1)
            yield World(guard, clock, served.port, secret, wire)


@BOTH
@pytest.mark.parametrize("meanwhile", ["sends", "pongs", "pings"])
async def test_an_open_tab_does_not_keep_a_login_alive(meanwhile: str, fast: bool) -> None:
    """The server sends and the client answers pings: the login ends, and the socket with it."""
    async with world(fast) as it:
        before = await it.seen()
        await it.passes(IDLE - 1, getattr(it, meanwhile))
        assert it.open
        await it.passes(1, getattr(it, meanwhile))
        assert not it.open
        assert await it.wire.close_code() == 3000
        assert await it.seen() == before
        assert await it.status() == 401


@BOTH
async def test_a_message_of_the_client_does(fast: bool) -> None:
    """A message of the client counts as use of the login."""
    async with world(fast) as it:
        before = await it.seen()
        await it.passes(3 * IDLE, it.says)
        assert it.open
        assert await it.seen() > before + 2 * IDLE
        assert await it.status() == 101


@BOTH
@pytest.mark.parametrize("meanwhile", ["sends", "pongs", "pings"])
async def test_a_receive_only_socket_outlives_the_idle_login(meanwhile: str, fast: bool) -> None:
    """A receive-only socket stays until the absolute lifetime, but the idle login opens no other."""
    async with world(fast, receive_only=["/ws"]) as it:
        before = await it.seen()
        await it.passes(ABSOLUTE - 1, getattr(it, meanwhile))
        assert it.open
        assert await it.seen() == before
        assert await it.status() == 401
        await it.passes(1, getattr(it, meanwhile))
        assert not it.open
        assert await it.wire.close_code() in (3000, None)


async def nothing() -> None:
    """Wait while neither side sends data."""


@BOTH
async def test_a_receive_only_socket_on_which_nothing_happens(fast: bool) -> None:
    """A receive-only socket without any data ends after the idle time of the login."""
    async with world(fast, receive_only=[Board]) as it:
        await it.passes(IDLE - 1, it.sends)
        await it.passes(IDLE - 60, nothing)
        assert it.open
        await it.passes(60, nothing)
        assert not it.open
        assert await it.wire.close_code() == 3000


@BOTH
async def test_a_message_after_the_login_has_ended(fast: bool) -> None:
    """A receive-only socket closes when the client sends a message after the end of its login."""
    async with world(fast, receive_only=["/ws"]) as it:
        await it.passes(IDLE + 100, it.sends)
        assert it.open
        it.wire.frame(TEXT, b"act")
        assert await it.wire.close_code() == 3000
        assert Board.here.heard == []
        assert await it.status() == 401


@BOTH
async def test_a_logout_with_the_cookie_of_the_idle_login_ends_it(fast: bool) -> None:
    """The page of the dashboard may still have its logout button."""
    async with world(fast, receive_only=["/ws"]) as it:
        await it.passes(2 * IDLE, it.sends)
        assert it.open
        await it.guard.admin.log_out(it.secret)
        await it.guard.tick()
        assert not it.open
        assert await it.wire.close_code() == 3000


@BOTH
async def test_logging_out_everywhere_ends_it(fast: bool) -> None:
    """The idle login is still listed among the principal's own, so that it can be ended."""
    async with world(fast, receive_only=["/ws"]) as it:
        await it.passes(2 * IDLE + 3700, it.sends)
        await it.guard.state.purge(it.clock.now())
        assert it.open
        assert len(await it.guard.sessions.end_others("carol", keep=None)) == 1
        await it.guard.tick()
        assert not it.open
        assert await it.wire.close_code() == 3000


async def test_a_handler_of_stormdoor_says_it_itself() -> None:
    """`receive_only = True` in the class is enough."""
    guard = make_guard(insecure_allow_any_host=True)
    async with (
        serving([("/ws", Own)], guard) as served,
        await connect(served.port, "/ws", ("Authorization", "Bearer alice")),
    ):
        (connection,) = guard.registry
        assert connection.endpoint.receive_only
