"""A PostgreSQL cluster that Patroni runs, with etcd and HAProxy, as real processes on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import yaml

from tests.support import watchdog
from tests.support.ports import free_port
from tests.support.postgresql import Binaries, Missing

__all__ = ["Cluster", "Member", "programs", "wait"]

T = TypeVar("T")

_PATIENCE = 240.0  # seconds; only a failure takes that long
_MEMORY = Path("/dev/shm")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"  # Debian has haproxy there
_NEEDED = 2 * 1024**3  # bytes


def programs() -> None:
    """Check that Patroni, etcd and HAProxy are installed.

    Raises:
        Missing: One of them is not.
    """
    for name, package in {
        "patroni": "patroni",
        "patronictl": "patroni",
        "etcd": "etcd-server",
        "haproxy": "haproxy",
    }.items():
        if shutil.which(name, path=_PATH) is None:
            raise Missing(f"{name} is not on PATH; install the package {package}")


def wait(job: Callable[[], T], what: str) -> T:
    """Repeat a job until its result is true, and return that. An AssertionError of the job is no result.

    Raises:
        AssertionError: The result does not become true.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            last: object = None
            if last := job():
                return last
        except AssertionError as error:
            last = error
        assert time.monotonic() < deadline, f"not in time: {what}: {last}"
        time.sleep(0.2)


def _folder() -> Path:
    """Return a new folder, in memory if there is room: each commit waits for the disks of two servers."""
    try:
        room = shutil.disk_usage(_MEMORY).free > _NEEDED
    except OSError:
        room = False
    made = Path(tempfile.mkdtemp(prefix="stormdoor-patroni-", dir=_MEMORY if room else None))
    made.chmod(0o711)
    watchdog.watch(made)  # a server ends when its folder is deleted
    return made


def _only(members: list[Member]) -> Member:
    assert len(members) == 1, [one.name for one in members]
    return members[0]


class Member:
    """One PostgreSQL server with the Patroni that runs it.

    Attributes:
        name: Its name, which is also that of its replication.
        port: The port of PostgreSQL.
        rest: The port of Patroni.
    """

    def __init__(self, cluster: Cluster, name: str, configuration: dict[str, Any]) -> None:
        self._cluster = cluster
        self.name = name
        self.port, self.rest = free_port(), free_port()
        self.home = cluster.home / name
        self.home.mkdir()
        own = json.loads(json.dumps(configuration))
        own["name"] = name
        own["restapi"] |= {
            "listen": f"127.0.0.1:{self.rest}",
            "connect_address": f"127.0.0.1:{self.rest}",
        }
        own["etcd3"]["hosts"] = [f"127.0.0.1:{cluster.etcd_port}"]
        own["postgresql"] |= {
            "listen": f"127.0.0.1:{self.port}",
            "connect_address": f"127.0.0.1:{self.port}",
            "bin_dir": str(cluster.binaries.folder),
            "data_dir": str(self.data),
            "pgpass": str(self.home / "pgpass"),
            # No socket: the folder of Debian's sockets is not this test's.
            "parameters": {"unix_socket_directories": ""},
        }
        self.file = self.home / "patroni.yaml"
        self.file.write_text(yaml.safe_dump(own))
        cluster.binaries.own(self.home)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.home / "data"

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        self._process = self._cluster.run(f"{self.name}.log", "patroni", str(self.file))

    def postmaster(self) -> int | None:
        """The main process of its PostgreSQL; None if none runs."""
        try:
            number = int((self.data / "postmaster.pid").read_text().split()[0])
            return number if psutil.Process(number).status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None

    def kill_postgresql(self) -> None:
        """Kill PostgreSQL and its processes, as a crash does. Patroni goes on."""
        if (number := self.postmaster()) is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(number)
            for each in [main, *main.children()]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    def kill_patroni(self) -> None:
        """Kill Patroni alone: PostgreSQL goes on as it was."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop_postgresql(self) -> None:
        """Stop each process of PostgreSQL with SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def continue_postgresql(self) -> None:
        """Continue them."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = self.postmaster()
        assert pid is not None
        main = psutil.Process(pid)
        for each in [main, *main.children()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def kill(self) -> None:
        """Kill both, as the loss of the machine does."""
        self.kill_patroni()
        self.kill_postgresql()

    def is_primary(self) -> bool:
        """Whether its Patroni says that it is the primary."""
        return self.status().get("role") == "primary"

    def status(self) -> dict[str, Any]:
        """What its Patroni reports; nothing if it does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.rest}/patroni", timeout=5
            ) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except (OSError, ValueError):
            return {}


