"""Check that all parts of a release have one version: `make release-check TAG=v1.2.3`.

Compares the tag with both Python packages, the npm package and its lock, and the changelog. Builds the
distributions of all three, and compares their versions and files. Nothing is published. Exit status 1 if
something differs.
"""

import argparse
import datetime as dt
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["check_build", "check_files", "main"]

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = {"stormdoor": ".", "stormdoor-audit": "audit"}
NPM = "clients/js"
_TAG = re.compile(r"v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")
_SECTION = re.compile(r"^## \[([^\]]+)\](?: - (\S+))?$", re.MULTILINE)
_NPM_FILES = ("LICENSE", "README.md", "dist/index.d.ts", "dist/stormdoor.js", "package.json")


def check_files(root: Path, tag: str) -> Iterator[str]:
    """Return what in the repository is not ready for a release under `tag`."""
    match = _TAG.fullmatch(tag)
    if match is None:
        yield f"the tag {tag!r} is no version such as v1.2.3"
        return
    version = match[1]
    for name, folder in PROJECTS.items():
        project = tomllib.loads((root / folder / "pyproject.toml").read_text(encoding="utf-8"))
        if (found := project["project"]["version"]) != version:
            yield f"{name}: pyproject.toml has the version {found}, and the tag {version}"
    package = _json(root / NPM / "package.json")
    lock = _json(root / NPM / "package-lock.json")
    npm = re.sub(r"(a|b|rc)(\d+)$", r"-\1.\2", version)
    for name, found in (
        ("package.json", package["version"]),
        ("package-lock.json", lock["version"]),
        ("package-lock.json, the package itself", lock["packages"][""]["version"]),
    ):
        if found != npm:
            yield f"{NPM}/{name} has the version {found}, and the tag {npm}"
    yield from _check_changelog((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)


def _check_changelog(text: str, version: str) -> Iterator[str]:
    sections = list(_SECTION.finditer(text))
    names = [one[1] for one in sections]
    if names[:1] == ["Unreleased"]:
        end = sections[1].start() if len(sections) > 1 else len(text)
        if re.search(r"^- ", text[sections[0].end() : end], re.MULTILINE):
            yield "CHANGELOG.md: lines are left under [Unreleased]; move them to the version"
    if names.count(version) != 1:
        yield f"CHANGELOG.md: write one section ## [{version}] - {dt.date.today()}"  # noqa: DTZ011
        return
    section = sections[names.index(version)]
    try:
        dt.date.fromisoformat(section[2] or "")
    except ValueError:
        yield f"CHANGELOG.md: [{version}] has no date such as 2026-11-30"
    if names[0] != version and names[:2] != ["Unreleased", version]:
        yield f"CHANGELOG.md: [{version}] is not the newest version"


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def check_build(root: Path, version: str, out: Path) -> Iterator[str]:
    """Build the distributions into `out`, and return the mistakes in them."""
    for name, folder in PROJECTS.items():
        done = _run([sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=root / folder)
        if done.returncode:
            yield f"{name}: hatchling build fails: {done.stderr.strip()[-300:]}"
            continue
        stem = f"{name.replace('-', '_')}-{version}"
        built = {one.name for one in out.glob(f"{stem}*")}
        for wanted in (f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"):
            if wanted not in built:
                yield f"{name}: {wanted} was not built, but {', '.join(sorted(built)) or 'nothing'}"
    yield from _check_npm(root, out)


def _check_npm(root: Path, out: Path) -> Iterator[str]:
    npm = shutil.which("npm")
    if npm is None:
        yield "npm is not on PATH: the npm package was not built"
        return
    home = out / "npm"
    shutil.copytree(root / NPM, home, ignore=shutil.ignore_patterns("node_modules", "dist"))
    for command in (["ci"], ["pack", "--pack-destination", str(out)]):
        done = _run([npm, "--silent", "--no-audit", "--no-fund", *command], cwd=home)
        if done.returncode:
            yield f"npm {command[0]} fails: {(done.stderr or done.stdout).strip()[-300:]}"
            return
    [archive] = out.glob("stormdoor-*.tgz")
    with tarfile.open(archive) as packed:
        names = {one.name.removeprefix("package/") for one in packed.getmembers()}
    yield from (f"npm package: {one} is missing" for one in _NPM_FILES if one not in names)
    yield from (
        f"npm package: {one} does not belong in it"
        for one in sorted(names)
        if one not in _NPM_FILES and not one.startswith(("dist/", "src/"))
    )


def _run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all mistakes.

    Returns:
        0 if there is none, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("tag", help="the tag of the release, such as v1.2.3")
    parser.add_argument("--build", action="store_true", help="build all distributions, too")
    options = parser.parse_args(arguments)
    mistakes = list(check_files(ROOT, options.tag))
    if options.build and not mistakes:
        with tempfile.TemporaryDirectory() as folder:
            mistakes += check_build(ROOT, options.tag.removeprefix("v"), Path(folder))
    for one in mistakes:
        print(one)
    print(f"{options.tag}: {'NOT READY' if mistakes else 'ready'}")
    return int(bool(mistakes))


if __name__ == "__main__":
    sys.exit(main())
