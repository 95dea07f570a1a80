"""Shared notebooks of jupyter-collaboration: members edit, viewers follow.

Each attack succeeds without the guard: that is checked first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.world.applications.jupyterlab import log_in
from tests.world.checks import run_command
from tests.world.client import Client
from tests.world.environment import environ, home_of, require
from tests.world.jupyter_site import is_refused, jupyter, notebook_of
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_NAME = "jupyterlab-extensions"
_PROGRAM = Path(__file__).with_name("yjs_client.py")
_FILES = {"notebooks/shared.ipynb": notebook_of("print(1)")}
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Collaborator:
    """A real client of Yjs, in a process of its own."""

    process: Process

    async def ask(self, *command: str) -> Any:
        """Let it process a command; return the answer."""
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


@contextlib.asynccontextmanager
async def _collaborator(client: Client, path: str) -> AsyncIterator[_Collaborator]:
    cookies = "; ".join(f"{name}={said}" for name, said in client.cookies.items())
    headers = json.dumps({"Cookie": cookies, "Origin": client.origin})
    home = home_of(_NAME)
    url = f"ws://{urlsplit(client.address).netloc}{path}"
    process = await asyncio.create_subprocess_exec(
        home / "bin" / "python", _PROGRAM, url, headers, stdin=PIPE, stdout=PIPE, env=environ(home)
    )
    try:
        made = _Collaborator(process)
        assert await made.ask() == 101
        yield made
    finally:
        process.kill()
        await process.wait()


async def _room(client: Client) -> str:
    """Ask for the path of the room of the shared notebook, as the page does."""
    body = json.dumps({"format": "json", "type": "notebook"})
    answer = await client.request("PUT", "/api/collaboration/session/shared.ipynb", body)
    assert answer.status_code in (200, 201), answer.text
    told = answer.json()
    room = f"json:notebook:{told['fileId']}"
    return f"/api/collaboration/room/{room}?sessionId={told['sessionId']}"


async def _collaborate(site: Site, *, guarded: bool) -> dict[str, object]:
    """Let a viewer try to change the notebook of a member; return what happened."""
    alice, _ = await log_in(site.address)
    victor, name = await log_in(site.address)
    if guarded:
        add = ("principals", "add", name, "--role", "viewer", "--no-password")
        await asyncio.to_thread(run_command, site, *add)
    path = await _room(alice)
    assert await _room(victor) == path
    told: dict[str, object] = {}
    async with _collaborator(alice, path) as member, _collaborator(victor, path) as viewer:
        await member.ask("write", "# of the member\n")
        await viewer.until("sources", holds="# of the member")
        await viewer.ask("appear", "Victor")
        await member.until("present", holds="Victor")
        await viewer.ask("write", "# of the viewer\n")
        told["edit of a viewer"] = "# of the viewer" in (await member.ask("sources"))[0]
        told["save of a viewer"] = await viewer.ask("save")
        told["save of a member"] = await member.ask("save")
        for method, place in (
            ("PUT", "fork/{}"),
            ("DELETE", "fork/x?merge=true"),
            ("PUT", "undo_redo/{}?action=undo&steps=1&forkRoom=x"),
        ):
            room = path.partition("/room/")[2].partition("?")[0]
            address = f"/api/collaboration/{place.format(room)}"
            answer = await victor.request(method, address, "{}")
            told[f"{method} {place.partition('/')[0]}"] = answer.status_code == 403
        port = urlsplit(site.address).port
        rebound = f"attacker.example:{port}"
        told["refused"] = [
            await is_refused(client, path)
            for client in (
                site.client(),
                replace(alice, origin="https://attacker.example"),
                replace(alice, host=rebound, origin=f"http://{rebound}"),
            )
        ]
        assert (await alice.request("GET", "/logout")).status_code == 200
        if guarded:
            told["ended by logout"] = await member.ask("ended")
        await viewer.ask("sources")  # that of the viewer stays open
        told["room after logout"] = not await is_refused(alice, path)
    return told


def test_a_viewer_follows_a_shared_notebook_and_does_not_change_it() -> None:
    """Without the guard, the edit of the second user arrives. A logout ends nothing."""
    require(_NAME)
    root = 'c.ServerApp.root_dir = "notebooks"'
    with jupyter(_NAME, guarded=False, config=root, files=_FILES) as site:
        plain = asyncio.run(_collaborate(site, guarded=False))
    assert plain["edit of a viewer"] is True
    assert plain["save of a viewer"] in ("success", "skipped")
    assert plain["refused"] == [True, False, True]
    assert plain["room after logout"] is True
    assert plain["PUT undo_redo"] is False
    with jupyter(_NAME, files=_FILES) as site:
        told = asyncio.run(_collaborate(site, guarded=True))
    assert told == {
        "edit of a viewer": False,
        "save of a viewer": "none",
        "save of a member": "success",
        "PUT fork": True,
        "DELETE fork": True,
        "PUT undo_redo": True,
        "refused": [True, True, True],
        "ended by logout": 3000,
        "room after logout": False,
    }
