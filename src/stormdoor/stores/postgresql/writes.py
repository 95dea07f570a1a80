"""Transactions, grouped: those that wait at the same time are committed at once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreError, StoreInDoubt, StoreUnavailable
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.dialect import numbered
from stormdoor.stores.postgresql.failure import (
    LOST,
    TRANSIENT,
    UnsendableText,
    check_text,
    refused,
    unavailable,
)
from stormdoor.stores.postgresql.link import PostgresqlLink, Server
from stormdoor.stores.rows import Row

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["Job", "Transaction", "Writes"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_SECONDS = 5.0  # for one group, with all its repetitions
_LOCK_SECONDS = 2.0
_MOST_WAITING = 5_000
_MOST_TOGETHER = 50  # the server keeps up to 64 savepoints of a transaction in its fast memory
_ATTEMPTS = 8


class Transaction:
    """A transaction under way. Statements are those of `stormdoor.stores.statements`, with `?`.

    Args:
        connection: The connection.
        system: System identifier of its server.

    Attributes:
        entries: Entries for the log of revocations. They are added after all other statements, because the
            row of the log's counter is locked until the commit.
        position: The head of the log, if a write of this transaction has read it.
    """

    __slots__ = ("_connection", "entries", "position", "system")

    def __init__(self, connection: Connection, system: str) -> None:
        self._connection = connection
        self.entries: list[Revocation] = []
        self.position: LogPosition | None = None
        self.system = system

    async def rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """Return the rows of a statement.

        Raises:
            UnsendableText: A parameter is a text that PostgreSQL rejects.
        """
        for each in parameters:
            check_text(each)
        found: Any = await self._connection.fetch(numbered(statement), *parameters)
        return found  # type: ignore[no-any-return]

    async def change(self, statement: str, *parameters: object) -> int:
        """Run a statement. Returns the number of rows that it changed.

        Raises:
            UnsendableText: A parameter is a text that PostgreSQL rejects.
        """
        for each in parameters:
            check_text(each)
        status: str = await self._connection.execute(numbered(statement), *parameters)
        return int(status.rpartition(" ")[2])

    async def change_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for each of `rows`, in one round trip.

        Raises:
            UnsendableText: A parameter is a text that PostgreSQL rejects.
        """
        given = list(rows)
        for row in given:
            for each in row:
                check_text(each)
        if given:
            await self._connection.executemany(numbered(statement), given)


