"""The migration files of PostgreSQL: numbered, with a header, and without a statement that locks for long."""

import subprocess
import sys
from pathlib import Path

import pytest

from stormdoor.errors import ConfigurationError

asyncpg = pytest.importorskip("asyncpg")

from stormdoor.stores.postgresql import schema  # noqa: E402 - needs asyncpg

FOLDER = Path(schema.__file__).parents[1] / "migrations" / "postgresql"

# `stormdoor migrate` sets both time limits before it runs a file.
EXCLUDED = "--exclude=require-lock-timeout,require-statement-timeout"


def lint(*files: Path, in_transaction: bool) -> subprocess.CompletedProcess[str]:
    """Run squawk on files."""
    program = Path(sys.executable).with_name("squawk")
    transaction = "--assume-in-transaction" if in_transaction else "--no-assume-in-transaction"
    return subprocess.run(
        [program, "--pg-version=15", "--reporter=gcc", EXCLUDED, transaction, *files],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("migration", schema.MIGRATIONS, ids=lambda one: one.name)
def test_squawk_finds_nothing(migration: schema.Migration) -> None:
    """No statement of a migration locks a table for long or breaks the code of the release before."""
    inside = migration.mode == "transaction"
    done = lint(FOLDER / migration.name, in_transaction=inside)
    assert done.returncode == 0, done.stdout + done.stderr


def test_squawk_finds_an_index_that_locks(tmp_path: Path) -> None:
    """The linter is able to find a statement that locks a table for long."""
    file = tmp_path / "0002_locks.sql"
    file.write_text("CREATE INDEX ix_account_tenant ON account (tenant);\n")
    done = lint(file, in_transaction=True)
    assert done.returncode != 0
    assert "require-concurrent-index-creation" in done.stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0002_first.sql", "-- mode: transaction\n-- min_code: 1\n"),
        ("0001_first.sql", "SELECT 1;\n"),
        ("0001_first.sql", "-- mode: other\n-- min_code: 1\n"),
    ],
)
def test_misnamed_or_unmarked_file_is_refused(name: str, text: str, tmp_path: Path) -> None:
    """A gap in the numbers, a missing header and an unknown mode are errors."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match="is not migration 1, or has no header"):
        schema.read_migrations(tmp_path)


def test_statements_are_split_at_the_ends_of_lines() -> None:
    """A comment is no statement, and a semicolon within a line does not end one."""
    text = "-- one; two\nCREATE INDEX a ON b (c);\n\nSELECT ';' AS d;\n"
    assert schema.statements(text) == ["CREATE INDEX a ON b (c)", "SELECT ';' AS d"]
