"""Convert errors of a SQLite file to messages for an operator."""

import sqlite3
from pathlib import Path

from stormdoor.errors import StoreError, StoreUnavailable

__all__ = ["refused", "unavailable"]

_CAUSES = {
    sqlite3.SQLITE_BUSY: "another process has kept it locked; look who uses it (fuser {path})",
    sqlite3.SQLITE_LOCKED: "another process has kept it locked; look who uses it (fuser {path})",
    sqlite3.SQLITE_FULL: "the disk or quota that it is on is full",
    sqlite3.SQLITE_CORRUPT: "it is damaged; stop, and restore it from a backup",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database, or damaged; name another file",
    sqlite3.SQLITE_READONLY: "it may not be written; check owner, mode and mount",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that it is there, owner, mode and mount",
    sqlite3.SQLITE_IOERR: "the disk that it is on reports an error",
    sqlite3.SQLITE_PERM: "it may not be used; check owner, mode and mount",
}


def unavailable(path: Path, error: sqlite3.Error) -> StoreUnavailable:
    """Return the exception for an `error` of a read or a write."""
    # The low byte is the kind; the rest is too detailed for an operator.
    cause = _CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    said = cause.format(path=path) if cause else "it does not answer"
    return StoreUnavailable(f"the store {path}: {said} (SQLite: {error})")


def refused(error: sqlite3.IntegrityError) -> StoreError:
    """Return the exception for a change that the schema forbids."""
    match error.sqlite_errorcode:
        case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY | sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            # The message ends like this: "... failed: api_key.id".
            table = str(error).rpartition(": ")[2].partition(".")[0]
            return StoreError(f"this {table.replace('_', ' ')} exists already")
        case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return StoreError("there is no such account")
        case _:
            return StoreError(str(error))