Job = Callable[[Transaction], Awaitable[T]]
"""A function that runs statements. It may run several times, if its transaction is repeated."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    """A write that waits for its commit.

    Attributes:
        job: What it runs; None if it only adds `entry`.
        entry: Entry for the log of revocations, unless the result of `job` is false.
        order: Groups lock rows in the order of this text.
        durable: Whether the commit waits for the disk.
        until: Time of the event loop from which it no longer begins.
        answer: Gets the result and the stored entries.
        result: The result of the last run.
        entries: The entries of the last run, as they are to be stored.
        stored: The entries of the last run, as they are stored.
        failure: Why the last run of this job failed.
    """

    job: Job[T] | None
    entry: Revocation | None
    order: str
    durable: bool
    until: float
    answer: asyncio.Future[tuple[T, list[Revocation]]]
    result: Any = field(default=None)
    entries: list[Revocation] = field(default_factory=list)
    stored: list[Revocation] = field(default_factory=list)
    failure: Exception | None = field(default=None)


class _Doubt(Exception):
    """The commit was sent, and its answer was lost."""


AddEntries = Callable[[Transaction, Sequence[Revocation]], Awaitable[list[Revocation]]]


class Writes:
    """Writes on a connection of their own.

    Each write has a savepoint, so that one that the schema refuses does not undo the others of its group. The
    entries of the log of revocations come last, because the row of its counter is locked until the commit.

    Args:
        address: The database.
        server: The server of the last beat.
        add_entries: Function that adds entries to the log.
        purpose: Name of the connection in `pg_stat_activity`.
    """

    __slots__ = ("_add_entries", "_address", "_link", "_task", "_waiting")

    def __init__(
        self,
        address: Address,
        server: Server,
        add_entries: AddEntries,
        *,
        purpose: str = "writes",
    ) -> None:
        settings = {
            # A role or a database may have another default, with which a commit waits for no standby.
            "synchronous_commit": "on",
            "lock_timeout": f"{int(_LOCK_SECONDS * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{int(_SECONDS * 2000)}ms",
            "jit": "off",
        }
        self._address = address
        self._link = PostgresqlLink(address, purpose, server, settings=settings)
        self._add_entries = add_entries
        self._waiting: list[_Waiting[Any]] = []
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> Connection:
        """Connect. Returns the connection, for the check of the schema."""
        return await self._link.connection()

    async def close(self) -> None:
        """Finish the writes under way, and end the connection."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._link.close()

    async def write(
        self,
        job: Job[T] | None,
        entry: Revocation | None = None,
        *,
        order: str = "",
        durable: bool = True,
    ) -> tuple[T, list[Revocation]]:
        """Run `job` in a transaction: all of it is stored, or nothing.

        Args:
            job: Function that runs the statements, perhaps several times; None if there is only an entry.
            entry: Entry for the log of revocations, added unless the result of `job` is false.
            order: The principal that the write is about.
            durable: Whether to return only when a power cut could not undo it.

        Returns:
            The result of `job`, and its entries as they are stored.

        Raises:
            StoreError: The schema forbids it.
            StoreUnavailable: The database does not answer, or too many writes wait for it.
            StoreInDoubt: The answer to the commit was lost.
        """
        if entry is not None:
            check_text(entry.value)
            check_text(entry.reason)
        if len(self._waiting) >= _MOST_WAITING:
            raise self._too_many()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[T, list[Revocation]]] = loop.create_future()
        until = loop.time() + _SECONDS
        self._waiting.append(_Waiting(job, entry, order, durable, until, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[:_MOST_TOGETHER]
                del self._waiting[:_MOST_TOGETHER]
                # Nothing has happened yet for a caller that has gone, or that earlier writes delayed.
                group = [one for one in group if not one.answer.done() and self._in_time(one)]
                # INVARIANT: writes about one principal keep their order.
                group.sort(key=lambda one: one.order)
                if group:
                    await self._store(group)
        finally:
            self._task = None

    def _in_time(self, one: _Waiting[Any]) -> bool:
        if asyncio.get_running_loop().time() < one.until:
            return True
        one.answer.set_exception(self._too_many())
        return False

    def _too_many(self) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self._address.name}: too many writes wait for it")

    async def _store(self, group: list[_Waiting[Any]]) -> None:
        """Store a group, and answer its callers."""
        failure: Exception | None = None
        try:
            await self._commit(group)
        except _Doubt as doubt:
            failure = StoreInDoubt(
                f"the store {self._address.name}: the last change may or may not be stored (PostgreSQL:"
                f" {doubt})"
            )
        except (*LOST, asyncpg.PostgresError) as error:
            failure = unavailable(self._address.name, error)
        except Exception as error:  # noqa: BLE001 - see below
            # INVARIANT: a mistake answers its callers, and the next group is stored.
            _log.exception("a group of writes failed")
            failure = StoreInDoubt(f"the store {self._address.name}: {error!r}")
        except BaseException as error:
            failure = StoreInDoubt(f"the store {self._address.name}: {error!r}")
            raise
        finally:
            for one in group:
                if one.answer.done():
                    continue
                if said := failure or one.failure:
                    one.answer.set_exception(said)
                else:
                    one.answer.set_result((one.result, one.stored))

    async def _commit(self, group: list[_Waiting[Any]]) -> None:
        """Run the transaction of a group; repeat it while it has changed nothing and may succeed."""
        sent = False

        def send() -> None:
            nonlocal sent
            sent = True

        try:
            async with asyncio.timeout(_SECONDS):
                for attempt in range(1, _ATTEMPTS + 1):
                    sent, fresh = False, not self._link.is_open
                    try:
                        await self._transact(group, send)
                    except TRANSIENT:
                        if attempt == _ATTEMPTS:
                            raise
                        await asyncio.sleep(random.uniform(0.0, 0.01 * 2**attempt))  # noqa: S311
                    except LOST:
                        if sent or fresh or attempt == _ATTEMPTS:
                            raise
                        # The connection was lost before this transaction, such as by a restart.
                        self._link.drop()
                    else:
                        return
        except (*LOST, asyncpg.PostgresError) as error:
            if isinstance(error, LOST):
                self._link.drop()
                if sent:
                    raise _Doubt(str(error) or type(error).__name__) from error
            raise
        except BaseException:
            self._link.drop()
            raise

    async def _transact(self, group: list[_Waiting[Any]], send: Callable[[], None]) -> None:
        connection = await self._link.connection()
        transaction = Transaction(connection, self._link.identity[1])
        begin = "BEGIN"
        if not any(one.durable for one in group):
            begin = "BEGIN; SET LOCAL synchronous_commit = off"
        jobs = [one for one in group if one.job is not None]
        several = len(group) > 1
        await connection.execute(f"{begin}; SAVEPOINT write" if several and jobs else begin)
        try:
            for one in group:
                await self._run(transaction, one)
                # The next write needs a savepoint of its own, and the last one none any more.
                if one.failure is not None and several:
                    await connection.execute("ROLLBACK TO write")
                elif one.job is not None and one is not jobs[-1]:
                    await connection.execute("RELEASE write; SAVEPOINT write")
            entries = [entry for one in group if one.failure is None for entry in one.entries]
            if entries:
                added = iter(await self._add_entries(transaction, entries))
                for one in group:
                    if one.failure is None:
                        one.stored = list(itertools.islice(added, len(one.entries)))
            if all(one.failure is not None for one in group):
                await connection.execute("ROLLBACK")
                return
        except asyncpg.PostgresError:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        self._link.warned = ""
        send()
        status = await connection.execute("COMMIT")
        # After a warning it was committed there, but no standby confirmed it: a failover may lose it.
        if self._link.warned or status != "COMMIT":
            raise _Doubt(self._link.warned or status)

    async def _run(self, transaction: Transaction, one: _Waiting[Any]) -> None:
        """Run one write within its savepoint. Records its failure, unless that concerns the whole group."""
        one.failure, one.entries, one.stored = None, [], []
        if one.job is None:
            one.entries = [] if one.entry is None else [one.entry]
            return
        transaction.entries = []
        try:
            one.result = await one.job(transaction)
            if one.entry is not None and one.result:
                transaction.entries.append(one.entry)
            for entry in transaction.entries:
                check_text(entry.value)
                check_text(entry.reason)
            one.entries = transaction.entries
        except (*TRANSIENT, *LOST):
            raise
        except UnsendableText as error:
            one.failure = error
        except asyncpg.IntegrityConstraintViolationError as error:
            one.failure = refused(error)
        except asyncpg.DataError:
            one.failure = StoreError("a value is outside of the range that PostgreSQL can store")
        except asyncpg.PostgresError as error:
            one.failure = unavailable(self._address.name, error)
        except Exception as error:  # noqa: BLE001 - its caller gets it, and nothing of this write is stored
            one.failure = error
