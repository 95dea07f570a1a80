"""One SQLite file in one process: its connections and threads."""

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
from stormdoor.ports import NodeStatus, Space
from stormdoor.stores.rows import Row
from stormdoor.stores.sqlite import epoch, location, schema
from stormdoor.stores.sqlite.connection import (
    connect,
    prove_writable,
    transaction,
    use_write_ahead_log,
)
from stormdoor.stores.sqlite.failure import refused, unavailable

__all__ = ["Database", "UnstorableText"]

T = TypeVar("T")

_LOOK_SECONDS = 0.1  # a look-up blocks the event loop: rather no answer than a blocked loop
_QUEUE_SECONDS = 1.0  # duration of a write without waiting for a lock
_CACHE_KIB = 16 * 1024
_REMEMBERED = 1024  # look-ups
_WAL_BYTES = 64 * 1024 * 1024


class UnstorableText(StoreError):
    """A text that no row can contain."""


@dataclass(frozen=True, slots=True)
class _Live:
    """The state while the file is open."""

    identity: location.Identity
    process: int
    lookups: sqlite3.Connection
    lists: sqlite3.Connection
    writes: sqlite3.Connection
    list_thread: ThreadPoolExecutor
    write_thread: ThreadPoolExecutor


class Database:
    """Three connections to one file.

    - *look up*: reads that a handshake waits for; on the calling thread, because a look-up takes less time
      than a change of threads. A result is cached until the next write of any process.
    - *list*: lists of any length; in a thread.
    - *write*: transactions; in one thread, one after the other.

    Write-ahead log: readers and the writer, of all processes, do not wait for each other.

    `synchronous=NORMAL`: a crash of the process loses nothing. A power cut may lose the last moments, but
    the file and the trail's chain stay consistent. That is enough for a session, a ticket or an entry of
    the trail: waiting for the disk at each would let the disk limit the logins per second, and an attacker
    who can cut the power can prevent an entry anyway. Removing a right is written with `durable`, because
    the right must not return after a power cut. That also makes all earlier writes durable.

    Args:
        path: The file.
        busy_seconds: Seconds that a write waits for another process or for earlier writes.
    """

    __slots__ = (
        "_busy_seconds",
        "_live",
        "_name",
        "_remembered",
        "_soon",
        "_version",
        "path",
        "recorded_beats",
    )

    def __init__(self, path: Path, *, busy_seconds: float = 5.0) -> None:
        self.path = path
        self._name = str(path)
        self._busy_seconds = busy_seconds
        self._live: _Live | None = None
        self._version: int | None = None
        self._remembered: dict[tuple[str, tuple[object, ...]], Any] = {}
        self._soon: asyncio.Task[None] | None = None
        self.recorded_beats: dict[str, tuple[NodeStatus, float]] = {}
        """The last recorded beat of each node of this process, and its monotonic seconds."""

    async def open(self) -> None:
        """Open the file; create it and migrate its schema before, if necessary.

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
        """Finish running work and close the file. Safe to call twice."""
        live = self._live
        if live is None or os.getpid() != live.process:
            return  # in a forked process, the state belongs to its parent
        if self._soon is not None:
            await asyncio.wait([self._soon])
        self._live = None
        self._remembered.clear()
        loop = asyncio.get_running_loop()
        live.lookups.close()
        await loop.run_in_executor(live.list_thread, live.lists.close)
        # Last, because the last connection to close moves the log into the database.
        await loop.run_in_executor(live.write_thread, live.writes.close)
        live.list_thread.shutdown(wait=False)
        live.write_thread.shutdown(wait=False)

    def look_up(self, statement: str, parameters: tuple[object, ...]) -> list[Row]:
        """Return the rows of a short SELECT.

        Raises:
            StoreUnavailable: The file does not answer.
        """
        live = self._live
        if live is None:
            raise self._closed()
        try:
            if location.identity(self._name) != live.identity or os.getpid() != live.process:
                raise self._other(live)
            return live.lookups.execute(statement, parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        except UnicodeEncodeError:
            return []  # a lone surrogate: no stored text can be equal to it

    def look_up_cached(
        self, statement: str, parameters: tuple[object, ...], read: Callable[[list[Row]], T | None]
    ) -> T | None:
        """Return the result of `read` for the rows of a short SELECT.

        It is cached until the next write of any process: a page that opens several sockets with one session
        needs the same several times.

        Args:
            statement: The SELECT.
            parameters: For it.
            read: Converts the rows to an immutable value; None is not cached.

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
            # connection, of this process or another; so the cached value is used only if nothing was
            # committed since it was read. A commit between the two steps makes the rows newer than their
            # version, and they are dropped a moment too early.
            ((version,),) = live.lookups.execute("PRAGMA data_version").fetchall()
            if version != self._version or len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
                self._version = version
            key = (statement, parameters)
            known: T | None = self._remembered.get(key)
            if known is None:
                known = read(live.lookups.execute(statement, parameters).fetchall())
                if known is not None:
                    self._remembered[key] = known
            return known
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        except UnicodeEncodeError:
            return None  # likewise

    async def list_rows(self, statement: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        """Return the rows of a SELECT of any length.

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
            StoreInDoubt: The commit failed in such a way that the change may be stored.
        """
        live = self._usable()
        asked_at = time.monotonic()

        def run() -> T:
            if time.monotonic() - asked_at > self._busy_seconds + _QUEUE_SECONDS:
                # Each earlier write may have waited as long as it may.
                raise StoreUnavailable(f"the store {self.path}: too many writes wait for it")
            try:
                self._check_identity(live)
                result = transaction(live.writes, job, durable=durable)
            except sqlite3.IntegrityError as error:
                raise refused(error) from error
            except (sqlite3.Error, OSError) as error:
                raise self._unavailable(error) from error
            except UnicodeEncodeError as error:
                raise UnstorableText("text with a lone surrogate cannot be stored") from error
            if afterwards is not None:
                afterwards(result)
            return result

        return await asyncio.get_running_loop().run_in_executor(live.write_thread, run)

    def write_soon(self, job: Callable[[sqlite3.Connection], T], done: Callable[[T], None]) -> None:
        """Begin to run `job` as `write` does, without waiting for it.

        It is dropped while an earlier one runs, or if the file does not answer: its caller calls again.

        Args:
            job: As of `write`.
            done: Function that gets its result, in the event loop.
        """

        async def run() -> None:
            with contextlib.suppress(StoreUnavailable, StoreError):
                done(await self.write(job))

        if self._soon is None or self._soon.done():
            self._soon = asyncio.get_running_loop().create_task(run())

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
        """Move the write-ahead log into the database, so that it contains no erased data.

        Returns:
            Whether it succeeded: a running read in another process may prevent it.
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
            writes.execute("PRAGMA secure_delete = ON")  # erased data is overwritten
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
                lookups=opened[1],
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

    def check_open(self) -> None:
        """Check that the file is open in this process.

        Raises:
            StoreUnavailable: It is not.
        """
        self._usable()

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
        # It does not open the present file: code that follows the feed of revocations by number would miss
        # those of another file.
        return StoreUnavailable(
            f"the store {self.path}: another file has taken its place; restart this process"
        )

    def _unavailable(self, error: sqlite3.Error | OSError) -> StoreUnavailable:
        if isinstance(error, sqlite3.Error):
            return unavailable(self.path, error)
        return StoreUnavailable(f"the store {self.path}: {error.strerror}")
