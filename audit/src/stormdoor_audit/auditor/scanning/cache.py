"""Reports of earlier scans, stored so that no other user can write them.

An entry is named by the digest of everything that its report depends on, and sealed with a key that this
user alone can read and that does not lie beside the entries. An entry that does not fit (the seal, the
owner, the mode, the size, a link in place of a file) is ignored: the scan is made.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stormdoor_audit.report.finding import Report

__all__ = ["Cache", "CacheError", "open_cache"]

_SUFFIX = ".scan"
_SEAL = hashlib.sha256().digest_size
_KEY = 32
_LARGEST = 16 * 1024 * 1024
_MOST = 64
_TOTAL = 64 * 1024 * 1024
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Made once: msgspec crashes if two threads decode a dataclass for the first time at the same moment.
_REPORT = msgspec.json.Decoder(Report)


class CacheError(Exception):
    """A directory cannot hold a cache; the message says why."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A directory of sealed reports.

    Args:
        directory: Where the entries are; this user's alone.
        key: Seals them.
    """

    directory: Path
    key: bytes

    def get(self, digest: str) -> Report | None:
        """The report of a scan with the same digest, or None."""
        path = self.directory / f"{digest}{_SUFFIX}"
        content = _content(path, _LARGEST)
        if content is None or len(content) <= _SEAL:
            return None
        body = content[_SEAL:]
        if not hmac.compare_digest(content[:_SEAL], self._seal(digest, body)):
            return None
        try:
            report = _REPORT.decode(body)
        except msgspec.MsgspecError:
            return None
        with suppress(OSError):
            os.utime(path, follow_symlinks=False)  # what is used is thrown away last
        return report

    def put(self, digest: str, report: Report) -> None:
        """Keep a report. That it cannot be kept is no failure of the scan."""
        try:
            body = msgspec.json.encode(report)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return  # a name that is not UTF-8
        if len(body) + _SEAL > _LARGEST:
            return
        with suppress(OSError):
            _write(self.directory / f"{digest}{_SUFFIX}", self._seal(digest, body) + body)
            self._prune()

    def _seal(self, digest: str, body: bytes) -> bytes:
        """The digest is sealed, too: an entry that was renamed is another scan's."""
        return hmac.digest(self.key, digest.encode() + b"\n" + body, "sha256")

    def _prune(self) -> None:
        """Throw away what was not used for longest until the rest is small and few enough."""
        entries: list[tuple[float, int, Path]] = []
        with os.scandir(self.directory) as found:
            for one in found:
                # Also what a scan left that was killed while it wrote.
                if one.name.endswith((_SUFFIX, ".part")):
                    with suppress(OSError):
                        about = one.stat(follow_symlinks=False)
                        entries.append((about.st_mtime, about.st_size, Path(one.path)))
        size = 0
        for number, (_, length, path) in enumerate(sorted(entries, reverse=True)):
            size += length
            if number >= _MOST or size > _TOTAL:
                with suppress(OSError):
                    path.unlink()


def open_cache(directory: Path | None = None) -> Cache:
    """The cache in a directory, or this user's.

    Args:
        directory: Where; in the user's directory for caches if left out.

    Raises:
        CacheError: It belongs to another user, others may write in it, or it cannot be made.
    """
    where = directory or _home("XDG_CACHE_HOME", ".cache") / "stormdoor" / "scan"
    try:
        _private(where)
        return Cache(where, _key(_home("XDG_STATE_HOME", ".local/state") / "stormdoor"))
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CacheError(f"{where} cannot hold the cache: {reason}") from error


def _home(name: str, below: str) -> Path:
    """A directory of the XDG specification, which wants relative ones ignored."""
    said = Path(os.environ.get(name, ""))
    return said if said.is_absolute() else Path.home() / below


def _private(directory: Path) -> None:
    """Make a directory that only this user can write in, or see that it is one.

    Raises:
        CacheError: It is not.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = directory.lstat()
    if not stat.S_ISDIR(about.st_mode):
        raise CacheError(f"{directory} cannot hold the cache: it is a link")
    if about.st_uid != os.geteuid():
        raise CacheError(f"{directory} cannot hold the cache: it belongs to another user")
    if about.st_mode & _OTHERS_WRITE:
        raise CacheError(f"{directory} cannot hold the cache: others may write in it")


def _key(directory: Path) -> bytes:
    """The key of this user, made at the first use."""
    _private(directory)
    path = directory / "scan-cache.key"
    for _ in range(2):
        found = _content(path, _KEY)
        if found is not None and len(found) == _KEY:
            return found
        with suppress(FileExistsError):
            # Two scans may be the first at once: the second to link it uses the other's.
            part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
            try:
                _fill(part, secrets.token_bytes(_KEY))
                os.link(part, path)
            finally:
                part.unlink(missing_ok=True)
    raise CacheError(f"{path} is no key that this user alone can read: delete it")


def _content(path: Path, most: int) -> bytes | None:
    """Return the content of a file of this user; None for any other file."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return None
    try:
        about = os.fstat(descriptor)
        if (
            not stat.S_ISREG(about.st_mode)
            or about.st_uid != os.geteuid()
            or about.st_mode & _OTHERS_WRITE
            or about.st_size > most
        ):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(most + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content if len(content) <= most else None


def _fill(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, _MAKE, 0o600), "wb") as stream:
        stream.write(content)


def _write(path: Path, content: bytes) -> None:
    """A reader finds the old file or the new one, never half of one."""
    part = path.with_name(f"{path.stem[:16]}.{secrets.token_hex(8)}.part")
    try:
        _fill(part, content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
