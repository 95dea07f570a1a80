"""Copy a database: to test a handshake without changing the original, and to go back after a migration."""

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

from stormdoor.errors import StoreUnavailable

__all__ = ["copy_database", "keep_copy"]


def copy_database(source: Path, target: Path) -> None:
    """Copy `source`, which may be in use, into the new file `target`.

    Raises:
        StoreUnavailable: It cannot be read.
    """
    if not source.exists():
        raise StoreUnavailable(
            f"there is no store at {source}; the server makes it at its first start"
        )
    # Before it has content, so that no other user ever reads it.
    target.touch(mode=0o600, exist_ok=False)
    try:
        # The path is quoted for a URI: it may contain a question mark.
        address = f"{source.resolve().as_uri()}?mode=ro"
        with (
            contextlib.closing(sqlite3.connect(address, uri=True)) as original,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{source} cannot be copied: {error}") from error


def keep_copy(path: Path, revision: str) -> Path:
    """Copy `path`, with its write-ahead log, to a file beside it that is named after its schema.

    The caller holds the lock for writes, so that one process copies at a time, and the copy lacks nothing. A
    copy of that name from an earlier upgrade is replaced.

    Args:
        path: The file.
        revision: The revision of its schema.

    Returns:
        The copy, which is on the disk.

    Raises:
        StoreUnavailable: The copy cannot be written, such as on a full disk. None is left.
    """
    target = Path(f"{path}.schema-{revision}")
    partial = Path(f"{target}.partial")
    try:
        partial.unlink(missing_ok=True)  # of a process that was killed
        copy_database(path, partial)
        partial.chmod(stat.S_IMODE(path.stat().st_mode) & 0o660)
        partial.replace(target)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except (StoreUnavailable, OSError) as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StoreUnavailable(
            f"the store {path} must be copied to {target} before its schema changes, and nothing was changed:"
            f" {error}"
        ) from error
    return target
