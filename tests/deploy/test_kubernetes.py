"""The pods of the Kubernetes manifests run in Podman; the tests do what the kubelet does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import shutil
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from tornado.websocket import WebSocketClientConnection

from tests.deploy.containers import Engine
from tests.deploy.files import DEPLOY, object_of
from tests.deploy.running import close_code, open_socket
from tests.support.certificates import Authority

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.xdist_group("containers")]

_POD = object_of("Deployment")["spec"]["template"]["spec"]
_CONTAINER = _POD["containers"][0]
_PASSWORDS = {"owner-password": "the owner's", "door-password": "the door's"}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of the Deployment.

    Attributes:
        engine: It runs the pod.
        name: The name of its container.
        address: Its IP address.
    """

    engine: Engine
    name: str
    address: str

    def probe(self, name: str) -> bool:
        """Ask as the kubelet does: the address of the pod, once."""
        asked = _CONTAINER[name]["httpGet"]
        [port] = [
            one["containerPort"] for one in _CONTAINER["ports"] if one["name"] == asked["port"]
        ]
        seconds = _CONTAINER[name].get("timeoutSeconds", 1)
        with contextlib.suppress(OSError):
            url = f"http://{self.address}:{port}{asked['path']}"
            with urllib.request.urlopen(url, timeout=seconds) as answer:
                return 200 <= answer.status < 400
        return False

    async def connect(self, key: str) -> WebSocketClientConnection:
        """A socket, as from the ingress."""
        told = (
            ("Host", "chat.example"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("X-Forwarded-Proto", "https"),
        )
        client, _ = await open_socket(f"ws://{self.address}:8888/chat", key, *told)
        return client


def _play(service: Engine, folder: Path, *objects: dict[str, Any]) -> None:
    file = folder / f"{secrets.token_hex(4)}.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    service.podman("kube", "play", "--network", "kube", file)


def _deployment(name: str) -> dict[str, Any]:
    """The Deployment under another name; Podman starts one pod of it.

    Podman asks probes with the curl of the image, which has none, and ends the container then.
    """
    made = yaml.safe_load(yaml.safe_dump(object_of("Deployment")))
    made["metadata"]["name"] = name
    for probe in ("livenessProbe", "startupProbe"):
        del made["spec"]["template"]["spec"]["containers"][0][probe]
    made["spec"]["replicas"] = 1
    assert isinstance(made, dict)
    return made


@pytest.fixture(scope="module")
def pods(service: Engine, context: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Pod]:
    """A database with TLS, the migration, and two pods that have passed their startup probe."""
    folder = tmp_path_factory.mktemp("kubernetes")
    authority = Authority(time.time())
    _, key = authority.issue("", x509.DNSName("database.example"), server=True).write(
        folder, "database"
    )
    shutil.chown(key, 999, 999)
    key.chmod(0o600)
    folder.chmod(0o755)
    image = _CONTAINER["image"]
    # With the same builder as the Compose file's tests, which find the layers in its cache then.
    file = context / "deploy/compose/compose.yaml"
    service.compose([file], "build", "door1", DATABASE_PASSWORD="-", DOOR_PASSWORD="-")
    service.podman("tag", "docker.io/library/stormdoor-door1", image)
    service.podman("network", "create", "kube")
    options = ["--network", "kube:alias=database.example", "--env", "POSTGRES_USER=owner"]
    options += ["--env", "POSTGRES_DB=stormdoor", "--volume", "/usr:/usr:ro"]
    options += ["--env", f"POSTGRES_PASSWORD={_PASSWORDS['owner-password']}"]
    options += ["--env", f"DOOR_PASSWORD={_PASSWORDS['door-password']}"]
    logins = DEPLOY / "compose" / "logins.sh"
    options += ["--volume", f"{logins}:/docker-entrypoint-initdb.d/logins.sh:ro"]
    options += ["--volume", f"{folder}:/tls:ro", "--name", "database", "--detach"]
    tls = ["-c", "ssl=on", "-c", "ssl_cert_file=/tls/database.pem"]
    service.podman(
        "run",
        *options,
        "docker.io/library/postgres:18",
        *tls,
        "-c",
        "ssl_key_file=/tls/database.key",
    )
    kept = {**_PASSWORDS, "database-ca": authority.pem, "trail-key": secrets.token_hex(32)}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "stormdoor"},
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in kept.items()},
    }
    ready = ("exec", "database", "pg_isready", "--host", "127.0.0.1")
    _wait(lambda: "accepting" in service.podman(*ready, code=None))
    _play(service, folder, secret, object_of("Job"))
    migration = "stormdoor-migrate-pod-migrate"
    _wait(lambda: service.inspect(migration)["State"]["Status"] == "exited")
    state = service.inspect(migration)["State"]
    assert state["ExitCode"] == 0, service.log(migration)
    started = []
    for name in ("first", "second"):
        _play(service, folder, object_of("ConfigMap"), _deployment(name))
        infra = service.podman("pod", "inspect", f"{name}-pod", "--format", "{{.InfraContainerID}}")
        [network] = service.inspect(infra.strip())["NetworkSettings"]["Networks"].values()
        started.append(Pod(service, f"{name}-pod-door", network["IPAddress"]))
    startup = _CONTAINER["startupProbe"]
    seconds = startup["periodSeconds"] * startup["failureThreshold"]
    for pod in started:
        _wait(lambda pod=pod: pod.probe("startupProbe"), seconds)
    return started


