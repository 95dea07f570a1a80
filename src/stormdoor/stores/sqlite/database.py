"""One SQLite file, as one process uses it: from which thread, and for how long."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable
from stormdoor.ports import Space
from stormdoor.stores.rows import Row
from stormdoor.stores.sqlite import epoch, location, schema
from stormdoor.stores.sqlite.connection import (
    connect,
    prove_writable,
    transaction,
    use_write_ahead_log,
)
from stormdoor.stores.sqlite.failure import refused, unavailable

__all__ = ["Database"]

T = TypeVar("T")

_LOOK_SECONDS = 0.1  # a look-up holds the event loop: better no answer than no loop
_QUEUE_SECONDS = 1.0  # what writes take when no lock keeps them waiting
_CACHE_KIB = 16 * 1024
_REMEMBERED = 1024  # look-ups
_WAL_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Live:
    """What exists while the file is open."""

    identity: location.Identity
    process: int
    looks: sqlite3.Connection
    lists: sqlite3.Connection
    writes: sqlite3.Connection
    list_thread: ThreadPoolExecutor
    write_thread: ThreadPoolExecutor


class Database:
    """Three connections to one file.

    - *look*: what a handshake waits for; on the calling thread, since a look-up takes less time
      than handing it to a thread. What is looked up again before anybody has written anything is
      remembered.
    - *browse*: lists of any length; in a thread.
    - *write*: transactions; in one thread, one after the other.

    Write-ahead log: readers and the writer, of all processes, do not wait for each other.

    `synchronous=NORMAL`: a crash of the process loses nothing, and a power cut may lose the last
    moments but leaves the file, and the trail's chain, whole. That is enough for a session, a
    ticket or an entry of the trail: a wait for the disk at each would let the disk decide how many
    logins a second there can be, and whoever can cut the power can prevent an entry anyway. What
    takes a right away is written with `durable`, since the right must not come back after a power
    cut. That also makes durable whatever was written before it.

    Args:
        path: The file.
        busy_seconds: How long a write waits, for another process or for the writes before it.
    """

    __slots__ = ("_busy_seconds", "_live", "_name", "_remembered", "_version", "path")

    def __init__(self, path: Path, *, busy_seconds: float = 5.0) -> None:
        self.path = path
        self._name = str(path)
        self._busy_seconds = busy_seconds
        self._live: _Live | None = None
        self._version: int | None = None
        self._remembered: dict[tuple[str, tuple[object, ...]], Any] = {}

    async def open(self) -> None:
        """Open the file; create it and bring its schema up first, where needed.

        Raises:
            ConfigurationError: The file cannot be used as a store.
            StoreUnavailable: It does not answer.
        """
        if self._live is not None:
            return
        thread = ThreadPoolExecutor(1, thread_name_prefix="stormdoor-write")
        try:
            self._live = await asyncio.get_running_loop().run_in_executor(
                thread, self._connect, thread
            )
        except BaseException:
            thread.shutdown(wait=False)
            raise

    async def close(self) -> None:
        """Finish what is under way and let go of the file. Safe to call twice."""
        live = self._live
        if live is None or os.getpid() != live.process:
            return  # what belongs to the process that this one was forked from is left to it
        self._live = None
        self._remembered.clear()
        loop = asyncio.get_running_loop()
        live.looks.close()
        await loop.run_in_executor(live.list_thread, live.lists.close)
        # Last, since whoever closes last moves the log into the database.
        await loop.run_in_executor(live.write_thread, live.writes.close)
        live.list_thread.shutdown(wait=False)
        live.write_thread.shutdown(wait=False)

    def look(self, statement: str, parameters: tuple[object, ...]) -> list[Row]:
        """The rows of a short SELECT.

        Raises:
            StoreUnavailable: The file does not answer.
        """
        live = self._live
        if live is None:
            raise self._closed()
        try:
            if location.identity(self._name) != live.identity or os.getpid() != live.process:
                raise self._other(live)
            return live.looks.execute(statement, parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        except UnicodeEncodeError:
            return []  # a lone surrogate: no stored text can be equal to it

    def recall(
        self, statement: str, parameters: tuple[object, ...], read: Callable[[list[Row]], T | None]
    ) -> T | None:
        """What `read` makes of the rows of a short SELECT.

        It is given again, without looking, until anybody writes anything: a page that opens several sockets
        with one session asks the same several times.

        Args:
            statement: The SELECT.
            parameters: For it.
            read: Makes something that nobody can change of the rows; None is not remembered.

        Raises:
            StoreUnavailable: The file does not answer.
        """
        live = self._live
        if live is None:
            raise self._closed()
        try:
            if location.identity(self._name) != live.identity or os.getpid() != live.process:
                raise self._other(live)
            # INVARIANT: first the version, then the rows. SQLite changes it with every commit of any other
            # connection, of this process or another; so it is given again only if nothing at all was
            # committed since it was read. A commit between the two steps makes it newer than its version,
            # and it is forgotten a moment too early.
            ((version,),) = live.looks.execute("PRAGMA data_version").fetchall()
            if version != self._version or len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
                self._version = version
            key = (statement, parameters)
            known: T | None = self._remembered.get(key)
            if known is None:
                known = read(live.looks.execute(statement, parameters).fetchall())
                if known is not None:
                    self._remembered[key] = known
            return known
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        except UnicodeEncodeError:
            return None  # likewise

    async def browse(self, statement: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        """The rows of a SELECT of any length.

        Raises:
            StoreUnavailable: The file does not answer.
        """
        live = self._usable()

        def fetch() -> list[Row]:
            try:
                self._check_identity(live)
                return live.lists.execute(statement, parameters).fetchall()
            except (sqlite3.Error, OSError) as error:
                raise self._unavailable(error) from error
            except UnicodeEncodeError:
                return []

        return await asyncio.get_running_loop().run_in_executor(live.list_thread, fetch)

    async def write(
        self,
        job: Callable[[sqlite3.Connection], T],
        *,
        durable: bool = False,
        afterwards: Callable[[T], None] | None = None,
    ) -> T:
        """Run `job` in a transaction: all of it is stored, or nothing.

        Args:
            job: Function that runs in another thread. An exception rolls the transaction back.
            durable: Whether to return only when a power cut could not undo it.
            afterwards: Function that runs in that thread after the commit, with the result of `job`.

        Raises:
            StoreError: The schema forbids it.
            StoreUnavailable: The file does not answer, or other writes keep it busy.
        """
        live = self._usable()
        asked_at = time.monotonic()

        def run() -> T:
            if time.monotonic() - asked_at > self._busy_seconds + _QUEUE_SECONDS:
                # Each write before this one may have waited as long as it may.
                raise StoreUnavailable(f"the store {self.path}: too many writes wait for it")
            try:
                self._check_identity(live)
                result = transaction(live.writes, job, durable=durable)
            except sqlite3.IntegrityError as error:
                raise refused(error) from error
            except (sqlite3.Error, OSError) as error:
                raise self._unavailable(error) from error
            except UnicodeEncodeError as error:
                raise StoreError("text with a lone surrogate cannot be stored") from error
            if afterwards is not None:
                afterwards(result)
            return result

        return await asyncio.get_running_loop().run_in_executor(live.write_thread, run)

    def space(self) -> Space:
        """Return the room that the file and its log use, and the room left on their disk.

        Raises:
            StoreUnavailable: The file does not answer.
        """
        live = self._usable()
        try:
            self._check_identity(live)
            used = self.path.stat().st_size
            with contextlib.suppress(FileNotFoundError):
                used += self.path.with_name(f"{self.path.name}-wal").stat().st_size
            return Space(used, shutil.disk_usage(self.path.parent).free)
        except OSError as error:
            raise self._unavailable(error) from error

    async def empty_log(self) -> bool:
        """Move the write-ahead log into the database, so that nothing erased is left in it.

        Returns:
            Whether it could be done: a reader that is under way in another process may prevent it.
        """
        live = self._usable()

        def run() -> bool:
            try:
                ((busy, *_),) = live.writes.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error:
                return False
            return not busy

        return await asyncio.get_running_loop().run_in_executor(live.write_thread, run)

    def _connect(self, write_thread: ThreadPoolExecutor) -> _Live:
        if sqlite3.sqlite_version_info < (3, 35):
            raise ConfigurationError(
                f"this Python has SQLite {sqlite3.sqlite_version}; a store needs 3.35 or later"
            )
        location.prepare(self.path)
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(connect(self._name, timeout=self._busy_seconds))
            writes = opened[0]
            use_write_ahead_log(writes, self._busy_seconds)
            schema.bring_up(self.path, writes)
            writes.execute("PRAGMA synchronous = NORMAL")
            writes.execute("PRAGMA foreign_keys = ON")
            writes.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
            writes.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            prove_writable(writes)
            epoch.confirm(writes, self.path)
            for timeout in (_LOOK_SECONDS, self._busy_seconds):
                opened.append(connect(self._name, timeout=timeout))
                opened[-1].execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                opened[-1].execute("PRAGMA query_only = ON")
            return _Live(
                identity=location.identity(self._name),
                process=os.getpid(),
                looks=opened[1],
                lists=opened[2],
                writes=writes,
                list_thread=ThreadPoolExecutor(1, thread_name_prefix="stormdoor-list"),
                write_thread=write_thread,
            )
        except BaseException as error:
            for connection in opened:
                connection.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise self._unavailable(error) from error
            raise

    def _usable(self) -> _Live:
        live = self._live
        if live is None:
            raise self._closed()
        if os.getpid() != live.process:
            raise self._other(live)
        return live

    def _check_identity(self, live: _Live) -> None:
        if location.identity(self._name) != live.identity:
            raise self._other(live)

    def _closed(self) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self.path} is not open")

    def _other(self, live: _Live) -> StoreUnavailable:
        if os.getpid() != live.process:
            return StoreUnavailable(
                f"the store {self.path} was opened before this process was forked; open it after"
            )
        # No attempt to open what is there now: whoever follows the feed of revocations by number
        # would miss those of another file.
        return StoreUnavailable(
            f"the store {self.path}: another file has taken its place; restart this process"
        )

    def _unavailable(self, error: sqlite3.Error | OSError) -> StoreUnavailable:
        if isinstance(error, sqlite3.Error):
            return unavailable(self.path, error)
        return StoreUnavailable(f"the store {self.path}: {error.strerror}")
