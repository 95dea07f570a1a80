"""The embedded store: one SQLite file, shared by all processes of one machine."""

import sqlite3
from pathlib import Path
from typing import ClassVar

from stormdoor.core.backoff import FAMILIAR_SECONDS
from stormdoor.stores import statements as sql
from stormdoor.stores.grace import PURGE_GRACE_SECONDS, REVOKED_SECONDS
from stormdoor.stores.sqlite.accounts import SqliteAccounts
from stormdoor.stores.sqlite.connections import SqliteConnections
from stormdoor.stores.sqlite.database import Database
from stormdoor.stores.sqlite.factors import SqliteFactors
from stormdoor.stores.sqlite.familiar import SqliteAddresses
from stormdoor.stores.sqlite.guesses import SqliteGuesses
from stormdoor.stores.sqlite.identities import SqliteIdentities
from stormdoor.stores.sqlite.keys import SqliteKeys
from stormdoor.stores.sqlite.members import SqliteMembers
from stormdoor.stores.sqlite.revocations import SqliteRevocations
from stormdoor.stores.sqlite.sessions import SqliteSessions
from stormdoor.stores.sqlite.single_use import SqliteSingleUse
from stormdoor.stores.sqlite.trail import SqliteTrail

__all__ = ["SqliteStore"]


class SqliteStore(
    SqliteTrail,
    SqliteAccounts,
    SqliteSessions,
    SqliteSingleUse,
    SqliteIdentities,
    SqliteAddresses,
    SqliteGuesses,
    SqliteFactors,
    SqliteKeys,
    SqliteRevocations,
    SqliteMembers,
    SqliteConnections,
):
    """`stormdoor.ports.Store` in a SQLite file.

    Args:
        path: The file; it and its directory are created if missing, for the owner only.
        trail_key: Secret of the trail's chain, or None.
        busy_seconds: Seconds that a write waits while another process locks the file.
    """

    __slots__ = ()
    needs_task: ClassVar[bool] = False
    """Look-ups do not wait, or wait for a future."""

    def __init__(
        self, path: str | Path, trail_key: bytes | None = None, *, busy_seconds: float = 5.0
    ) -> None:
        database = Database(Path(path).expanduser().resolve(), busy_seconds=busy_seconds)
        super().__init__(database, trail_key)

    async def open(self) -> None:
        """See `Engine.open`."""
        await self._database.open()
        await self.remove_earlier_boots()

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._database.close()

    async def purge(self, now: float) -> int:
        """See `Engine.purge`."""
        over = now - PURGE_GRACE_SECONDS

        def purge(connection: sqlite3.Connection) -> int:
            return (
                connection.execute(sql.PURGE_SESSIONS, (over,)).rowcount
                + connection.execute(sql.PURGE_TICKETS, (over,)).rowcount
                + connection.execute(sql.PURGE_NONCES, (over,)).rowcount
                + connection.execute(sql.PURGE_PENDING, (over,)).rowcount
                + connection.execute(sql.PURGE_ADDRESSES, (now - FAMILIAR_SECONDS,)).rowcount
                + connection.execute(sql.PURGE_GUESSES, (over,)).rowcount
                + connection.execute(sql.PURGE_REVOCATIONS, (now - REVOKED_SECONDS,)).rowcount
            )

        return await self._database.write(purge)
