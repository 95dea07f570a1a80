"""The adapter of python-socketio on Tornado: its WebSocket and its polling."""

from stormdoor.apps.adapter import Releases
from stormdoor.apps.by_module import adapter_of_module

__all__ = ["ADAPTER"]

ADAPTER = adapter_of_module(
    "socketio",
    "engineio.async_drivers.tornado",
    [Releases("python-socketio", "5.11", "6")],
    endpoint="/socket.io/",
)
