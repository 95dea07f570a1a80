"""The how-to guides about PostgreSQL: their statements and commands are run on a real server."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("asyncpg")

import asyncpg

from stormdoor.cli.main import run
from stormdoor.stores import SqliteStore, open_store
from stormdoor.testing.contract.support import NOW, account, event, opened, session
from tests.docs.pages import blocks
from tests.support.postgresql import Server, server_or_skip
from tests.support.project import ROOT

HOW_TO = ROOT / "docs" / "how-to"
POSTGRESQL = HOW_TO / "postgresql.md"
STEPS = HOW_TO / "upgrade-in-steps.md"
MOVE = HOW_TO / "move-to-postgresql.md"
KEY = "k" * 32


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own: the pages make roles, which belong to the whole server."""
    server = server_or_skip()
    yield server
    server.remove()


def execute(url: str, statements: str) -> None:
    """Run statements, each in a transaction of its own, as psql does."""

    async def each() -> None:
        connection = await asyncpg.connect(url)
        for statement in filter(str.strip, statements.split(";\n")):
            await connection.execute(statement)
        await connection.close()

    asyncio.run(each())


def statements() -> list[str]:
    """Return the SQL of the page about PostgreSQL: of the administrator, of the owner, and instead."""
    return [block.text for block in blocks(POSTGRESQL, "sql")]


def commands(page: Path, server: Server, name: str = "stormdoor") -> list[list[str]]:
    """Return the arguments of the commands that a page names, for this server."""
    lines = re.findall(rf"^ +{name} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        shlex.split(line.replace("@localhost/", f"@127.0.0.1:{server.port}/")) for line in lines
    ]


def as_owner(server: Server) -> str:
    """Return the URL of the database for the owner of the page."""
    return f"postgresql://door_owner:owner@127.0.0.1:{server.port}/door"


def test_three_logins(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The page makes a database in which a node works, and only the keeper drops entries."""
    administrator, logins, _ = statements()
    execute(server.url(), administrator)
    migrate, retain = commands(POSTGRESQL, server)
    assert run(migrate) == 0, capsys.readouterr()
    execute(as_owner(server), logins)

    async def node() -> None:
        url = f"postgresql://door:node@127.0.0.1:{server.port}/door"
        async with opened(open_store(url)) as store:
            await store.append_events([event(time=NOW - 500 * 86_400), event(time=4e9)])

    asyncio.run(node())
    assert run(retain) == 0
    assert "1 entries were dropped" in capsys.readouterr().out


@pytest.mark.extended
def test_owner_who_may_not_create_roles(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """With the roles that an administrator has made, the owner needs no right to create roles."""
    administrator, logins, roles = statements()
    execute(server.url(), administrator.replace(" CREATEROLE", ""))
    migrate, _ = commands(POSTGRESQL, server)
    assert run(migrate) == 2
    assert "may not create the roles" in capsys.readouterr().err
    execute(server.url(), roles)
    assert run(migrate) == 0, capsys.readouterr()
    execute(server.url(), logins)


@pytest.mark.extended
def test_upgrade_in_steps(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands of the page are planned and run, and a second run changes nothing."""
    execute(server.url(), statements()[0])
    plan, apply, contract, _sqlite = commands(STEPS, server)
    assert [run(plan), run(apply), run(plan), run(contract)] == [1, 0, 0, 0], capsys.readouterr()


@pytest.mark.extended
def test_move_from_sqlite(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After the commands of the page, the login of a client is on PostgreSQL, and the trail verifies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORMDOOR_TRAIL_KEY", KEY)
    administrator, logins, _ = statements()
    execute(server.url(), administrator)

    async def fill() -> None:
        async with opened(SqliteStore("door.db", KEY.encode())) as store:
            await store.add_account(account("alice"))
            await store.add_session(session("s1", "alice"))
            await store.append_events([event()])

    asyncio.run(fill())
    migrate, copy, verify = commands(MOVE, server)
    assert run(migrate) == 0, capsys.readouterr()
    assert run(copy) == 0, capsys.readouterr()
    head = capsys.readouterr().out.split()[-1]
    execute(as_owner(server), logins)
    verify = [
        head if word == "SEQ:HASH" else word.replace("door@", "door:node@") for word in verify
    ]
    assert run(verify) == 0, capsys.readouterr()

    async def found() -> bool:
        url = f"postgresql://door:node@127.0.0.1:{server.port}/door"
        async with opened(open_store(url)) as store:
            return await store.session("s1") is not None

    assert asyncio.run(found())
