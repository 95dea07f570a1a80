"""`stormdoor.ports.Store` on PostgreSQL."""

from __future__ import annotations

from stormdoor.core.backoff import FAMILIAR_SECONDS
from stormdoor.stores import statements as sql
from stormdoor.stores.grace import PURGE_GRACE_SECONDS, REVOKED_SECONDS
from stormdoor.stores.postgresql.accounts import PostgresqlAccounts
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.database import PostgresqlDatabase
from stormdoor.stores.postgresql.factors import PostgresqlFactors
from stormdoor.stores.postgresql.guesses import PostgresqlGuesses
from stormdoor.stores.postgresql.identities import PostgresqlAddresses, PostgresqlIdentities
from stormdoor.stores.postgresql.keys import PostgresqlKeys
from stormdoor.stores.postgresql.members import PostgresqlConnections, PostgresqlMembers
from stormdoor.stores.postgresql.revocations import PostgresqlRevocations
from stormdoor.stores.postgresql.sessions import PostgresqlSessions
from stormdoor.stores.postgresql.single_use import PostgresqlSingleUse
from stormdoor.stores.postgresql.trail import PostgresqlTrail

__all__ = ["PostgresqlStore"]


class PostgresqlStore(
    PostgresqlTrail,
    PostgresqlAccounts,
    PostgresqlSessions,
    PostgresqlSingleUse,
    PostgresqlIdentities,
    PostgresqlAddresses,
    PostgresqlGuesses,
    PostgresqlFactors,
    PostgresqlKeys,
    PostgresqlRevocations,
    PostgresqlMembers,
    PostgresqlConnections,
):
    """`stormdoor.ports.Store` in a PostgreSQL database, of which `stormdoor migrate` makes the schema.

    Args:
        url: `postgresql://user@host/database`.
        trail_key: Secret of the trail's chains, or None.
    """

    __slots__ = ()

    def __init__(self, url: str, trail_key: bytes | None = None) -> None:
        super().__init__(PostgresqlDatabase(Address(url)), trail_key)

    async def open(self) -> None:
        """See `Engine.open`. The schema is only checked: `stormdoor migrate` changes it."""
        await self._database.open()

    async def close(self) -> None:
        """See `Engine.close`."""
        await self.record_head()
        await self._database.close()

    async def purge(self, now: float) -> int:
        """See `Engine.purge`. Each kind is a transaction, so that none of them locks rows for long."""
        over = now - PURGE_GRACE_SECONDS
        removed = 0
        for statement, before in (
            (sql.PURGE_SESSIONS, over),
            (sql.PURGE_TICKETS, over),
            (sql.PURGE_NONCES, over),
            (sql.PURGE_PENDING, over),
            (sql.PURGE_ADDRESSES, now - FAMILIAR_SECONDS),
            (sql.PURGE_GUESSES, over),
            (sql.PURGE_REVOCATIONS, now - REVOKED_SECONDS),
        ):
            removed += await self._run(statement, (before,), durable=False)
        return removed
