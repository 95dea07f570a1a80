"""Installed parts: the wheel, the commands, the version, the locked requirements."""

import ast
import importlib
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import stormdoor
from tests.support.environments import build
from tests.support.project import AUDIT, AUDIT_PACKAGE, PACKAGE, ROOT, metadata, own_files

PACKAGES = {ROOT: PACKAGE} | ({AUDIT: AUDIT_PACKAGE} if AUDIT.is_dir() else {})
"""The projects of the repository; a source distribution has one."""
PROJECTS = [metadata(folder)["project"] for folder in PACKAGES]
LOCKS = ["runtime.txt", "dev.txt"]


@pytest.mark.parametrize("name", [name for one in PROJECTS for name in one["scripts"]])
def test_command_answers_help(name: str) -> None:
    """Every installed command starts, and `--help` is a success."""
    command = Path(sysconfig.get_path("scripts"), name)
    result = subprocess.run([command, "--help"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert name in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("project", PACKAGES, ids=lambda path: path.name)
def test_wheel_carries_the_whole_package(project: Path, tmp_path: Path) -> None:
    """The wheel holds every file of the package, and none beside it."""
    package, wheel = PACKAGES[project], build(project, tmp_path)
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    shared = {name for name in packed if ".data/data/" in name}
    build_of_wheel = metadata(project)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {name.partition(".data/data/")[2] for name in shared} == set(
        build_of_wheel.get("shared-data", {}).values()
    )
    own = {path.relative_to(package.parent).as_posix() for path in own_files(package)}
    assert packed - shared == own


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: str(project["name"]))
def test_installed_version_is_this_one(project: dict[str, Any]) -> None:
    """The environment has this version installed, not an older one."""
    assert importlib.metadata.version(project["name"]) == project["version"]


def _locked(name: str) -> dict[str, list[str]]:
    """Each locked requirement, by its normal name, with the hashes of its files."""
    locked: dict[str, list[str]] = {}
    current = ""
    for line in (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines():
        if requirement := re.match(r"([A-Za-z0-9._-]+)==\S+", line):
            current = canonicalize_name(requirement[1])
            locked.setdefault(current, [])
        elif digest := re.match(r" +--hash=(sha256:[0-9a-f]{64})", line):
            locked[current].append(digest[1])
    return locked


@pytest.mark.parametrize("name", [*LOCKS, "deploy.txt", "envoy.txt", "peers.txt", "tracing.txt"])
def test_lock_has_hashes_and_no_index(name: str) -> None:
    """Every locked requirement has hashes, and no line says where to fetch it: a mirror must do."""
    locked = _locked(name)
    assert locked
    assert [requirement for requirement, hashes in locked.items() if not hashes] == []
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links)\b", text, re.MULTILINE)


def _wanted(lock: str) -> list[Requirement]:
    locked_extras = {"bcrypt", "sanitize"}
    texts = [text for project in PROJECTS for text in project["dependencies"]]
    for project in PROJECTS:
        for extra, required in project["optional-dependencies"].items():
            texts += required if lock == "dev.txt" or extra in locked_extras else ()
    wanted = [Requirement(text) for text in texts]
    own = {project["name"] for project in PROJECTS}
    return [requirement for requirement in wanted if requirement.name not in own]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_covers_the_declared_requirements(name: str) -> None:
    """The lock contains an allowed version of each requirement in pyproject.toml."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    for requirement in _wanted(name):
        found = re.findall(
            rf"^{re.escape(requirement.name)}==(\S+)", text, re.MULTILINE | re.IGNORECASE
        )
        assert found, f"{requirement.name} is not in {name}: run `make lock`"
        assert all(version in requirement.specifier for version in found), (
            f"run `make lock`: {found}"
        )


def test_both_locks_agree() -> None:
    """A requirement in both lock files has one version."""

    def versions(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^\S+==[^\s;]+", text, re.MULTILINE))

    assert versions("runtime.txt") <= versions("dev.txt")


def test_each_public_name_is_importable() -> None:
    """`import *`, attribute access and the stub for type checkers have the same names."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    aliases = [alias for one in stub.body if isinstance(one, ast.ImportFrom) for alias in one.names]
    assert all(alias.asname == alias.name for alias in aliases), "a type checker hides the name"
    everything: dict[str, object] = vars(stormdoor)
    assert everything["__all__"] == sorted(alias.name for alias in aliases)
    for alias in aliases:
        assert getattr(stormdoor, alias.name) is not None


@pytest.mark.parametrize(
    ("name", "home"), [("Meta", "msgspec"), ("sign_request", "stormdoor.client")]
)
def test_a_name_that_moved_is_refused_with_its_module(name: str, home: str) -> None:
    """The import of an older program says which line to write, and that line works."""
    with pytest.raises(ImportError, match=f"write from {home} import {name}$"):
        getattr(stormdoor, name)
    assert callable(getattr(importlib.import_module(home), name))


def test_the_facade_costs_nothing_until_it_is_used() -> None:
    """A command that reads source code must not wait for Tornado, and a typing mistake is said so."""
    script = (
        "import sys, stormdoor\n"
        "heavy = {'tornado', 'cryptography', 'joserfc', 'msgspec', 'httpx2', 'authlib', 'webauthn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "from stormdoor import Guard\n"
        "print(sorted(heavy & set(sys.modules) & {'httpx2', 'authlib', 'webauthn'}))\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines() == ["[]", "[]"]
    with pytest.raises(AttributeError, match="has no attribute 'Gard'"):
        _ = stormdoor.Gard  # type: ignore[attr-defined]
