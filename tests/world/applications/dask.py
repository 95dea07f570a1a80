"""Dask's dashboard: the stream of events, and a plot on Bokeh's protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, OwnClient, Recipe, run
from tests.world.bokeh_protocol import address_of, drag, exchange, greet
from tests.world.client import Client, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]


async def _zoom(socket: ClientConnection) -> None:
    await drag(socket, "Range1d", "start", "bokeh-slider")


async def _eventstream(owner: Client) -> tuple[str, Sequence[str]]:
    return "/eventstream", ()


async def _pong(socket: ClientConnection) -> None:
    await socket.send(json.dumps({"name": "ping"}))
    await answer_of(socket, "pong")


_PROGRAM = """
from distributed import Client

with Client("tcp://127.0.0.1:8786", timeout=20) as client:
    assert client.scheduler_info()["type"] == "Scheduler"
"""
"""The scheduler's own port is no HTTP, and the guard leaves it to Dask's TLS."""

_SCHEDULER = [
    "dask",
    "scheduler",
    "--host",
    "127.0.0.1",
    "--port",
    "8786",
    "--dashboard-address",
    "127.0.0.1:8888",
]

APPLICATION = Application(
    name="dask",
    packages=["distributed", "bokeh"],
    plain=Recipe({}, _SCHEDULER),
    guarded=run({}, _SCHEDULER),
    channels=[
        socket_channel("plots", address_of("/status"), exchange, greet, zoom_for_6_s=_zoom),
        socket_channel("eventstream", _eventstream, _pong),
    ],
    ready="/status",
    health="/health",
    own_client=OwnClient(_PROGRAM, logs_in=False),
)
