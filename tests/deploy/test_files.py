"""The deployment files fit the commands, the routes and each other."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stormdoor import health_routes
from stormdoor.cli.app import app
from stormdoor.config.check import check_file
from tests.deploy.files import (
    COMPOSE,
    DEPLOY,
    ENVIRONMENT,
    UNIT,
    commands,
    object_of,
    option,
    unit_settings,
)

TRAIL_SECONDS = 10
"""Time that the supervisor gives a worker beyond the drain."""
COMMANDS = commands()


def test_there_are_commands() -> None:
    """Each way to deploy serves, and those with PostgreSQL migrate."""
    served = {place for place, words in COMMANDS.items() if words[0] == "serve"}
    assert served == {
        "systemd",
        "Dockerfile",
        "compose door1",
        "compose door2",
        "kubernetes Deployment",
    }
    migrated = {place for place, words in COMMANDS.items() if words[0] == "migrate"}
    assert migrated == {"compose migrate", "kubernetes Job"}


@pytest.mark.parametrize("place", COMMANDS)
def test_the_commands_accept_every_option(place: str) -> None:
    """Each command has only options that exist, with values of their types."""
    command, bound, _ = app.parse_args(COMMANDS[place], exit_on_error=False, print_error=False)
    assert command is not None
    assert bound.arguments


def test_an_unknown_option_would_be_found() -> None:
    """The check above rejects an option that no command has."""
    with pytest.raises(Exception, match="--worker"):
        app.parse_args(
            ["serve", "app:make", "--worker", "2"], exit_on_error=False, print_error=False
        )


def _drain(words: list[str]) -> float:
    return float(option(words, "--drain-seconds")) + float(option(words, "--unready-seconds"))


def test_each_orchestrator_waits_for_the_drain() -> None:
    """No orchestrator kills a server before it has drained and written its trail."""
    [stop] = unit_settings("TimeoutStopSec")
    assert float(stop) > _drain(COMMANDS["systemd"]) + TRAIL_SECONDS
    grace = float(COMPOSE["services"]["door1"]["stop_grace_period"].removesuffix("s"))
    assert grace > _drain(COMMANDS["compose door1"]) + TRAIL_SECONDS
    pod = object_of("Deployment")["spec"]["template"]["spec"]
    before = float(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = before + _drain(COMMANDS["kubernetes Deployment"])
    assert pod["terminationGracePeriodSeconds"] > drain + TRAIL_SECONDS


def test_each_balancer_has_time_to_notice() -> None:
    """A server accepts clients for longer than a probe needs to say that it is not ready."""
    assert float(option(COMMANDS["systemd"], "--unready-seconds")) > 0
    pod = object_of("Deployment")["spec"]["template"]["spec"]["containers"][0]
    ready = pod["readinessProbe"]
    seconds = ready["periodSeconds"] * ready["failureThreshold"]
    assert float(pod["lifecycle"]["preStop"]["exec"]["command"][1]) > seconds


def _paths() -> dict[str, str]:
    parameters = inspect.signature(health_routes).parameters
    return {name: parameters[name].default for name in ("alive", "ready")}


def test_probes_ask_the_routes() -> None:
    """The probes ask the paths of `health_routes`, on the port of the server."""
    paths = _paths()
    pod = object_of("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert pod["livenessProbe"]["httpGet"]["path"] == paths["alive"]
    for probe in ("readinessProbe", "startupProbe"):
        assert pod[probe]["httpGet"]["path"] == paths["ready"]
    [port] = pod["ports"]
    assert str(port["containerPort"]) == option(COMMANDS["kubernetes Deployment"], "--port")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        assert pod[probe]["httpGet"]["port"] == port["name"]
    assert object_of("Service")["spec"]["ports"][0]["targetPort"] == port["name"]
    check = " ".join(COMPOSE["services"]["door1"]["healthcheck"]["test"])
    served = option(COMMANDS["compose door1"], "--port")
    assert f"http://127.0.0.1:{served}{paths['ready']}" in check
    assert "health_routes(guard)" in (DEPLOY / "app.py").read_text()


def test_kubernetes_objects_select_the_pods() -> None:
    """Service, disruption budget and spread select the pods of the Deployment, and none goes away early."""
    spec = object_of("Deployment")["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert object_of("Service")["spec"]["selector"] == labels
    budget = object_of("PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"] == labels
    assert budget["maxUnavailable"] < spec["replicas"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    for spread in spec["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels


def test_kubernetes_mounts_exist() -> None:
    """Each mount has its volume, and the files of the configuration are in one of them."""
    pod = object_of("Deployment")["spec"]["template"]["spec"]
    mounts = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    assert set(mounts) == {one["name"] for one in pod["volumes"]}
    environment = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert environment["STORMDOOR_CONFIG"] == f"{mounts['configuration']}/stormdoor.toml"
    assert mounts["secrets"] in object_of("ConfigMap")["data"]["stormdoor.toml"]


def _configurations() -> dict[str, str]:
    return {
        "stormdoor.toml": (DEPLOY / "stormdoor.toml").read_text(),
        "kubernetes": object_of("ConfigMap")["data"]["stormdoor.toml"],
    }


@pytest.mark.parametrize("name", _configurations())
def test_configurations_are_right(name: str, tmp_path: Path) -> None:
    """`stormdoor check` finds nothing; the example on this machine has its origin on this machine."""
    path = tmp_path / "stormdoor.toml"
    path.write_text(_configurations()[name])
    path.chmod(0o600)
    found = [one for one in check_file(path, secrets=False) if one.id != "local-origin"]
    assert not found, found
    variable = tomllib.loads(path.read_text())["store"]["env"]
    assert variable in ENVIRONMENT
    assert variable in COMPOSE["services"]["door1"]["environment"]


def test_compose_and_nginx_agree() -> None:
    """Nginx passes to the servers, terminates TLS, and is a trusted proxy; only loopback is published."""
    text = (DEPLOY / "compose" / "nginx.conf").read_text()
    services: dict[str, Any] = COMPOSE["services"]
    for name in ("door1", "door2"):
        address = services[name]["networks"]["default"]["ipv4_address"]
        assert f"server {address}:{option(COMMANDS[f'compose {name}'], '--port')} " in text
    assert "X-Forwarded-Proto $scheme" in text
    assert "X-Forwarded-For $remote_addr" in text
    [subnet] = COMPOSE["networks"]["default"]["ipam"]["config"]
    settings = tomllib.loads(_configurations()["stormdoor.toml"])
    assert subnet["subnet"] in settings["trusted_proxies"]
    [published] = [port for one in services.values() for port in one.get("ports", ())]
    assert published.startswith("127.0.0.1:")
    port = published.rpartition(":")[2]
    assert f"listen {port} ssl" in text
    assert settings["origins"] == [f"https://localhost:{port}"]


def test_the_image_has_what_the_files_name() -> None:
    """The image has the application, its configuration, and the extra for PostgreSQL."""
    text = (DEPLOY / "Dockerfile").read_text()
    for name in re.findall(r"deploy/(\S+)", text.partition("FROM")[2]):
        assert (DEPLOY / name).exists()
    assert "[postgres" in text
    assert re.search(r"^USER 65532", text, re.MULTILINE)


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """Systemd knows each setting of the unit, and its program exists."""
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    program = str(Path(sys.executable).with_name("stormdoor"))
    text = UNIT.read_text()
    assert "/srv/%i/.venv/bin/stormdoor" in text
    unit.write_text(text.replace("/srv/%i/.venv/bin/stormdoor", program))
    done = subprocess.run(
        [verify, "verify", unit.with_name("stormdoor@chat.service")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "stormdoor@" in line]
    assert (done.returncode, said) == (0, []), done.stderr
    unit.write_text(text.replace("KillMode=mixed", "KillMode=mixt"))
    wrong = subprocess.run(
        [verify, "verify", unit.with_name("stormdoor@chat.service")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "kill mode" in wrong.stderr


def test_systemd_confines_the_service(tmp_path: Path) -> None:
    """The service has at most the exposure 2 of 10 of `systemd-analyze security`, which counts its rights."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "stormdoor@chat.service"
    results = []
    for text in (UNIT.read_text(), UNIT.read_text().replace("CapabilityBoundingSet=\n", "")):
        unit.write_text(text)
        done = subprocess.run(
            [program, "security", "--offline=true", "--threshold=20", "--no-pager", unit],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        results.append((done.returncode, done.stdout + done.stderr))
    (right, said), (wrong, _) = results
    assert right == 0, said
    assert wrong != 0
