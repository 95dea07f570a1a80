"""A Jupyter server for tests, with and without the guard, and its sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace

from websockets.asyncio.client import ClientConnection

from tests.world.application import Recipe
from tests.world.applications.jupyterlab import APPLICATION, COMMAND
from tests.world.client import Client, RefusedError, end_of, open_socket
from tests.world.environment import home_of
from tests.world.site import Site, started

__all__ = [
    "all_end",
    "closing",
    "is_refused",
    "jupyter",
    "notebook_of",
    "paths",
    "sockets",
]

_SECONDS = 10.0
_EVENTS = "/api/events/subscribe"


def notebook_of(code: str) -> str:
    """Return a notebook with one cell."""
    cell: dict[str, object] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "one",
        "metadata": {},
        "outputs": [],
        "source": code,
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


@contextlib.contextmanager
def jupyter(
    release: str,
    *,
    guarded: bool = True,
    config: str = "",
    files: Mapping[str, str] = {},
    arguments: Sequence[str] = (),
) -> Iterator[Site]:
    """Start Jupyter, with more lines in its configuration, more files and more arguments."""
    application = replace(APPLICATION, home=home_of(release))
    name = "jupyter_server_config.py"
    own = application.guarded.files[name] if guarded else ""
    kept = {"notebooks/read-me.txt": "hello", **application.guarded.files, **files}
    kept[name] = f"{own}\n{config}\n"
    recipe = Recipe(kept, [*COMMAND, f"--config={name}", *arguments])
    with started(application, recipe) as site:
        yield site


async def sockets(owner: Client, client: Client | None = None) -> list[ClientConnection]:
    """The sockets of a new kernel, a new terminal, and events."""
    return [
        await open_socket(client or owner, path, subprotocols)
        for path, subprotocols in await paths(owner)
    ]


async def paths(owner: Client) -> list[tuple[str, Sequence[str]]]:
    """The paths of the sockets of a new kernel and a new terminal, and of events."""
    kernel = await owner.request("POST", "/api/kernels", "{}")
    assert kernel.status_code == 201, kernel.text
    terminal = await owner.request("POST", "/api/terminals", "")
    assert terminal.status_code == 200, terminal.text
    return [
        (f"/api/kernels/{kernel.json()['id']}/channels?session_id=one", ()),
        (f"/terminals/websocket/{terminal.json()['name']}", ()),
        (_EVENTS, ()),
    ]


async def all_end(several: Sequence[ClientConnection]) -> list[str]:
    """How the sockets end, within a few seconds."""
    return list(await asyncio.wait_for(asyncio.gather(*map(end_of, several)), _SECONDS))


async def is_refused(client: Client, path: str) -> bool:
    """Whether a socket is refused."""
    try:
        await (await open_socket(client, path)).close()
    except RefusedError:
        return True
    return False


@contextlib.asynccontextmanager
async def closing(several: Sequence[ClientConnection]) -> AsyncIterator[None]:
    """Close the sockets at the end."""
    try:
        yield
    finally:
        for one in several:
            await one.close()
