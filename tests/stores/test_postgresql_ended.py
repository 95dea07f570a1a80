"""The server ends an idle connection, and the end of the connection arrives late or never.

PostgreSQL says so without being asked, such as at a restart. asyncpg then holds the connection open until its
end arrives, and refuses the next statement before it sends it: "another operation (2) is in progress".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.testing.contract.support import NOW, STATUS, account, opened
from tests.chaos.cutter import Cutter
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]

_ENTRY = Revocation(Target.SESSION, "s1", NOW)
_OURS = "application_name LIKE 'stormdoor %' AND datname = current_database()"

Ending = Callable[[], Awaitable[None]]


@asynccontextmanager
async def _store(
    new_database: Callable[[], str], postgresql: Server
) -> AsyncIterator[tuple[PostgresqlStore, Ending]]:
    """Give a store, and a function: the server ends all its connections, and their ends are lost."""
    url, port = new_database(), postgresql.port
    administrator = await asyncpg.connect(url)
    async with Cutter(port) as cutter:

        async def end() -> None:
            cutter.back.endless = True
            await administrator.fetch(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {_OURS}"  # noqa: S608 - a constant
            )
            await asyncio.sleep(0.1)  # its last words pass the proxy

        async with opened(PostgresqlStore(url.replace(f":{port}/", f":{cutter.port}/"))) as store:
            try:
                yield store, end
            finally:
                cutter.heal()
                await administrator.close()


async def test_statement_is_sent_on_a_new_connection(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """Look-ups, writes, lists and the log take another connection; the heartbeat does with its next beat."""
    async with _store(new_database, postgresql) as (store, end):
        await store.add_account(account("alice"))
        await store.beat("n1", STATUS, joining=True)
        await store.revocations(0)
        assert [one.node for one in await store.members()] == ["n1"]
        await end()
        with pytest.raises(StoreUnavailable, match="it has ended the connection") as error:
            await store.beat("n1", STATUS)
        assert "another operation" not in str(error.value)
        await store.beat("n1", STATUS)
        assert await store.account("alice") == account("alice")
        assert (await store.add_revocation(_ENTRY)).seq == 1
        assert [one.value for one in await store.revocations(0)] == ["s1"]
        assert [one.node for one in await store.members()] == ["n1"]


async def test_commit_that_was_not_sent_is_not_in_doubt(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """The server ended the transaction before its commit, so the transaction is repeated."""
    async with _store(new_database, postgresql) as (store, end):
        runs = []

        async def job(transaction: Transaction) -> bool:
            transaction.entries.append(_ENTRY)
            await transaction.rows("SELECT 1")
            runs.append(1)
            return True

        add = store._database._writes._add_entries

        async def added(transaction: Transaction, entries: object) -> list[Revocation]:
            found = await add(transaction, entries)  # type: ignore[arg-type]
            if len(runs) == 1:
                await end()
            return found

        store._database._writes._add_entries = added
        assert await store._database.write(job)
        assert len(runs) == 2
        assert [one.value for one in await store.revocations(0)] == ["s1"]
