"""`stormdoor serve` with an application of a test, as real processes on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from stormdoor import JwtIssuer, JwtKey
from tests.tornado.wire import Wire, connect, request

__all__ = ["APPLICATION", "Supervised", "supervised", "token"]

_PATIENCE = 120.0  # only a failure takes that long
_KEY = "62663aa929d1f3e6b52f5c6a4930a86ecfaad8c4a02007a93850110b00315584"  # of this test alone
_SCRIPT = "import sys; from stormdoor.cli.main import main; sys.exit(main())"

APPLICATION = f"""
from tornado.web import Application

from stormdoor import (
    Command, Guard, GuardedHandler, JwtAuthenticator, JwtKey, Limits, PolicySet, Reply, action,
    health_routes, protect, role,
)

VERSION = "1"


class Ask(Command, tag="ask"):
    pass


class Node(Reply, tag="node"):
    node: str
    version: str


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:ask")
    async def ask(self, command: Ask) -> Node:
        return Node(node=guard.registry.node, version=VERSION)


def make(store="sqlite:door.db"):
    global guard
    guard = Guard(
        origins=["http://127.0.0.1"],
        hosts=["127.0.0.1"],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", bytes.fromhex("{_KEY}"))], issuer="i", audience="a")
        ],
        policies=PolicySet([role("member", "chat:*")]),
        limits=Limits(
            handshakes_per_address="100000/s burst 100000",
            requests_per_address="100000/s burst 100000",
            connections_per_address=5000,
            connections_per_principal=5000,
            tcp_per_address=900,
        ),
        store=store,
    )
    routes = [("/ws", Chat), *health_routes(guard)]
    return protect(Application(routes, websocket_ping_interval=20), guard)


def in_memory():
    return make(None)


def broken():
    raise RuntimeError("the schedule is missing")
"""
"""The module `app.py` that a test serves."""


def token() -> tuple[str, str]:
    """Return the header of a member."""
    issuer = JwtIssuer(JwtKey("HS256", bytes.fromhex(_KEY)), "i", "a", seconds=3600)
    text = issuer.issue("alice", now=time.time(), claims={"roles": ["member"]}).token
    return ("Authorization", f"Bearer {text}")


@dataclass
class Supervised:
    """A supervisor with its workers.

    Attributes:
        process: The supervisor.
        log: Where its output and that of its workers goes.
        folder: The current directory, with `app.py` and the store.
    """

    process: subprocess.Popen[bytes]
    log: Path
    folder: Path

    @property
    def output(self) -> str:
        """The output until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def port(self) -> int:
        """The port that it has told."""
        [line] = [one for one in self.output.splitlines() if one.startswith("ready ")]
        return int(line.rpartition(":")[2].rstrip("/"))

    @property
    def workers(self) -> list[int]:
        """The processes below the supervisor that have not ended."""
        found = psutil.Process(self.process.pid).children()
        return [one.pid for one in found if one.status() != psutil.STATUS_ZOMBIE]

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until the output has a text so many times."""
        deadline = time.monotonic() + _PATIENCE
        while self.output.count(text) < times:
            assert time.monotonic() < deadline, f"no {text!r} in: {self.output}"
            assert self.process.poll() is None or self.output.count(text) >= times, self.output
            time.sleep(0.02)

    def wait_ended(self) -> int:
        """Wait until the supervisor has ended; its exit status."""
        return self.process.wait(_PATIENCE)

    def stop(self) -> int:
        """Stop it as an operator would."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_ended()

    def write(self, text: str) -> None:
        """Replace the application's module, as a deployment does."""
        (self.folder / "app.py").write_text(text)

    async def client(self) -> Wire:
        """A member's socket."""
        return await connect(self.port, "/ws", token())

    async def get(self, path: str) -> tuple[int, bytes]:
        """The status and the body of a page."""
        async with await request(self.port, path, upgrade=False) as wire:
            return wire.status, wire.body


@contextlib.contextmanager
def supervised(
    folder: Path,
    *arguments: str,
    name: str = "app:make",
    port: int = 0,
    ready: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Supervised]:
    """Start `stormdoor serve` in a folder; kill all of its processes at the end.

    Args:
        folder: The current directory; gets `app.py` unless there is one.
        arguments: Options of the command.
        name: MODULE:FACTORY.
        port: The port; 0 for any.
        ready: Whether to wait until it serves.
        environment: Further environment variables.
    """
    module, log = folder / "app.py", folder / "log"
    if not module.exists():
        module.write_text(APPLICATION)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, "serve", name, "--port", str(port), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                **(environment or {}),
            },
        )
    one = Supervised(process, log, folder)
    known: list[psutil.Process] = []
    try:
        if ready:
            one.wait_for("ready http")
        yield one
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            known = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        for each in known:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()
