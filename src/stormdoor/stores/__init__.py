"""Stores of the guard's state. `open_store` selects one by URL; all pass one contract test suite."""

from pathlib import Path

from stormdoor.errors import ConfigurationError
from stormdoor.ports import Store
from stormdoor.settings.installation import install_command
from stormdoor.stores.memory import MemoryStore
from stormdoor.stores.sqlite import SqliteStore
from stormdoor.stores.sqlite.copy import copy_database

__all__ = ["MemoryStore", "SqliteStore", "copy_store", "on_postgresql", "open_store", "sqlite_path"]

_FORMS = '"sqlite:///absolute/path", "sqlite:relative/path", "postgresql://user@host/database" or "memory:"'


def open_store(url: str, *, trail_key: bytes | None = None) -> Store:
    """Return the store that `url` names, not opened yet.

    Args:
        url: `memory:`, `sqlite:///absolute/path`, `sqlite:path` or `postgresql://user@host/database`. The
            path of a file is used literally: `%` has no special meaning.
        trail_key: Secret of the trail's chain, or None.

    Raises:
        ConfigurationError: The URL names no known store, or the key is empty.
    """
    if trail_key == b"":
        raise ConfigurationError("the key of the trail is empty; give it 32 random bytes, or none")
    scheme, _, rest = url.partition(":")
    match scheme:
        case "memory" if not rest:
            return MemoryStore(trail_key)
        case "sqlite":
            return SqliteStore(sqlite_path(rest), trail_key)
        case "postgresql" | "postgres":
            return _postgresql(url, trail_key)
        case _:
            raise ConfigurationError(f"the URL of a store is {_FORMS}")


def on_postgresql(url: str) -> bool:
    """Return whether the URL of a store names a database on PostgreSQL."""
    return url.startswith(("postgresql:", "postgres:"))


def _postgresql(url: str, trail_key: bytes | None) -> Store:
    try:
        from stormdoor.stores.postgresql.store import PostgresqlStore  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigurationError(
            "a store on PostgreSQL needs asyncpg: " + install_command("'stormdoor[postgres]'")
        ) from error
    return PostgresqlStore(url, trail_key)


def copy_store(url: str, folder: Path) -> str:
    """Copy the store that `url` names into `folder`. Returns the URL of the copy.

    Raises:
        ConfigurationError: This kind of store cannot be copied.
        StoreUnavailable: It does not answer.
    """
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        raise ConfigurationError("only a SQLite store can be copied")
    target = folder.resolve() / "copy.db"
    copy_database(sqlite_path(rest), target)
    return f"sqlite://{target}"


def sqlite_path(rest: str) -> Path:
    """Return the path in the URL of a SQLite store, without its scheme.

    Raises:
        ConfigurationError: It names no file of this machine.
    """
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host or not slash:
            raise ConfigurationError(
                'a SQLite store is a file of this machine: write store = "sqlite:///absolute/path"'
                " (three slashes)"
            )
        rest = f"/{path}"
    if rest in ("", "/", ":memory:") or "?" in rest or "#" in rest:
        raise ConfigurationError(
            "the URL of a SQLite store names a file, and takes no options: write"
            ' store = "sqlite:///absolute/path" (or "memory:", which needs no file)'
        )
    return Path(rest)
