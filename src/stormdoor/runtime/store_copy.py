"""Move an installation from a SQLite file to PostgreSQL, for `stormdoor store copy`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.runtime.installation import open_installation
from stormdoor.stores import on_postgresql, open_store, sqlite_path

__all__ = ["Copied", "copy_to_postgresql"]


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of a copy.

    Attributes:
        rows: The number of rows of each table, compared one by one with those of the file.
        head: `seq` and hash of the last entry of the root chain of the copied trail.
        entries: Number of verified entries of the copied trail.
    """

    rows: dict[str, int]
    head: tuple[int, str]
    entries: int


async def copy_to_postgresql(
    source: str,
    target: str,
    *,
    trail_key: bytes | None,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> Copied:
    """Copy a store. Safe to repeat after an interruption at any moment: it continues.

    Args:
        source: URL of a SQLite store that no server uses, with the current schema.
        target: URL of a database on PostgreSQL with the current schema and no contents, with the login of
            the owner of its tables.
        trail_key: The key of the trail, or None if it has none.
        progress: Called with the name of a table and the number of its rows so far.

    Raises:
        ConfigurationError: A URL is wrong, or the schema of the database does not fit.
        StoreError: A server uses the file, its trail does not verify, the database has other contents, or
            the comparison found a difference.
        StoreUnavailable: A database does not answer. Repeat the call.
    """
    if not source.startswith("sqlite:") or not on_postgresql(target):
        raise ConfigurationError(
            "a store is copied from a SQLite file to PostgreSQL: stormdoor store copy"
            " sqlite:door.db postgresql://owner@host/database"
        )
    open_store(target)  # so that a missing extra is told first
    async with open_installation(
        store=source, trail_key=trail_key, purpose="verify"
    ) as installation:
        trail = installation.guard.state.trail
        faults = (await verify_trail(trail, key=installation.trail_key)).faults
        if faults:
            raise StoreError(f"the trail of the file does not verify: {faults[0]}")
    path = sqlite_path(source.partition(":")[2]).expanduser()
    import asyncpg  # noqa: PLC0415 - an extra

    from stormdoor.stores.postgresql.address import Address  # noqa: PLC0415
    from stormdoor.stores.postgresql.failure import LOST, unavailable  # noqa: PLC0415
    from stormdoor.stores.transfer import transfer  # noqa: PLC0415

    try:
        rows = await transfer(path, target, key=trail_key, progress=progress)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    except (*LOST, asyncpg.PostgresError) as error:
        raise unavailable(Address(target).name, error) from error
    async with open_installation(
        store=target, trail_key=trail_key, purpose="verify"
    ) as installation:
        found = await verify_trail(installation.guard.state.trail, key=trail_key)
    if found.faults:
        raise StoreError(f"the copied trail does not verify: {found.faults[0]}")
    return Copied(rows, found.head, found.entries)
