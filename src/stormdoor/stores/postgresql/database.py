"""One database in one process: its connections."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import asyncpg

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Changed
from stormdoor.stores.postgresql import schema
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.failure import LOST, UnsendableText, unavailable
from stormdoor.stores.postgresql.following import Following, Reads
from stormdoor.stores.postgresql.heartbeat import PostgresqlHeartbeat
from stormdoor.stores.postgresql.link import PostgresqlLink, Server
from stormdoor.stores.postgresql.log import add_entries
from stormdoor.stores.postgresql.look_ups import LookUps
from stormdoor.stores.postgresql.transaction import BatchJob, Job
from stormdoor.stores.postgresql.writes import Writes
from stormdoor.stores.rows import Row

__all__ = ["PostgresqlDatabase"]

T = TypeVar("T")

_LIST_SECONDS = 30.0
_FOLLOW_SECONDS = 1.0


class PostgresqlDatabase:
    """The owned connections to one database.

    - *look up*: SELECTs that a handshake waits for, batched.
    - *write*: transactions, grouped.
    - *trail*: appends of up to 500 entries, so that no revocation waits for them.
    - *follow*: the log of revocations, with LISTEN.
    - *heartbeat*: a synchronous write that renews the lease. It alone decides which server is the primary.
    - *list*: lists of any length, and `purge`.

    No pool: handing a connection out and back costs more than a look-up.

    Args:
        address: The database.
    """

    __slots__ = (
        "_following",
        "_lists",
        "_look_ups",
        "_process",
        "_trail",
        "_writes",
        "address",
        "heartbeat",
    )

    def __init__(self, address: Address) -> None:
        self.address = address
        self._process: int | None = None

    async def open(self) -> None:
        """Connect, and check the schema.

        Raises:
            ConfigurationError: The schema does not fit this code.
            StoreUnavailable: The database does not answer.
        """
        if self._process is not None:
            return
        address, server = self.address, Server()
        self._look_ups = LookUps(address, server)
        self._writes = Writes(address, server, add_entries)
        self._trail = Writes(address, server, add_entries, purpose="trail")
        self._following = Following(address, server, _FOLLOW_SECONDS)
        self._lists = Reads(
            address,
            PostgresqlLink(address, "lists", server, settings={"lock_timeout": "2000ms"}),
            _LIST_SECONDS,
        )
        self.heartbeat = PostgresqlHeartbeat(address, server, self._look_ups)
        try:
            await schema.check(await self._writes.open())
            await self._look_ups.open()
        except (*LOST, asyncpg.PostgresError) as error:
            await self._end()
            raise unavailable(address.name, error) from error
        except BaseException:
            await self._end()
            raise
        self._process = os.getpid()

    async def close(self) -> None:
        """Finish running work, and end all connections. Safe to call twice."""
        # In a forked process, the connections belong to its parent.
        if self._process == os.getpid():
            self._process = None
            await self._end()

    async def _end(self) -> None:
        await self._writes.close()
        await self._trail.close()
        await self._look_ups.close()
        await self._following.close()
        await self._lists.close()
        await self.heartbeat.close()

    def check_open(self) -> None:
        """Check that this process has opened the database.

        Raises:
            StoreUnavailable: It has not.
        """
        if self._process is None:
            raise StoreUnavailable(f"the store {self.address.name} is not open")
        if self._process != os.getpid():
            raise StoreUnavailable(
                f"the store {self.address.name} was opened before this process was forked; open it after"
            )

    def look_up(self, statement: str, *keys: str) -> Awaitable[list[Row]]:
        """Return the rows of a short SELECT, of which the parameters are `keys`.

        Raises:
            StoreUnavailable: The database does not answer, or its epoch is not that of the last beat.
        """
        self.check_open()
        return self._look_ups.look_up(statement, keys)

    async def list_rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a SELECT of any length; none for a text that no row can contain.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        self.check_open()
        try:
            return await self._lists.rows(statement, parameters)
        except UnsendableText:
            return []

    async def follow_rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a SELECT from the log of revocations.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        self.check_open()
        return await self._following.rows(statement, parameters)

    def full_epoch(self, epoch: str) -> str:
        """Return the epoch of rows that `follow_rows` has just returned, with the system identifier."""
        return f"{epoch}.{self._following.system}"

    async def wait_for_entry(self, after: LogPosition, seconds: float) -> None:
        """See `RevocationLog.wait_for_entry`."""
        self.check_open()
        await self._following.wait(after, seconds)

    async def write(
        self,
        job: Job[T] | BatchJob[T],
        *,
        order: str = "",
        alone: bool = False,
        row: str = "",
        durable: bool = True,
    ) -> T:
        """Run `job` in a transaction. See `Writes.write`."""
        self.check_open()
        result, _ = await self._writes.write(
            job, order=order, alone=alone, row=row, durable=durable
        )
        return result

    async def write_trail(self, job: Job[T], *, durable: bool = True) -> T:
        """Run `job` in a transaction on the connection of the trail. See `Writes.write`."""
        self.check_open()
        result, _ = await self._trail.write(job, durable=durable)
        return result

    async def change(
        self,
        job: Job[bool] | BatchJob[bool] | None,
        entry: Revocation | None = None,
        *,
        order: str = "",
        row: str = "",
    ) -> Changed:
        """Run a change in a durable transaction, which also adds `entry` to the log; see `Changed`.

        Args:
            job: Returns whether it changed anything; None if there is only an entry.
            entry: The entry.
            order: The principal that the change is about.
            row: See `Writes.write`.
        """
        self.check_open()
        changed, stored = await self._writes.write(job, entry, order=order, row=row)
        return stored[0] if stored else changed

    async def write_entries(
        self, job: Job[T], *, order: str = "", alone: bool = False
    ) -> tuple[T, list[Revocation]]:
        """Run `job` in a durable transaction, which also adds `Transaction.entries` to the log.

        Returns:
            The result of `job`, and the entries as they are stored.
        """
        self.check_open()
        return await self._writes.write(job, order=order, alone=alone)
