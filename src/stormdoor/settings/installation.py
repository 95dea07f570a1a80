"""Name the commands that install packages for the Python of this process, and that run stormdoor in it."""

from __future__ import annotations

import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

__all__ = ["AUDIT_PACKAGE", "install_command", "own_command"]

AUDIT_PACKAGE = "path/to/stormdoor/audit"
"""The scanner and prober in a clone: no index has `stormdoor-audit` of this project yet."""


def install_command(packages: str) -> str:
    """Return the command that installs packages where this process finds them.

    The Python of Debian and of other systems is marked as managed by the system (PEP 668): pip installs
    nothing into it. There the command makes a virtual environment, which sees the packages of the system:
    an extra belongs to the installed package, and no package of its name is fetched from an index.

    Args:
        packages: The words after `pip install`, quoted for a shell.
    """
    stdlib = sysconfig.get_path("stdlib")
    if sys.prefix == sys.base_prefix and Path(stdlib, "EXTERNALLY-MANAGED").exists():
        return f"python3 -m venv --system-site-packages .venv && .venv/bin/python -m pip install {packages}"
    return f"{shlex.quote(sys.executable)} -m pip install {packages}"


def own_command() -> str:
    """Return the command `stormdoor` of this environment as a shell finds it, for a printed line.

    It has its folder if the shell would find none, or that of another environment.
    """
    beside, found = Path(sys.executable).with_name("stormdoor"), shutil.which("stormdoor")
    if not beside.exists() or (found is not None and beside.samefile(found)):
        return "stormdoor"
    folder = Path.cwd()
    return shlex.quote(str(beside.relative_to(folder) if beside.is_relative_to(folder) else beside))
