"""The file of a SQLite store: protected from reads and replacement by other users."""

import logging
import os
import stat
from pathlib import Path

from stormdoor.errors import ConfigurationError, StoreUnavailable

__all__ = ["Identity", "identity", "prepare"]

_log = logging.getLogger("stormdoor.store")

Identity = tuple[int, int]
"""Device and inode, which identify a file under any name."""


def identity(path: str) -> Identity:
    """Return the identity of the file at `path`.

    Raises:
        OSError: There is none.
    """
    found = os.stat(path)  # noqa: PTH116 - on the path of every look-up, where pathlib costs double
    return found.st_dev, found.st_ino


def prepare(path: Path) -> None:
    """Create the file (0600) and its directory (0700), or check existing ones.

    A file that all users may read loses that mode, with a warning. The operator decides about the mode for
    the file's group: an administrator's command may run under another account than the server.

    Raises:
        ConfigurationError: Other users could replace the file, or its mode cannot be corrected.
        StoreUnavailable: It cannot be created, or is not a regular file.
    """
    try:
        _make_directory(path.parent)
        _refuse_open_directory(path.parent)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            _tighten(path)
    except OSError as error:
        raise StoreUnavailable(f"the store {path}: {error.strerror}") from error


def _make_directory(directory: Path) -> None:
    # `mkdir(parents=True)` would give the mode to the last one only.
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _refuse_open_directory(directory: Path) -> None:
    mode = directory.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise ConfigurationError(
            f"all users may replace the files in {directory}, so no store can be kept there;"
            f" run: chmod o-w {directory}"
        )


def _tighten(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(f"the store {path}: it is no regular file")
    if not found.st_mode & stat.S_IRWXO:
        return
    # The files beside the database get the same mode.
    for file in (path, *(Path(f"{path}{suffix}") for suffix in ("-wal", "-shm", "-log"))):
        try:
            file.chmod(stat.S_IMODE(file.stat().st_mode) & ~stat.S_IRWXO)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigurationError(
                f"all users may read {file}, and its mode cannot be changed ({error.strerror});"
                f" run as its owner: chmod o-rwx {file}"
            ) from error
    _log.warning("all users of the machine could read the store %s; its mode was corrected", path)
