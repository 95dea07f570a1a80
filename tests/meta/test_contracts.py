"""Each import contract holds, and each can fail: a violation planted in a copy breaks it."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.project import PACKAGE, ROOT, metadata

CONTRACTS = {
    contract["id"]: contract for contract in metadata()["tool"]["importlinter"]["contracts"]
}


@dataclass(frozen=True, slots=True)
class Planted:
    """A line that breaks a contract, and the module it is put into (made if it is not there)."""

    contract: str
    module: str
    line: str


PLANTED = [
    Planted("layers", "errors.py", "import stormdoor.core"),
    Planted("layers", "core/planted.py", "import stormdoor.ports"),
    Planted("layers", "stores/planted.py", "import stormdoor.guard"),
    Planted("layers", "newroom.py", "'''A room without a place.'''"),
    Planted("pure-core", "core/planted.py", "import time"),
    Planted("pure-core", "core/planted.py", "from asyncio import sleep"),
    Planted("pure-core", "core/planted.py", "import tornado.web"),
    Planted("tornado-in-one-room", "config/planted.py", "import tornado.ioloop"),
    Planted("tornado-in-one-room", "auditor/planted.py", "import tornado.web"),
    Planted("judges-from-outside", "auditor/planted.py", "import stormdoor.core"),
    Planted("judges-from-outside", "prober/planted.py", "import stormdoor.auth"),
    Planted("stores-behind-config", "cli/planted.py", "import stormdoor.stores"),
    Planted("no-cycles", "core/planted.py", "import stormdoor.core.planted_too"),
    Planted(
        "inside-the-auditor",
        "auditor/interpreter/planted.py",
        "import stormdoor_audit.auditor.judging",
    ),
    Planted("inside-the-auditor", "auditor/newroom.py", "'''A room without a place.'''"),
    Planted(
        "inside-the-interpreter",
        "auditor/interpreter/expressions/planted.py",
        "import stormdoor_audit.auditor.interpreter.calls",
    ),
]


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
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(
        PACKAGE, tmp_path / "src" / "stormdoor", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def test_contracts_hold() -> None:
    """The package keeps all its contracts."""
    result = _lint(ROOT)
    assert result.returncode == 0, result.stdout


def test_every_contract_is_tried() -> None:
    """For each contract there is a planted violation."""
    assert {planted.contract for planted in PLANTED} == set(CONTRACTS)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p.contract}-{p.line}-in-{p.module}")
def test_contract_can_fail(planted: Planted, copy: Path) -> None:
    """A planted violation breaks the contract it is about."""
    module = copy / "src" / "stormdoor" / planted.module
    module.parent.mkdir(exist_ok=True)
    (module.parent / "__init__.py").touch()
    with module.open("a", encoding="utf-8") as file:
        file.write(f"\n{planted.line}\n")
    if planted.contract == "no-cycles":
        module.with_name("planted_too.py").write_text("import stormdoor.core.planted\n", "utf-8")
    result = _lint(copy, planted.contract)
    assert result.returncode == 1, result.stdout
    assert re.search(r"\b1 broken\b", result.stdout), result.stdout


@pytest.mark.parametrize("room", ["auditor", "prober", "report"])
def test_planned_room_is_named_in_full_once_it_exists(room: str) -> None:
    """A pattern spares a room's own `__init__`, so an existing room is named without one."""
    if not (PACKAGE / room).exists():
        pytest.skip(f"{room} is not there yet")
    for contract in ("judges-from-outside", "tornado-in-one-room"):
        assert f"stormdoor.{room}" in CONTRACTS[contract]["source_modules"]


def test_every_room_is_kept_from_tornado() -> None:
    """Each existing room that is not one of the five allowed ones is a source of the contract."""
    allowed = {"tornado", "demo", "console", "cli", "testing", "__init__", "__main__"}
    rooms = {path.stem for path in PACKAGE.glob("*.py")}
    rooms |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    named = CONTRACTS["tornado-in-one-room"]["source_modules"]
    assert {f"stormdoor.{room}" for room in rooms - allowed} <= set(named)
