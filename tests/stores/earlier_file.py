"""A SQLite file of an earlier release, with data."""

import contextlib
import sqlite3
from pathlib import Path

__all__ = ["REVISION", "write_earlier_file"]

REVISION = "0006"
_RECORDED = Path(__file__).parent / "recorded" / f"alembic-{REVISION}.sql"


def write_earlier_file(path: Path) -> Path:
    """Write a file that an earlier release made, with the schema `REVISION` and one account."""
    path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(_RECORDED.read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return path
