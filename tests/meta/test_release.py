"""The release check: it passes for one version everywhere, and names each part that differs."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.release import NPM, check_build, check_files, main
from tests.support.project import ROOT, metadata

VERSION = metadata()["project"]["version"]
TAG = f"v{VERSION}"


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text that is there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """The files that have a version, and a changelog of a release."""
    for name in ("pyproject.toml", "audit/pyproject.toml", *(f"{NPM}/{one}" for one in (
        "package.json", "package-lock.json"))):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n## [{VERSION}] - 2026-11-30\n\n### Added\n\n- It.\n",
        encoding="utf-8",
    )
    return tmp_path


def test_one_version_everywhere(ready: Path) -> None:
    """Both Python packages, the npm package, its lock and the changelog agree with the tag."""
    assert list(check_files(ready, TAG)) == []


LINE = f'version = "{VERSION}"'
JSON = f'"version": "{VERSION}"'
CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "stormdoor": (lambda at: edit(at / "pyproject.toml", LINE, 'version = "9.9.9"'), "stormdoor: "),
    "audit": (
        lambda at: edit(at / "audit/pyproject.toml", LINE, 'version = "9.9.9"'),
        "stormdoor-audit: ",
    ),
    "npm": (lambda at: edit(at / NPM / "package.json", JSON, '"version": "9.9.9"'), "package.json"),
    "lock": (
        lambda at: edit(at / NPM / "package-lock.json", JSON, '"version": "9.9.9"'),
        "package-lock.json",
    ),
    "no section": (
        lambda at: edit(at / "CHANGELOG.md", f"[{VERSION}]", "[9.9.9]"),
        "write one section",
    ),
    "no date": (lambda at: edit(at / "CHANGELOG.md", " - 2026-11-30", ""), "has no date"),
    "left over": (
        lambda at: edit(at / "CHANGELOG.md", "[Unreleased]\n", "[Unreleased]\n\n- New.\n"),
        "under [Unreleased]",
    ),
    "older": (
        lambda at: edit(at / "CHANGELOG.md", "## [Unreleased]", "## [9.9.9] - 2027-01-01"),
        "not the newest",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_differs_is_named(ready: Path, case: str) -> None:
    """Each single difference stops the release."""
    change, says = CHANGES[case]
    change(ready)
    [mistake] = check_files(ready, TAG)
    assert says in mistake


@pytest.mark.parametrize("tag", ["", "1.2.3", "v1.2", "v1.2.3-final", "v9.9.9"])
def test_another_tag(ready: Path, tag: str) -> None:
    """A tag that is no version, or another one, is refused."""
    assert list(check_files(ready, tag))


def test_pre_releases_have_two_spellings(ready: Path) -> None:
    """Python writes 1.0.0rc1, and npm 1.0.0-rc.1."""
    for name in ("pyproject.toml", "audit/pyproject.toml"):
        edit(ready / name, LINE, 'version = "1.0.0rc1"')
    for name in ("package.json", "package-lock.json"):
        path = ready / NPM / name
        path.write_text(path.read_text().replace(JSON, '"version": "1.0.0-rc.1"', 2))
    edit(ready / "CHANGELOG.md", f"[{VERSION}]", "[1.0.0rc1]")
    assert list(check_files(ready, "v1.0.0rc1")) == []


def test_the_versions_of_the_repository_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """Between releases, only the changelog may be unfinished."""
    mistakes = list(check_files(ROOT, TAG))
    assert [one for one in mistakes if not one.startswith("CHANGELOG.md")] == []
    assert main(["v9.9.9"]) == 1
    assert "v9.9.9: NOT READY" in capsys.readouterr().out


@pytest.mark.installs
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH")
def test_distributions_can_be_built(tmp_path: Path) -> None:
    """The wheels, the source distributions and the npm package are built, with their files."""
    assert list(check_build(ROOT, VERSION, tmp_path)) == []
    [archive] = tmp_path.glob("stormdoor-*.tgz")
    user = tmp_path / "user"
    user.mkdir()
    for command in (
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--offline", str(archive)],
        [
            "node",
            "--input-type=module",
            "-e",
            "import { Door } from 'stormdoor'; if (!Door.name) process.exit(1)",
        ],
    ):
        done = subprocess.run(command, cwd=user, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (user / "node_modules/stormdoor/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
