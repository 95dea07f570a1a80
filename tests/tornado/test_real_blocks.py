"""The event loop of a server process is blocked, or the process is stopped, while another process revokes.

Real time and real processes: they show the order in which a loop handles sockets, timers and answers of the
store after a block.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stormdoor import Guard, SessionAuthenticator, Target
from stormdoor.core.account import Account
from tests.support.ports import free_port
from tests.support.postgresql import new_database, postgresql
from tests.tornado import wire as wires
from tests.tornado.wire import Ended, connect

__all__ = ["new_database", "postgresql"]

pytestmark = [pytest.mark.extended, pytest.mark.slow]

ORIGIN = "https://app.example"
SERVER = """
import asyncio, re, sys, time

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, SessionAuthenticator, guarded_server, protect, role
from stormdoor.core.policy import PolicySet


class Chat(WebSocketHandler):
    def on_message(self, message):
        print("heard", message, flush=True)
        how, _, seconds = message.partition(" ")
        if how == "sleep":
            time.sleep(float(seconds))
        if how == "hold":
            until = time.monotonic() + float(seconds)
            while time.monotonic() < until:
                re.match("(a+)+$", "a" * 24 + "b")  # it holds the GIL: no other thread runs either
        self.write_message("did " + message)


class Page(RequestHandler):
    def get(self):
        self.finish("the page")


async def main(url, port):
    guard = Guard(
        origins=["https://app.example"], hosts=["127.0.0.1"], store=url, production=False, node="server",
        authenticators=[SessionAuthenticator()], policies=PolicySet([role("member", "app:use")]),
    )
    application = Application([("/ws", Chat), ("/page", Page)])
    protect(application, guard, "app:use", pages={"/page": "app:use"})
    async with guard:
        guarded_server(application).listen(port, "127.0.0.1")
        print("ready", flush=True)
        await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@dataclass
class Installation:
    """A server process, and a guard of this process on the same store."""

    process: asyncio.subprocess.Process
    guard: Guard
    port: int
    output: list[str]

    async def login(self, principal: str) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return the headers of a new session of a new account."""
        account = Account(id=principal, roles=frozenset({"member"}))
        await self.guard.state.accounts.add_account(account)
        issued = await self.guard.sessions.create(principal)
        return ("Cookie", f"{self.guard.sessions.cookie.name}={issued.secret}"), ("Origin", ORIGIN)


@contextlib.asynccontextmanager
async def installation(url: str) -> AsyncIterator[Installation]:
    """Start a server process on this store."""
    port, output = free_port(), []
    guard = Guard(
        origins=[ORIGIN],
        store=url,
        production=False,
        node="tests",
        authenticators=[SessionAuthenticator()],
    )
    async with guard:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVER,
            url,
            str(port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        reading = process.stdout

        async def read() -> None:
            while line := await reading.readline():
                output.append(line.decode().strip())

        task = asyncio.create_task(read())
        try:
            async with asyncio.timeout(60):
                while "ready" not in output:
                    await asyncio.sleep(0.05)
            yield Installation(process, guard, port, output)
        finally:
            process.kill()
            await process.wait()
            await task


async def block(at: Installation, how: str, seconds: float, name: str) -> None:
    """Block the server; revoke a principal meanwhile, and let requests and messages arrive meanwhile."""
    asker, other = await at.login(f"alice-{name}"), await at.login(f"bob-{name}")
    sockets = [await connect(at.port, "/ws", *headers) for headers in (asker, asker, other)]
    await asyncio.sleep(0.3)  # it beats
    if how == "stop":
        at.process.send_signal(signal.SIGSTOP)
        asyncio.get_running_loop().call_later(seconds, at.process.send_signal, signal.SIGCONT)
    else:
        sockets[0].send(f"{how} {seconds}")
    await asyncio.sleep(min(0.2, seconds / 3))
    began = asyncio.get_running_loop().time()
    waiting = [
        await wires.request(at.port, path, *headers, upgrade=upgrade, wait=False)
        for headers in (asker, other)
        for path, upgrade in (("/ws", True), ("/page", False))
    ]
    for number in range(3):
        sockets[1].send(f"{name}-{number}")
        sockets[2].send(f"revoked {name}")
    # The stalled node counts as lapsed for the others, as ever.
    await at.guard.admin.revoke(Target.PRINCIPAL, f"bob-{name}", wait="cluster")
    took = asyncio.get_running_loop().time() - began
    assert took < seconds + 3.0
    if how != "stop":
        assert (await sockets[0].receive()).text == f"did {how} {seconds}"
    assert [(await sockets[1].receive()).text for _ in range(3)] == [
        f"did {name}-{number}" for number in range(3)
    ]
    with contextlib.suppress(Ended):
        assert (await sockets[2].receive()).code == 3000
    for wire in waiting:
        await wire.read_answer()
    assert [one.status for one in waiting] == [101, 200, 401, 401]
    for wire in (*sockets, *waiting):
        await wire.hang_up()
    assert not any("revoked" in line for line in at.output if line.startswith("heard"))


BLOCKS = [
    ("sleep", 0.5),
    ("hold", 3.0),
    ("stop", 3.0),
    ("sleep", 3.0),
    ("sleep", 6.0),
    ("sleep", 12.0),
    ("sleep", 30.0),
]


async def _all_blocks(url: str) -> list[str]:
    async with installation(url) as at:
        for how, seconds in BLOCKS:
            await block(at, how, seconds, f"{how}-{seconds:g}")
        return at.output


@pytest.mark.parametrize("engine", ["SQLite", "PostgreSQL"])
async def test_blocks_of_a_process(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing is closed or refused, messages keep their order, and the revocation comes before any byte."""
    if engine == "SQLite":
        url = f"sqlite:///{tmp_path / 'door.db'}"
    else:
        make: Callable[[], str] = request.getfixturevalue("new_database")
        url = make()
    output = await _all_blocks(url)
    shown = [line for line in output if "the event loop was blocked for" in line]
    assert len(shown) >= len(BLOCKS) - 1, output
    assert not any("the store has not confirmed" in line for line in output), output
    assert not any("cannot be followed" in line for line in output), output
