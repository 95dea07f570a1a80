"""Run the store tests of older code on the schema of this code: nodes of two releases share a database."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

__all__ = ["MIGRATIONS", "first_revision", "run_store_tests", "unpack"]

MIGRATIONS = Path("src/stormdoor/stores/migrations/postgresql")
_PARTS = ("src", "tests", "conftest.py", "pyproject.toml")


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def first_revision(repository: Path, number: int) -> str:
    """Return the revision before the one that added migration `number`.

    Its code knows the schema up to the migration before. Empty if the history does not have it.
    """
    pattern = str(MIGRATIONS / f"{number:04}_*.sql")
    added = _git(repository, "log", "--diff-filter=A", "--format=%H", "-1", "--", pattern)
    return f"{added}^" if added else ""


def unpack(repository: Path, revision: str, target: Path) -> None:
    """Write the code and the tests of a revision into the folder `target`."""
    target.mkdir()
    archive = target.with_suffix(".tar")
    _git(repository, "archive", f"--output={archive}", revision, *_PARTS)
    with tarfile.open(archive) as file:
        file.extractall(target, filter="data")


def run_store_tests(
    code: Path, migrations: Path, select: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the contract tests on PostgreSQL that are in the folder `code`.

    Args:
        code: A folder that `unpack` has written.
        migrations: The migrations that make the schema of the database.
        select: Expression that selects tests; all if empty.
    """
    environment = os.environ | {
        "STORMDOOR_TEST_MIGRATIONS": str(migrations),
        "PYTHONPATH": f"{code / 'src'}{os.pathsep}{code}",
    }
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-x", "-k", select]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/stores/test_postgresql_contract.py"],
        cwd=code,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
