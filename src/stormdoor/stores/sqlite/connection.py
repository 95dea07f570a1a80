"""Open SQLite connections, and set up their log and transactions."""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from stormdoor.errors import StoreInDoubt
from stormdoor.ports import SystemClock
from stormdoor.stores import statements as sql

__all__ = ["connect", "prove_writable", "transaction", "use_write_ahead_log"]

T = TypeVar("T")


def connect(path: str, *, timeout: float) -> sqlite3.Connection:
    """Return a connection that leaves the control of transactions to its user.

    It is used by one thread at a time, but not by the thread that created it.

    Args:
        path: The existing file.
        timeout: Seconds to wait while another process keeps it locked.
    """
    made = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    made.create_function("monotonic", 0, lambda: SystemClock.monotonic())  # noqa: PLW0108 - tests replace the clock
    return made


def use_write_ahead_log(connection: sqlite3.Connection, patience: float) -> None:
    """Enable the write-ahead log, and wait while another process does the same, which SQLite does not.

    Raises:
        sqlite3.Error: It did not succeed within `patience` seconds, or is impossible here.
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
    """Check at the start, and not at the first login, that the file is writable.

    Raises:
        sqlite3.Error: It is not.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        # On a read-only file, BEGIN IMMEDIATE does the same as BEGIN.
        connection.execute(sql.NEXT_REVOCATION).fetchall()
    finally:
        connection.execute("ROLLBACK")


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
            raise
        # The transaction is over, and SQLite does not say in which way.
        raise StoreInDoubt(
            f"the last change may or may not be stored; repeat it (SQLite: {error})"
        ) from error


def transaction(
    connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T], *, durable: bool
) -> T:
    """Run `job` in a transaction, which any exception rolls back.

    Args:
        connection: The connection.
        job: Function to run.
        durable: Write it to the disk before returning.
    """
    if durable:
        connection.execute("PRAGMA synchronous = FULL")
    try:
        # The lock comes first: a transaction that began with a read cannot always continue with a write.
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(connection)
        except BaseException:
            if connection.in_transaction:  # some failures have rolled it back already
                connection.execute("ROLLBACK")
            raise
        _commit(connection)
        return result
    finally:
        if durable:
            connection.execute("PRAGMA synchronous = NORMAL")
