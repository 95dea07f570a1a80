"""The end of a server in good order."""

from __future__ import annotations

import asyncio
import os
import signal

from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import guarded_server, protect, serve_until_stopped
from tests.guard.fakes import FakeStore, make_guard
from tests.tornado.wire import Wire, connect, log_lines, until

ALICE = ("Authorization", "Bearer alice")


class Quiet(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        """Says nothing."""


class Running:
    """A server with one client, which is told to stop by a real signal."""

    def __init__(self, store: FakeStore | None = None, seconds: float = 10.0) -> None:
        self.guard = make_guard(insecure_allow_any_host=True, store=store or FakeStore())
        application = protect(Application([("/ws", Quiet)]), self.guard, "chat:connect")
        self.server = guarded_server(application)
        sockets = bind_sockets(0, "127.0.0.1")
        self.server.add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]
        self.serving = asyncio.create_task(
            serve_until_stopped(self.server, self.guard, seconds=seconds, signals=(signal.SIGUSR2,))
        )

    async def client(self) -> Wire:
        """A client that is connected."""
        await until(lambda: self.guard.running)
        return await connect(self.port, "/ws", ALICE)

    def stop(self) -> None:
        """As an operator does."""
        os.kill(os.getpid(), signal.SIGUSR2)


async def test_a_signal_ends_it_in_good_order() -> None:
    """At a signal the server closes with 1001, completes the trail, and accepts no new client."""
    store = FakeStore()
    running = Running(store)
    async with await running.client() as wire:
        running.stop()
        assert await wire.close_code() == 1001
    await running.serving
    await store.open()
    names = [entry.event.name for entry in await store.entries()]
    assert names[-2:] == ["connection_closed", "sys_shutdown"]
    try:
        await asyncio.open_connection("127.0.0.1", running.port)
    except OSError:
        return
    raise AssertionError("somebody still listens")


async def test_a_store_that_hangs_does_not_keep_it_from_ending() -> None:
    """The deadline counts, and what is left is said."""
    store = FakeStore()
    running = Running(store, seconds=0.2)
    async with await running.client() as wire:
        pause = store.pause("append_events")
        with log_lines("stormdoor") as lines:
            running.stop()
            assert await wire.close_code() == 1001
            await running.serving
        assert any("entries of the trail" in line for line in lines)
        pause.go()


async def test_a_second_signal_is_enough() -> None:
    """A second signal stops the server at once."""
    store = FakeStore()
    running = Running(store, seconds=3600.0)
    async with await running.client() as wire:
        pause = store.pause("append_events")
        with log_lines("stormdoor"):
            running.stop()
            assert await wire.close_code() == 1001
            running.stop()
            await running.serving
        pause.go()
