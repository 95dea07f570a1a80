"""A store behind PgBouncer is refused: its settings and its epoch would be those of other clients."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.support import STATUS, opened
from tests.support.installing import missing
from tests.support.ports import free_port
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]

pytestmark = pytest.mark.installs

_FILE = """
[databases]
* = host=127.0.0.1 port={target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = md5
auth_file = {folder}/users
pool_mode = {mode}
"""


@pytest.fixture(params=["transaction", "session"])
def pooler(request: pytest.FixtureRequest, postgresql: Server, tmp_path: Path) -> Iterator[int]:
    """The port of PgBouncer in front of the server."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        missing("pgbouncer is not installed")
    port, folder = free_port(), postgresql.folder.parent / f"pooler-{request.param}"
    folder.mkdir()
    (folder / "users").write_text(f'"stormdoor" "{postgresql._password}"\n')
    (folder / "pgbouncer.ini").write_text(
        _FILE.format(target=postgresql.port, port=port, folder=folder, mode=request.param)
    )
    postgresql.programs.own(folder)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*postgresql.programs.command("")[:-1], program, folder / "pgbouncer.ini"],
            stdout=log,
            stderr=log,
            cwd="/",
        )
    yield port
    process.kill()
    process.wait()


async def test_pooler_is_refused_and_gets_no_settings(
    pooler: int, new_database: Callable[[], str], postgresql: Server
) -> None:
    """The message names the pooler. A client that shares its connection keeps its own role and settings."""
    url = new_database()
    pooled = url.replace(f":{postgresql.port}/", f":{pooler}/")

    async def connects() -> bool:
        try:
            other.append(await asyncpg.connect(pooled, timeout=30))
        except OSError:
            return False
        return True

    other: list[asyncpg.Connection] = []
    while not await connects():
        await asyncio.sleep(0.05)
    role = await other[0].fetchval("SELECT current_user")
    with pytest.raises(StoreUnavailable, match="a pooler such as PgBouncer"):
        await PostgresqlStore(pooled).open()
    settings = (
        "SELECT current_user, current_setting('synchronous_commit'), current_setting('search_path')"
    )
    rows = await other[0].fetch(settings)
    assert tuple(rows[0]) == (role, "on", '"$user", public')
    await other[0].close()
    async with opened(PostgresqlStore(url)) as store:
        await store.beat("n1", STATUS, joining=True)
