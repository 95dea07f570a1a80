"""The systemd unit runs under systemd, installed by the commands of the how-to page."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit

import pytest

from tests.deploy.booted import Booted, booted
from tests.deploy.files import ENVIRONMENT, unit_settings
from tests.deploy.running import close_code, close_streams, open_socket
from tests.support.installing import NotInstalledError, missing, run, uv
from tests.support.ports import free_port
from tests.support.project import ROOT

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.xdist_group("systemd")]

_UNIT = "stormdoor@chat"
_PYTHON = Path("/usr/bin/python3")
_PAGE = (ROOT / "docs/how-to/several-processes.md").read_text()
_SECTION = _PAGE.partition("### Under systemd")[2]
_INSTALL, _COMMAND = re.findall(r"^```sh\n(.*?)^```", _SECTION, re.MULTILINE | re.DOTALL)
# In place of the two commands that install from a package index.
_VENV = "cp --recursive /srv/files/venv /srv/chat/.venv"
_PORT = free_port()


def _stormdoor(system: Booted, command: str) -> str:
    """Run a command of stormdoor as the page says. Its output."""
    assert "stormdoor nodes" in _COMMAND
    return system.run(_COMMAND.replace("stormdoor nodes", f"stormdoor {command}"))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A system on which the commands of the page have run."""
    if not _PYTHON.exists():
        missing("there is no python3 in /usr/bin, which the unit can see")
    with booted(tmp_path_factory.mktemp("system")) as one:
        home = one.files / "venv"
        try:
            run(uv("venv", "--quiet", "--relocatable", "--python", _PYTHON, home))
            run(
                uv(
                    "pip",
                    "install",
                    "--quiet",
                    "--python",
                    home / "bin" / "python",
                    f"{ROOT}[uvloop]",
                )
            )
        except NotInstalledError as reason:
            missing(str(reason))
        shutil.copytree(ROOT / "deploy", one.files / "deploy")
        environment = one.files / "deploy" / "systemd" / "example.env"
        text = environment.read_text().replace(f"PORT={ENVIRONMENT['PORT']}", f"PORT={_PORT}")
        environment.write_text(text)
        script, count = re.subn(
            r"^python3 -m venv .*\n.* install .*\n", f"{_VENV}\n", _INSTALL, flags=re.MULTILINE
        )
        assert count == 1
        # This machine may allow fewer open files, and the system has no journal.
        files = min(int(unit_settings("LimitNOFILE")[0]), getrlimit(RLIMIT_NOFILE)[1])
        output = "StandardOutput=append:/run/chat.log\nStandardError=inherit"
        (one.files / "here.conf").write_text(f"[Service]\nLimitNOFILE={files}\n{output}\n")
        one.run(
            "cd /srv/files; install -D --mode 644 here.conf"
            f" /etc/systemd/system/stormdoor@.service.d/here.conf\n{script}"
        )
        yield one


@pytest.fixture
def service(system: Booted) -> Booted:
    """The system, with the service started."""
    system.run(f"systemctl start {_UNIT}")
    return system


def _member(system: Booted, name: str) -> str:
    _stormdoor(system, f"principals add {name} --role member --no-password")
    return _stormdoor(system, f"keys issue {name} --name test --scope '*' --quiet").strip()


def test_the_service_is_active_when_it_serves(service: Booted) -> None:
    """`systemctl start` returns when all workers serve, with the user and the folder of the unit."""
    assert service.show(_UNIT, "ActiveState") == "active"
    assert service.show(_UNIT, "User") == "stormdoor"
    log = service.run("cat /run/chat.log")
    assert log.count(" serves (process") == int(ENVIRONMENT["WORKERS"])
    kept = service.run(
        "stat --format '%U %a' /var/lib/stormdoor/chat /var/lib/stormdoor/chat/door.db"
    )
    assert kept.split("\n")[:2] == ["stormdoor 700", "stormdoor 600"]
    assert "sockets" in _stormdoor(service, "nodes")


async def test_a_reload_replaces_the_workers(service: Booted) -> None:
    """`systemctl reload` closes sockets with 1012; the service goes on with the same main process."""
    client, node = await open_socket(f"ws://127.0.0.1:{_PORT}/chat", _member(service, "alice"))
    before = service.show(_UNIT, "MainPID")
    service.run(f"systemctl reload {_UNIT}")
    assert await close_code(client) == 1012
    other, name = await open_socket(f"ws://127.0.0.1:{_PORT}/chat", _member(service, "bob"))
    assert name != node
    close_streams([other])
    assert service.show(_UNIT, "MainPID") == before
    assert service.show(_UNIT, "ActiveState") == "active"


def _wait_for(system: Booted, name: str, value: str) -> None:
    deadline = time.monotonic() + 120
    while system.show(_UNIT, name) != value:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_service_that_dies_is_started_again(service: Booted) -> None:
    """If the supervisor is killed, systemd kills its workers and starts the service again."""
    before = service.show(_UNIT, "MainPID")
    service.run(f"kill -KILL {before}")
    _wait_for(service, "NRestarts", "1")
    _wait_for(service, "ActiveState", "active")
    assert service.show(_UNIT, "MainPID") != before
    assert "The trail is whole" in _stormdoor(service, "trail verify")


async def test_a_stop_drains(service: Booted) -> None:
    """`systemctl stop` closes sockets with 1012; the service ends with status 0 and leaves no process."""
    client, _ = await open_socket(f"ws://127.0.0.1:{_PORT}/chat", _member(service, "carol"))
    service.run(f"systemctl stop {_UNIT}")
    assert await close_code(client) == 1012
    assert service.show(_UNIT, "Result") == "success"
    assert service.show(_UNIT, "ExecMainStatus") == "0"
    assert not service.run("find /proc -maxdepth 1 -user stormdoor")


def test_a_wrong_configuration_is_not_tried_again(system: Booted) -> None:
    """A service that is configured wrongly fails once."""
    system.run(f"systemctl stop {_UNIT}; echo 'nonsense = 1' >> /etc/stormdoor/chat.toml")
    system.run(f"systemctl start {_UNIT}", code=1)
    time.sleep(float(unit_settings("RestartSec")[0]) * 2)
    assert system.show(_UNIT, "ActiveState") == "failed"
    assert system.show(_UNIT, "NRestarts") == "0"
    assert "there is no option 'nonsense'" in system.run("tail -1 /run/chat.log")
