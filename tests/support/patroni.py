"""A PostgreSQL cluster that Patroni runs, with etcd, as real processes on loopback."""

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
from typing import Any, Self

import psutil
import yaml

from tests.support.ports import free_port
from tests.support.postgresql import Binaries, Missing

__all__ = ["Cluster", "Member", "programs"]

_PATIENCE = 240.0  # seconds; only a failure takes that long


def programs() -> None:
    """Check that Patroni and etcd are installed.

    Raises:
        Missing: One of them is not.
    """
    for name, package in {
        "patroni": "patroni",
        "patronictl": "patroni",
        "etcd": "etcd-server",
    }.items():
        if shutil.which(name) is None:
            raise Missing(f"{name} is not on PATH; install the package {package}")


def wait(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition is true.

    Raises:
        AssertionError: It does not become true.
    """
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


class Member:
    """One PostgreSQL server with the Patroni that runs it.

    Attributes:
        name: Its name, which is also that of its replication.
        port: The port of PostgreSQL.
    """

    def __init__(self, cluster: Cluster, name: str, configuration: dict[str, Any]) -> None:
        self._cluster = cluster
        self.name = name
        self.port, self._rest = free_port(), free_port()
        self.home = cluster.home / name
        self.home.mkdir()
        own = json.loads(json.dumps(configuration))
        own["name"] = name
        own["restapi"] = {
            "listen": f"127.0.0.1:{self._rest}",
            "connect_address": f"127.0.0.1:{self._rest}",
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
        self._process = self._cluster.run(["patroni", str(self.file)], self.home / "log")

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

    def status(self) -> dict[str, Any]:
        """What its Patroni reports; nothing if it does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._rest}/patroni", timeout=5
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
        count: How many members there are.

    Attributes:
        home: The folder of all its files.
        members: The members by their names.
    """

    def __init__(self, binaries: Binaries, configuration: dict[str, Any], count: int = 3) -> None:
        programs()
        self.binaries = binaries
        self.home = Path(tempfile.mkdtemp(prefix="stormdoor-patroni-"))
        self.home.chmod(0o711)
        self._etcd_home = self.home / "etcd"
        self._etcd_home.mkdir(mode=0o700)
        binaries.own(self._etcd_home)
        self.etcd_port = free_port()
        self.password = secrets.token_hex(8)
        users = configuration["postgresql"]["authentication"]
        users["superuser"]["password"] = self.password
        self._superuser = users["superuser"]["username"]
        self._started: list[subprocess.Popen[bytes]] = []
        self.members = {
            name: Member(self, name, configuration)
            for name in (f"db{n}" for n in range(1, count + 1))
        }

    def run(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a program as the user of PostgreSQL. It ends with this process at the latest."""
        prefix = ["setpriv", "--pdeathsig", "KILL"]
        if self.binaries.user is not None:
            entry = pwd.getpwnam(self.binaries.user)
            prefix += [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        with log.open("ab") as file:
            process = subprocess.Popen(
                [*prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd="/",
                env={
                    "PATH": f"{self.binaries.folder}:/usr/bin:/bin:/usr/local/bin",
                    "LC_ALL": "C.UTF-8",
                    "HOME": str(self.home),
                },
            )
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
        for member in self.members.values():
            member.kill_postgresql()
        shutil.rmtree(self.home, ignore_errors=True)

    def _start(self) -> None:
        peer, client = free_port(), f"http://127.0.0.1:{self.etcd_port}"
        own = f"http://127.0.0.1:{peer}"
        self.run(
            [
                *("etcd", "--name", "etcd1", "--data-dir", str(self._etcd_home)),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", own, "--initial-advertise-peer-urls", own),
                *("--initial-cluster", f"etcd1={own}", "--unsafe-no-fsync"),
            ],
            self.home / "etcd.log",
        )
        first, *others = self.members.values()
        first.start()
        wait(lambda: first.status().get("role") == "primary", "the first member is the primary")
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

    @property
    def primary(self) -> Member:
        """The member that is the primary."""
        found = [one for one in self.members.values() if one.status().get("role") == "primary"]
        assert len(found) == 1, [(one.name, one.status()) for one in self.members.values()]
        return found[0]

    def confirming(self) -> list[Member]:
        """The standbys that confirm commits now; none while Patroni chooses another one."""
        states = self.primary.status().get("replication", [])
        return [
            self.members[one["application_name"]] for one in states if one["sync_state"] == "sync"
        ]

    @property
    def synchronous(self) -> Member:
        """The standby that confirms commits."""
        [found] = self.confirming()
        return found

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

    def hosts(self) -> str:
        """The hosts and ports of all members, as a URL names them."""
        return ",".join(f"127.0.0.1:{one.port}" for one in self.members.values())

    def administrator(self, member: Member, database: str = "postgres") -> str:
        """Return the URL of the administrator on one member."""
        return f"postgresql://{self._superuser}:{self.password}@127.0.0.1:{member.port}/{database}"
