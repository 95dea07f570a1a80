"""Environments of the real applications: one each, made from a locked list of requirements and cached."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.matrix import find_python

__all__ = [
    "REQUIREMENTS",
    "ROOT",
    "NotInstalledError",
    "environ",
    "home_of",
    "install",
    "require",
]

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements")
_COMPLETE = ".complete"


class NotInstalledError(Exception):
    """The environment of an application is missing, or cannot be made; the message is the reason."""


def home_of(name: str) -> Path:
    """Return the folder of the environment for the locked requirements `name`.

    The folder is named after the content of the lock file and the version of Python, so that clones
    share environments and a changed lock makes a new one. `STORMDOOR_WORLD` names another place.
    """
    lock = (REQUIREMENTS / f"{name}.txt").read_bytes()
    digest = hashlib.sha256(lock + python_of(name).encode()).hexdigest()[:12]
    cache = os.environ.get("STORMDOOR_WORLD") or Path.home() / ".cache" / "stormdoor-world"
    return Path(cache) / f"{name}-{digest}"


def python_of(name: str) -> str:
    """Return the version of Python for the environment `name`: this one, or what its list asks for.

    The first line of `NAME.in` may say `# python 3.12`, where newer releases of an application need it.
    """
    first, *_ = (REQUIREMENTS / f"{name}.in").read_text("utf-8").splitlines()
    if first.startswith("# python "):
        return first.removeprefix("# python ").strip()
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def is_installed(name: str) -> bool:
    """Return whether the environment `name` is complete."""
    return (home_of(name) / _COMPLETE).exists()


def install(name: str) -> Path:
    """Return the environment `name`; make it where it is missing.

    Raises:
        NotInstalledError: The installation failed.
    """
    home = home_of(name)
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed
        if not is_installed(name):
            _make(name, home)
    return home


def require(name: str) -> Path:
    """Return the environment `name` for a test. CI installs it; elsewhere the test is skipped without it."""
    if not is_installed(name) and os.environ.get("CI") != "true":
        pytest.skip(f"not installed: make world ARGS={name}")
    try:
        return install(name)
    except NotInstalledError as error:
        pytest.skip(f"{name} cannot be installed: {error}")


def _make(name: str, home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    uv = str(Path(sys.executable).with_name("uv"))
    requirements = str(REQUIREMENTS / f"{name}.txt")
    pip = [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    python = find_python(python_of(name))
    if python is None:
        raise NotInstalledError(f"there is no python{python_of(name)}")
    try:
        _run(uv, "venv", "--quiet", "--seed", "--python", python, str(home))
        _run(*pip, "--require-hashes", "--requirement", requirements)
    except OSError as error:
        raise NotInstalledError(str(error)) from error
    (home / _COMPLETE).touch()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotInstalledError(said[-1])


def environ(home: Path, **more: str) -> dict[str, str]:
    """Return the variables of a process in the environment `home`, with this stormdoor importable."""
    kept = {key: os.environ[key] for key in ("LANG", "TERM", "TMPDIR") if key in os.environ}
    return {
        **kept,
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(home),
        "PYTHONPATH": f".{os.pathsep}{ROOT / 'src'}",
        "PYTHONUNBUFFERED": "1",
        **more,
    }
