"""The source of the browser client, copied to where its tools may be installed."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.installing import check_mark, missing
from tests.support.project import ROOT

SOURCE = ROOT / "clients" / "js"


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of its tools; what it printed is in the result."""
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )


def checkout() -> Path:
    """The folder, with `npm ci` done. Without npm the test is skipped; in CI it fails.

    A test that asks for it is in the group `client`: the copy is made anew for each worker.
    """
    folder = ROOT / "build" / "client"
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm") or missing("npm is not on PATH")
    check_mark()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for one in SOURCE.iterdir():
            if one.name == "src":
                shutil.rmtree(folder / "src", ignore_errors=True)
                shutil.copytree(one, folder / "src")
            elif one.is_file():
                shutil.copy(one, folder)
        locked = (folder / "package-lock.json").read_bytes()
        installed = folder / "installed.json"
        if not (installed.exists() and installed.read_bytes() == locked):
            options = ["--ignore-scripts", "--no-audit", "--no-fund"]
            done = run([npm, "ci", *options], folder)
            if done.returncode:
                missing(f"npm ci failed: {done.stderr.strip()[-300:]}")
            installed.write_bytes(locked)
    return folder
