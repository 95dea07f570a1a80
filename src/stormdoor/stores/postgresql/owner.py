"""Connections of commands that work with all rights of the login in the URL, such as the owner's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from stormdoor.stores.postgresql import schema
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.link import PostgresqlLink

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["connected", "migrate"]


@asynccontextmanager
async def connected(url: str, purpose: str) -> AsyncIterator[Connection]:
    """Connect to the newest primary of the hosts in `url`, as nodes do, with the rights of its login.

    Args:
        url: The URL of the database.
        purpose: The name of the connection in `pg_stat_activity`.

    Raises:
        Any of `LOST`, asyncpg.PostgresError: No host gives a connection.
    """
    link = PostgresqlLink(Address(url), purpose, None, role="none")
    try:
        yield await link.connection()
    finally:
        await link.close()


async def migrate(url: str, migrations: Sequence[schema.Migration] = schema.MIGRATIONS) -> None:
    """Run the missing migrations of the database that `url` names. See `schema.apply`."""
    async with connected(url, "migrate") as connection:
        await schema.apply(connection, migrations)
