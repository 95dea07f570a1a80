"""Copy a database, to test a handshake without changing the original."""

import contextlib
import sqlite3
from pathlib import Path

from stormdoor.errors import StoreUnavailable

__all__ = ["copy_database"]


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