class Cluster:
    """Patroni's cluster with one etcd server.

    Args:
        binaries: The version of PostgreSQL.
        configuration: The configuration of a member, as in `deploy/patroni/db1.yaml`.
        proxy: The configuration of HAProxy, as in `deploy/patroni/haproxy.cfg`.
        logs: Gets the logs of all processes at the end.

    Attributes:
        home: The folder of all its files.
        members: The members by their names.
        proxy_port: The port of HAProxy, which leads to the primary.
    """

    def __init__(
        self, binaries: Binaries, configuration: dict[str, Any], proxy: str, logs: Path
    ) -> None:
        programs()
        self.binaries = binaries
        self._logs = logs
        self.home = _folder()
        self._etcd_home = self.home / "etcd"
        self._etcd_home.mkdir(mode=0o700)
        binaries.own(self._etcd_home)
        self.etcd_port = free_port()
        self.password = secrets.token_hex(8)
        users = configuration["postgresql"]["authentication"]
        users["superuser"]["password"] = self.password
        self._superuser = users["superuser"]["username"]
        self._started: list[subprocess.Popen[bytes]] = []
        self.members = {name: Member(self, name, configuration) for name in ("db1", "db2", "db3")}
        self.proxy_port = free_port()
        proxy = proxy.replace("*:5432", f"127.0.0.1:{self.proxy_port}")
        for one in self.members.values():
            proxy = proxy.replace(
                f"{one.name}.example:5432 check port 8008",
                f"127.0.0.1:{one.port} check port {one.rest}",
            )
        self._proxy = self.home / "haproxy.cfg"
        self._proxy.write_text(proxy)

    def run(self, log: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a program as the user of PostgreSQL. It ends with this process at the latest."""
        prefix = []
        if self.binaries.user is not None:
            entry = pwd.getpwnam(self.binaries.user)
            prefix = [
                "setpriv",
                f"--reuid={entry.pw_uid}",
                f"--regid={entry.pw_gid}",
                "--clear-groups",
            ]
        with (self.home / log).open("ab") as file:
            process = subprocess.Popen(
                [*prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd="/",
                env={
                    "PATH": f"{self.binaries.folder}:{_PATH}",
                    "LC_ALL": "C.UTF-8",
                    "HOME": str(self.home),
                },
            )
        watchdog.watch(process.pid)
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        try:
            self._start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        for member in self.members.values():
            member.kill()
        for process in self._started:
            process.kill()
            process.wait()
            watchdog.forget(process.pid)
        for member in self.members.values():
            member.kill_postgresql()
        self._logs.mkdir(exist_ok=True)
        for log in self.home.glob("*.log"):
            shutil.copy(log, self._logs)
        shutil.rmtree(self.home, ignore_errors=True)
        watchdog.forget(self.home)

    def _start(self) -> None:
        peer, client = free_port(), f"http://127.0.0.1:{self.etcd_port}"
        own = f"http://127.0.0.1:{peer}"
        self.run(
            "etcd.log",
            *("etcd", "--name", "etcd1", "--data-dir", str(self._etcd_home)),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", own, "--initial-advertise-peer-urls", own),
            *("--initial-cluster", f"etcd1={own}", "--unsafe-no-fsync"),
        )
        self.run("haproxy.log", "haproxy", "-db", "-f", str(self._proxy))
        first, *others = self.members.values()
        first.start()
        wait(first.is_primary, "the first member is the primary")
        for member in others:
            member.start()
        self.wait_complete()

    def wait_complete(self) -> None:
        """Wait until all members run, and one standby is the synchronous one."""
        wait(self._is_complete, "all members stream, and one is synchronous")

    def _is_complete(self) -> bool:
        states = [one.status() for one in self.members.values()]
        primary = [one for one in states if one.get("role") == "primary"]
        if len(primary) != 1 or any(one.get("state") != "running" for one in states):
            return False
        replication = primary[0].get("replication", [])
        streaming = {one["application_name"] for one in replication if one["state"] == "streaming"}
        synchronous = [one for one in replication if one["sync_state"] in ("sync", "quorum")]
        return len(streaming) == len(states) - 1 and bool(synchronous)

    def _primaries(self) -> list[Member]:
        return [one for one in self.members.values() if one.is_primary()]

    @property
    def primary(self) -> Member:
        """The member that is the primary, once there is exactly one."""
        return wait(lambda: _only(self._primaries()), "one primary")

    def confirming(self) -> list[Member]:
        """The standbys that confirm commits now; none while Patroni chooses another one."""
        states = [one.status().get("replication", []) for one in self._primaries()]
        return [
            self.members[one["application_name"]]
            for state in states
            for one in state
            if one["sync_state"] in ("sync", "quorum")
        ]

    @property
    def synchronous(self) -> Member:
        """The standby that confirms commits, once there is exactly one."""
        return wait(lambda: _only(self.confirming()), "one synchronous standby")

    def control(self, *words: str) -> str:
        """Run `patronictl` as an operator does; its output."""
        member = next(iter(self.members.values()))
        done = subprocess.run(
            ["patronictl", "-c", str(member.file), *words],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def configure(self, setting: str) -> None:
        """Change a setting of the cluster as an operator does, such as `loop_wait=5`."""
        self.control("edit-config", "--force", "--set", setting)

    def hosts(self) -> str:
        """The hosts and ports of all members, as a URL names them."""
        return ",".join(f"127.0.0.1:{one.port}" for one in self.members.values())

    def administrator(self, member: Member, database: str = "postgres") -> str:
        """Return the URL of the administrator on one member."""
        return f"postgresql://{self._superuser}:{self.password}@127.0.0.1:{member.port}/{database}"
