"""Bring a SQLite file to the current schema.

Alembic costs more than a second of CPU to import. So the version is read directly, and Alembic is only
imported for a migration.
"""

import sqlite3
import threading
from pathlib import Path

from stormdoor.errors import ConfigurationError

__all__ = ["HEAD", "bring_up", "version"]

HEAD = "0006"
"""The revision of the newest migration. INVARIANT: equal to Alembic's head of the scripts."""

_MIGRATION_SECONDS = 60.0  # time limit while another process migrates

# Alembic keeps its context in a module: two migrations in one process would share it.
_one_at_a_time = threading.Lock()


def version(connection: sqlite3.Connection) -> str | None:
    """Return the revision of the schema, or None if there is none yet.

    Raises:
        ConfigurationError: The file contains tables of another program.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None
    if tables:
        raise ConfigurationError(
            "this SQLite file belongs to another program; give stormdoor a file of its own:"
            ' store = "sqlite:///path/of/a/new/file"'
        )
    return None


def bring_up(path: Path, connection: sqlite3.Connection) -> None:
    """Run the missing migrations of the file at `path`, which `connection` is open on.

    If several processes start at once, one migrates and the others wait for it.

    Raises:
        ConfigurationError: The schema is newer than this version of stormdoor, or foreign.
        sqlite3.Error: SQLite failed; the schema is as it was.
    """
    found = version(connection)
    if found != HEAD:
        with _one_at_a_time:
            _migrate(path, found)


def _migrate(path: Path, found: str | None) -> None:
    import alembic.command  # noqa: PLC0415 - see the top of this module
    import alembic.config  # noqa: PLC0415
    import alembic.script  # noqa: PLC0415
    import alembic.util  # noqa: PLC0415
    import sqlalchemy as sa  # noqa: PLC0415

    config = alembic.config.Config()
    config.set_main_option("script_location", "stormdoor.stores:migrations")
    if found is not None:
        try:
            alembic.script.ScriptDirectory.from_config(config).get_revision(found)
        except alembic.util.CommandError as error:
            raise ConfigurationError(
                f"{path} has the schema {found}, and this stormdoor knows up to {HEAD}: a newer"
                " stormdoor, or another program, has written it; upgrade stormdoor, or name another"
                " file"
            ) from error

    engine = sa.create_engine(
        "sqlite://",
        poolclass=sa.NullPool,
        creator=lambda: sqlite3.connect(path, timeout=_MIGRATION_SECONDS, isolation_level=None),
    )

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        # The lock comes before Alembic reads the version, so that a process that waited for it finds the
        # migration done. Python's driver would begin the transaction at the first change, and not at a
        # CREATE.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
    finally:
        engine.dispose()
