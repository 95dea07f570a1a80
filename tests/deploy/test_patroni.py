"""The configuration of Patroni in the deployment files, with two servers: no failover loses a revocation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from stormdoor import Guard
from tests.cli.supervised import Supervised, supervised
from tests.deploy.files import DEPLOY
from tests.deploy.running import application, stormdoor
from tests.support.installing import missing
from tests.support.patroni import Cluster, Member
from tests.support.postgresql import Missing, binaries

pytestmark = [
    pytest.mark.installs,
    pytest.mark.slow,
    pytest.mark.unmeasured,
]

_PATIENCE = 240.0  # seconds; only a failure takes that long
_HOLD_SECONDS = 240
CONFIGURATION: dict[str, Any] = yaml.safe_load((DEPLOY / "patroni" / "db1.yaml").read_text())


@dataclass
class Installation:
    """Two servers on the members of a cluster.

    Attributes:
        cluster: The cluster.
        environment: The environment of the servers and commands.
        servers: The servers, each a node.
        keys: An API key of each principal.
    """

    cluster: Cluster
    environment: dict[str, str]
    servers: list[Supervised] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def nodes(self) -> dict[str, Any]:
        """What `stormdoor nodes` reports when each node has its lease on the same log."""
        return dict(json.loads(stormdoor("nodes", "--json", **self.environment)))

    def revoke(self, name: str) -> None:
        """Revoke a principal; both servers apply it."""
        said = stormdoor("revoke", "principal", name, "--wait", "cluster", **self.environment)
        assert "2 nodes applied it" in said

    def timeline(self) -> int:
        """The timeline of the primary, as the epoch has it."""
        return int(self.nodes()["head"]["epoch"].split(".")[1], 16)


async def _set_up(cluster: Cluster, folder: Path) -> Installation:
    """Make the database as the how-to PostgreSQL says, with a principal for each test."""
    primary, hosts = cluster.primary, cluster.hosts()
    administrator = await asyncpg.connect(cluster.administrator(primary))
    await administrator.execute("CREATE ROLE door_owner LOGIN CREATEROLE PASSWORD 'owner'")
    await administrator.execute("CREATE DATABASE door OWNER door_owner")
    await administrator.close()
    stormdoor("migrate", "apply", "--store", f"postgresql://door_owner:owner@{hosts}/door")
    owner = await asyncpg.connect(f"postgresql://door_owner:owner@127.0.0.1:{primary.port}/door")
    await owner.execute("CREATE ROLE door LOGIN PASSWORD 'node' IN ROLE stormdoor_app")
    await owner.close()
    environment = application(folder)
    environment["STORMDOOR_STORE_URL"] = f"postgresql://door:node@{hosts}/door"
    file = folder / "door.toml"
    file.write_text(f"hold_seconds = {_HOLD_SECONDS}\n{file.read_text()}")
    made = Installation(cluster, environment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMDOOR_STORE_URL", environment["STORMDOOR_STORE_URL"])
        guard = Guard.from_config(file)
    await guard.start()
    for name in ("alice", "bob", "carol", "dave", "erin"):
        await guard.admin.add_principal(name, roles=["member"])
        issued = await guard.admin.issue_key(name, name="test", scopes=["*"])
        made.keys[name] = issued.secret
    await guard.close()
    return made


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three members with Patroni, and two servers on them."""
    if os.environ.get("TEST_PATRONI") != "1":
        pytest.skip("its failovers fail beside other programs; to run it: TEST_PATRONI=1")
    folder = tmp_path_factory.mktemp("patroni")
    try:
        cluster = Cluster(binaries(), CONFIGURATION)
    except Missing as reason:
        missing(str(reason))
    with cluster, contextlib.ExitStack() as stack:
        made = asyncio.run(_set_up(cluster, folder))
        for number in range(2):
            own = folder / str(number)
            own.mkdir()
            shutil.copy(folder / "app.py", own)
            made.servers.append(
                stack.enter_context(
                    supervised(own, "--workers", "1", environment=made.environment, ready=False)
                )
            )
        for one in made.servers:
            one.wait_for("ready http")
        yield made


def request(server: Supervised, key: str) -> HTTPRequest:
    """The handshake of a member, without a time limit that a failover could exceed."""
    url = f"ws://127.0.0.1:{server.port}/chat"
    return HTTPRequest(url, headers={"X-API-Key": key}, connect_timeout=_PATIENCE)


@contextlib.asynccontextmanager
async def sockets(
    installation: Installation, name: str
) -> AsyncIterator[list[WebSocketClientConnection]]:
    """A socket of a principal on each server. The client answers pings."""
    key = installation.keys[name]
    opened = [await websocket_connect(request(one, key)) for one in installation.servers]
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


async def ask(client: WebSocketClientConnection, text: str = "hello") -> None:
    """Send a message, and wait for its answer."""
    await client.write_message(json.dumps({"type": "say", "text": text}))
    await answered(client, text)


async def answered(client: WebSocketClientConnection, text: str) -> None:
    """Wait for the answer to a message."""
    async with asyncio.timeout(_PATIENCE):
        message = await client.read_message()
    assert message is not None, (client.close_code, client.close_reason)
    assert json.loads(message)["text"] == text


