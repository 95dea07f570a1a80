"""Packages that a test installs when it asks, in a folder apart from everything else."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.project import ROOT

__all__ = ["importing", "install_apart"]

_PATIENCE = 120.0  # only a failure takes that long


def install_apart(name: str, requirements: Sequence[str]) -> Path:
    """Return the folder that something is installed in: made once, for all tests that run at a time.

    Where it cannot be had, the test is skipped; where CI=true, it fails.

    Args:
        name: Of the folder. It must differ where the requirements differ.
        requirements: For `pip install --no-deps`: what is needed, with its version or its hashes.
    """
    folder = ROOT / "build" / f"{name}-py{sys.version_info.major}{sys.version_info.minor}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    command += ["--no-deps", "--only-binary=:all:", *requirements]
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=_PATIENCE
                )
            except (OSError, subprocess.SubprocessError) as error:
                told = str(getattr(error, "stderr", "") or error).strip()[-400:]
                if os.environ.get("CI") == "true":
                    pytest.fail(f"{name} cannot be installed: {told}; CI must run this test")
                pytest.skip(f"{name} cannot be installed: {told}")
            (folder / "ready").touch()
    return folder


def importing(folder: Path) -> dict[str, str]:
    """Return the environment of a process that imports from `folder` first, and is not measured."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTEST_"))
    }
    return {**mine, "PYTHONPATH": str(folder)}
