"""The source distributions are complete: a part of their own tests runs from the unpacked files.

The parts are small, since all tests run from the repository. Each has tests of several folders.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests.support.environments import build
from tests.support.installing import importing
from tests.support.project import AUDIT, ROOT, metadata, own_files

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("source-distributions")]

_PATIENCE = 300.0
PACKAGES = {ROOT: "stormdoor", AUDIT: "stormdoor_audit"}
ONLY_HERE = (
    "audit/",
    "tests/audit/",
    "tests/lab/",
    "tests/world/",
    "tests/browser/test_scan_report.py",
)
"""In the repository only: the other package, and the tests that need both or real applications."""
TESTS = {
    ROOT: [
        *("tests/core/test_decision.py", "tests/settings", "tests/guard/test_own_protocol.py"),
        *("tests/docs/test_readme.py", "tests/meta/test_harness.py"),
    ],
    AUDIT: [
        *(
            "audit_tests/report",
            "audit_tests/auditor/test_sampling.py",
            "audit_tests/auditor/reading",
        ),
        *("audit_tests/cli/test_scan.py::test_open_endpoint", "audit_tests/prober/test_extra.py"),
    ],
}


@pytest.fixture(scope="module", params=PACKAGES, ids=PACKAGES.get)
def unpacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A project, and the folder with its unpacked source distribution."""
    project: Path = request.param
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(project, folder, "sdist")) as archive:
        archive.extractall(folder, filter="data")
    [inner] = [one for one in folder.iterdir() if one.is_dir()]
    return project, inner


@pytest.mark.installs
def test_every_file_is_in_it(unpacked: tuple[Path, Path]) -> None:
    """It holds every source, test and page of its project, except those that only the repository has."""
    project, folder = unpacked
    present = {one.relative_to(folder).as_posix() for one in own_files(folder)}
    wanted = {one.relative_to(project).as_posix() for one in own_files(project)}
    if project == ROOT:
        wanted = {one for one in wanted if not one.startswith(ONLY_HERE)}
    else:
        wanted = {"pytest.toml" if one == "sdist/pytest.toml" else one for one in wanted}
    assert wanted - present == set()
    assert {one for one in present if one.startswith(ONLY_HERE)} == set()


@pytest.mark.installs
def test_its_own_tests_run(unpacked: tuple[Path, Path]) -> None:
    """The modules come from the unpacked files, and the tests pass there."""
    project, folder = unpacked
    name = PACKAGES[project]
    environment = {**importing(folder / "src"), "AUDITOR_VARIANTS": "sample"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    found = run("-c", f"import {name}; print({name}.__file__)")
    assert Path(found.stdout.strip()).is_relative_to(folder), found.stderr
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS[project])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_settings_of_pytest_are_the_same() -> None:
    """The file with which the tests of stormdoor-audit run in its distribution differs in the paths only."""
    theirs = tomllib.loads((AUDIT / "sdist" / "pytest.toml").read_text("utf-8"))["pytest"]
    ours = metadata()["tool"]["pytest"]
    paths = {"testpaths", "pythonpath"}
    assert {k: v for k, v in theirs.items() if k not in paths} == {
        k: v for k, v in ours.items() if k not in paths
    }


@pytest.mark.parametrize("project", PACKAGES, ids=PACKAGES.get)
def test_a_project_has_its_addresses(project: Path) -> None:
    """Homepage, documentation, source, issues and changelog, each with https."""
    urls = metadata(project)["project"]["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert all(url.startswith("https://") for url in urls.values())


def test_both_have_one_version() -> None:
    """The packages are released together."""
    assert metadata()["project"]["version"] == metadata(AUDIT)["project"]["version"]