async def closed(client: WebSocketClientConnection) -> int | None:
    """Return the code with which the server closes a socket."""
    async with asyncio.timeout(_PATIENCE):
        assert await client.read_message() is None
    return client.close_code


async def refused(installation: Installation, name: str) -> None:
    """Check that neither server admits a principal."""
    for server in installation.servers:
        with pytest.raises(HTTPClientError) as raised:
            await websocket_connect(request(server, installation.keys[name]))
        assert raised.value.code == 401


async def threaded(job: Callable[..., Any], *arguments: Any) -> Any:
    """Run blocking work beside the loop."""
    return await asyncio.get_running_loop().run_in_executor(None, job, *arguments)


async def becomes_primary(one: Member) -> None:
    """Wait until a member is promoted."""
    async with asyncio.timeout(_PATIENCE):
        while (await threaded(one.status)).get("role") != "primary":
            await asyncio.sleep(0.2)


async def ready(installation: Installation, status: int) -> None:
    """Wait until both servers answer their readiness probe with a status."""
    async with asyncio.timeout(_PATIENCE):
        for one in installation.servers:
            while (await one.get("/readyz"))[0] != status:
                await asyncio.sleep(0.2)


def test_patroni_accepts_the_configuration(tmp_path: Path) -> None:
    """Patroni's own check finds nothing but what is not on this machine."""
    program = shutil.which("patroni")
    if program is None:
        missing("patroni is not on PATH")
    file = tmp_path / "db1.yaml"
    wrong = json.loads(json.dumps(CONFIGURATION))
    wrong["bootstrap"]["dcs"]["ttl"] = "soon"
    found = []
    for configuration in (CONFIGURATION, wrong):
        file.write_text(yaml.safe_dump(configuration))
        done = subprocess.run(
            [program, "--validate-config", "--ignore-listen-port", str(file)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found.append(
            [line for line in (done.stdout + done.stderr).splitlines() if "bootstrap" in line]
        )
    assert found[0] == []
    assert len(found[1]) == 1


async def test_switchover(installation: Installation) -> None:
    """A planned change of the primary closes no socket, and no revoked credential works after it."""
    cluster = installation.cluster
    async with sockets(installation, "alice") as kept, sockets(installation, "bob") as ended:
        before = installation.timeline()
        assert installation.nodes()["guarantee"]["across_failover"] is True
        installation.revoke("bob")
        assert [await closed(one) for one in ended] == [3000, 3000]
        target = cluster.synchronous
        words = ("--leader", cluster.primary.name, "--candidate", target.name, "--force")
        await threaded(cluster.control, "switchover", *words)
        await becomes_primary(target)
        for one in kept:
            await ask(one)
        await ready(installation, 200)
        assert installation.timeline() == before + 1
        await refused(installation, "bob")


async def test_crash_while_patroni_is_paused(installation: Installation) -> None:
    """Patroni may start the primary again, or promote a standby after the pause: held sockets continue."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    async with sockets(installation, "alice") as kept, sockets(installation, "carol") as ended:
        installation.revoke("carol")
        await threaded(cluster.control, "pause", "--wait")
        cluster.primary.kill_postgresql()
        answer = asyncio.create_task(ask(kept[0], "first"))
        await threaded(cluster.control, "resume", "--wait")
        await answer
        await ask(kept[1])
        assert [await closed(one) for one in ended] == [3000, 3000]


async def test_patroni_dies_beside_a_running_primary(installation: Installation) -> None:
    """The nodes leave the old primary, which goes on, when a standby is promoted. It returns by pg_rewind."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    async with sockets(installation, "alice") as kept, sockets(installation, "dave") as ended:
        old, target = cluster.primary, cluster.synchronous
        old.kill_patroni()
        installation.revoke("dave")
        assert [await closed(one) for one in ended] == [3000, 3000]
        await becomes_primary(target)
        for one in kept:
            await ask(one)
        await ready(installation, 200)
        assert old.postmaster() is not None
        connection = await asyncpg.connect(cluster.administrator(old))
        assert not await connection.fetchval("SELECT pg_is_in_recovery()")
        await connection.close()
        installation.revoke("erin")  # on the new primary
        old.start()
        await threaded(cluster.wait_complete)
        for name in ("bob", "carol", "dave", "erin"):
            await refused(installation, name)


async def test_loss_of_the_synchronous_standby(installation: Installation) -> None:
    """Commits wait until Patroni names the other standby. No socket is closed, and the guarantee stays."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    async with sockets(installation, "alice") as kept:
        before = installation.timeline()
        lost = cluster.synchronous
        lost.kill()
        async with asyncio.timeout(_PATIENCE):
            while (await threaded(cluster.confirming)) in ([], [lost]):
                await asyncio.sleep(0.2)
        await ready(installation, 200)
        for one in kept:
            await ask(one)
        assert installation.timeline() == before
        assert installation.nodes()["guarantee"]["across_failover"] is True
        assert stormdoor("trail", "verify", **installation.environment)
