"""Name the command that installs packages for the Python of this process."""

from __future__ import annotations

import shlex
import sys
import sysconfig
from pathlib import Path

__all__ = ["install_command"]


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
