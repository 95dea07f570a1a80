"""The connection of the heartbeat: it decides which server is the primary."""

from __future__ import annotations

import asyncio

import asyncpg

from stormdoor.core.log_position import LogPosition
from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.dialect import numbered
from stormdoor.stores.postgresql.failure import LOST, unavailable
from stormdoor.stores.postgresql.link import PostgresqlLink, Server
from stormdoor.stores.postgresql.look_ups import LookUps

__all__ = ["PostgresqlHeartbeat"]


class PostgresqlHeartbeat:
    """A synchronous write that returns the epoch and the head of the log.

    Args:
        address: The database.
        server: Gets the identity of the server.
        look_ups: Gets the epoch, which all their answers must have.
    """

    __slots__ = ("_address", "_link", "_lock", "_look_ups", "_server")

    def __init__(self, address: Address, server: Server, look_ups: LookUps) -> None:
        self._address = address
        # A role or a database may have another default, with which a commit waits for no standby.
        settings = {"synchronous_commit": "on", "lock_timeout": "1s", "jit": "off"}
        self._link = PostgresqlLink(address, "heartbeat", None, settings=settings)
        self._lock = asyncio.Lock()
        self._look_ups = look_ups
        self._server = server

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def beat(
        self, statement: str, *parameters: object, seconds: float, unwritten: StoreUnavailable
    ) -> LogPosition:
        """Run the write. It returns the epoch as `dialect.EPOCH`, the head, and the number of written rows.

        Args:
            statement: The write.
            parameters: For it.
            seconds: Its time limit.
            unwritten: Raised if it wrote no row.

        Raises:
            StoreUnavailable: The database does not answer in time, or warns; or no row was written. The
                write may have happened, but it does not count.
        """
        name = self._address.name
        async with self._lock:
            try:
                connection = await self._link.connection()
                self._link.warned = ""
                async with asyncio.timeout(seconds):
                    row = await connection.fetchrow(numbered(statement), *parameters)
            except (*LOST, asyncpg.PostgresError) as error:
                self._link.drop()
                raise unavailable(name, error) from error
            except BaseException:
                self._link.drop()
                raise
            if self._link.warned:
                self._link.drop()
                raise StoreUnavailable(
                    f"the store {name}: the heartbeat was not confirmed (PostgreSQL: {self._link.warned})"
                )
            if row is None or not row[2]:
                raise unwritten
            self._server.identity = self._link.identity
            self._look_ups.epoch = row[0]
            return LogPosition(f"{row[0]}.{self._link.identity[1]}", row[1])
