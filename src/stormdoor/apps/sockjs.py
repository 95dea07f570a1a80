"""The adapter of sockjs-tornado: its WebSocket, its raw WebSocket and its transports over HTTP."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from stormdoor.apps.adapter import Releases
from stormdoor.apps.by_module import adapter_of_module
from stormdoor.apps.transport_check import check_transport

__all__ = ["ADAPTER"]


async def _check() -> None:
    """Begin a session over HTTP with a router of no other use."""
    host: Any = import_module("sockjs.tornado")
    router = host.SockJSRouter(host.SockJSConnection, "/check")
    await check_transport(router.urls, "POST", "/check/000/stormdoor/xhr", "stormdoor")


ADAPTER = adapter_of_module(
    "sockjs", "sockjs.tornado", [Releases("sockjs-tornado", "1.0.7", "1.0")], check=_check
)