def _wait(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _member(pod: Pod, name: str) -> tuple[str, str]:
    """Add an account that no earlier attempt has added. Its name and its key."""
    name = f"{name}-{secrets.token_hex(4)}"
    run = ("exec", pod.name, "stormdoor")
    pod.engine.podman(*run, "principals", "add", name, "--role", "member", "--no-password")
    issue = ("keys", "issue", name, "--name", "test", "--scope", "*", "--quiet")
    return name, pod.engine.podman(*run, *issue).strip()


@pytest.mark.parametrize("name", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_the_probes_pass(name: str, pods: list[Pod]) -> None:
    """Each probe of a pod that serves passes, without a name of a host."""
    assert all(pod.probe(name) for pod in pods)


async def test_a_revocation_reaches_both_pods(pods: list[Pod]) -> None:
    """`revoke` in one pod closes the sockets of both; the pods share a database that they reach with TLS."""
    name, key = _member(pods[0], "alice")
    clients = [await pod.connect(key) for pod in pods]
    pods[0].engine.podman("exec", pods[0].name, "stormdoor", "revoke", "principal", name)
    assert [await close_code(client) for client in clients] == [3000, 3000]


def test_a_pod_has_few_rights(pods: list[Pod]) -> None:
    """A pod runs without root's rights, on a file system that it cannot write to."""
    facts = pods[0].engine.inspect(pods[0].name)
    assert facts["HostConfig"]["ReadonlyRootfs"]
    assert facts["Config"]["User"] == "65532"
    assert facts["EffectiveCaps"] in ([], None)
    write = ("exec", pods[0].name, "touch")
    pods[0].engine.podman(*write, "/app/x", code=1)
    pods[0].engine.podman(*write, "/tmp/x", code=0)


async def test_a_pod_ends_within_its_grace(pods: list[Pod]) -> None:
    """During preStop a pod takes clients; after SIGTERM it closes its sockets with 1012, and ends in time."""
    pod, other = pods
    keys = [_member(other, f"member{number}")[1] for number in range(5)]
    clients = [await pod.connect(key) for key in keys for _ in range(9)]
    begun = time.monotonic()
    hook = _CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    stopping = asyncio.create_task(
        asyncio.to_thread(pod.engine.podman, "exec", pod.name, *hook, code=0)
    )
    await asyncio.sleep(1)
    assert pod.probe("readinessProbe")
    clients.append(await pod.connect(keys[0]))
    await stopping
    left = _POD["terminationGracePeriodSeconds"] - (time.monotonic() - begun)
    await asyncio.to_thread(pod.engine.podman, "stop", "--time", str(int(left)), pod.name)
    assert time.monotonic() - begun < _POD["terminationGracePeriodSeconds"]
    assert not pod.probe("readinessProbe")
    assert {await close_code(client) for client in clients} == {1012}
    assert pod.engine.inspect(pod.name)["State"]["ExitCode"] == 0
    assert other.probe("readinessProbe")
