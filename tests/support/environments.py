"""Environments as users have them: one wheel of this repository, and what it depends on."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.installing import check_mark, commands, run
from tests.support.project import ROOT

__all__ = ["Environment", "build", "install"]

_PATIENCE = 300.0  # seconds; only a failure takes that long


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment, without pip."""

    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "bin" / "python"

    def run(
        self, *command: str | Path, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment; it sees nothing of the environment of the tests."""
        program, *arguments = command
        return subprocess.run(
            [self.home / "bin" / program, *arguments],
            cwd=folder or self.home,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "NO_COLOR": "1", "COLUMNS": "80"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    def packages(self) -> list[str]:
        """Return the names of the installed distributions."""
        found = self.home.glob("lib/python*/site-packages/*.dist-info")
        return sorted(one.name.partition("-")[0] for one in found)

    def megabytes(self, *, bytecode: bool = False) -> float:
        """Return the size of the installed files, in 10^6 bytes.

        Args:
            bytecode: Count the compiled files, too. Whether an installer writes them is its choice.
        """
        [folder] = self.home.glob("lib/python*/site-packages")
        files = [one for one in folder.rglob("*") if one.is_file()]
        counted = [one for one in files if bytecode or one.suffix != ".pyc"]
        return sum(one.stat().st_size for one in counted) / 1e6

    def cpu_seconds(self, *command: str, rounds: int = 5) -> float:
        """Return the least processor time of a command, user and system, in seconds."""
        self.run(*command)  # compiles what is imported
        return min(self._cpu_seconds(*command) for _ in range(rounds))

    def _cpu_seconds(self, *command: str) -> float:
        def used() -> float:
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            return children.ru_utime + children.ru_stime

        before = used()
        self.run(*command)
        return used() - before


def build(project: Path, into: Path, target: str = "wheel") -> Path:
    """Build a distribution of a project and return its file.

    Args:
        project: The folder with its pyproject.toml.
        into: The folder to write to.
        target: `wheel` or `sdist`.
    """
    before = set(into.glob("*"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    [made] = set(into.glob("*")) - before
    return made


def install(
    home: Path, requirements: Sequence[str | Path], *, folder: Path = ROOT, compiled: bool = False
) -> Environment:
    """Make an environment with these requirements, in the locked versions.

    Args:
        home: Where to make it.
        requirements: Wheels, folders of projects, or names.
        folder: What relative paths are relative to.
        compiled: Compile the files, as pip does.

    Raises:
        NotInstalledError: Something cannot be installed.
    """
    check_mark()
    lock = ROOT / "requirements" / "dev.txt"
    words = ["--constraint", str(lock), *["--compile-bytecode"] * compiled, *map(str, requirements)]
    for command in commands(home, words):
        run(command, folder)
    return Environment(home)
