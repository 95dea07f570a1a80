"""Environments of the real applications: one each, made from a locked list of requirements and cached."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from tests.matrix import find_python
from tests.support.installing import NotInstalledError, commands, made_once, missing, run

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
    return made_once(home_of(name), lambda home: _make(name, home))


def require(name: str) -> Path:
    """Return the environment `name` for a test. CI installs it; elsewhere the test is skipped without it.

    An installation that fails is a failure in CI; a machine without the Python that it needs is not.
    """
    if find_python(python_of(name)) is None:
        pytest.skip(f"{name} needs python{python_of(name)}, which is not on this machine")
    if not is_installed(name) and os.environ.get("CI") != "true":
        pytest.skip(f"not installed: make world ARGS={name}")
    try:
        return install(name)
    except NotInstalledError as error:
        missing(f"{name} cannot be installed: {error}")


def _make(name: str, home: Path) -> None:
    python = find_python(python_of(name))
    if python is None:
        raise NotInstalledError(f"there is no python{python_of(name)}")
    requirements = str(REQUIREMENTS / f"{name}.txt")
    words = ["--require-hashes", "--requirement", requirements]
    for command in commands(home, words, python=python, seed=True):
        run(command)


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
