"""Environments of the real applications: one each, made from a locked list of requirements and cached."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

import pytest

from tests.matrix import PYTHONS, find_python
from tests.support.installing import NotInstalledError, commands, made_once, missing, run

__all__ = [
    "REQUIREMENTS",
    "ROOT",
    "NotInstalledError",
    "environ",
    "home_of",
    "install",
    "oldest_python",
    "pythons_of",
    "require",
]

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements")
_COMPLETE = ".complete"


def home_of(name: str, python: str = "") -> Path:
    """Return the folder of the environment for the locked requirements `name`.

    The folder is named after the content of the lock file and the version of Python, so that clones
    share environments and a changed lock makes a new one. `STORMDOOR_WORLD` names another place.

    Args:
        name: Of the list.
        python: Version of Python, such as "3.13"; empty for the newest one.
    """
    lock = (REQUIREMENTS / f"{name}.txt").read_bytes()
    version = python or pythons_of(name)[-1]
    digest = hashlib.sha256(lock + version.encode()).hexdigest()[:12]
    place = os.environ.get("STORMDOOR_WORLD") or Path.home() / ".cache" / "stormdoor-world"
    return Path(place) / f"{name}-py{version}-{digest}"


def _bounds(name: str) -> tuple[str, str]:
    """Return the oldest and the newest Python that the list `name` is for.

    The first line of `NAME.in` may say `# python 3.12`, where the application needs a newer Python than
    stormdoor, or `# python 3.11 to 3.12`, where it does not run with the newest ones.
    """
    first, *_ = (REQUIREMENTS / f"{name}.in").read_text("utf-8").splitlines()
    if not first.startswith("# python "):
        return PYTHONS[0], PYTHONS[-1]
    oldest, _, newest = first.removeprefix("# python ").strip().partition(" to ")
    return oldest, newest or PYTHONS[-1]


def oldest_python(name: str) -> str:
    """Return the oldest Python that the list `name` is locked for."""
    return _bounds(name)[0]


@cache
def pythons_of(name: str) -> tuple[str, ...]:
    """Return the oldest and the newest Python of this machine that the list `name` is for: one, or two."""
    oldest, newest = map(PYTHONS.index, _bounds(name))
    found = [one for one in PYTHONS[oldest : newest + 1] if find_python(one) is not None]
    return tuple(dict.fromkeys([found[0], found[-1]] if found else [PYTHONS[oldest]]))


def install(name: str, python: str = "") -> Path:
    """Return the environment `name`; make it where it is missing.

    Args:
        name: Of the list.
        python: See `home_of`.

    Raises:
        NotInstalledError: The installation failed.
    """
    version = python or pythons_of(name)[-1]
    return made_once(home_of(name, version), lambda home: _make(name, version, home))


def require(name: str, python: str = "") -> Path:
    """Return the environment `name` for a test. CI installs it; elsewhere the test is skipped without it.

    An installation that fails is a failure in CI; a machine without the Python that it needs is not.
    """
    version = python or pythons_of(name)[-1]
    if find_python(version) is None:
        pytest.skip(f"{name} needs python{version}, which is not on this machine")
    if not (home_of(name, version) / _COMPLETE).exists() and os.environ.get("CI") != "true":
        pytest.skip(f"not installed: make world ARGS={name}")
    try:
        return install(name, version)
    except NotInstalledError as error:
        missing(f"{name} cannot be installed: {error}")


def _make(name: str, version: str, home: Path) -> None:
    python = find_python(version)
    if python is None:
        raise NotInstalledError(f"there is no python{version}")
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
