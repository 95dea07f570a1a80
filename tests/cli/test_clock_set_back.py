"""A command with a clock one hour behind ends its target at once and for good."""

import asyncio
import subprocess
import sys

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.cli.conftest import Result
from tests.cli.test_live import Server, closed_with, server

__all__ = ["server"]

_SET_BACK = """
import sys, time
right = time.time
time.time = lambda: right() - 3600.0
from stormdoor.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


async def _set_back(*arguments: str) -> Result:
    """Run a command in a process of its own with a wall clock that is one hour behind."""
    found = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _SET_BACK, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode in (0, 1), found.stderr
    return Result(found.returncode, found.stdout, found.stderr)


async def _refused(server: Server, name: str) -> None:
    """The server, another process, follows the log: until it has read it, it ends what it has opened."""
    key = {"X-API-Key": server.keys[name]}
    async with asyncio.timeout(60):
        status: int | None = None
        while status is None:
            try:
                opened = await connect(server.url, additional_headers=key)
            except InvalidStatus as refusal:
                status = refusal.response.status_code
            else:
                await opened.wait_closed()
                assert opened.close_code == 3000
    assert status == 401


@pytest.mark.extended
@pytest.mark.parametrize(
    "command",
    [
        ("principals", "disable", "alice"),
        ("revoke", "principal", "alice"),
        ("revoke", "role", "member"),
        ("revoke", "everything", "--yes"),
    ],
    ids=" ".join,
)
async def test_sockets_are_closed_and_the_key_is_void(
    server: Server, command: tuple[str, ...]
) -> None:
    """The server's clock is right. The key was issued an hour after the time of the revocation."""
    async with server.socket("alice") as socket:
        await server.listed(1)
        waiting = asyncio.create_task(closed_with(socket))
        await _set_back(*command)
        assert await waiting == 3000
    await _refused(server, "alice")


@pytest.mark.extended
async def test_a_key_that_is_issued_afterwards_is_valid(server: Server) -> None:
    """A key that is issued after a revocation is valid, with the clock still set back."""
    await _set_back("revoke", "principal", "alice")
    await _refused(server, "alice")
    issued = await _set_back("keys", "issue", "alice", "--name", "y", "-s", "*", "-q")
    async with connect(server.url, additional_headers={"X-API-Key": issued.out.strip()}) as socket:
        await socket.send('{"type":"say","text":"hello"}')
        assert "hello" in str(await socket.recv())
    listed = await server.command("keys", "list", "alice", "--json")
    states = {one["name"]: one["state"] for one in listed.json}
    assert states == {"x": "revoked", "y": "valid"}
