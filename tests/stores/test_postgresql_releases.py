"""The tests of the store on each supported release of PostgreSQL: all, or in CI those of `make test`."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.installing import importing
from tests.support.postgresql import binaries
from tests.support.postgresql_releases import RELEASES, release
from tests.support.project import ROOT

pytestmark = pytest.mark.installs

_IN_CI = os.environ.get("CI") == "true"
_FILES = ("concurrency", "contract", "failures", "groups", "guard", "in_doubt", "server", "trail")
_SECONDS = 900.0  # for one release


@pytest.mark.parametrize("version", RELEASES)
def test_store_on_release(version: str) -> None:
    """The contract, and the tests of the protocol and of the epoch, with servers of this release."""
    release(version)
    if _IN_CI and version == binaries().version:
        pytest.skip("make test runs these tests on this release")
    files = [f"tests/stores/test_postgresql_{name}.py" for name in _FILES]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *["-m", "not extended"] * _IN_CI,
            *files,
        ],
        cwd=ROOT,
        env={**importing(ROOT), "TEST_POSTGRESQL": version, "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 100, done.stdout[-1000:]
