"""The steps of a handshake in the adapter."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from tests.guard.fakes import make_guard
from tests.tornado.wire import connect, serving

ALICE = ("Authorization", "Bearer alice")


class Marked(WebSocketHandler):
    """Sets an attribute of Tornado's protocol."""

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        protocol: Any = super().get_websocket_protocol()
        protocol.mark = "marked"
        return protocol

    def on_message(self, message: str | bytes) -> None:
        protocol: Any = self.ws_connection
        self.write_message(f"{type(protocol).__name__} {protocol.mark}")


class Made(Marked):
    """Makes Tornado's protocol itself."""

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        found: Any = super().get_websocket_protocol()
        protocol: Any = WebSocketProtocol13(self, False, found.params)
        protocol.mark = "made"
        return protocol


@pytest.mark.parametrize(("handler", "mark"), [(Marked, "marked"), (Made, "made")])
async def test_a_protocol_of_the_handlers_own_gets_the_strict_reader(
    handler: type[WebSocketHandler], mark: str
) -> None:
    """Tornado's protocol never reads frames of a guarded connection. It keeps the handler's attributes."""
    guard = make_guard(insecure_allow_any_host=True)
    async with (
        serving([("/ws", handler)], guard, "chat:connect") as at,
        await connect(at.port, "/ws", ALICE) as ws,
    ):
        ws.send("?")
        assert await ws.text() == f"TornadoProtocol {mark}"
