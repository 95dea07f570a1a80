"""`stormdoor migrate`: planned, applied, verified, on a real database."""

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("asyncpg")

import asyncpg

from stormdoor.core.event import Event
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.migration import _release
from stormdoor.stores import open_store
from stormdoor.stores.postgresql import owner, schema
from stormdoor.stores.postgresql.comparison import differences
from stormdoor.testing.contract.support import NOW, account, opened
from tests.cli.conftest import Cli, Result
from tests.support.postgresql import Server, new_database, postgresql

__all__ = ["new_database", "postgresql"]

_numbers = count(1)

HEAD = schema.HEAD
NEXT = HEAD + 1


def _migration(
    name: str, text: str, *, number: int = NEXT, min_code: int = HEAD
) -> schema.Migration:
    """Return a migration of a later release; by default one that only adds."""
    return schema.Migration(number, f"{number:04}_{name}.sql", "transaction", min_code, text)


@pytest.fixture
def bare(postgresql: Server) -> Iterator[str]:
    """The URL of a database without a schema."""
    name = f"bare_{next(_numbers)}"
    postgresql.execute(f"CREATE DATABASE {name}")
    yield postgresql.url(name)
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def migrate(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `stormdoor migrate`."""
    monkeypatch.delenv("STORMDOOR_CONFIG")
    return lambda *arguments, typed="": cli("migrate", *arguments, typed=typed)


def run(url: str, *statements: str) -> list[object]:
    """Run statements as the owner of the tables. Returns the rows of the last one."""

    async def execute() -> list[object]:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return [tuple(row) for row in await connection.fetch(statements[-1])]
        finally:
            await connection.close()

    return asyncio.run(execute())


def test_new_database_is_planned_applied_and_verified(migrate: Cli, bare: str) -> None:
    """Two commands bring an empty database to the schema of this code."""
    result = migrate("plan", "--store", bare, "--json")
    assert result.code == 1
    assert result.json["present"] == 0
    assert [one["name"] for one in result.json["steps"]] == [one.name for one in schema.MIGRATIONS]
    assert "0001_first.sql" in migrate("plan", "--store", bare).out
    result = migrate("apply", "--store", bare)
    assert result.code == 0, result.err
    assert "0001_first.sql: done" in result.err
    assert "as the migrations make it" in result.out
    assert migrate("plan", "--store", bare).code == 0
    assert migrate("apply", "--store", bare, "--json").json == {"ran": [], "copy": None}
    assert migrate("verify", "--store", bare, "--json").json == {"differences": []}


def test_node_names_the_command_and_changes_nothing(bare: str) -> None:
    """A node never migrates: it refuses a database without a schema, with the command to run."""
    store = open_store(bare)
    with pytest.raises(ConfigurationError, match="stormdoor migrate apply"):
        asyncio.run(store.open())
    assert run(bare, "SELECT to_regnamespace('stormdoor')::text") == [(None,)]


def test_unreachable_database_is_told(migrate: Cli) -> None:
    """A database that does not answer ends the command with 3."""
    result = migrate("plan", "--store", "postgresql://stormdoor@127.0.0.1:1/door")
    assert result.code == 3
    assert "nothing listens there" in result.err


def test_configuration_names_the_database(cli: Cli, bare: str, config: Path) -> None:
    """The command takes the store from the configuration file, as the others do."""
    text = config.read_text()
    config.write_text(re.sub(r"(?m)^store = .*$", f'store = "{bare}"', text))
    assert cli("migrate", "plan", "--json").json["present"] == 0
    config.write_text(text.replace("sqlite:door.db", "memory:"))
    assert cli("migrate", "plan").code == 2


def test_failed_migration_keeps_those_before_it(
    migrate: Cli, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that fails is undone; the command ends with 3 and the error of the server."""
    fails = _migration("fails", "SELECT missing FROM account")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, fails))
    result = migrate("apply", "--store", bare)
    assert result.code == 3
    assert "missing" in result.err
    found = run(bare, "SELECT number FROM stormdoor.schema_version ORDER BY number")
    assert found == [(one.number,) for one in schema.MIGRATIONS[:-1]]


