"""Protocol packs: each opens the conversation of its protocol, and knows what proves use."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import pytest
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import probed, serving
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.prober.packs import PACKS, Pack, fitting, in_words
from stormdoor_audit.prober.wire import message_frame


@pytest.mark.parametrize("pack", PACKS, ids=lambda one: one.name)
def test_packs_are_whole(pack: Pack) -> None:
    """A pack is found by a subprotocol, a path or a greeting; its messages and patterns are well formed."""
    assert pack.protocols or pack.path or pack.greets
    for one in (*pack.say, *(pack.again or ()), *pack.say_named):
        message_frame(one)
    patterns = (
        pack.path,
        pack.delivered,
        pack.denied,
        pack.credential,
        pack.named,
        pack.left,
        pack.greets,
    )
    for pattern in patterns:
        re.compile(pattern)


def test_fitting() -> None:
    """The subprotocol that was agreed to, or the path, says which protocol is spoken."""
    found = {name: fitting(path, agreed) for name, path, agreed in _ENDPOINTS}
    assert {name: one.name if one else "" for name, one in found.items()} == {
        name: name for name in found
    }
    assert fitting("/ws", ()) is None
    assert fitting("/websocket", ()) is None
    nats = fitting("/", (), (b'INFO {"server_id":"N1"} \r\n',))
    assert nats is not None
    assert nats.name == "nats"


_ENDPOINTS = [
    ("bokeh", "/app/ws", ("bokeh",)),
    ("graphql-transport-ws", "/graphql", ("graphql-transport-ws",)),
    ("jupyter-kernel", "/api/kernels/0f1e/channels", ()),
    ("terminado", "/terminals/websocket/1", ()),
    ("socketio", "/socket.io/", ()),
    ("sockjs", "/echo/000/abc/websocket", ()),
    ("sockjs-raw", "/echo/websocket", ()),
    ("livereload", "/livereload", ()),
    ("stomp", "/broker", ("v12.stomp",)),
    ("mqtt", "/mqtt", ("mqtt",)),
]


class Graph(WebSocketHandler):
    """Answers a query of GraphQL after the connection was begun; the twin asks for a token first."""

    asks: ClassVar[bool] = False

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "graphql-transport-ws" if "graphql-transport-ws" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        read = json.loads(message)
        if read["type"] == "connection_init":
            if self.asks and "token" not in read.get("payload", {}):
                self.close(4403, "Forbidden")  # no word of a credential
                return
            self.write_message({"type": "connection_ack"})
        elif read["type"] == "subscribe":
            data = {"data": {"__typename": "Query"}}
            self.write_message({"id": read["id"], "type": "next", "payload": data})


class AsksGraph(Graph):
    asks = True


class Broker(WebSocketHandler):
    """Accepts or refuses a client of MQTT without a user name."""

    code: ClassVar[int] = 0

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "mqtt" if "mqtt" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        if message[0] == 0x10:
            self.write_message(bytes((0x20, 2, 0, self.code)), binary=True)


class AsksBroker(Broker):
    code = 5


@pytest.mark.parametrize(
    ("handler", "protocol", "outcome"),
    [
        (Graph, "graphql-transport-ws", "open"),
        (AsksGraph, "graphql-transport-ws", "not-determined"),
        (Broker, "mqtt", "open"),
        (AsksBroker, "mqtt", "closed"),
    ],
)
async def test_without_a_message(handler: Any, protocol: str, outcome: str) -> None:
    """The operator has given no message: the pack of the protocol opens the conversation."""

    class Here(handler):  # type: ignore[misc]
        def prepare(self) -> None:
            if protocol not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
                self.send_error(400)

    async with serving(Here) as port:
        report = await probed(port)
    assert outcomes(report, "SP101") == {outcome}


class Lines(WebSocketHandler):
    """A broker of lines, in binary frames."""

    asks: ClassVar[bool] = False

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(b'INFO {"server_id":"N1","version":"2"} \r\n', binary=True)

    def on_message(self, message: str | bytes) -> None:
        if self.asks:
            self.write_message(b"-ERR 'Authorization Violation'\r\n", binary=True)
            self.close(1008)
        elif b"PING" in (message if isinstance(message, bytes) else message.encode()):
            self.write_message(b"PONG\r\n", binary=True)


class AsksLines(Lines):
    asks = True


class Stomp(WebSocketHandler):
    """STOMP in SockJS: in frames, or without them."""

    asks: ClassVar[bool] = False
    framed = False

    def open(self, *args: str, **kwargs: str) -> None:
        self.framed = "/000/" in self.request.path
        if self.framed:
            self.write_message("o")

    def on_message(self, message: str | bytes) -> None:
        text = json.loads(message)[0] if self.framed else str(message)
        assert text.startswith("CONNECT\n")
        said = "ERROR\nmessage:login needed\n\n\0" if self.asks else "CONNECTED\nversion:1.2\n\n\0"
        self.write_message(f"a{json.dumps([said])}" if self.framed else said)


class AsksStomp(Stomp):
    asks = True


class Drops(WebSocketHandler):
    """Speaks another protocol in SockJS, and hangs up on a message that it does not know."""

    def on_message(self, message: str | bytes) -> None:
        self.close(1003)


@pytest.mark.parametrize(
    ("handler", "path", "outcome"),
    [
        (Lines, "/", "open"),
        (AsksLines, "/", "closed"),
        (Stomp, "/desk/websocket", "open"),
        (Stomp, "/desk/000/k3/websocket", "open"),
        (AsksStomp, "/desk/websocket", "closed"),
        (AsksStomp, "/desk/000/k3/websocket", "closed"),
        (Drops, "/desk/websocket", "not-determined"),
    ],
)
async def test_lines_and_sockjs(handler: Any, path: str, outcome: str) -> None:
    """A pack is chosen by the server's greeting, or by the path of SockJS."""
    async with serving(handler, path=path) as port:
        report = await probed(port, path)
    assert outcomes(report, "SP101") == {outcome}


def test_binary_in_words() -> None:
    """Patterns see text in a binary frame as text, and other bytes in hexadecimal."""
    assert in_words(b"\x20\x02") == "hex:2002"
    assert in_words(b"PONG\r\n") == "PONG\r\n"
    assert in_words("a") == "a"
