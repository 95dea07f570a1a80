"""The commands of the deployment files run: two servers on PostgreSQL, and the service of systemd."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.supervised import supervised
from tests.deploy.files import COMPOSE, DEPLOY, commands, option, unit_settings
from tests.deploy.running import application, member, served, stormdoor
from tests.support.postgresql import Server, server_or_skip
from tests.tornado.wire import until

pytestmark = [pytest.mark.extended, pytest.mark.slow]

COMMANDS = commands()
_PASSWORDS = {"DOOR_PASSWORD": "the password of the servers"}


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    """A server of PostgreSQL with the login that `logins.sh` makes."""
    server = server_or_skip()
    psql = server.programs.folder / "psql"
    if not psql.exists():
        server.remove()
        pytest.skip("psql is not installed")
    server.execute("CREATE DATABASE stormdoor")
    owner = server.url("stormdoor")
    password = owner.partition("://")[2].partition("@")[0].partition(":")[2]
    subprocess.run(
        ["sh", DEPLOY / "compose" / "logins.sh"],
        check=True,
        timeout=60,
        env={
            **_PASSWORDS,
            "PATH": f"{psql.parent}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "PGPASSWORD": password,
            "POSTGRES_USER": owner.partition("://")[2].partition(":")[0],
            "POSTGRES_DB": "stormdoor",
        },
    )
    yield server
    server.remove()


async def test_the_servers_of_compose(database: Server, tmp_path: Path) -> None:
    """Two servers share the state: a key that is revoked closes its sockets on both."""
    environment = application(tmp_path)
    migrate = COMMANDS["compose migrate"]
    url = option(migrate, "--store")
    assert url.startswith("postgresql://owner@database/")
    owner = database.url("stormdoor")
    stormdoor(*[owner if word == url else word for word in migrate])
    environment |= {
        "STORMDOOR_STORE_URL": COMPOSE["services"]["door1"]["environment"][
            "STORMDOOR_STORE_URL"
        ].replace("@database/", f"@127.0.0.1:{database.port}/"),
        "PGPASSWORD": _PASSWORDS["DOOR_PASSWORD"],
    }
    add = ("principals", "add", "alice", "--role", "member", "--password-stdin")
    stormdoor(*add, typed="correct horse battery staple\n", **environment)
    key = stormdoor(
        "keys", "issue", "alice", "--name", "test", "--scope", "*", "--quiet", **environment
    ).strip()
    with contextlib.ExitStack() as stack:
        servers = []
        for name in ("door1", "door2"):
            folder = tmp_path / name
            folder.mkdir()
            shutil.copy(tmp_path / "app.py", folder)
            options = served(COMMANDS[f"compose {name}"])
            servers.append(
                stack.enter_context(
                    supervised(folder, *options, environment=environment, ready=False)
                )
            )
        for one in servers:
            one.wait_for("ready http")
            assert await one.get("/readyz") == (200, b"ready\n")
        clients = [await member(one, key) for one in servers]
        nodes = set()
        for wire in clients:
            said = await wire.ask({"type": "say", "text": "hello"})
            nodes.add(said["node"])
        assert len(nodes) == len(servers)
        shown = stormdoor("nodes", **environment)
        assert all(node in shown for node in nodes)
        assert "does NOT hold across a failover" in " ".join(shown.split())
        stormdoor("revoke", "principal", "alice", **environment)
        for wire in clients:
            async with wire:
                assert await wire.close_code() == 3000
        for one in servers:
            assert one.stop() == 0, one.output
    assert stormdoor("trail", "verify", **environment)


async def test_the_service_of_systemd(tmp_path: Path) -> None:
    """The service reports its start and its stop, reloads without an end, and ends with status 0."""
    environment = application(tmp_path)
    environment["STORMDOOR_STORE_URL"] = f"sqlite://{tmp_path}/door.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(120)
        environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        words = COMMANDS["systemd"]
        options = served(words)
        assert unit_settings("Type") == ["notify"]
        with supervised(tmp_path, *options, environment=environment) as one:
            assert manager.recv(100) == b"READY=1"
            before = one.workers
            assert len(before) == int(option(words, "--workers"))
            assert unit_settings("ExecReload") == ["/bin/kill -HUP $MAINPID"]
            one.process.send_signal(signal.SIGHUP)
            await until(lambda: "all workers have been replaced" in one.output)
            assert not set(before) & set(one.workers)
            assert unit_settings("KillMode") == ["mixed"]
            one.process.send_signal(signal.SIGTERM)  # to the supervisor alone
            assert manager.recv(100) == b"STOPPING=1"
            assert one.wait_ended() == 0, one.output


def test_a_wrong_service_is_not_restarted(tmp_path: Path) -> None:
    """A service that is configured wrongly ends with the status after which systemd does not restart it."""
    environment = {**application(tmp_path), "STORMDOOR_STORE_URL": "nonsense"}
    with supervised(tmp_path, environment=environment, ready=False) as one:
        assert [str(one.wait_ended())] == unit_settings("RestartPreventExitStatus")
        assert "the URL of a store is" in one.output
