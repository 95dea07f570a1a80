"""Panel: a slider and an upload, on Bokeh's protocol with Panel's own messages."""

from __future__ import annotations

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, Recipe, files_of_page, run
from tests.world.bokeh_protocol import address_of, change_nothing, drag, exchange, greet, upload
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]


async def _slider(socket: ClientConnection) -> None:
    await drag(socket, "Slider", "value", "panel-slider")


async def _forbidden(socket: ClientConnection) -> None:
    await change_nothing(socket, "Slider", "value")


async def _upload(socket: ClientConnection) -> None:
    await upload(socket, 200_000, "got 200000 bytes", "HTML")


_FILES = files_of_page("guard-panel")

APPLICATION = Application(
    name="panel",
    packages=["panel", "bokeh"],
    plain=Recipe(
        {"app.py": _FILES["app.py"]},
        ["panel", "serve", "app.py", "--port", "8888", "--address", "127.0.0.1", "--liveness"],
    ),
    guarded=run(
        _FILES,
        ["panel", "serve", "app.py", "--port", "8888", "--address", "127.0.0.1", "--liveness"],
    ),
    channels=[
        socket_channel(
            "",
            address_of("/app"),
            exchange,
            greet,
            _forbidden,
            slider_for_6_s=_slider,
            upload_of_200_kB=_upload,
        )
    ],
    ready="/app",
    health="/liveness",
)
