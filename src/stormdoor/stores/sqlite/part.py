"""What the parts of a SQLite store share: the database."""

from stormdoor.stores.sqlite.database import Database

__all__ = ["Part"]


class Part:
    """One port, on SQLite. Each part works alone, and all of them together are the store."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database
