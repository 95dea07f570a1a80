"""Shared notebooks of jupyter-collaboration: members edit, viewers follow.

Each attack succeeds without the guard: that is checked first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.world.applications.jupyterlab import log_in
from tests.world.checks import run_command
from tests.world.client import Client
from tests.world.collaborator import FILES, LOCK, Collaborator, room_of, start_collaborator
from tests.world.environment import require
from tests.world.jupyter_site import is_refused, jupyter
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]


@contextlib.asynccontextmanager
async def _collaborator(client: Client, path: str) -> AsyncIterator[Collaborator]:
    made = await start_collaborator(client, path)
    try:
        assert await made.ask() == 101
        yield made
    finally:
        await made.end()


async def _collaborate(site: Site, *, guarded: bool) -> dict[str, object]:
    """Let a viewer try to change the notebook of a member; return what happened."""
    alice, _ = await log_in(site.address)
    victor, name = await log_in(site.address)
    if guarded:
        add = ("principals", "add", name, "--role", "viewer", "--no-password")
        await asyncio.to_thread(run_command, site, *add)
    path = await room_of(alice)
    assert await room_of(victor) == path
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
    require(LOCK)
    root = 'c.ServerApp.root_dir = "notebooks"'
    with jupyter(LOCK, guarded=False, config=root, files=FILES) as site:
        plain = asyncio.run(_collaborate(site, guarded=False))
    assert plain["edit of a viewer"] is True
    assert plain["save of a viewer"] in ("success", "skipped")
    assert plain["refused"] == [True, False, True]
    assert plain["room after logout"] is True
    assert plain["PUT undo_redo"] is False
    with jupyter(LOCK, files=FILES) as site:
        told = asyncio.run(_collaborate(site, guarded=True))
    assert told == {
        "edit of a viewer": False,
        "save of a viewer": "none",
        "save of a member": "success",
        "PUT fork": True,
        "DELETE fork": True,
        "PUT undo_redo": True,
        "refused": [True, True, True],
        "ended by logout": 1001,
        "room after logout": False,
    }
