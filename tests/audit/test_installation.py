"""The advice to install a package works with the Python of Debian, too."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from stormdoor.settings import installation as of_door
from stormdoor_audit.report import installation as of_audit

pytestmark = pytest.mark.parametrize(
    "install_command", [of_door.install_command, of_audit.install_command]
)


def test_the_command_names_the_python_that_runs(install_command: Callable[[str], str]) -> None:
    """The pip of the shell may be that of another Python."""
    assert install_command("'x[y]'") == f"{sys.executable} -m pip install 'x[y]'"


def test_a_python_that_the_system_manages_gets_an_environment(
    install_command: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There pip refuses (`externally-managed-environment`); in a virtual environment it installs."""
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    command = install_command("'x[y]'")
    environment = "python3 -m venv --system-site-packages .venv"
    assert command == f"{environment} && .venv/bin/python -m pip install 'x[y]'"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert install_command("x").startswith(sys.executable)
