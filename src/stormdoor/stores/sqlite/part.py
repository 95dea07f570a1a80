"""The common base of the parts of a SQLite store: the database, and changes with their log entry."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.ports import Changed
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import REVOCATION, Row
from stormdoor.stores.sqlite import epoch
from stormdoor.stores.sqlite.database import Database, UnstorableText

__all__ = ["Part", "log_position"]

T = TypeVar("T")


def log_position(connection: sqlite3.Connection) -> LogPosition:
    """Return the head of the log, within a transaction."""
    ((known, seq),) = connection.execute(sql.LOG_POSITION).fetchall()
    return LogPosition(known, seq)


def _note_revocation(connection: sqlite3.Connection, revocation: Revocation) -> Revocation:
    ((seq,),) = connection.execute(sql.NEXT_REVOCATION).fetchall()
    ((known, newest_at, _),) = connection.execute(sql.LOG).fetchall()
    if revocation.until_now:
        at = revocation.at if newest_at is None else max(newest_at, revocation.at)
        connection.execute(sql.MOVE_NEWEST, (at,))
        revocation = replace(revocation, at=at)
    stored = revocation.placed(LogPosition(known, seq))
    connection.execute(sql.ADD_REVOCATION, REVOCATION.row(stored))
    return stored


class Part:
    """One port, on SQLite. Each part is independent; together they are the store."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _change(
        self,
        change: Callable[[sqlite3.Connection], bool],
        entry: Revocation | None = None,
    ) -> Changed:
        """Run `change` in a durable transaction, which also adds `entry` to the log; see `Changed`."""

        def both(connection: sqlite3.Connection) -> Changed:
            # The counter of the log comes last, because its row is locked until the commit.
            changed = change(connection)
            return self._note(connection, entry) if changed and entry is not None else changed

        return await self._database.write(both, durable=True, afterwards=self._note_head)

    async def _execute(
        self, statement: str, parameters: Row, entry: Revocation | None = None
    ) -> Changed:
        """Run a `change` that is one statement, which changes rows or none."""
        return await self._change(
            lambda connection: connection.execute(statement, parameters).rowcount > 0, entry
        )

    async def _take(
        self, job: Callable[[sqlite3.Connection], T | None], *, durable: bool = False
    ) -> T | None:
        """Run a `job` that takes a row by a text that a client has sent.

        Returns:
            Its result; None for a text that no row can contain.
        """
        try:
            return await self._database.write(job, durable=durable)
        except UnstorableText:
            return None

    def _note(self, connection: sqlite3.Connection, revocation: Revocation) -> Revocation:
        """Add a revocation to the log, within a transaction. Returns the entry."""
        epoch.check(connection, self._database.path)
        return _note_revocation(connection, revocation)

    def _note_head(self, changed: object) -> None:
        if isinstance(changed, list) and changed:
            changed = changed[-1]
        if isinstance(changed, Revocation):
            epoch.note(self._database.path, LogPosition(changed.epoch, changed.seq))
