"""How this program talks to SQLite: connections, their log, their transactions."""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from stormdoor.stores import statements as sql

__all__ = ["connect", "prove_writable", "transaction", "use_write_ahead_log"]

T = TypeVar("T")


def connect(path: str, *, timeout: float) -> sqlite3.Connection:
    """A connection that leaves the beginning and end of transactions to its user.

    It is used by one thread at a time, but not by the thread that made it.

    Args:
        path: The file, which is there.
        timeout: Seconds to wait while another process keeps it locked.
    """
    return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)


def use_write_ahead_log(connection: sqlite3.Connection, patience: float) -> None:
    """Switch it on. SQLite does not wait while another process does the same, so this does.

    Raises:
        sqlite3.Error: It could not be done within `patience` seconds, or not here at all.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
            continue
        if mode == "wal":
            return
        raise sqlite3.OperationalError(
            f"no write-ahead log on this file system (journal_mode is {mode}); use a local disk"
        )


def prove_writable(connection: sqlite3.Connection) -> None:
    """Find out now, and not at the first login, that the file may not be written.

    Raises:
        sqlite3.Error: It may not.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        # On a file that may only be read, BEGIN IMMEDIATE is no more than BEGIN.
        connection.execute(sql.NEXT_REVOCATION).fetchall()
    finally:
        connection.execute("ROLLBACK")


def transaction(
    connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T], *, durable: bool
) -> T:
    """Run `job` in a transaction, undone by any exception.

    Args:
        connection: Where.
        job: What.
        durable: Have it on the disk before returning.
    """
    if durable:
        connection.execute("PRAGMA synchronous = FULL")
    try:
        # The lock comes first: a transaction that began with reading cannot always go on to write.
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some failures have undone it already
                connection.execute("ROLLBACK")
            raise
        return result
    finally:
        if durable:
            connection.execute("PRAGMA synchronous = NORMAL")
