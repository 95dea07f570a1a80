"""Plan and run the migrations of a SQLite file, for the commands of an operator."""

import contextlib
import sqlite3
from pathlib import Path

from stormdoor.stores.sqlite import location, schema
from stormdoor.stores.sqlite.connection import connect, use_write_ahead_log
from stormdoor.stores.sqlite.failure import unavailable

__all__ = ["apply", "plan"]

_SECONDS = 5.0


def plan(path: Path) -> tuple[str | None, dict[str, Path]]:
    """Return the revision of the schema of the file, and the missing migrations. Changes nothing.

    Args:
        path: An existing file.

    Raises:
        ConfigurationError: The schema needs a newer version of stormdoor, or is foreign.
        StoreUnavailable: The file does not answer.
    """
    # The path is quoted for a URI: it may contain a question mark.
    address = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_SECONDS)) as file:
            return schema.version(file), schema.missing(file, path)
    except sqlite3.Error as error:
        raise unavailable(path, error) from error


def apply(path: Path) -> Path | None:
    """Run the missing migrations of an existing file. Returns the copy that was made before, if there is one.

    Raises:
        ConfigurationError: As of `plan`.
        StoreUnavailable: The file does not answer, or cannot be copied. Its schema is unchanged.
    """
    location.prepare(path)
    try:
        with contextlib.closing(connect(str(path), timeout=_SECONDS)) as file:
            use_write_ahead_log(file, _SECONDS)
            return schema.bring_up(path, file)
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