def test_lock_is_tried_again(migrate: Cli, bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command waits for a lock several times, and ends with 3 if it never gets it."""
    monkeypatch.setattr("stormdoor.runtime.migration._PAUSE_SECONDS", 0.01)
    adds = _migration("x", "ALTER TABLE account ADD x TEXT")
    asyncio.run(owner.migrate(bare))
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, adds))

    async def blocked() -> Result:
        holder = await asyncpg.connect(bare)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("LOCK TABLE stormdoor.account IN ACCESS SHARE MODE")
        arguments = ("apply", "--lock-seconds", "0.05", "--store", bare)
        result = await asyncio.to_thread(migrate, *arguments)
        await transaction.rollback()
        await holder.close()
        return result

    result = asyncio.run(blocked())
    assert result.code == 3
    assert "another transaction keeps a lock" in result.err
    assert migrate("apply", "--store", bare).code == 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DROP INDEX stormdoor.ix_session_principal_id", "ix_session_principal_id"),
        ("ALTER TABLE stormdoor.session DROP COLUMN acr", "session.acr"),
        ('ALTER TABLE stormdoor.account ALTER COLUMN id TYPE TEXT COLLATE "default"', "account.id"),
        (
            "GRANT DELETE ON stormdoor.trail TO stormdoor_app",
            "right of stormdoor_app on trail: DELETE",
        ),
        (
            "REVOKE SELECT ON stormdoor.session FROM stormdoor_app",
            "right of stormdoor_app on session: SELECT",
        ),
        (
            "ALTER TABLE stormdoor.ticket ADD COLUMN x TEXT",
            "not made by a migration: column ticket.x",
        ),
    ],
)
def test_difference_is_found(change: str, found: str, migrate: Cli, bare: str) -> None:
    """A schema that was changed by hand differs, and the difference is named."""
    asyncio.run(owner.migrate(bare))
    run(bare, change, "SELECT 1")
    result = migrate("verify", "--store", bare)
    assert result.code == 1
    assert found in result.out.replace("\n", " ")


def test_index_of_the_operator_is_no_difference(migrate: Cli, bare: str) -> None:
    """An operator may add an index; the trail's months are no difference either."""
    asyncio.run(owner.migrate(bare))
    run(
        bare,
        "CREATE INDEX mine ON stormdoor.account (created_at)",
        "SELECT stormdoor.trail_add_month(202611)",
    )
    assert migrate("verify", "--store", bare).code == 0


def test_epoch_is_rotated(migrate: Cli, new_database: Callable[[], str]) -> None:
    """After a restore, the operator begins another epoch; positions of the old one do not count."""
    url = new_database()

    async def epoch() -> str:
        async with opened(open_store(url)) as store:
            return (await store.log_position()).epoch

    before = asyncio.run(epoch())
    assert migrate("rotate-epoch", "--store", url, typed="n\n").code != 0
    assert asyncio.run(epoch()) == before
    result = migrate("rotate-epoch", "--store", url, "--yes", "--json")
    after = asyncio.run(epoch())
    assert after != before
    assert after.startswith(result.json["epoch"])

    async def recorded() -> list[Event]:
        async with opened(open_store(url)) as store:
            return [one.event for one in await store.entries(event="sys_epoch")]

    (event,) = asyncio.run(recorded())
    assert event.actor.startswith("cli:")
    assert result.json["epoch"] in event.detail


def test_two_at_once_do_not_both_migrate(bare: str) -> None:
    """Of two processes that migrate at once, one runs each migration, and the other is refused or waits."""

    async def both() -> list[object]:
        return list(
            await asyncio.gather(owner.migrate(bare), owner.migrate(bare), return_exceptions=True)
        )

    results = asyncio.run(both())
    assert None in results
    assert all(one is None or "another process migrates" in str(one) for one in results)
    assert run(bare, "SELECT count(*) FROM stormdoor.schema_version") == [(len(schema.MIGRATIONS),)]


def test_login_that_may_not_create_roles_is_told_what_to_run(
    bare: str, postgresql: Server, migrate: Cli
) -> None:
    """Without the right to create roles, the message has the statements for an administrator."""
    # The roles of the other tests must stay, so this login may only not grant them.
    name = bare.rpartition("/")[2]
    postgresql.execute(
        "DO $$ BEGIN CREATE ROLE test_owner LOGIN PASSWORD 'test';"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        f"ALTER DATABASE {name} OWNER TO test_owner",
    )
    asyncio.run(_make_roles(bare))
    url = f"postgresql://test_owner:test@127.0.0.1:{postgresql.port}/{name}"
    result = migrate("apply", "--store", url)
    assert result.code == 2
    assert "GRANT stormdoor_keeper TO the login that migrates" in result.err
    postgresql.execute("GRANT stormdoor_app, stormdoor_keeper TO test_owner WITH ADMIN OPTION")
    result = migrate("apply", "--store", url)
    assert result.code == 0, result.err + result.out

    async def works() -> None:
        async with opened(open_store(url)) as store:
            await store.add_account(account("alice"))
            assert await store.drop_entries(NOW) == 0

    asyncio.run(works())


async def _make_roles(url: str) -> None:
    connection = await asyncpg.connect(url)
    for role in (schema.APP, schema.KEEPER):
        await schema._make_role(connection, role)
    await connection.close()


def test_lock_that_is_not_available_stops_nobody_for_long(
    bare: str, migrate: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration gives up its place in the queue for a lock, changes nothing, and is run again."""
    monkeypatch.setattr("stormdoor.runtime.migration._PAUSE_SECONDS", 0.01)

    async def blocked() -> None:
        await owner.migrate(bare)
        holder = await asyncpg.connect(bare)
        other = await asyncpg.connect(bare)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("LOCK TABLE stormdoor.account IN ACCESS SHARE MODE")
        adds = _migration("x", "ALTER TABLE account ADD x TEXT")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await schema.apply(other, [*schema.MIGRATIONS, adds], lock_seconds=0.1)
        assert len(await schema.applied(other)) == len(schema.MIGRATIONS)
        await transaction.rollback()
        assert await schema.apply(other, [*schema.MIGRATIONS, adds], lock_seconds=0.1) == [adds]
        await holder.close()
        await other.close()

    asyncio.run(blocked())


def test_contracting_migration_needs_a_word(
    bare: str, migrate: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that ends the support of running nodes is run only with --contract."""
    asyncio.run(owner.migrate(bare))
    adds = _migration("adds", "ALTER TABLE account ADD x TEXT")
    removes = _migration("removes", "ALTER TABLE account DROP x", number=NEXT + 1, min_code=NEXT)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, adds, removes))
    monkeypatch.setattr(schema, "HEAD", NEXT + 1)
    steps = migrate("plan", "--store", bare, "--json").json["steps"]
    assert [one["contracts"] for one in steps] == [False, True]
    result = migrate("apply", "--store", bare)
    assert result.code == 2
    assert "--contract" in result.err
    assert len(run(bare, "SELECT number FROM stormdoor.schema_version")) == NEXT
    # A node of an older release runs, one without a version, and one that was declared lapsed.
    beat = "INSERT INTO stormdoor.node (id, alive_at, declared, version) VALUES"
    now = "extract(epoch FROM clock_timestamp())"
    run(
        bare,
        f"{beat} ('old', {now}, false, '0.0.1'), ('odd', {now}, false, ''), ('gone', {now}, true, '0.0.1'),"
        f" ('silent', {now} - 120, false, '0.0.1'), ('new', {now}, false, '999.0')",
        "SELECT 1",
    )
    refused = migrate("apply", "--store", bare, "--contract")
    assert refused.code == 2
    assert "odd (unknown), old (0.0.1), then run" in refused.err
    assert len(run(bare, "SELECT number FROM stormdoor.schema_version")) == NEXT
    run(bare, "DELETE FROM stormdoor.node WHERE id IN ('old', 'odd')", "SELECT 1")
    assert migrate("apply", "--store", bare, "--contract").code == 0
    assert migrate("plan", "--store", bare).code == 0


