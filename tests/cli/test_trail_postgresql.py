"""`stormdoor trail` on PostgreSQL: shown, verified, exported, shortened, with several chains."""

import asyncio
import json
from collections.abc import Callable

import pytest

pytest.importorskip("asyncpg")

import asyncpg

from stormdoor.stores import open_store
from stormdoor.testing.contract.support import NOW, event, opened
from tests.cli.conftest import Cli
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]

KEY = "k" * 32
DAY = 86_400.0


@pytest.fixture
def url(cli: Cli, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an installation with three entries, each from a process of its own."""
    url = new_database()
    monkeypatch.delenv("STORMDOOR_CONFIG")
    monkeypatch.setenv("STORMDOOR_STORE", url)
    monkeypatch.setenv("STORMDOOR_TRAIL_KEY", KEY)
    for name in ("alice", "mia", "sensor"):
        assert cli("principals", "add", name, "--no-password").code == 0
    return url


def change(url: str, statement: str) -> None:
    """Run a statement as the owner of the tables."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"SET search_path = stormdoor; {statement}")
        await connection.close()

    asyncio.run(run())


def test_show_and_export_have_the_entries_of_all_chains(cli: Cli, url: str) -> None:
    """Entries are listed across the chains, by one number, and not those of the root chain."""
    rows = cli("trail", "show", "--json").json
    assert [(one["seq"], one["principal"]) for one in rows] == [
        (1, "alice"),
        (2, "mia"),
        (3, "sensor"),
    ]
    assert [one["seq"] for one in cli("trail", "show", "--after", "1", "--json").json] == [2, 3]
    assert "mia" in cli("trail", "show", "-n", "2").out
    lines = [json.loads(line) for line in cli("trail", "export").out.splitlines()]
    assert [one["principal"] for one in lines] == ["alice", "mia", "sensor"]
    assert len(cli("trail", "export", "--principal", "mia").out.splitlines()) == 1


def test_verify_covers_all_chains(cli: Cli, url: str) -> None:
    """All chains verify; the printed head is that of the root chain, and is found again later."""
    result = cli("trail", "verify")
    assert result.code == 0, result.out
    assert result.out.startswith("The trail is whole: 3 entries in 3 chains.")
    head = result.out.split()[-1]
    cli("principals", "disable", "mia")
    assert cli("trail", "verify", "--head", head).code == 0
    change(url, "DELETE FROM trail WHERE chain = 2")
    result = cli("trail", "verify", "--json")
    assert result.code == 1
    assert any("chain 2 was cut off" in fault for fault in result.json["faults"])


def test_retain_and_erase(cli: Cli, url: str) -> None:
    """A login with the role drops old months and erases personal data; the rest verifies."""

    async def age() -> None:
        async with opened(open_store(url, trail_key=KEY.encode())) as store:
            await store.append_events([event(time=NOW - 400 * DAY), event(time=NOW - 300 * DAY)])

    asyncio.run(age())
    assert cli("trail", "retain", "--days", "250", "--yes", "--json").json == {"dropped": 2}
    assert cli("trail", "erase", "mia", "--yes", "--json").json["erased"] == 1
    assert cli("trail", "verify").code == 0
    assert cli("trail", "show", "--principal", "mia").code == 1


def test_login_of_a_node_is_told_which_role_it_needs(cli: Cli, url: str) -> None:
    """Retention and erasure with the login of the nodes end with a message, and change nothing."""
    change(
        url,
        "DO $$ BEGIN CREATE ROLE test_cli_node LOGIN PASSWORD 'test' IN ROLE stormdoor_app;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    node = f"postgresql://test_cli_node:test@{url.rpartition('@')[2]}"
    for command in (("retain", "--days", "1"), ("erase", "mia")):
        result = cli("trail", *command, "--yes", "--store", node)
        assert result.code == 1
        assert "does not have the role stormdoor_keeper" in result.err
    assert cli("trail", "verify", "--store", node).code == 0
