"""A systemd of its own: the manager as process 1 in namespaces, on a copy-on-write view of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.installing import missing

__all__ = ["Booted", "booted"]

_SYSTEMD = Path("/usr/lib/systemd/systemd")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TARGETS = ("basic", "multi-user", "network-online", "shutdown", "start", "sysinit")
# Changes go to memory. systemd reads no unit of this machine, and starts none of its services.
_BOOT = f"""
set -eu
cd "$1"
mount --make-rprivate /
mount -t tmpfs tmpfs changes
mkdir changes/upper changes/work
mount -t overlay -o lowerdir=/,upperdir=changes/upper,workdir=changes/work overlay root
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
mount -t cgroup2 cgroup root/sys/fs/cgroup
mount --rbind /dev root/dev
mount -t tmpfs tmpfs root/run
mount -t tmpfs tmpfs root/tmp
mkdir -p root/run/targets root/srv/files
mount --bind files root/srv/files
for name in {" ".join(_TARGETS)}; do
  printf '[Unit]\\nDefaultDependencies=no\\n' >root/run/targets/$name.target
done
exec env -i PATH={_PATH} container=namespaces SYSTEMD_UNIT_PATH=/run/targets:/etc/systemd/system \\
  chroot root {_SYSTEMD} --system --unit=start.target --show-status=no --log-target=console
"""


@dataclass(frozen=True, slots=True)
class Booted:
    """A running manager.

    Attributes:
        process: The process of systemd, as this machine sees it.
        files: A folder that the system sees as /srv/files.
    """

    process: int
    files: Path

    def run(self, script: str, code: int | None = 0) -> str:
        """Run a script of sh as root, which must end with a status; None for any. Its output."""
        enter = ["nsenter", "--target", str(self.process), "--all", "--root", "--wd"]
        done = subprocess.run(
            [*enter, "env", "-i", f"PATH={_PATH}", "sh", "-euc", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert code in (None, done.returncode), (script, done.stdout, done.stderr)
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run(f"systemctl show --value --property {name} {unit}").strip()


def _managers(process: subprocess.Popen[bytes]) -> list[int]:
    below = psutil.Process(process.pid).children()
    return [one.pid for one in below if one.name() == "systemd"]


@contextlib.contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """Boot systemd; end it with all that it has started. Skips where this machine does not allow it."""
    if os.geteuid() != 0:
        pytest.skip("only root may boot a system here")
    if not _SYSTEMD.exists():
        missing("systemd is not installed")
    unshare = [
        "unshare",
        "--mount",
        "--pid",
        "--cgroup",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child",
    ]
    if subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    for name in ("changes", "root", "files"):
        (folder / name).mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*unshare, "sh", "-c", _BOOT, "sh", folder],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := _managers(process)):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        system = Booted(found[0], folder / "files")
        while "running" not in system.run("systemctl is-system-running", code=None):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield system
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
