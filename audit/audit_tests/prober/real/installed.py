"""Installation of real programs; each program that was not seen before has its own environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

from audit_tests.prober.real.programs import BUILD, Case

__all__ = ["home_of"]

_OLD_BUILDS = Path(__file__).with_name("build.txt")
_ONE_AT_A_TIME = threading.Lock()


def home_of(case: Case) -> Path:
    """Return the folder with the installed program of a case, and install the program if it is missing.

    The programs have separate environments, because their dependencies conflict.
    """
    if case.manager == "own":
        return Path(sys.executable).parent.parent
    if case.manager == "apt":
        command = ["dpkg-query", "--show", "--showformat=${Version}", case.program]
        has = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if not has.startswith(case.version):
            raise subprocess.CalledProcessError(1, command, has)
        return Path("/usr")
    wanted = [_pinned(case, case.program, case.version), *case.also]
    home = BUILD / case.manager / f"{case.program.replace('/', '+')}-{case.version}"
    stamp = home / ".has"
    with _ONE_AT_A_TIME:
        if stamp.exists() and stamp.read_text("utf-8").split() == wanted:
            return home
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        if case.manager == "npm":
            command = [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(home),
            ]
            subprocess.run([*command, *wanted], check=True)
        else:
            uv = Path(sys.executable).with_name("uv")
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home], check=True)
            python = home / "bin" / "python"
            command = [str(uv), "pip", "install", "--quiet", "--build-constraint", str(_OLD_BUILDS)]
            subprocess.run([*command, "--python", str(python), *wanted], check=True)
        stamp.write_text("\n".join(wanted), encoding="utf-8")
    return home


def _pinned(case: Case, name: str, version: str) -> str:
    return f"{name}@{version}" if case.manager == "npm" else f"{name}=={version}"
