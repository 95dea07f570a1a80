"""The configuration of Patroni in the deployment files, with two servers: no failover loses a revocation.

One server names all members in its URL; the other one knows the address of HAProxy alone. The machine may be
busy: then a node is fenced for moments, and Patroni may promote a server that no test asked for. So each test
waits for what must come, and claims nothing about the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
import yaml
from tornado.httpclient import AsyncHTTPClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stormdoor import Guard
from tests.cli.supervised import Supervised, supervised
from tests.deploy.files import DEPLOY
from tests.deploy.running import application, stormdoor
from tests.support.installing import missing
from tests.support.patroni import Cluster, wait
from tests.support.postgresql import Missing, binaries

pytestmark = [
    pytest.mark.installs,
    pytest.mark.slow,
    pytest.mark.unmeasured,
    pytest.mark.xdist_group("patroni"),
]

T = TypeVar("T")

_PATIENCE = 240.0  # seconds; only a failure takes that long
_HOLD_SECONDS = 240
ENDED = ("bob", "carol", "dave", "erin", "frank")
"""The principals that a test revokes."""
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
        """What `stormdoor nodes` reports once each node has its lease on the same log."""
        # It fails while a node has none.
        said = wait(lambda: stormdoor("nodes", "--json", **self.environment), "all nodes")
        return dict(json.loads(said))

    def across_failover(self) -> bool:
        """Whether the guarantee is claimed across a failover."""
        return bool(self.nodes()["guarantee"]["across_failover"])

    def revoke(self, name: str) -> None:
        """Revoke a principal. The command fails while no server is the primary; then it is repeated."""
        words = ("revoke", "principal", name, "--wait", "cluster")
        wait(lambda: stormdoor(*words, **self.environment), f"the revocation of {name}")

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
    file = folder / "stormdoor.toml"
    file.write_text(f"hold_seconds = {_HOLD_SECONDS}\n{file.read_text()}")
    made = Installation(cluster, environment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMDOOR_STORE_URL", environment["STORMDOOR_STORE_URL"])
        guard = Guard.from_config(file)
    await guard.start()
    for name in ("alice", *ENDED):
        await guard.admin.add_principal(name, roles=["member"])
        issued = await guard.admin.issue_key(name, name="test", scopes=["*"])
        made.keys[name] = issued.secret
    await guard.close()
    return made


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Three members with Patroni and HAProxy, and two servers on them.

    Args:
        folder: Gets the files of the servers, and the logs.

    Raises:
        Missing: A program is not installed.
    """
    proxy = (DEPLOY / "patroni" / "haproxy.cfg").read_text()
    with (
        Cluster(binaries(), CONFIGURATION, proxy, folder / "logs") as cluster,
        contextlib.ExitStack() as stack,
    ):
        made = asyncio.run(_set_up(cluster, folder))
        url = made.environment["STORMDOOR_STORE_URL"]
        proxied = url.replace(cluster.hosts(), f"127.0.0.1:{cluster.proxy_port}")
        for name, store in (("hosts", url), ("proxy", proxied)):
            own = folder / name
            own.mkdir()
            shutil.copy(folder / "app.py", own)
            environment = {**made.environment, "STORMDOOR_STORE_URL": store}
            made.servers.append(
                stack.enter_context(
                    supervised(own, "--workers", "1", environment=environment, ready=False)
                )
            )
        for one in made.servers:
            one.wait_for("ready http")
        yield made


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that all tests use, one after the other."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(installed(tmp_path_factory.mktemp("patroni")))
        except Missing as reason:
            missing(str(reason))
        yield made


async def threaded(job: Callable[..., T], *arguments: Any) -> T:
    """Run blocking work beside the loop, in which the clients answer pings."""
    return await asyncio.get_running_loop().run_in_executor(None, job, *arguments)


