"""The first account of a store, which several programs may want to make at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from stormdoor.core.event import Entry, verify
from stormdoor.run.first_account import make_first_account
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import opened
from tests.run.running import free_port, handshake, running, write

PROGRAM = """
async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
COMMAND = [sys.executable, "app.py"]


async def test_programs_that_start_at_the_same_moment(tmp_path: Path) -> None:
    """One of them makes the account; the others go on without an error."""
    store = f"sqlite:{tmp_path / 'door.db'}"
    key = b"k" * 32
    made = await asyncio.gather(
        *[
            make_first_account(config=None, store=store, trail_key=key, actor="operator")
            for _ in range(3)
        ]
    )
    assert len([one for one in made if one is not None]) == 1
    assert (
        await make_first_account(config=None, store=store, trail_key=key, actor="operator") is None
    )


async def _entries(folder: Path) -> Sequence[Entry]:
    """Return the entries of the trail."""
    async with opened(SqliteStore(folder / "door.db")) as store:
        return await store.entries(limit=100)


def _command(*words: str, **variables: str) -> int:
    """Run a command of the operator, and return its exit status."""
    kept = {name: said for name, said in os.environ.items() if not name.startswith("STORMDOOR_")}
    command = [sys.executable, "-m", "stormdoor", *words]
    return subprocess.run(command, env={**kept, **variables}, check=False).returncode


@pytest.mark.parametrize("place", ["file", "environment"])
async def test_the_key_of_the_trail_is_that_of_the_server(tmp_path: Path, place: str) -> None:
    """The first account, the server and the commands that are printed seal with one key."""
    write(tmp_path, PROGRAM)
    key = token_hex(32)
    (tmp_path / "key").write_text(key, "utf-8")
    (tmp_path / "key").chmod(0o600)
    file = tmp_path / "stormdoor.toml"
    file.write_text('preset = "app"\ntrail_key = { file = "key" }\n', "utf-8")
    options = ["--config", str(file)] if place == "file" else []
    variables: dict[str, Any] = {} if place == "file" else {"STORMDOOR_TRAIL_KEY": key}
    where = [*options, "--store", f"sqlite:{tmp_path / 'door.db'}"]
    with running(tmp_path, COMMAND, *options, **variables) as run:
        await asyncio.to_thread(run.wait_for, "first account")
        await asyncio.to_thread(run.wait_until_answering)
        assert await asyncio.to_thread(handshake, run.port) == 401
        while not any(one.event.cause for one in await _entries(tmp_path)):
            await asyncio.sleep(0.05)
    assert _command("principals", "add", "eve", "--no-password", *where, **variables) == 0
    entries = await _entries(tmp_path)
    assert {one.event.principal for one in entries} >= {"admin", "eve"}
    for one in entries:
        assert verify(one, seq=one.seq, previous=one.previous, key=key.encode()) is None, one


@pytest.mark.parametrize("passwords", ["true", "false"])
async def test_a_login_at_a_provider_alone_needs_no_account(tmp_path: Path, passwords: str) -> None:
    """With `passwords = false` the first start makes no account with a password, which would open nothing."""
    write(tmp_path, PROGRAM)
    port = str(free_port())
    text = f"""preset = "app"
login = {{ passwords = {passwords} }}
[oidc]
issuer = "http://127.0.0.1:1"
client_id = "lab"
redirect_uri = "http://127.0.0.1:{port}/auth/oidc/callback"
"""
    (tmp_path / "stormdoor.toml").write_text(text, "utf-8")
    with running(tmp_path, COMMAND, "--config", "stormdoor.toml", PORT=port) as run:
        await asyncio.to_thread(run.wait_for, "guarded")
        if passwords == "true":
            await asyncio.to_thread(run.wait_for, "first account")
    assert bool(run.seen("first account")) == (passwords == "true")
    async with opened(SqliteStore(tmp_path / "door.db")) as store:
        assert len(await store.accounts()) == (passwords == "true")
