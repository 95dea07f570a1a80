"""The script that the package serves is what its source makes, small, and typed as it says."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.client.clients import SCRIPT
from tests.support.project import ROOT

SOURCE = ROOT / "clients" / "js"
MOST = 5_000
"""Bytes, compressed."""


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.fixture(scope="module")
def checkout() -> Path:
    """The source of the client with its tools; without npm a test is skipped, in CI it fails."""
    folder = ROOT / "build" / "client"
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    reason = "npm is not on PATH" if npm is None else ""
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
        if npm is not None and not (installed.exists() and installed.read_bytes() == locked):
            options = ["--ignore-scripts", "--no-audit", "--no-fund"]
            done = _run([npm, "ci", *options], folder)
            if done.returncode == 0:
                installed.write_bytes(locked)
            else:
                reason = f"npm ci failed: {done.stderr.strip()[-300:]}"
    if not reason:
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; CI must build the client")
    pytest.skip(reason)


def test_what_is_served_is_what_the_source_makes(checkout: Path) -> None:
    """If this fails: `cd clients/js && npm ci && npm run build`, and commit the copy."""
    done = _run(["npm", "run", "--silent", "build"], checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / "dist" / "stormdoor.js").read_bytes() == SCRIPT.read_bytes()


def test_the_types_hold(checkout: Path) -> None:
    """Commands, replies and events have the types that the application gives them."""
    done = _run(["npm", "run", "--silent", "types"], checkout)
    assert done.returncode == 0, done.stdout


def test_it_is_small_and_asks_for_nothing() -> None:
    """No dependency at run time, and less than a picture."""
    script = SCRIPT.read_bytes()
    assert len(gzip.compress(script, 9)) < MOST
    assert b"import" not in script.replace(b"export", b"")
