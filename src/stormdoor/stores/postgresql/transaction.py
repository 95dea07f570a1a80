"""A transaction under way, and the jobs that run in one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.stores.postgresql.dialect import numbered
from stormdoor.stores.postgresql.failure import check_text
from stormdoor.stores.rows import Row

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["BatchJob", "Job", "Transaction"]

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class BatchJob(Generic[T]):
    """A job that runs together with like ones of its group.

    Attributes:
        run: Function that runs the statements for several jobs, and adds no entries. It gets the texts of
            each, and returns the results in their order.
        texts: The texts of this job.
    """

    run: Callable[[Transaction, Sequence[tuple[str, ...]]], Awaitable[Sequence[T]]]
    texts: tuple[str, ...]