def test_releases_are_ordered() -> None:
    """A pre-release comes before its release, and a text that is no version before all."""
    texts = ["", "0.9", "0.10", "1.0rc1", "1.0", "1.0.1.dev3", "1.0.1", "1.1+local"]
    assert sorted(texts, key=_release) == texts
    assert _release("1.0") == _release("1")
    assert _release("x") == _release("")


def test_changed_migration_is_refused(bare: str, migrate: Cli) -> None:
    """A database with another text of a migration belongs to a different stormdoor."""
    asyncio.run(owner.migrate(bare))
    run(bare, "UPDATE stormdoor.schema_version SET digest = 'x'", "SELECT 1")
    result = migrate("plan", "--store", bare)
    assert result.code == 2
    assert "another text of migration 1" in result.err


async def test_old_and_new_code_accept_each_other_as_far_as_stated(
    new_database: Callable[[], str],
) -> None:
    """INVARIANT: code runs on a schema exactly if both accept the other."""
    connection = await asyncpg.connect(new_database())
    try:
        await schema.check(connection)
        with pytest.raises(ConfigurationError, match=f"needs {NEXT} or newer; run"):
            await schema.check(connection, head=NEXT, min_schema=NEXT)
        transaction = connection.transaction()
        await transaction.start()
        add = "INSERT INTO stormdoor.schema_version (number, name, min_code, digest, applied_by) VALUES "
        await connection.execute(f"{add} ({NEXT}, 'adds', {HEAD}, '', '')")
        await schema.check(connection, head=HEAD)
        await connection.execute(f"{add} ({NEXT + 1}, 'removes', {NEXT}, '', '')")
        await schema.check(connection, head=NEXT)
        with pytest.raises(ConfigurationError, match="upgrade stormdoor"):
            await schema.check(connection, head=HEAD)
        await transaction.rollback()
    finally:
        await connection.close()


