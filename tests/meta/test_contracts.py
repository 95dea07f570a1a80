"""Each import contract holds, and each can fail: a violation planted in a copy breaks it."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import AUDIT, AUDIT_PACKAGE, PACKAGE, ROOT, metadata

PACKAGES = {ROOT: PACKAGE} | ({AUDIT: AUDIT_PACKAGE} if AUDIT.is_dir() else {})
"""The packages of the repository; its source distribution has only the first."""


def _contracts(project: Path) -> dict[str, dict[str, Any]]:
    contracts = metadata(project)["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract for contract in contracts}


@dataclass(frozen=True, slots=True)
class Planted:
    """A line that breaks a contract, and the module it is put into (made if it is not there)."""

    contract: str
    module: str
    line: str
    project: Path = ROOT


PLANTED = [
    Planted("layers", "errors.py", "import stormdoor.core"),
    Planted("layers", "core/planted.py", "import stormdoor.ports"),
    Planted("layers", "stores/planted.py", "import stormdoor.guard"),
    Planted("layers", "newroom.py", "'''A room without a place.'''"),
    Planted("pure-core", "core/planted.py", "import time"),
    Planted("pure-core", "core/planted.py", "from asyncio import sleep"),
    Planted("pure-core", "core/planted.py", "import tornado.web"),
    Planted("tornado-in-one-room", "config/planted.py", "import tornado.ioloop"),
    Planted("apart-from-audit", "testing/planted.py", "import stormdoor_audit.testing"),
    Planted("layers", "config/planted.py", "import stormdoor.runtime"),
    Planted("stores-behind-runtime", "cli/planted.py", "import stormdoor.stores"),
    Planted("no-cycles", "core/planted.py", "import stormdoor.core.planted_too"),
    Planted("layers", "report/planted.py", "import stormdoor_audit.prober", AUDIT),
    Planted("layers", "newroom.py", "'''A room without a place.'''", AUDIT),
    Planted("judges-from-outside", "auditor/planted.py", "import stormdoor.core", AUDIT),
    Planted("judges-from-outside", "prober/planted.py", "import tornado.web", AUDIT),
    Planted("extra-probe", "prober/planted.py", "import cryptography.x509", AUDIT),
    Planted("no-cycles", "report/planted.py", "import stormdoor_audit.report.planted_too", AUDIT),
    Planted(
        "inside-the-auditor",
        "auditor/interpreter/planted.py",
        "import stormdoor_audit.auditor.judging",
        AUDIT,
    ),
    Planted(
        "inside-the-analyzer",
        "analyzer/engine/planted.py",
        "import stormdoor_audit.analyzer.lifecycle",
        AUDIT,
    ),
    Planted("inside-the-auditor", "auditor/newroom.py", "'''A room without a place.'''", AUDIT),
    Planted(
        "inside-the-interpreter",
        "auditor/interpreter/expressions/planted.py",
        "import stormdoor_audit.auditor.interpreter.calls",
        AUDIT,
    ),
]
PLANTED = [planted for planted in PLANTED if planted.project in PACKAGES]


def _lint(folder: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    if contract:
        command += ["--contract", contract]
    return subprocess.run(
        [*command, str(folder / "pyproject.toml")],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(planted: Planted, tmp_path: Path) -> Path:
    """A copy of a package and its contracts, to break."""
    package = PACKAGES[planted.project]
    shutil.copy(planted.project / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "src" / package.name, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize("project", PACKAGES, ids=lambda path: path.name)
def test_contracts_hold(project: Path) -> None:
    """Each package keeps all its contracts."""
    result = _lint(project)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("project", PACKAGES, ids=lambda path: path.name)
def test_every_contract_is_tried(project: Path) -> None:
    """For each contract there is a planted violation."""
    planted = {one.contract for one in PLANTED if one.project == project}
    assert planted == set(_contracts(project))


@pytest.mark.sampled(16)
@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p.contract}-{p.line}-in-{p.module}")
def test_contract_can_fail(planted: Planted, copy: Path) -> None:
    """A planted violation breaks the contract it is about."""
    package = PACKAGES[planted.project].name
    module = copy / "src" / package / planted.module
    module.parent.mkdir(exist_ok=True)
    (module.parent / "__init__.py").touch()
    with module.open("a", encoding="utf-8") as file:
        file.write(f"\n{planted.line}\n")
    if planted.contract == "no-cycles":
        home = planted.line.rpartition(".")[0].removeprefix("import ")
        module.with_name("planted_too.py").write_text(f"import {home}.planted\n", "utf-8")
    result = _lint(copy, planted.contract)
    assert result.returncode == 1, result.stdout
    assert re.search(r"\b1 broken\b", result.stdout), result.stdout


def test_every_room_is_kept_from_tornado() -> None:
    """Each existing room that is not one of the allowed ones is a source of the contract."""
    allowed = {
        "apps",
        "run",
        "tornado",
        "demo",
        "cli",
        "testing",
        "__init__",
        "__main__",
    }
    rooms = {path.stem for path in PACKAGE.glob("*.py")}
    rooms |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    named = _contracts(ROOT)["tornado-in-one-room"]["source_modules"]
    assert {f"stormdoor.{room}" for room in rooms - allowed} <= set(named)
