"""The demo, started as a process of its own on an ephemeral port, and always stopped."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stormdoor import Guard
from stormdoor.demo.policies import POLICIES
from stormdoor.ports import Clock
from tests.demo.visitor import Visitor, eventually

__all__ = ["PEOPLE", "Running", "command", "demo", "installed", "running", "start"]

PEOPLE = {
    "alice": ["member"],
    "bob": ["member"],
    "mia": ["moderator"],
    "ada": ["administrator"],
    "eve": [],
}

# Only a failure takes that long; a machine may stand still for a minute.
_START_SECONDS = 120.0
_STOP_SECONDS = 120.0

# The console script of this very interpreter, wherever it is installed.
_SCRIPT = "import sys; from stormdoor.cli.main import main; sys.exit(main())"


def command(port: int, data: Path, *more: str) -> list[str]:
    """Return the command that starts a demo."""
    options = ["--port", str(port), "--data", str(data), *more]
    return [sys.executable, "-c", _SCRIPT, "demo", *options]


@dataclass
class Running:
    """A demo, from its start to after its end.

    Attributes:
        process: The process.
        data: Its directory.
        log: Where its standard output and errors go.
        port: Where it listens, on 127.0.0.1; 0 until it says so.
    """

    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    port: int = 0
    _addresses: Iterator[int] = field(default_factory=lambda: itertools.count(2))
    _clerk: Visitor | None = None
    _read: list[dict[str, Any]] = field(default_factory=list)

    # -- the process -------------------------------------------------------------------------------

    @property
    def output(self) -> str:
        """Return the output of the process until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self) -> None:
        """Wait for the line that says where it listens."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            for line in self.output.splitlines():
                if line.startswith("ready "):
                    self.port = int(line.rpartition(":")[2].rstrip("/"))
                    return
            assert self.process.poll() is None, f"the demo ended: {self.output}"
            time.sleep(0.02)
        raise AssertionError(f"the demo is not ready: {self.output}")

    def wait_ended(self) -> int:
        """Wait until the process has ended; its exit code."""
        return self.process.wait(_STOP_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it as an operator would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait_ended()

    # -- what it knows -----------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """The origin of its pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, Any]:
        """The file with the passwords, read."""
        return json.loads((self.data / "demo-credentials.json").read_text())

    @property
    def secrets(self) -> dict[str, str]:
        """The server's own secrets."""
        return json.loads((self.data / "demo-secrets.json").read_text())

    def password(self, name: str) -> str:
        """The password of a principal."""
        return self.credentials["principals"][name]["password"]

    @property
    def sensor_key(self) -> str:
        """The API key of the sensor."""
        return self.credentials["api_keys"]["sensor"]

    # -- who comes ---------------------------------------------------------------------------------

    def visitor(self, *, address: str | None = None) -> Visitor:
        """Return a client without a login, by default at an unused loopback address."""
        if address is None:
            number = next(self._addresses)
            address = f"127.9.{number >> 8}.{number & 255}"
        return Visitor(self.port, address=address)

    async def visit(self, name: str, *, address: str | None = None) -> Visitor:
        """Return a client that has logged in with the password of the file."""
        visitor = self.visitor(address=address)
        await visitor.log_in(name, self.password(name))
        return visitor

    # -- the database, behind its back -------------------------------------------------------------

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Open the file of the store directly, and commit the changes."""
        connection = sqlite3.connect(self.data / "demo.db", timeout=10.0)
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()

    @contextlib.asynccontextmanager
    async def office(self, clock: Clock | None = None) -> AsyncIterator[Guard]:
        """Another process of the same installation: what an operator's command would use."""
        guard = Guard(
            policies=POLICIES,
            store=f"sqlite:///{self.data.resolve() / 'demo.db'}",
            trail_key=bytes.fromhex(self.secrets["trail_key"]),
            production=False,
            clock=clock,
        )
        async with guard:
            yield guard

    # -- the trail ---------------------------------------------------------------------------------

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """The entries of the trail as they lie in the file, decoded."""
        query = "SELECT seq, body, personal FROM trail WHERE seq > ? ORDER BY seq"
        last = self._read[-1]["seq"] if self._read else 0
        with self.database() as connection:
            rows = connection.execute(query, [last]).fetchall()
        self._read += [
            {"seq": seq, **json.loads(body), **json.loads(personal or b"{}")}
            for seq, body, personal in rows
        ]
        return [entry for entry in self._read if entry["seq"] > since]

    async def mark(self) -> int:
        """Return the number of the latest entry, after the demo has written all pending entries."""
        if self._clerk is None:
            self._clerk = await self.visit("ada")
        # Before it answers this, the demo writes down what waits.
        answer = await self._clerk.get("/demo/trail")
        assert answer.status == 200, answer.body
        return json.loads(answer.body)["last"]

    async def next_second(self) -> None:
        """Wait for the next second: beyond 64 refusals of one kind in a second, the trail merges them."""
        begun = time.time() // 1
        await eventually(lambda: time.time() // 1 != begun)

    def _entry(self, name: str, since: int, parts: dict[str, Any]) -> dict[str, Any] | None:
        wanted = {"name": name, **parts}
        for entry in self.entries(since):
            if all(entry.get(part) == value for part, value in wanted.items()):
                return entry
        return None

    def _missing(self, name: str, since: int, parts: dict[str, Any]) -> AssertionError:
        shown = "\n".join(map(str, self.entries(since)[-20:]))
        return AssertionError(f"the trail has no {name} {parts}; it has\n{shown}")

    async def recorded(self, name: str, *, since: int = 0, **parts: Any) -> dict[str, Any]:
        """The first entry of that name and those parts; waited for, since it is written in a moment."""
        try:
            return await eventually(lambda: self._entry(name, since, parts))
        except TimeoutError:
            raise self._missing(name, since, parts) from None

    def wait_recorded(self, name: str, *, since: int = 0, **parts: Any) -> dict[str, Any]:
        """The same, for tests that are not asynchronous."""
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if (entry := self._entry(name, since, parts)) is not None:
                return entry
            time.sleep(0.02)
        raise self._missing(name, since, parts)


def start(data: Path, *more: str, port: int = 0, files: int | None = None) -> Running:
    """Start a demo; the caller stops it.

    Args:
        data: Its directory.
        more: Further options.
        port: Where it listens; 0 for any.
        files: How many files it may open; None for as many as this process.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.log"
    with log.open("ab") as file:
        file.truncate(0)
        limited = [] if files is None else ["prlimit", f"--nofile={files}:{files}"]
        process = subprocess.Popen(
            [*limited, *command(port, data, *more)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "default",
                "NO_COLOR": "1",
            },
        )
    return Running(process, data, log)


@contextlib.contextmanager
def running(data: Path, *more: str, port: int = 0, files: int | None = None) -> Iterator[Running]:
    """Start a demo that listens, and stop it at the end. The arguments are those of `start`."""
    one = start(data, *more, port=port, files=files)
    try:
        one.wait_ready()
        yield one
    finally:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            try:
                one.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that a first start leaves: what it makes there takes longer than all later ones.

    It is made once for all the workers.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    data = folder / "installed"
    with (folder / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            with running(tmp_path_factory.mktemp("first") / "data") as one:
                assert one.stop() == 0, one.output
            one.data.rename(data)
    return data


@pytest.fixture(scope="module")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A demo for the tests of one module. It must not have crashed, nor warned, when it is stopped."""
    data = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(installed, data)
    with running(data) as one:
        yield one
        assert one.stop() == 0, one.output
        assert not re.search("Traceback|Warning", one.output), one.output
