"""Podman, with images made on this machine: no registry of images is asked."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import resource
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.installing import NotInstalledError, made_once, missing, run
from tests.support.postgresql import Missing, binaries
from tests.support.project import ROOT

__all__ = ["STAND_INS", "Engine", "engine"]

STAND_INS = Path(__file__).with_name("images")
_PATIENCE = 300.0  # seconds; only a failure takes that long
_PYTHON_PACKAGES = "base-files,ca-certificates,coreutils,dash,libc-bin,python3,python3-pip"
# crun refuses cgroups that are half version 1 and half version 2.
_SERVICE = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
_FROM_HOST = ("PIP_INDEX_URL", "PIP_CERT")


@dataclass(frozen=True, slots=True)
class Engine:
    """A service of Podman with storage of its own.

    Attributes:
        address: The URL of its API, which is also that of Docker.
        command: Podman in the namespaces of the service, with its storage. The output of a quick command that
            the API starts is sometimes lost.
    """

    address: str
    command: Sequence[str | Path]

    def podman(self, *words: str | Path, typed: bytes = b"", code: int | None = 0) -> str:
        """Run a command of Podman, which must end with a status; None for any. Its output."""
        return _done([*map(str, (*self.command, *words))], {}, typed, code)

    def compose(
        self, files: list[Path], *words: str, typed: bytes = b"", **environment: str
    ) -> str:
        """Run a command of Docker Compose. Its output."""
        named = [word for file in files for word in ("--file", str(file))]
        variables = {"DOCKER_HOST": self.address, "DOCKER_BUILDKIT": "0", **environment}
        return _done(["docker-compose", *named, *words], variables, typed, 0)

    def log(self, name: str) -> str:
        """Return all output of a container, for a failure."""
        words = [*map(str, self.command), "logs", name]
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_PATIENCE, check=False
        )
        return done.stdout.decode()[-4000:]

    def inspect(self, name: str) -> dict[str, Any]:
        """Return the facts about a container."""
        [facts] = json.loads(self.podman("inspect", name))
        assert isinstance(facts, dict)
        return facts

    def create_image(self, tag: str, archive: Path, *changes: str) -> None:
        """Make an image of the files in an archive."""
        words = [word for change in changes for word in ("--change", change)]
        self.podman("import", *words, archive, tag)


def _done(words: list[str], variables: dict[str, str], typed: bytes, code: int | None) -> str:
    done = subprocess.run(
        words,
        env={**os.environ, **variables},
        input=typed,
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert code in (None, done.returncode), (words, done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout.decode()


def _check_machine() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may start containers here")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    for program in (
        "podman",
        "crun",
        "nft",
        "catatonit",
        "docker-compose",
        "mmdebstrap",
        "nginx",
        "openssl",
    ):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")


def _bootstrap(folder: Path) -> None:
    """Make the files of an image with Debian's Python, in which pip installs as in `python:3.13-slim`."""
    folder.mkdir()
    hooks = [
        'ln -s python3 "$1/usr/bin/python"',
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        'mkdir -p "$1/etc/ssl/certs" && cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"',
    ]
    run(
        [
            *("mmdebstrap", "--quiet", "--variant=extract", f"--include={_PYTHON_PACKAGES}"),
            *(f"--extract-hook={hook}" for hook in hooks),
            platform.freedesktop_os_release()["VERSION_CODENAME"],
            str(folder / "python.tar"),
        ]
    )


def _write_stand_in(path: Path, script: str) -> None:
    """Write an archive with a script to start; the programs are in /usr of this machine, mounted there."""
    with tarfile.open(path, "w") as archive:

        def add(name: str, content: bytes | None = None, mode: int = 0o755) -> None:
            one = tarfile.TarInfo(name)
            one.mode, one.type = mode, tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            one.size = len(content or b"")
            archive.addfile(one, io.BytesIO(content or b""))

        for name in ("usr", "etc", "etc/nginx", "etc/nginx/conf.d", "var", "var/lib", "run"):
            add(name)
        for name in ("tmp", "var/lib/nginx", "var/log", "var/log/nginx"):
            add(name, mode=0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(link)
        users = "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
        add("etc/passwd", users.encode(), 0o644)
        add("etc/group", b"root:x:0:\npostgres:x:999:\nnogroup:x:65534:\n", 0o644)
        add("etc/nginx/nginx.conf", (STAND_INS / "nginx.conf").read_bytes(), 0o644)
        add("start", (STAND_INS / script).read_bytes())


def _create_images(service: Engine, folder: Path) -> None:
    """Make an image for each name that the deployment files download."""
    try:
        base = made_once(
            ROOT / "build" / f"image-{platform.freedesktop_os_release()['VERSION_CODENAME']}",
            _bootstrap,
        )
        programs = binaries().folder
    except (NotInstalledError, Missing) as reason:
        missing(str(reason))
    told = [f"ENV {name}={os.environ[name]}" for name in _FROM_HOST if name in os.environ]
    service.create_image("docker.io/library/python:3.13-slim", base / "python.tar", *told)
    start = (
        'ENTRYPOINT ["/start"]',
        f"ENV PATH={programs}:/usr/sbin:/usr/bin",
        "ENV LC_ALL=C.UTF-8",
    )
    for name, script, stop in (
        ("postgres:18", "database.sh", "SIGINT"),
        ("nginx:1.29-alpine", "proxy.sh", "SIGQUIT"),
    ):
        archive = folder / f"{script}.tar"
        _write_stand_in(archive, script)
        service.create_image(f"docker.io/library/{name}", archive, *start, f"STOPSIGNAL {stop}")


def _check_health(service: Engine, ended: threading.Event) -> None:
    """Run the health checks every two seconds: the timers for them need systemd."""
    while not ended.wait(2.0):
        for name in service.podman("ps", "--quiet", code=None).split():
            service.podman("healthcheck", "run", name, code=None)


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Start Podman with the images that the deployment files name. Skips where it cannot run.

    Args:
        folder: For its storage.
    """
    _check_machine()
    limits = [
        f'"{name}={resource.getrlimit(number)[1]}:{resource.getrlimit(number)[1]}"'
        for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
    ]
    (folder / "containers.conf").write_text(
        f"[containers]\ndefault_ulimits = [{', '.join(limits)}]\n"
    )
    address = f"unix://{folder}/podman.sock"
    storage: list[str | Path] = ["podman", "--root", folder / "root", "--runroot", folder / "run"]
    storage += ["--network-config-dir", folder / "networks", "--cgroup-manager", "cgroupfs"]
    settings = {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
    }
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (folder / "podman.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(*apart, "sh", "-c", _SERVICE, "sh"),
                *(*storage, "system", "service", "--time", "0", address),
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, **settings},
        )
    ended = threading.Event()
    service = Engine(address, ())
    checks: threading.Thread | None = None
    try:
        deadline = time.monotonic() + 60
        while not (folder / "podman.sock").exists():
            assert process.poll() is None, (folder / "podman.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        [first] = psutil.Process(process.pid).children()
        enter = ["nsenter", "--target", str(first.pid), "--mount", "--pid", "env"]
        enter += [f"{name}={value}" for name, value in settings.items()]
        service = Engine(address, (*enter, *storage))
        _create_images(service, folder)
        checks = threading.Thread(target=_check_health, args=(service, ended))
        checks.start()
        yield service
    finally:
        ended.set()
        if checks is not None:
            checks.join()
            service.podman("pod", "rm", "--force", "--all", "--time", "0")
            service.podman("rm", "--force", "--all", "--volumes", "--time", "0")
            service.podman("network", "prune", "--force")
        process.kill()  # and with its namespace, all that it has started
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
