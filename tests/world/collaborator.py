"""A real client of a shared notebook, in a process of its own (`yjs_client.py`)."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.world.client import Client, FailedError
from tests.world.environment import environ, home_of
from tests.world.jupyter_site import notebook_of

__all__ = ["FILES", "LOCK", "Collaborator", "room_of", "start_collaborator"]

LOCK = "jupyterlab-extensions"
"""The environment with jupyter-collaboration."""

FILES = {"notebooks/shared.ipynb": notebook_of("print(1)")}
_PROGRAM = Path(__file__).with_name("yjs_client.py")
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Collaborator:
    """The process of a client."""

    process: Process

    async def ask(self, *command: str) -> Any:
        """Let it process a command; return the answer. Without a command, return the next answer."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        if command:
            stdin.write(f"{json.dumps(command)}\n".encode())
        async with asyncio.timeout(_SECONDS):
            return json.loads(await stdout.readline())

    async def until(self, *command: str, holds: str) -> None:
        """Ask until the answer contains `holds`."""
        async with asyncio.timeout(_SECONDS):
            while not any(holds in one for one in await self.ask(*command)):
                await asyncio.sleep(0.2)

    async def end(self) -> None:
        """End the process."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def start_collaborator(client: Client, path: str) -> Collaborator:
    """Start the process of `client`. Its first answer is the status of the handshake, 101 for success."""
    headers = dict(client.headers)
    if client.cookies:
        headers["Cookie"] = "; ".join(f"{name}={said}" for name, said in client.cookies.items())
    headers |= {} if client.origin is None else {"Origin": client.origin}
    headers |= {} if client.host is None else {"Host": client.host}
    home = home_of(LOCK)
    url = f"ws://{urlsplit(client.address).netloc}{path}"
    words = [str(home / "bin" / "python"), str(_PROGRAM), url, json.dumps(headers)]
    process = await asyncio.create_subprocess_exec(
        *words, stdin=PIPE, stdout=PIPE, env=environ(home)
    )
    return Collaborator(process)


async def room_of(client: Client) -> str:
    """Ask for the path of the room of the shared notebook, as the page does.

    Raises:
        FailedError: The server tells none.
    """
    body = json.dumps({"format": "json", "type": "notebook"})
    answer = await client.request("PUT", "/api/collaboration/session/shared.ipynb", body)
    if answer.status_code not in (200, 201):
        raise FailedError(f"no room: {answer.status_code} {answer.text[:200]}")
    told = answer.json()
    room = f"json:notebook:{told['fileId']}"
    return f"/api/collaboration/room/{room}?sessionId={told['sessionId']}"
