"""The adapter of sockjs-tornado: its WebSocket, its raw WebSocket and its transports over HTTP."""

from stormdoor.apps.adapter import Releases
from stormdoor.apps.by_module import adapter_of_module

__all__ = ["ADAPTER"]

ADAPTER = adapter_of_module("sockjs", "sockjs.tornado", [Releases("sockjs-tornado", "1.0.7", "2")])
