"""The adapter on the releases of Tornado that pyproject.toml allows."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tornado
from packaging.requirements import Requirement
from packaging.version import Version

from stormdoor.tornado.fast.compat import _KNOWN
from tests.support.installing import importing, install_apart
from tests.support.project import ROOT, metadata
from tests.support.tornado_releases import NEWEST, RELEASES, TRIED_IN_CI

ADAPTER = [
    "front",
    "test_answers.py",
    "test_conventions.py",
    "test_endings.py",
    "test_fast_protocol.py",
    "test_handshakes.py",
    "test_handshake_state.py",
    "test_malformed_handshakes.py",
    "test_on_tornados_protocol.py",
    "test_overrides.py",
    "test_protect.py",
    "test_too_fast.py",
    "test_tornado_facts.py",
    "test_tornado_protocol.py",
    "test_websocket_suite.py",
]
"""The tests in which Tornado's own classes do most of the work."""

_PATIENCE = 600.0  # only a failure takes that long


def _requirement() -> Requirement:
    texts = metadata()["project"]["dependencies"]
    [found] = [one for one in map(Requirement, texts) if one.name == "tornado"]
    return found


def test_the_list_and_the_bounds_agree() -> None:
    """The list begins at the lower bound and ends in the last minor release below the upper bound."""
    bounds = {one.operator: Version(one.version) for one in _requirement().specifier}
    releases = [Version(one) for one in RELEASES]
    assert releases == sorted(set(releases))
    assert releases[0] == bounds[">="]
    assert (releases[-1].major, releases[-1].minor + 1) == bounds["<"].release[:2]
    assert all(one in _requirement().specifier for one in releases)
    assert set(TRIED_IN_CI) <= set(RELEASES)
    assert TRIED_IN_CI[0] == RELEASES[0]


def test_the_list_has_no_gap() -> None:
    """Of each minor release every patch is there, from its first."""
    minors = {
        one: [v.micro for v in map(Version, RELEASES) if v.release[:2] == one] for one in _KNOWN
    }
    assert all(found == list(range(len(found))) and found for found in minors.values()), minors
    assert sum(map(len, minors.values())) == len(RELEASES)


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt"])
def test_the_locked_release_is_the_newest_of_the_list(lock: str) -> None:
    """After `make lock ARGS=--upgrade`, a newer release has to be added to the list."""
    lines = (ROOT / "requirements" / lock).read_text(encoding="utf-8").splitlines()
    assert [one.split()[0] for one in lines if one.startswith("tornado==")] == [
        f"tornado=={NEWEST}"
    ]


@pytest.mark.installs
@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize("release", TRIED_IN_CI)
def test_the_adapter_on_another_release(release: str) -> None:
    """The tests of the adapter pass on it; on the newest they run with all others."""
    if tornado.version != NEWEST:
        pytest.skip(
            f"this is Tornado {tornado.version}: `make test-matrix` runs each release itself"
        )
    environment = importing(install_apart(f"tornado/{release}", [f"tornado=={release}"]))
    ask = "import tornado, tornado.speedups as s; print(tornado.version, tornado.__path__[0] in s.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", ask],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [release, "True"]
    tests = [str(ROOT / "tests" / "tornado" / name) for name in ADAPTER]
    # Tornado's test of a ping that is answered within 50 ms measures the machine; it runs on the newest.
    # The sample of mutations is enough here; `make test-matrix` tries all of them.
    left_out = [
        "-k",
        "not test_client_ping_timeout and not all_mutations and not pairs_of_mutations",
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        *left_out,
        *tests,
    ]
    done = subprocess.run(
        command,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
