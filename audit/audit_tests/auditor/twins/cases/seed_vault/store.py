from __future__ import annotations

import aiosqlite

SCHEMA = """
CREATE TABLE IF NOT EXISTS accessions (id INTEGER PRIMARY KEY, species TEXT, label TEXT, curator INTEGER);
CREATE TABLE IF NOT EXISTS visits (curator INTEGER, what TEXT, accession INTEGER);
CREATE TABLE IF NOT EXISTS badges (code TEXT PRIMARY KEY, curator INTEGER);
"""


class Accessions:
    """The samples in the vault."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    @classmethod
    async def load(cls, path: str) -> Accessions:
        db = await aiosqlite.connect(path)
        await db.executescript(SCHEMA)
        return cls(db)

    async def curator_of(self, badge: str) -> int | None:
        async with self._db.execute("SELECT curator FROM badges WHERE code = ?", (badge,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else row[0]

    async def log(self, *, curator: int, what: str, accession: int) -> None:
        await self._db.execute("INSERT INTO visits VALUES (?, ?, ?)", (curator, what, accession))
        await self._db.commit()

    async def deposit(self, *, curator: int, species: str) -> int:
        cursor = await self._db.execute(
            "INSERT INTO accessions (species, label, curator) VALUES (:species, '', :curator)",
            {"species": species, "curator": curator},
        )
        await self._db.commit()
        return cursor.lastrowid

    async def relabel(self, *, curator: int, accession: int, label: str) -> bool:
        cursor = await self._db.execute(
            "UPDATE accessions SET label = :label WHERE id = :id AND curator = :curator",
            {"label": label, "id": accession, "curator": curator},
        )
        await self._db.commit()
        return cursor.rowcount == 1

    async def discard(self, *, curator: int, accession: int) -> bool:
        cursor = await self._db.execute(
            "DELETE FROM accessions WHERE id = :id AND curator = :curator",
            {"id": accession, "curator": curator},
        )
        await self._db.commit()
        return cursor.rowcount == 1
