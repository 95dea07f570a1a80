"""Docker Compose starts the Compose file: two servers, PostgreSQL and nginx, in containers."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit

import pytest
from tornado.websocket import WebSocketClientConnection

from tests.deploy.containers import Engine
from tests.deploy.files import COMPOSE
from tests.deploy.running import close_code, close_streams, open_socket
from tests.support.project import ROOT

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.xdist_group("containers")]

_SOCKETS = 8
_HEADER = (ROOT / "deploy" / "compose" / "compose.yaml").read_text().partition("name: stormdoor")[0]


@dataclass(frozen=True, slots=True)
class Project:
    """The project of Compose, started.

    Attributes:
        engine: It runs the containers.
        files: The Compose file, and what differs here.
        folder: The folder of the Compose file.
    """

    engine: Engine
    files: list[Path]
    folder: Path

    def compose(self, *words: str, typed: bytes = b"") -> str:
        """Run a command of Docker Compose. Its output."""
        passwords = {"DATABASE_PASSWORD": "the owner's: ü", "DOOR_PASSWORD": "the door's"}
        return self.engine.compose(self.files, *words, typed=typed, **passwords)

    def stormdoor(self, *words: str, typed: str = "") -> str:
        """Run a command in the first server, as the head of the file does. Its output."""
        return self.compose("exec", "-T", "door1", "stormdoor", *words, typed=typed.encode())

    @property
    def trusted(self) -> ssl.SSLContext:
        """What trusts the certificate of nginx."""
        return ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))

    async def connect(self, key: str) -> tuple[WebSocketClientConnection, str]:
        """A socket through nginx, and the node that serves it."""
        return await open_socket("wss://localhost:8443/chat", key, ssl_options=self.trusted)

    async def connect_to_all(self, key: str) -> list[tuple[WebSocketClientConnection, str]]:
        """Open sockets, one by one, until each of the two servers has one."""
        found: list[tuple[WebSocketClientConnection, str]] = []
        while len({node for _, node in found}) < 2:
            assert len(found) < _SOCKETS, found
            found.append(await self.connect(key))
        return found


def _commands() -> list[str]:
    """Return the commands in the head of the Compose file, until those of Compose itself."""
    lines = re.findall(r"^#   (.*)$", _HEADER, re.MULTILINE)
    text = "\n".join(lines).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith(("python3", "chmod", "openssl"))]


def _member(project: Project, name: str) -> tuple[str, str]:
    """Add an account that no earlier attempt has added. Its name and its key."""
    name = f"{name}-{secrets.token_hex(4)}"
    project.stormdoor("principals", "add", name, "--role", "member", "--no-password")
    key = project.stormdoor("keys", "issue", name, "--name", "test", "--scope", "*", "--quiet")
    return name, key.strip()


@pytest.fixture(scope="module")
def started(service: Engine, context: Path) -> Iterator[Project]:
    """The project as the head of the file starts it, with images of this machine."""
    folder = context / "deploy" / "compose"
    commands = _commands()
    assert len(commands) == 3
    for command in commands:
        subprocess.run(["sh", "-euc", command], cwd=folder, check=True, capture_output=True)
    here = context / "here.yaml"
    files = COMPOSE["services"]["door1"]["ulimits"]["nofile"]
    services = {
        **{
            name: {"ulimits": {"nofile": min(files, getrlimit(RLIMIT_NOFILE)[1])}}
            for name in ("door1", "door2")
        },
        "database": {"volumes": ["/usr:/usr:ro"]},
        "proxy": {"volumes": ["/usr:/usr:ro"]},
    }
    here.write_text(json.dumps({"services": services}))
    project = Project(service, [folder / "compose.yaml", here], folder)
    assert "docker compose up --build --detach" in _HEADER
    project.compose("up", "--build", "--detach")
    yield project
    project.compose("down", "--volumes", "--timeout", "0")


@pytest.fixture
def project(started: Project) -> Project:
    """The project with all its containers, also if an earlier test has stopped one and failed."""
    started.compose("up", "--detach", "--no-recreate")
    return started


async def test_a_revocation_reaches_both_servers(project: Project) -> None:
    """`revoke` on one server closes the sockets of both with 3000; all go through nginx with TLS."""
    name, key = _member(project, "alice")
    clients = await project.connect_to_all(key)
    shown = project.stormdoor("nodes")
    assert all(node in shown for _, node in clients)
    project.stormdoor("revoke", "principal", name)
    for client, _ in clients:
        assert await close_code(client) == 3000
    close_streams(client for client, _ in clients)
    assert "The trail is whole" in project.stormdoor("trail", "verify")


async def test_a_server_that_stops_drains(project: Project) -> None:
    """After SIGTERM a server closes its sockets with 1012 and ends; nginx refuses no request meanwhile."""
    clients = await project.connect_to_all(_member(project, "bob")[1])
    stopping = asyncio.create_task(
        asyncio.to_thread(project.engine.podman, "stop", "stormdoor-door1-1")
    )
    while not stopping.done():
        await asyncio.to_thread(_ask_proxy, project)
        await asyncio.sleep(0.1)
    await stopping
    facts = project.engine.inspect("stormdoor-door1-1")
    assert facts["State"]["ExitCode"] == 0
    assert facts["Config"]["StopTimeout"] == 90
    ends = {(node, client.close_code) for client, node in clients}
    assert len(ends) == 2  # the same for all sockets of a node
    assert {code for _, code in ends} == {1012, None}
    close_streams(client for client, _ in clients)


def _ask_proxy(project: Project) -> None:
    with urllib.request.urlopen(
        "https://localhost:8443/livez", timeout=10, context=project.trusted
    ) as answer:
        assert answer.status == 200


def test_a_server_writes_only_to_tmp(project: Project) -> None:
    """A server runs without root's rights, on a file system that it cannot write to."""
    facts = project.engine.inspect("stormdoor-door2-1")
    assert facts["HostConfig"]["ReadonlyRootfs"]
    assert facts["Config"]["User"] == "65532:65532"
    assert facts["EffectiveCaps"] in ([], None)
    write = ("exec", "stormdoor-door2-1", "touch")
    project.engine.podman(*write, "/app/x", code=1)
    project.engine.podman(*write, "/tmp/x", code=0)


def test_a_server_without_database_is_not_healthy(project: Project) -> None:
    """The health check fails while the database is stopped, and the server goes on."""
    check = ("healthcheck", "run", "stormdoor-door2-1")
    project.engine.podman(*check)
    project.engine.podman("stop", "--time", "20", "stormdoor-database-1")
    for _ in range(100):
        if project.engine.podman(*check, code=None).strip() == "unhealthy":
            break
    else:
        pytest.fail("the health check does not see the database")
    project.engine.podman("start", "stormdoor-database-1")
    for _ in range(300):
        if project.engine.podman(*check, code=None).strip() == "":
            break
    assert project.engine.inspect("stormdoor-door2-1")["RestartCount"] == 0
    project.engine.podman(*check)
