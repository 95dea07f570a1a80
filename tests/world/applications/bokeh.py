"""Bokeh: a slider and an upload."""

from __future__ import annotations

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, Recipe, files_of_page
from tests.world.bokeh_protocol import address_of, drag, exchange, greet, upload
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]


async def _slider(socket: ClientConnection) -> None:
    await drag(socket, "Slider", "value", "bokeh-slider")


async def _upload(socket: ClientConnection) -> None:
    await upload(socket, 200_000, "got 266668 characters", "Div")


_FILES = files_of_page("guard-bokeh")

APPLICATION = Application(
    name="bokeh",
    packages=["bokeh"],
    plain=Recipe(
        {"app.py": _FILES["app.py"]},
        ["bokeh", "serve", "app.py", "--port", "8888", "--address", "127.0.0.1"],
    ),
    guarded=Recipe(_FILES, ["python", "door.py"]),
    channels=[
        socket_channel(
            "",
            address_of("/app"),
            exchange,
            greet,
            slider_for_6_s=_slider,
            upload_of_200_kB=_upload,
        )
    ],
    ready="/app",
)
