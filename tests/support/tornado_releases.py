"""The releases of Tornado that pyproject.toml allows, and an installation of each beside the usual one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT

__all__ = ["NEWEST", "RELEASES", "TRIED_IN_CI", "at", "installed"]

RELEASES = (
    *(
        "6.5",
        "6.5.1",
        "6.5.2",
        "6.5.3",
        "6.5.4",
        "6.5.5",
        "6.5.6",
        "6.5.7",
        "6.5.8",
        "6.5.9",
        "6.5.10",
    ),
    *("6.6", "6.6.1"),
)
"""All of them, oldest first: the one list that tests and `make test-matrix` read."""

NEWEST = RELEASES[-1]
"""The release that is locked, with which every test runs."""

TRIED_IN_CI = ("6.5", "6.5.3", "6.5.10")
"""Beside the newest. Up to 6.5.2 Tornado keeps headers in one way, up to 6.5.10 in another: the oldest
release stands for the first group, two for the second."""

_PATIENCE = 120.0  # only a failure takes that long


def installed(release: str) -> Path:
    """Return the folder that this release is installed in: made once, for all tests that run at a time.

    Where it cannot be had, the test is skipped; where CI=true, it fails.
    """
    folder = (
        ROOT / "build" / "tornado" / f"{release}-py{sys.version_info.major}{sys.version_info.minor}"
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    command += ["--no-deps", "--only-binary=:all:", f"tornado=={release}"]
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=_PATIENCE
                )
            except (OSError, subprocess.SubprocessError) as error:
                reason = f"Tornado {release} cannot be installed: {getattr(error, 'stderr', '') or error}"
                if os.environ.get("CI") == "true":
                    pytest.fail(f"{reason}; CI must run this test")
                pytest.skip(reason)
            (folder / "ready").touch()
    return folder


def at(folder: Path) -> dict[str, str]:
    """Return the environment of a process that imports the Tornado in `folder`, and is not measured."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTEST_"))
    }
    return {**mine, "PYTHONPATH": str(folder)}
