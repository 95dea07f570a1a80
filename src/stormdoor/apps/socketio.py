"""The adapter of python-socketio on Tornado: its WebSocket and its polling."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from tornado.web import Application, RequestHandler

from stormdoor.apps.adapter import Releases
from stormdoor.apps.by_module import adapter_of_module
from stormdoor.apps.transport_check import check_transport
from stormdoor.errors import ConfigurationError
from stormdoor.guard.message_permissions import MessagePermissions
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.by_handler import ByHandler, bare
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.transports.recognition import engine_server

__all__ = ["ADAPTER"]

_FORMATS = {
    "socketio.packet.Packet": "socketio",
    "socketio.msgpack_packet.MsgPackPacket": "socketio-msgpack",
}
"""The format of the messages for each class of packets."""


def _messages(
    application: Application, guard: Guard
) -> dict[str | type[RequestHandler], MessagePermissions]:
    """Return the declared permissions of events in the format of the server: JSON or MessagePack.

    Raises:
        ConfigurationError: The server has packets of another class, so that its events cannot be read.
    """
    declared = ByHandler("messages", {}, guard.protection.messages)
    found: dict[str | type[RequestHandler], MessagePermissions] = {}
    for route in inspect(application).routes:
        server = engine_server(route.handler)
        permissions = declared.find(route.handler, bare(route.pattern))
        if server is None or permissions is None or permissions.format not in _FORMATS.values():
            continue
        packets = _packet_class(server)
        if packets not in _FORMATS:
            raise ConfigurationError(
                f"the guard cannot read the events of this server, in the format of {packets or 'its own'}; "
                "let AsyncServer have serializer='default' or 'msgpack', or write messages = [] into "
                "[protect], so that each client that may connect may send each event"
            )
        found[route.handler] = replace(permissions, format=_FORMATS[packets])
    return found


def _packet_class(server: Any) -> str:
    """Return the name of the class of the packets of the Socket.IO server on a server of Engine.IO."""
    owner = getattr(server.handlers.get("message"), "__self__", None)
    packets = getattr(owner, "packet_class", None)
    return "" if packets is None else f"{packets.__module__}.{packets.__qualname__}"


async def _check() -> None:
    """Begin a session over HTTP with a server of Engine.IO of no other use."""
    host: Any = import_module("engineio")
    server = host.AsyncServer(async_mode="tornado", monitor_clients=False)
    routes = [("/check/", host.get_tornado_handler(server))]
    await check_transport(routes, "GET", "/check/?EIO=4&transport=polling")


ADAPTER = adapter_of_module(
    "socketio",
    "engineio.async_drivers.tornado",
    [Releases("python-socketio", "5.11", "5.18")],
    endpoint="/socket.io/",
    messages=_messages,
    check=_check,
)