def test_other_modes_run_to_their_end(bare: str) -> None:
    """A batched migration runs until no row changes, and an index is made without a long lock."""
    statements = {
        "transaction": "ALTER TABLE account ADD COLUMN x TEXT",
        "batched": (
            "UPDATE account SET x = 'new' WHERE id IN"
            " (SELECT id FROM account WHERE x IS NULL ORDER BY id LIMIT 10)"
        ),
        "concurrent": (
            "-- two statements\nDROP INDEX CONCURRENTLY IF EXISTS ix_x;\n"
            "CREATE INDEX CONCURRENTLY ix_x ON account (x);\n"
        ),
    }
    added = [
        schema.Migration(n, f"{n:04}_{mode}.sql", mode, HEAD, text)  # type: ignore[arg-type]
        for n, (mode, text) in enumerate(statements.items(), start=NEXT)
    ]
    steps: list[tuple[str, int]] = []

    async def apply() -> None:
        connection = await asyncpg.connect(bare)
        await schema.apply(connection)
        await connection.execute(
            "INSERT INTO stormdoor.account (id, attributes, disabled, created_at)"
            " SELECT n::text, '{}', FALSE, 0 FROM generate_series(1, 25) n"
        )
        await schema.apply(
            connection,
            [*schema.MIGRATIONS, *added],
            progress=lambda one, rows: steps.append((one.mode, rows)),
        )
        assert await differences(connection, [*schema.MIGRATIONS, *added]) == []
        await connection.close()

    asyncio.run(apply())
    assert steps == [
        ("transaction", 0),
        ("batched", 10),
        ("batched", 10),
        ("batched", 5),
        ("batched", 0),
        ("concurrent", 0),
    ]
    assert run(bare, "SELECT count(*) FROM stormdoor.account WHERE x IS NULL") == [(0,)]
    assert run(
        bare, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'stormdoor.ix_x'::regclass"
    ) == [(True,)]
