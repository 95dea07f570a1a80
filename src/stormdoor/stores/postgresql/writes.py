"""Transactions, grouped: those that wait at the same time are committed at once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg

from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreError, StoreInDoubt, StoreUnavailable
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.failure import (
    LOST,
    TRANSIENT,
    UnsendableText,
    check_text,
    is_unsent,
    refused,
    unavailable,
)
from stormdoor.stores.postgresql.link import PostgresqlLink, Server
from stormdoor.stores.postgresql.transaction import BatchJob, Job, Transaction

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["Writes"]

T = TypeVar("T")

_log = logging.getLogger("stormdoor.store")

_SECONDS = 5.0  # for one group, with all its repetitions
_LOCK_SECONDS = 2.0
# INVARIANT: shorter than `_LOCK_SECONDS`. So a write that waits for a lock of a lost node succeeds.
_IDLE_SECONDS = 1.0
_MOST_WAITING = 5_000
_MOST_TOGETHER = 64  # the server keeps as many savepoints of a transaction in its fast memory
_ATTEMPTS = 8


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    """A write that waits for its commit.

    Attributes:
        job: What it runs; None if it only adds `entry`.
        entry: Entry for the log of revocations, unless the result of `job` is false.
        order: Groups lock rows in the order of this text.
        alone: Whether it comes before other writes with the same `order`.
        row: And then in the order of this one.
        durable: Whether the commit waits for the disk.
        until: Time of the event loop from which it no longer begins.
        answer: Gets the result and the stored entries.
        result: The result of the last run.
        entries: The entries of the last run, as they are to be stored.
        stored: The entries of the last run, as they are stored.
        failure: Why the last run of this job failed.
    """

    job: Job[T] | BatchJob[T] | None
    entry: Revocation | None
    order: str
    alone: bool
    row: str
    durable: bool
    until: float
    answer: asyncio.Future[tuple[T, list[Revocation]]]
    result: Any = field(default=None)
    entries: list[Revocation] = field(default_factory=list)
    stored: list[Revocation] = field(default_factory=list)
    failure: Exception | None = field(default=None)


@dataclass(slots=True)
class _Commit:
    """Whether the commit of a transaction was sent."""

    sent: bool = False


class _Doubt(Exception):
    """The commit was sent, and its answer was lost."""


class _Failed(Exception):
    """A job of a group failed, and has undone the others of its transaction."""


AddEntries = Callable[[Transaction, Sequence[Revocation]], Awaitable[list[Revocation]]]


class Writes:
    """Writes on a connection of their own.

    Like writes that follow each other in a group are one statement. If a write fails, the group is run again
    with a savepoint for each write, so that a failed one does not undo the others. The entries of the log of
    revocations come last, because the row of its counter is locked until the commit.

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
            "idle_in_transaction_session_timeout": f"{int(_IDLE_SECONDS * 1000)}ms",
            "jit": "off",
            # By an index: a plan made while a table was small would read all of it.
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
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
        job: Job[T] | BatchJob[T] | None,
        entry: Revocation | None = None,
        *,
        order: str = "",
        alone: bool = False,
        row: str = "",
        durable: bool = True,
    ) -> tuple[T, list[Revocation]]:
        """Run `job` in a transaction: all of it is stored, or nothing.

        Args:
            job: Function that runs the statements, perhaps several times, or a part of such a function. None
                if there is only an entry.
            entry: Entry for the log of revocations, added unless the result of `job` is false.
            order: The principal that the write is about.
            alone: Whether it keeps out transactions that add rows of the principal.
            row: The id of the row, if the write locks only one, by a value that a client may choose.
            durable: Whether to return only when a power cut could not undo it.

        Returns:
            The result of `job`, and its entries as they are stored.

        Raises:
            StoreError: The schema forbids it.
            StoreUnavailable: The database does not answer, or too many writes wait for it.
            StoreInDoubt: The answer to the commit was lost.
        """
        for text in job.texts if isinstance(job, BatchJob) else ():
            check_text(text)
        if entry is not None:
            check_text(entry.value)
            check_text(entry.reason)
        if len(self._waiting) >= _MOST_WAITING:
            raise self._too_many()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[T, list[Revocation]]] = loop.create_future()
        until = loop.time() + _SECONDS
        self._waiting.append(_Waiting(job, entry, order, alone, row, durable, until, answer))
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
                # INVARIANT: all nodes lock in this order. Otherwise a client could let the groups of two
                # nodes deadlock. Writes about one principal keep their order, after those that keep out the
                # others. Those of one row come last.
                group.sort(key=_rank)
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
                f"the store {self._address.name}: the last change may or may not be stored; repeat it"
                f" (PostgreSQL: {doubt})"
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
        """Run the transaction of a group, within the time limit.

        Raises:
            _Doubt: The answer to the commit was lost.
            Any of `LOST`, asyncpg.PostgresError: Nothing has changed.
        """
        commit = _Commit()
        try:
            async with asyncio.timeout(_SECONDS):
                await self._repeat(group, commit)
        except LOST as error:
            self._link.drop()
            if commit.sent:
                raise _Doubt(str(error) or type(error).__name__) from error
            raise
        except asyncpg.PostgresError:
            raise
        except BaseException:
            self._link.drop()
            raise

    async def _repeat(self, group: list[_Waiting[Any]], commit: _Commit) -> None:
        """Run the transaction of a group; repeat it while it has changed nothing and may succeed."""
        apart = False
        for attempt in range(1, _ATTEMPTS + 1):
            commit.sent, fresh = False, not self._link.is_open
            try:
                return await self._transact(group, commit, apart=apart)
            except _Failed:
                apart, group = True, [one for one in group if one.failure is None]
            except TRANSIENT:
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0.0, 0.01 * 2**attempt))  # noqa: S311
            except LOST as error:
                commit.sent = commit.sent and not is_unsent(error)
                if commit.sent or fresh or attempt == _ATTEMPTS:
                    raise
                # The connection was lost before this transaction, such as by a restart.
                self._link.drop()
        return None

    async def _transact(self, group: list[_Waiting[Any]], commit: _Commit, *, apart: bool) -> None:
        """Run a group in one transaction.

        Args:
            group: The writes.
            commit: Notes that the commit is sent.
            apart: Whether each write has a savepoint and statements of its own.

        Raises:
            _Failed: A write failed, and has undone the others. Its failure is recorded, unless it ran
                together with like ones.
        """
        connection = await self._link.connection()
        transaction = Transaction(connection, self._link.identity[1])
        begin = "BEGIN"
        if not any(one.durable for one in group):
            begin = "BEGIN; SET LOCAL synchronous_commit = off"
        await connection.execute(f"{begin}; SAVEPOINT write" if apart else begin)
        try:
            for _, found in itertools.groupby(group, key=id if apart else _likeness):
                like = list(found)
                await self._run(transaction, like)
                if apart:
                    undone = "RELEASE" if like[0].failure is None else "ROLLBACK TO"
                    await connection.execute(f"{undone} write; SAVEPOINT write")
                elif like[0].failure is not None and len(group) > 1:
                    for one in like if len(like) > 1 else ():
                        one.failure = None
                    raise _Failed
            entries = [entry for one in group for entry in one.entries]
            if entries:
                added = iter(await self._add_entries(transaction, entries))
                for one in group:
                    one.stored = list(itertools.islice(added, len(one.entries)))
            if all(one.failure is not None for one in group):
                await connection.execute("ROLLBACK")
                return
        except (_Failed, asyncpg.PostgresError):
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        self._link.warned = ""
        commit.sent = True
        status = await connection.execute("COMMIT")
        # After a warning it was committed there, but no standby confirmed it: a failover may lose it.
        if self._link.warned or status != "COMMIT":
            raise _Doubt(self._link.warned or status)

    async def _run(self, transaction: Transaction, like: list[_Waiting[Any]]) -> None:
        """Run like writes. Record their results, or their failure unless that concerns the whole group."""
        transaction.entries = []
        results: Sequence[Any] = ()
        failure: Exception | None = None
        try:
            results = await _results(transaction, like)
            for entry in transaction.entries:
                check_text(entry.value)
                check_text(entry.reason)
        except (*TRANSIENT, *LOST):
            raise
        except UnsendableText as error:
            failure = error
        except asyncpg.IntegrityConstraintViolationError as error:
            failure = refused(error)
        except asyncpg.DataError:
            failure = StoreError("a value is outside of the range that PostgreSQL can store")
        except asyncpg.PostgresError as error:
            failure = unavailable(self._address.name, error)
        except Exception as error:  # noqa: BLE001 - its caller gets it, and nothing of this write is stored
            failure = error
        for n, one in enumerate(like):
            one.failure, one.entries, one.stored = failure, [], []
            if failure is None:
                one.result = results[n]
                one.entries = [*transaction.entries]
                if one.entry is not None and one.result:
                    one.entries.append(one.entry)


def _rank(one: _Waiting[Any]) -> tuple[object, ...]:
    return one.row, one.order, one.job is not None, not one.alone


def _likeness(one: _Waiting[Any]) -> object:
    """Return the same object for writes that run at once: those without a job, and parts of one function."""
    if one.job is None:
        return None
    return one.job.run if isinstance(one.job, BatchJob) else one


async def _results(transaction: Transaction, like: Sequence[_Waiting[Any]]) -> Sequence[Any]:
    job = like[0].job
    if job is None:
        return [True] * len(like)
    if isinstance(job, BatchJob):
        parts: Any = [one.job for one in like]
        return await job.run(transaction, [part.texts for part in parts])
    return [await job(transaction)]