async def handshake(server: Supervised, key: str) -> ClientConnection | int:
    """Return the socket, or the status of the refusal. A fenced node answers 503: then try again."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                return await connect(
                    f"ws://127.0.0.1:{server.port}/chat",
                    additional_headers={"X-API-Key": key},
                    proxy=None,
                    open_timeout=None,
                    ping_interval=None,
                )
            except InvalidStatus as refusal:
                if refusal.response.status_code != 503:
                    return refusal.response.status_code
            await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def sockets(installation: Installation, name: str) -> AsyncIterator[list[ClientConnection]]:
    """A socket of a principal on each server. The client answers pings."""
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for server in installation.servers:
            one = await handshake(server, installation.keys[name])
            assert not isinstance(one, int), one
            opened.append(await stack.enter_async_context(one))
        yield opened


async def ask(client: ClientConnection, text: str = "hello") -> None:
    """Send a message, and wait for its answer."""
    await client.send(json.dumps({"type": "say", "text": text}))
    async with asyncio.timeout(_PATIENCE):
        assert json.loads(await client.recv())["text"] == text


async def closed(client: ClientConnection) -> int | None:
    """Return the code with which the server closes a socket, without a message before."""
    async with asyncio.timeout(_PATIENCE):
        with pytest.raises(ConnectionClosed):
            await client.recv()
    return client.close_code


async def refused(installation: Installation, *names: str) -> None:
    """Check that neither server admits principals."""
    for name in names:
        for server in installation.servers:
            assert await handshake(server, installation.keys[name]) == 401


async def ready(installation: Installation) -> None:
    """Wait until both servers answer their readiness probe with 200."""
    async with asyncio.timeout(_PATIENCE):
        for one in installation.servers:
            while (await one.get("/readyz"))[0] != 200:
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


async def test_client_without_the_password_changes_no_setting(installation: Installation) -> None:
    """The REST API sets parameters of PostgreSQL, commands among them: with the password only."""
    member = next(iter(installation.cluster.members.values()))
    name, password = CONFIGURATION["restapi"]["authentication"].values()
    client = AsyncHTTPClient()
    for given, expected in (({}, 401), ({"auth_username": name, "auth_password": password}, 200)):
        answer = await client.fetch(
            f"http://127.0.0.1:{member.rest}/config",
            method="PATCH",
            body=json.dumps({"maximum_lag_on_failover": 1048576}),
            raise_error=False,
            request_timeout=_PATIENCE,
            **given,
        )
        assert answer.code == expected


async def test_switchover(installation: Installation) -> None:
    """A planned change of the primary closes no socket, and no revoked credential works after it."""
    cluster = installation.cluster
    async with sockets(installation, "alice") as kept, sockets(installation, "bob") as ended:
        before = await threaded(installation.timeline)
        await threaded(wait, installation.across_failover, "the guarantee")
        await threaded(installation.revoke, "bob")
        assert [await closed(one) for one in ended] == [3000, 3000]
        old, target = await threaded(lambda: (cluster.primary, cluster.synchronous))
        words = ("--leader", old.name, "--candidate", target.name, "--force")
        await threaded(cluster.control, "switchover", *words)
        await threaded(wait, target.is_primary, "the promotion")
        for one in kept:
            await ask(one)
        await ready(installation)
        assert await threaded(installation.timeline) > before
        await refused(installation, "bob")


async def test_crash_while_patroni_is_paused(installation: Installation) -> None:
    """Patroni may start the primary again, or promote a standby after the pause: held sockets continue."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    async with sockets(installation, "alice") as kept, sockets(installation, "carol") as ended:
        await threaded(installation.revoke, "carol")
        assert [await closed(one) for one in ended] == [3000, 3000]
        await threaded(cluster.control, "pause", "--wait")
        primary = await threaded(lambda: cluster.primary)
        primary.kill_postgresql()
        answer = asyncio.create_task(ask(kept[0], "first"))
        await threaded(cluster.control, "resume", "--wait")
        await answer
        await ask(kept[1])
        await refused(installation, "carol")


async def test_patroni_dies_beside_a_running_primary(installation: Installation) -> None:
    """The nodes leave the old primary, which goes on, when a standby is promoted. It returns by pg_rewind."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    async with sockets(installation, "alice") as kept, sockets(installation, "dave") as ended:
        old, target = await threaded(lambda: (cluster.primary, cluster.synchronous))
        old.kill_patroni()
        await threaded(installation.revoke, "dave")
        assert [await closed(one) for one in ended] == [3000, 3000]
        await threaded(wait, target.is_primary, "the promotion")
        for one in kept:
            await ask(one)
        await ready(installation)
        assert old.postmaster() is not None
        connection = await asyncpg.connect(cluster.administrator(old))
        assert not await connection.fetchval("SELECT pg_is_in_recovery()")
        await connection.close()
        await threaded(installation.revoke, "erin")  # on the new primary
        old.start()
        await threaded(cluster.wait_complete)
        await refused(installation, "bob", "carol", "dave", "erin")


async def test_loss_of_the_synchronous_standby(installation: Installation) -> None:
    """Commits wait until Patroni names the other standby. No socket is closed, and the guarantee stays."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    async with sockets(installation, "alice") as kept:
        lost = await threaded(lambda: cluster.synchronous)
        lost.kill()
        await threaded(wait, lambda: cluster.synchronous is not lost, "another standby")
        await ready(installation)
        for one in kept:
            await ask(one)
        await threaded(wait, installation.across_failover, "the guarantee")
        assert await threaded(lambda: stormdoor("trail", "verify", **installation.environment))
    lost.start()
    await threaded(cluster.wait_complete)


async def test_quorum_mode(installation: Installation) -> None:
    """No acknowledged revocation is lost, but the guarantee is not claimed, not even with one standby."""
    cluster = installation.cluster
    await threaded(cluster.wait_complete)
    await threaded(cluster.configure, "synchronous_mode=quorum")
    await threaded(wait, lambda: len(cluster.confirming()) == 2, "a quorum of two standbys")
    async with sockets(installation, "alice") as kept, sockets(installation, "frank") as ended:
        assert not await threaded(installation.across_failover)
        await threaded(installation.revoke, "frank")
        assert [await closed(one) for one in ended] == [3000, 3000]
        old = await threaded(lambda: cluster.primary)
        old.kill()
        await threaded(wait, lambda: cluster.primary is not old, "the promotion")
        for one in kept:
            await ask(one)
        await refused(installation, "frank")
        await threaded(lambda: cluster.synchronous)  # Patroni names it alone: ANY 1 (it)
        assert not await threaded(installation.across_failover)
    old.start()
    await threaded(cluster.wait_complete)
    await threaded(cluster.configure, "synchronous_mode=true")
    await threaded(wait, installation.across_failover, "the guarantee")
