"""The common base of the parts of a SQLite store: the database."""

from stormdoor.stores.sqlite.database import Database

__all__ = ["Part"]


class Part:
    """One port, on SQLite. Each part is independent; together they are the store."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database
