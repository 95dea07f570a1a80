"""Fetches the sources that the labels of the corpus speak of: `python -m audit_tests.auditor.corpus.fetch`.

Packages come as wheels through `pip download` with pip's own configuration, repositories through
`git fetch` of the one commit. Only Python files are kept; nothing of them is run, built or
installed. Every labelled file is compared with its checksum. What cannot be had here is reported,
and is missing from the evaluation: exit status 1 only if a source was fetched and differs.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from audit_tests.auditor.corpus.label import Version, read_labels

__all__ = ["CACHE", "fetch", "main"]

CACHE = Path("build/corpus")
OLDEST_PYTHON = (3, 11)
DONE = ".fetched"


class NotFetched(Exception):
    """The sources cannot be had from here; says why."""


def main() -> int:
    """Fetches what is not there yet; 0, or 1 if a file is not the one that was labelled."""
    options = _options()
    there, absent, wrong = 0, 0, 0
    for version in read_labels():
        folder = options.cache / version.slug
        try:
            fetch(version, folder, mirror=options.mirror)
        except NotFetched as refusal:
            absent += 1
            print(f"not fetched: {version.slug}: {refusal}")
            continue
        for label in version.labels:
            if _sha256(folder / label.path) != label.sha256:
                wrong += 1
                print(f"differs: {version.slug}: {label.path}")
        there += 1
    print(f"{there} versions in {options.cache}, {absent} not fetched, {wrong} files differ")
    return 1 if wrong else 0


def fetch(version: Version, folder: Path, *, mirror: str = "") -> None:
    """Bring the Python files of one version into `folder`, unless they are there.

    Args:
        version: What to fetch.
        folder: Where to; made if need be.
        mirror: Address of repositories elsewhere, with `{owner}` and `{name}`; "" for the label's.

    Raises:
        NotFetched: pip or git failed.
    """
    done = folder / DONE
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if version.repository:
        _from_repository(version, folder, mirror)
    else:
        _from_index(version, folder)
    done.write_text(version.commit or version.version, encoding="utf-8")


def _from_index(version: Version, folder: Path) -> None:
    python = ".".join(map(str, max(OLDEST_PYTHON, version.python)))
    with tempfile.TemporaryDirectory() as wheels:
        # A wheel, never a source package: pip would run its setup to learn its name.
        _run(
            [
                *[sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"],
                *["--only-binary", ":all:", "--python-version", python, "--dest", wheels],
                f"{version.package}=={version.version}",
            ]
        )
        for wheel in Path(wheels).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    _keep(folder, member, partial(archive.read, member))


def _from_repository(version: Version, folder: Path, mirror: str) -> None:
    owner, name = version.repository.rsplit("/", 2)[-2:]
    address = mirror.format(owner=owner, name=name) if mirror else version.repository
    with tempfile.TemporaryDirectory() as clone:
        _run(["git", "init", "--quiet", "--bare", clone])
        _run(["git", "-C", clone, "fetch", "--quiet", "--depth=1", address, version.commit])
        listed = _run(["git", "-C", clone, "ls-tree", "-r", "--name-only", "-z", version.commit])
        # A path in git is bytes: that of another file may be no UTF-8.
        names = listed.decode(errors="surrogateescape").split("\0")
        paths = [name for name in names if name.endswith(".py")]
        packed = _run(["git", "-C", clone, "archive", version.commit, "--", *paths])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive.getmembers():
            if member.isfile():
                content = archive.extractfile(member)
                assert content is not None
                _keep(folder, member.name, content.read)


def _keep(folder: Path, name: str, read: Callable[[], bytes]) -> None:
    path = PurePosixPath(name)
    if path.suffix != ".py" or path.is_absolute() or ".." in path.parts:
        return
    target = folder.joinpath(*path.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(read())


def _run(command: list[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotFetched(said[-1] if said else f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the sources go")
    parser.add_argument(
        "--mirror", default="", help="address of repositories elsewhere, with {owner} and {name}"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
