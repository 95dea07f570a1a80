"""The table of CONTRIBUTING about a new kind of credential, followed in a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import gateway
from tests.support.installing import importing
from tests.support.project import ROOT

# One copy for all.
pytestmark = [pytest.mark.extended, pytest.mark.xdist_group("adding-a-kind")]

MOST_FILES = 6
PARTS = ("src/stormdoor", "tests/auth", "tests/config", "tests/docs", "tests/support", "docs")
FILES = ("pyproject.toml", "threats.toml", "conftest.py")
CHECKS = (
    "tests/auth/test_gateway.py",
    "tests/auth/test_kinds.py::test_names_of_the_table",
    "tests/config/test_documented.py",
    "tests/docs/test_reference.py::test_public_names_are_grouped",
    "tests/docs/test_reference.py::test_table_is_up_to_date",
)
"""Tests that look at every kind: each of them fails if a file of the table was forgotten."""

KIND_FILE = "src/stormdoor/auth/gateway_kind.py"
TABLE = "src/stormdoor/auth/kinds.py"
NAMES = "src/stormdoor/__init__.pyi"
TEST = "tests/auth/test_gateway.py"
PAGE = "docs/reference/configuration.md"

_HOME = "stormdoor.auth.gateway_kind"
_AFTER = "from stormdoor.auth.http_signature.kind"
_FIRST = "from stormdoor.channels import Hub"
_OPTIONS = """### Gateway

| option | default | meaning |
| --- | --- | --- |
| `secret` | required | A [secret](#secrets) of at least 32 bytes. |
| `roles` | required | Roles of every client. |

### Trusted proxies
"""


def _rows() -> list[str]:
    """The files of the table, for the kind `gateway`."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## How to add a kind of credential")[2].partition("\n## ")[0]
    return [
        one.replace("<kind>", "gateway")
        for one in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    ]


def _replaced(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        times = text.count(old)
        assert times == 1, f"{path.name} has {old!r} {times} times: correct this test"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def _add_kind(copy: Path) -> None:
    """Add the kind of the guide: the steps of the table, in its order."""
    (copy / KIND_FILE).write_text(
        f'"""Headers that a gateway signs."""\n\n__all__ = ["KIND"]\n\n{gateway.MODULE}',
        encoding="utf-8",
    )
    _replaced(
        copy / TABLE,
        (_AFTER, f"from {_HOME} import KIND as GATEWAY\n{_AFTER}"),
        ("= _table(\n", "= _table(\n    GATEWAY,\n"),
    )
    _replaced(
        copy / NAMES,
        (
            _FIRST,
            f"from {_HOME} import GatewayAuthenticator as GatewayAuthenticator\n{_FIRST}",
        ),
    )
    (copy / TEST).write_text(
        "import hashlib\nimport hmac\n\nfrom stormdoor import GatewayAuthenticator\n"
        + gateway.TEST,
        encoding="utf-8",
    )
    _replaced(copy / PAGE, ("### Trusted proxies\n", _OPTIONS))
    assert _run(copy, "-m", "tests.docs.tables").returncode == 0
    _replaced(copy / "CHANGELOG.md", ("### Added\n", "### Added\n\n- The kind `gateway`.\n"))


def _run(copy: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=copy,
        env={
            **importing(copy),
            "PYTHONPATH": f"{copy / 'src'}:{copy}",
            "GATEWAY_SECRET": gateway.SECRET,
        },
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def _checks(copy: Path, *checks: str) -> subprocess.CompletedProcess[str]:
    return _run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *checks)


def _contents(folder: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "build" not in path.parts
    }


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A copy of the parts of the project that know kinds, with the kind of the guide; the changed files."""
    copy = tmp_path_factory.mktemp("project")
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "_build", "recordings")
        shutil.copytree(ROOT / part, copy / part, ignore=ignored)
    for name in (*FILES, *(one.name for one in ROOT.glob("*.md"))):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    before = _contents(copy)
    _add_kind(copy)
    after = _contents(copy)
    return copy, {name for name, content in after.items() if before.get(name) != content}


def test_the_table_is_short() -> None:
    """A new kind touches at most six files, tests and documents included."""
    rows = _rows()
    assert len(rows) <= MOST_FILES
    assert {KIND_FILE, TABLE, TEST, PAGE} <= set(rows)


@pytest.mark.slow
def test_the_table_is_complete(added: tuple[Path, set[str]]) -> None:
    """With the files of the table, and no others, the kind can be configured and all tests pass."""
    copy, changed = added
    assert changed == set(_rows())
    done = _checks(copy, *CHECKS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    path = copy / "stormdoor.toml"
    path.write_text(f'store = "sqlite:door.db"\n{gateway.CONFIGURATION}', encoding="utf-8")
    path.chmod(0o600)
    checked = _run(copy, "-m", "stormdoor", "check", str(path), "--fail-on", "error")
    assert checked.returncode == 0, checked.stdout + checked.stderr


WITHOUT = {
    KIND_FILE: (CHECKS[1], "No module named 'stormdoor.auth.gateway_kind'"),
    TABLE: (CHECKS[1], "gateway_kind.py declares a kind that auth/kinds.py does not list"),
    NAMES: (CHECKS[0], "cannot import name 'GatewayAuthenticator'"),
    PAGE: (f"{CHECKS[2]}::test_every_kind_has_a_section", "1 failed"),
}


@pytest.mark.slow
@pytest.mark.parametrize("forgotten", WITHOUT)
def test_no_row_can_be_forgotten(forgotten: str, added: tuple[Path, set[str]]) -> None:
    """Without one of the files the checks fail with the reason."""
    path = added[0] / forgotten
    written = path.read_bytes()
    if (ROOT / forgotten).exists():
        shutil.copy(ROOT / forgotten, path)
    else:
        path.unlink()
    check, message = WITHOUT[forgotten]
    try:
        done = _checks(added[0], check)
    finally:
        path.write_bytes(written)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
