"""The common base of the parts of a PostgreSQL store."""

from __future__ import annotations

from typing import TypeVar

from stormdoor.core.revocation import Revocation
from stormdoor.ports import Changed
from stormdoor.stores.postgresql.database import PostgresqlDatabase
from stormdoor.stores.postgresql.failure import UnsendableText
from stormdoor.stores.postgresql.transaction import Job, Transaction

__all__ = ["PostgresqlPart"]

T = TypeVar("T")


class PostgresqlPart:
    """One port, on PostgreSQL. Each part is independent; together they are the store."""

    __slots__ = ("_database",)

    def __init__(self, database: PostgresqlDatabase) -> None:
        self._database = database

    async def _execute(
        self,
        statement: str,
        parameters: tuple[object, ...],
        entry: Revocation | None = None,
        *,
        order: str = "",
        row: str = "",
    ) -> Changed:
        """Run a change that is one statement, which changes rows or none."""

        async def execute(transaction: Transaction) -> bool:
            return await transaction.change(statement, *parameters) > 0

        return await self._database.change(execute, entry, order=order, row=row)

    async def _run(
        self,
        statement: str,
        parameters: tuple[object, ...],
        *,
        order: str = "",
        row: str = "",
        durable: bool = True,
    ) -> int:
        """Run one statement. Returns the number of changed rows."""

        async def execute(transaction: Transaction) -> int:
            return await transaction.change(statement, *parameters)

        return await self._database.write(execute, order=order, row=row, durable=durable)

    async def _take(self, job: Job[T | None], *, row: str) -> T | None:
        """Run a `job` that takes a row by a text that a client has sent.

        Returns:
            Its result; None for a text that no row can contain.
        """
        try:
            return await self._database.write(job, row=row)
        except UnsendableText:
            return None
