"""The epoch of the log of revocations in a SQLite file: it detects copied and restored files.

The log in a copied file or in a restored backup may give positions a second time. So the file records its own
inode, which a copy does not have. The file `<file>-log` beside it records the head of the log, which a backup
that is copied over the database does not overwrite.
"""

import contextlib
import logging
import os
import secrets
import sqlite3
from pathlib import Path

from stormdoor.core.log_position import LogPosition
from stormdoor.stores import statements as sql
from stormdoor.stores.sqlite import location

__all__ = ["begin", "check", "confirm", "note"]

_log = logging.getLogger("stormdoor.store")


def _head_file(path: Path) -> Path:
    return Path(f"{path}-log")


def _inode(path: Path) -> int:
    # Not the device as well: its number may change at each mount of the file system.
    return location.identity(str(path))[1]


def _noted(path: Path) -> LogPosition | None:
    try:
        epoch, seq = _head_file(path).read_text(encoding="ascii").split()
        return LogPosition(epoch, int(seq))
    except (OSError, ValueError):
        return None


def _write(path: Path, position: LogPosition) -> None:
    target = _head_file(path)
    fresh = target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - of a descriptor
            # SQLite gives the mode of the database to the files that it creates beside it; so does this.
            os.fchmod(descriptor, path.stat().st_mode & 0o660)
            file.write(f"{position.epoch} {position.seq}\n")
        fresh.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def note(path: Path, position: LogPosition) -> None:
    """Record `position` as the head of the log of `path`. It never moves back in an epoch."""
    noted = _noted(path)
    if noted is not None and noted.includes(position):
        return
    try:
        _write(path, position)
    except OSError as error:
        # The log is complete, but a restored earlier backup would not be detected.
        _log.warning("%s cannot be written: %s", _head_file(path), error.strerror)


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Start another epoch if the log would give a position a second time, within a transaction.

    A backup was restored while processes had the file open.

    Raises:
        OSError: The file beside the database cannot be written.
    """
    noted = _noted(path)
    ((epoch, seq),) = connection.execute(sql.LOG_POSITION).fetchall()
    if noted is not None and noted.epoch == epoch and noted.seq > seq:
        begin(connection, path)


def begin(connection: sqlite3.Connection, path: Path) -> LogPosition:
    """Start another epoch, within a transaction.

    Raises:
        OSError: The file beside the database cannot be written.
    """
    ((_, seq),) = connection.execute(sql.LOG_POSITION).fetchall()
    position = LogPosition(secrets.token_hex(16), seq)
    connection.execute(sql.BEGIN_EPOCH, (position.epoch, _inode(path)))
    # INVARIANT: before the commit, so that only one of two processes begins when both open the file at
    # once.
    _write(path, position)
    return position


def confirm(connection: sqlite3.Connection, path: Path) -> None:
    """Start another epoch if the file is new, a copy or a restored backup.

    Raises:
        sqlite3.Error, OSError: A file cannot be read or written.
    """
    if _is_the_last(connection, path):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_the_last(connection, path):
            begin(connection, path)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_the_last(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether this file is neither a copy nor a restored backup."""
    ((epoch, seq),) = connection.execute(sql.LOG_POSITION).fetchall()
    ((_, _, inode),) = connection.execute(sql.LOG).fetchall()
    noted = _noted(path)
    return noted is not None and noted.epoch == epoch and noted.seq <= seq and inode == _inode(path)
