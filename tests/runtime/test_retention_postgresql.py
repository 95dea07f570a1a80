"""Retention by a node on PostgreSQL: with a login of its own role, or by an operator."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

pytest.importorskip("asyncpg")

from stormdoor import Guard
from stormdoor.testing.contract.support import NOW, event
from tests.support.postgresql import Server, new_database, postgresql
from tests.tornado.wire import log_lines

__all__ = ["new_database", "postgresql"]


@pytest.mark.parametrize("keeper", [True, False])
async def test_node_without_the_role_tells_the_command_once(
    keeper: bool, new_database: Callable[[], str], postgresql: Server
) -> None:
    """A node that may drops old entries; one that may not logs the command once, and goes on."""
    postgresql.execute(
        "DO $$ BEGIN CREATE ROLE test_node LOGIN PASSWORD 'test' IN ROLE stormdoor_app;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    url = new_database()
    if not keeper:
        parts = urlsplit(url)
        url = parts._replace(netloc=f"test_node:test@127.0.0.1:{parts.port}").geturl()
    guard = Guard(store=url, trail_days=1)
    await guard.state.open()
    try:
        await guard.state.trail.append_events([event(time=NOW)])
        with log_lines("stormdoor") as lines:
            for _ in range(2):
                await guard.maintenance_loop._drop_old_entries(NOW + 3 * 86_400)
        assert len(await guard.state.trail.entries()) == (0 if keeper else 1)
        told = [line for line in lines if "stormdoor trail retain --days 1" in line]
        assert len(told) == (0 if keeper else 1)
    finally:
        await guard.close()
