"""Servers of a protocol that a pack knows, which speak it in another way."""

from __future__ import annotations

import json

from audit_tests.prober.adversary.server import Hole, Socket, only
from stormdoor_audit.prober.identity import Identity

__all__ = ["HOLES"]


class Graph(Socket):
    """GraphQL without a login: a subscription before `connection_init` is closed with 4401."""

    ready = False

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "graphql-transport-ws" if "graphql-transport-ws" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        came = json.loads(message)
        if came["type"] == "connection_init":
            self.ready = True
            self.tell('{"type": "connection_ack"}')
        elif not self.ready:
            self.close(4401, "Unauthorized")
        else:
            self.tell(json.dumps({"id": came["id"], "type": "next", "payload": {"data": {"a": 1}}}))


class Watts(Socket):
    """Sends numbers of its own at a path that a pack takes for Socket.IO."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell("44.1 kW")

    def on_message(self, message: str | bytes) -> None:
        self.tell("44.2 kW")


class NotTheNamespace(Socket):
    """Socket.IO without a main namespace, and with another namespace that is open to every client."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell('0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}')

    def on_message(self, message: str | bytes) -> None:
        if message == "40/jobs,":
            self.tell('42/jobs,["state",{"running":7}]')
        else:
            self.tell('44{"message":"Invalid namespace"}')


class StompError(Socket):
    """STOMP that wants a header which the pack does not send, and no credential."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "v12.stomp" if "v12.stomp" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        if "host:plant" in str(message):
            self.tell("CONNECTED\nversion:1.2\n\n\x00")
        else:
            self.tell("ERROR\nmessage:unknown host\n\n\x00")


HOLES = (
    Hole(
        "4401 before connection_init",
        only(Graph),
        {
            "owner": Identity("ada", protocols=("graphql-transport-ws",)),
            "say": ('{"id": "{unique}", "type": "subscribe", "payload": {"query": "{ a }"}}',),
        },
    ),
    Hole("a pack that is wrong", only(Watts, "/socket.io/"), path="/socket.io/"),
    Hole("another namespace", only(NotTheNamespace, "/socket.io/"), path="/socket.io/"),
    Hole(
        "STOMP with a host",
        only(StompError),
        {"owner": Identity("ada", protocols=("v12.stomp",))},
    ),
)  # fmt: skip
