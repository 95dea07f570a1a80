"""Tests of commits with a result that SQLite does not report."""

import sqlite3
from pathlib import Path

import pytest

from stormdoor.errors import StoreInDoubt, StoreUnavailable
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite.connection import transaction
from stormdoor.testing.contract.support import account, opened


class _Losing(sqlite3.Connection):
    """A connection that reports an error of a commit that has happened, or has not."""

    happens = True

    def execute(self, statement: str, *arguments: object) -> sqlite3.Cursor:
        if statement != "COMMIT":
            return super().execute(statement, *arguments)  # type: ignore[arg-type]
        if self.happens:
            super().execute(statement)
        raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_that_reports_an_error(happens: bool, tmp_path: Path) -> None:
    """If the transaction is over, the change is in doubt; if it is not, it is rolled back."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None, factory=_Losing)
    connection.execute("CREATE TABLE t (x)")
    connection.happens = happens
    with pytest.raises(StoreInDoubt if happens else sqlite3.OperationalError, match="disk I/O"):
        transaction(connection, lambda each: each.execute("INSERT INTO t VALUES (1)"), durable=True)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (int(happens),)
    assert not connection.in_transaction
    connection.close()


async def test_the_store_says_that_a_change_is_in_doubt(path: Path) -> None:
    """Its caller can tell it from a change that did not happen."""
    store = SqliteStore(path)
    async with opened(store):
        live = store._database._live
        assert live is not None
        losing = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=_Losing
        )
        object.__setattr__(live, "writes", losing)
        with pytest.raises(StoreInDoubt, match="may or may not be stored"):
            await store.add_account(account("alice"))
        assert await store.account("alice") == account("alice")
        assert issubclass(StoreInDoubt, StoreUnavailable)
