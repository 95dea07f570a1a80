"""A guard that stops during a short outage of its store loses no entry of the trail, and leaves no node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from stormdoor import Guard, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.stores import SqliteStore
from stormdoor.stores.postgresql.store import PostgresqlStore
from tests.guard.fakes import Tokens, authentication, bearer, make_guard, opened
from tests.stores.processes import lock_held
from tests.support.clock import FakeClock
from tests.support.postgresql import MIGRATED, Server, migrated, postgresql
from tests.tornado.wire import log_lines

__all__ = ["postgresql"]

_OUTAGE_SECONDS = 1.5


async def _serving(store: SqliteStore | PostgresqlStore) -> Guard:
    """A started guard with an open connection, and entries that wait."""
    guard = make_guard(Tokens({"alice": authentication("alice")}), store=store, clock=FakeClock())
    await guard.start()
    await opened(guard, bearer("alice"))
    return guard


async def _left(store: SqliteStore | PostgresqlStore) -> tuple[list[str], list[str]]:
    """The names of the entries of the trail, and the nodes that are still members."""
    await store.open()
    entries = await store.entries(limit=100)
    members = await store.members()
    assert not (await verify_trail(store, key=None)).faults
    await store.close()
    return [one.event.name for one in entries], [one.node for one in members]


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize(
    ("down", "up"),
    [
        (Server.stop, Server.start),
        (Server.kill, Server.start),
        (Server.pause, Server.resume),
        (Server.stop, Server.promote),
    ],
    ids=["stop", "kill", "pause", "failover"],
)
async def test_a_stop_while_postgresql_restarts_loses_nothing(
    postgresql: Server, down: Callable[[Server], object], up: Callable[[Server], object]
) -> None:
    """The server goes away before the guard stops, and answers again within its patience."""
    server = Server(postgresql.programs).start()
    try:
        migrated(server)
        guard = await _serving(PostgresqlStore(server.url(MIGRATED)))
        down(server)
        with pytest.raises(StoreUnavailable):
            await guard.admin.revoke(Target.PRINCIPAL, "alice")
        with log_lines("stormdoor", "stormdoor.unfinished", "stormdoor.trail") as lines:
            closing = asyncio.create_task(guard.close())
            await asyncio.sleep(_OUTAGE_SECONDS)
            assert not closing.done()
            await asyncio.to_thread(up, server)
            await closing
        assert not any("lost" in line or "repeat the change" in line for line in lines), lines
        names, nodes = await _left(PostgresqlStore(server.url(MIGRATED)))
        assert sorted(names[-3:]) == ["authn_token_revoked", "connection_closed", "sys_shutdown"]
        assert len(set(names)) == len(names)
        assert nodes == []
    finally:
        server.remove()


@pytest.mark.extended
@pytest.mark.slow
async def test_a_stop_while_postgresql_stays_away_ends_after_the_patience(
    postgresql: Server,
) -> None:
    """All steps of the stop share one patience; the log then names the losses."""
    server = Server(postgresql.programs).start()
    try:
        migrated(server)
        guard = await _serving(PostgresqlStore(server.url(MIGRATED)))
        server.stop()
        began = asyncio.get_running_loop().time()
        with log_lines("stormdoor", "stormdoor.guard", "stormdoor.trail") as lines:
            await guard.close()
        assert 4.0 < asyncio.get_running_loop().time() - began < 8.0
        assert any("of the trail were not written and are lost" in line for line in lines)
    finally:
        server.remove()


async def test_a_stop_while_the_file_is_locked_loses_nothing(tmp_path: Path) -> None:
    """Another process keeps the lock longer than one write of SQLite waits."""
    path = tmp_path / "door.db"
    guard = await _serving(SqliteStore(path, busy_seconds=0.05))
    with log_lines("stormdoor", "stormdoor.trail") as lines:
        with lock_held(path):
            closing = asyncio.create_task(guard.close())
            await asyncio.sleep(0.5)
            assert not closing.done()
        await closing
    assert not any("lost" in line for line in lines), lines
    names, nodes = await _left(SqliteStore(path))
    assert names[-2:] == ["connection_closed", "sys_shutdown"]
    assert nodes == []
