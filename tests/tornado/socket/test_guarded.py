"""The socket of a connection and its handler, after the end of the connection."""

from __future__ import annotations

import gc
import weakref
from typing import Any, ClassVar

import pytest
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor import Command, GuardedHandler, action, connection_of
from stormdoor.tornado.declare import Encoding
from tests.guard.fakes import make_guard
from tests.tornado.wire import connect, serving, settled, until

ALICE = ("Authorization", "Bearer alice")


class Say(Command, tag="say"):
    """Any message."""


class Raw(WebSocketHandler):
    """Decodes its messages itself."""

    heard: ClassVar[list[Any]] = []

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(message)


class Commands(GuardedHandler):
    """Takes commands."""

    permission = "chat:connect"

    @action("chat:say")
    def say(self, _command: Say) -> None:
        """Do nothing."""


class Binary(Commands):
    """Takes commands in MessagePack."""

    encodings: ClassVar[tuple[Encoding, ...]] = ("msgpack",)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("base", [Raw, Commands, Binary])
async def test_a_handler_that_is_kept_after_the_end_gets_nothing(
    base: type[WebSocketHandler], fast: bool
) -> None:
    """Calls of the application for a closed connection are ignored, and output raises Tornado's error."""
    kept: list[Any] = []

    class Kept(base):  # type: ignore[misc,valid-type]
        def open(self, *_: str, **__: str) -> None:
            kept.append(self)

    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving([("/ws", Kept)], guard, "chat:connect") as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            await ws.hang_up()
        await until(lambda: len(guard.registry) == 0)
        await settled(50)
        [handler] = kept
        for message in ("text", b"bytes", b"\x81\xa1t\xa3say"):
            assert handler.on_message(message) is None
        assert handler.on_ping(b"") is None
        assert handler.on_pong(b"") is None
        with pytest.raises(WebSocketClosedError):
            handler.write_message("late")
        with pytest.raises(WebSocketClosedError):
            handler.ping()
        handler.close()
        connection = connection_of(handler)
        assert connection is not None
        assert not connection.open
    assert Raw.heard == []


@pytest.mark.parametrize("fast", [True, False])
async def test_a_closed_connection_needs_no_garbage_collector(fast: bool) -> None:
    """The socket and its handler refer to each other only while the connection lasts."""
    kept: list[weakref.ref[WebSocketHandler]] = []

    class Kept(WebSocketHandler):
        def open(self, *_: str, **__: str) -> None:
            kept.append(weakref.ref(self))

    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with serving([("/ws", Kept)], guard, "chat:connect") as at:
        gc.collect()
        gc.disable()
        try:
            async with await connect(at.port, "/ws", ALICE) as ws:
                await ws.hang_up()
            await until(lambda: len(guard.registry) == 0)
            await settled(50)
            assert [one() for one in kept] == [None]
        finally:
            gc.enable()
