"""The connection that follows the log of revocations: it reads entries, and NOTIFY wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from stormdoor.core.log_position import LogPosition
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.dialect import numbered
from stormdoor.stores.postgresql.failure import LOST, check_text, unavailable
from stormdoor.stores.postgresql.link import PostgresqlLink, Server
from stormdoor.stores.rows import Row

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["NOTIFY", "Following", "Reads"]

_CHANNEL: Final = "stormdoor_revocation"
NOTIFY: Final = f"SELECT pg_notify('{_CHANNEL}', CAST(? AS TEXT))"
"""Statement that wakes the followers at the commit. The parameter is the position of the last entry."""


class Reads:
    """SELECTs on a connection of their own, one after the other.

    Args:
        address: The database.
        link: The connection.
        seconds: Time limit of one SELECT.
    """

    __slots__ = ("_address", "_link", "_lock", "_seconds")

    def __init__(self, address: Address, link: PostgresqlLink, seconds: float) -> None:
        self._address = address
        self._link = link
        self._lock = asyncio.Lock()
        self._seconds = seconds

    @property
    def system(self) -> str:
        """The system identifier of the server that the last SELECT read."""
        return self._link.identity[1]

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a SELECT. A connection that turns out to be lost is made again once.

        Raises:
            UnsendableText: A parameter is a text that PostgreSQL rejects.
            StoreUnavailable: The database does not answer in time.
        """
        for each in parameters:
            check_text(each)
        try:
            async with asyncio.timeout(self._seconds), self._lock:
                return await self._fetch(numbered(statement), parameters)
        except (*LOST, asyncpg.PostgresError) as error:
            raise unavailable(self._address.name, error) from error

    async def _fetch(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        while True:
            fresh = not self._link.is_open
            try:
                connection = await self._link.connection()
                return await connection.fetch(statement, *parameters)
            except LOST:
                self._link.drop()
                if fresh:
                    raise
            except asyncpg.PostgresError:
                raise
            except BaseException:
                self._link.drop()  # the answer may still come
                raise


class Following(Reads):
    """The log of revocations.

    A connection of its own: asyncpg delivers no notification between the preparation and the execution of a
    statement. INVARIANT: a notification only wakes. Order and completeness come from the sequence.

    Args:
        address: The database.
        server: The server of the last beat.
        seconds: Time limit of one SELECT.
    """

    __slots__ = ("_notified", "_woken")

    def __init__(self, address: Address, server: Server, seconds: float) -> None:
        super().__init__(
            address, PostgresqlLink(address, "follow", server, prepare=self._listen), seconds
        )
        self._woken = asyncio.Event()
        self._notified = 0

    async def _listen(self, connection: Connection) -> None:
        await connection.add_listener(_CHANNEL, self._wake)
        connection.add_termination_listener(self._wake)
        # Entries may have come before the LISTEN.
        self._woken.set()

    def _wake(self, _connection: object, *details: object) -> None:
        if len(details) == 3 and str(details[2]).isdecimal():
            self._notified = max(self._notified, int(str(details[2])))
        self._woken.set()

    async def wait(self, after: LogPosition, seconds: float) -> None:
        """See `RevocationLog.wait_for_entry`."""
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                if not self._link.is_open:
                    async with self._lock:
                        await self._link.connection()
                if self._notified <= after.seq:
                    await self._woken.wait()
        except (*LOST, asyncpg.PostgresError):
            # Notifications do not come; the caller reads the log after this time.
            await asyncio.sleep(max(0.0, deadline - asyncio.get_running_loop().time()))
        self._woken.clear()
        self._notified = 0
