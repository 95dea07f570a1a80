"""Voila: the kernel of a page. Each page starts one."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, Recipe, run
from tests.world.applications.jupyterlab import ask as ask_kernel
from tests.world.client import Client, FailedError, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]

_NOTEBOOK = json.dumps(
    {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": "one",
                "metadata": {},
                "outputs": [],
                "source": "print(1 + 1)",
            }
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)
_KERNEL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def _kernel(owner: Client) -> tuple[str, Sequence[str]]:
    page = await owner.request("GET", "/")
    found = _KERNEL.search(page.text)
    if page.status_code != 200 or found is None:
        raise FailedError(f"no page with a kernel: {page.status_code} {page.text[:200]}")
    path = f"/api/kernels/{found[0]}/channels?session_id={secrets.token_hex(8)}"
    return path, ["v1.kernel.websocket.jupyter.org"]


async def _ask(socket: ClientConnection) -> None:
    """Ask the kernel what it is. Voila delivers no `execute_request` to it."""
    await ask_kernel(socket, "kernel_info_request", {})
    await answer_of(socket, b"kernel_info_reply")


_COMMAND = ["voila", "notebook.ipynb", "--port=8888", "--no-browser"]
_FILES = {"notebook.ipynb": _NOTEBOOK}

APPLICATION = Application(
    name="voila",
    packages=["voila", "jupyter-server"],
    plain=Recipe(_FILES, _COMMAND),
    guarded=run(_FILES, _COMMAND),
    channels=[socket_channel("kernel", _kernel, _ask)],
    ready="/voila/static/voila.js",
)
