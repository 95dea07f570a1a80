"""Everything that the result of a scan depends on, as one digest."""

import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from stormdoor_audit.auditor.reading.environment import packages_of
from stormdoor_audit.auditor.reading.files import Listing, in_order, list_files, python_packages
from stormdoor_audit.auditor.reading.module import MAX_BYTES
from stormdoor_audit.auditor.reading.shipped import shipped_files
from stormdoor_audit.auditor.scanning.settings import Settings

__all__ = ["Inventory", "take_inventory"]

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Inventory:
    """The state of the world before or after a scan.

    Args:
        digest: Of the scanner, the options, and the names and contents of all files.
        stamps: Of what the file system says of each file: changed when a file was touched meanwhile.
    """

    digest: str
    stamps: str


def take_inventory(places: Sequence[Path], settings: Settings) -> Inventory:
    """Read all files that a scan may read.

    Args:
        places: What would be scanned.
        settings: How.
    """
    listings = [list_files(place, settings.exclude, settings.root) for place in places]
    listings += [
        python_packages(one)
        for one in (packages_of(settings.python) if settings.python is not None else ())
    ]
    contents = hashlib.sha256()
    stamps = hashlib.sha256()
    _add(contents, "scanner", _scanner(), sys.version)
    _add(contents, "places", *map(os.fspath, places), str(settings.root.resolve()))
    for name in ("select", "ignore", "exclude"):
        _add(contents, name, *getattr(settings, name))
    _add(contents, "python", str(settings.python), str(settings.steps), settings.engine)
    with ThreadPoolExecutor(settings.workers) as pool:
        for kind, paths in [
            ("knowledge", sorted(settings.knowledge)),
            ("shipped", _shipped(listings)),
            *(
                (f"files {listing.root}", [*in_order(listing.python), *listing.assets])
                for listing in listings
            ),
        ]:
            _add(contents, kind, str(len(paths)))
            chunks = [paths[at : at + _CHUNK] for at in range(0, len(paths), _CHUNK)]
            for content, stamp in pool.map(_read, chunks):
                contents.update(content)
                stamps.update(stamp)
    for listing in listings:
        for path, reason in sorted(listing.unreadable):
            _add(contents, "unreadable", str(path), reason)
    return Inventory(contents.hexdigest(), stamps.hexdigest())


def _shipped(listings: Iterable[Listing]) -> list[Path]:
    """Configuration beside the code, which the verdicts hang on as well."""
    folders = {one.root for one in listings}
    folders.update(file.parent for one in listings for file in one.python)
    return sorted(shipped_files(sorted(folders), None))


def _add(into: "hashlib._Hash", *words: str) -> None:
    """Length first: no two lists of words give the same bytes."""
    for word in words:
        raw = os.fsencode(word)
        into.update(b"%d:" % len(raw) + raw)
    into.update(b";")


def _read(paths: Iterable[Path]) -> tuple[bytes, bytes]:
    """Digests of the names and contents of some files, and of their stamps."""
    contents, stamps = hashlib.sha256(), hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                # More than this is never looked at; that there is more is.
                content = hashlib.sha256(stream.read(MAX_BYTES + 1)).hexdigest()
            stamp = f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
        except OSError as error:
            content = stamp = f"not read: {error.strerror}"
        _add(contents, str(path), content)
        _add(stamps, str(path), stamp)
    return contents.digest(), stamps.digest()


@cache
def _scanner() -> str:
    """A digest of the code that scans: another version may say something else of the same files."""
    found = hashlib.sha256()
    for package in (
        "stormdoor_audit.analyzer",
        "stormdoor_audit.auditor",
        "stormdoor_audit.report",
    ):
        for name, content in sorted(_code(files(package), package)):
            _add(found, name)
            found.update(hashlib.sha256(content).digest())
    return found.hexdigest()


def _code(directory: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    for one in directory.iterdir():
        inner = f"{name}/{one.name}"
        if one.is_dir():
            yield from _code(one, inner)
        elif one.name.endswith((".py", ".toml")):
            yield inner, one.read_bytes()
