"""Programs and packages that are not in .venv: installed once, when a test with the mark `installs` asks."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.project import ROOT

__all__ = [
    "MARK",
    "NotInstalledError",
    "check_mark",
    "commands",
    "importing",
    "install_apart",
    "install_target",
    "made_once",
    "missing",
    "run",
    "running",
    "uv",
    "variables",
]

MARK = "installs"
"""The mark of tests that install something: `make test` leaves them to `make test-installs`."""
_PATIENCE = 900.0  # seconds; only a failure takes that long

running: list[pytest.Item] = []
"""The test that runs in this process."""


class NotInstalledError(Exception):
    """Something cannot be installed on this machine; the message is the reason."""


def missing(reason: str) -> NoReturn:
    """Skip the test, because this machine lacks something; where CI=true, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; CI must run this test")
    pytest.skip(reason, allow_module_level=True)


def check_mark() -> None:
    """Fail a test that installs something without the mark: `make test` would install it, too."""
    if running and running[-1].get_closest_marker(MARK) is None:
        pytest.fail(f"a test that installs something needs pytest.mark.{MARK}")


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` fills: once, for all processes that ask for it.

    Args:
        folder: Its name must differ where its content differs.
        make: Gets the folder, which does not exist.

    Raises:
        NotInstalledError: Raised by `make`; the next call tries again.
    """
    check_mark()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed
        if not (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (folder / ".complete").touch()
    return folder


def uv(*words: str | Path) -> list[str]:
    """Return a command of the uv in .venv."""
    return [str(Path(sys.executable).with_name("uv")), *map(str, words)]


def commands(
    home: Path, *installed: Sequence[str], python: str = sys.executable, seed: bool = False
) -> list[list[str]]:
    """Return the commands that make a virtual environment and install into it.

    Args:
        home: Where to make it.
        installed: The words after `uv pip install`, for each installation.
        python: The interpreter.
        seed: Put pip into it.
    """
    pip = uv("pip", "install", "--quiet", "--python", home / "bin" / "python")
    venv = uv("venv", "--quiet", "--clear", *["--seed"] * seed, "--python", python, home)
    return [venv, *([*pip, *words] for words in installed)]


def variables() -> dict[str, str]:
    """Return the variables of an installing process: uv asks the index that pip is told to ask."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    index = {"UV_DEFAULT_INDEX": kept["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in kept else {}
    return {**index, **kept}


def run(command: Sequence[str], folder: Path = ROOT) -> None:
    """Run a command that installs something.

    Raises:
        NotInstalledError: It failed.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        told = done.stderr.strip()[-600:] or f"exit status {done.returncode}"
        raise NotInstalledError(f"{' '.join(command[:3])}: {told}")


def install_target(folder: Path, requirements: Sequence[str]) -> None:
    """Install packages into a folder from which they can be imported, without their dependencies.

    Raises:
        NotInstalledError: They cannot be installed.
    """
    options = ["--quiet", "--python", sys.executable, "--target", str(folder)]
    run(uv("pip", "install", *options, "--no-deps", "--only-binary=:all:", *requirements))


def install_apart(name: str, requirements: Sequence[str]) -> Path:
    """Return the folder that something is installed in: made once, for all tests that run at a time.

    Where it cannot be had, the test is skipped; where CI=true, it fails.

    Args:
        name: Of the folder. It must differ where the requirements differ.
        requirements: For `pip install --no-deps`: what is needed, with its version or its hashes.
    """
    folder = ROOT / "build" / f"{name}-py{sys.version_info.major}{sys.version_info.minor}"
    try:
        return made_once(folder, lambda folder: install_target(folder, requirements))
    except NotInstalledError as reason:
        missing(f"{name} cannot be installed: {reason}")


def importing(folder: Path) -> dict[str, str]:
    """Return the environment of a process that imports from `folder` first, and is not measured."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTEST_"))
    }
    return {**mine, "PYTHONPATH": str(folder)}
