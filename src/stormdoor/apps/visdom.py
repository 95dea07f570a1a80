"""The adapter of visdom: its two sockets, and the polling of both."""

from stormdoor.apps.adapter import Releases
from stormdoor.apps.by_module import adapter_of_module

__all__ = ["ADAPTER"]

ADAPTER = adapter_of_module(
    "visdom", "visdom", [Releases("visdom", "0.3", "0.3")], endpoint="/socket"
)
