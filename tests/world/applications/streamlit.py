"""Streamlit: a script that is run once, and again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, Recipe, files_of_page, run
from tests.world.client import Client, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]

_RERUN = b"\x5a\x00"
"""`BackMsg(rerun_script=ClientState())` in protobuf: field 11, empty."""


async def _stream(owner: Client) -> tuple[str, Sequence[str]]:
    return "/_stcore/stream", ["streamlit"]


async def _rerun(socket: ClientConnection) -> None:
    await socket.send(_RERUN)
    await answer_of(socket, "hello from the script")


async def _reruns(socket: ClientConnection) -> None:
    """Ask for a run 20 times a second for 6 s, as a slider that is dragged does; Streamlit merges them."""
    for _ in range(120):
        await socket.send(_RERUN)
        await asyncio.sleep(0.05)


_FILES = files_of_page("guard-streamlit")
_ARGUMENTS = [
    "run",
    "app.py",
    "--server.address=127.0.0.1",
    "--server.port=8888",
    "--server.headless=true",
    "--browser.gatherUsageStats=false",
]

APPLICATION = Application(
    name="streamlit",
    packages=["streamlit"],
    plain=Recipe({"app.py": _FILES["app.py"]}, ["streamlit", *_ARGUMENTS]),
    guarded=run(_FILES, ["streamlit", *_ARGUMENTS]),
    channels=[socket_channel("", _stream, _rerun, slider_for_6_s=_reruns)],
    ready="/_stcore/health",
    health="/_stcore/health",
)
