"""The statements of a search use the index that gives candidates in order."""

import re
import sqlite3
from pathlib import Path

import pytest

from stormdoor.core.trail_filter import Cursor, Filters, TrailFilter
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite import trail as sqlite_trail
from stormdoor.stores.statements import NO_SEQ
from stormdoor.stores.trail_search import Search
from stormdoor.testing.contract.support import NOW, opened

_USED = re.compile(r"USING (?:COVERING )?(?:INDEX )?(ix_\w+|INTEGER PRIMARY KEY)")

SEARCHES: list[tuple[Filters, set[str]]] = [
    ({}, {"INTEGER PRIMARY KEY"}),
    ({"cause": "x", "event": "x", "node": "x", "endpoint": "x"}, {"INTEGER PRIMARY KEY"}),
    ({"tenant": "x"}, {"INTEGER PRIMARY KEY"}),
    ({"since": NOW}, {"ix_trail_time"}),
    ({"until": NOW}, {"ix_trail_time"}),
    ({"since": NOW, "until": NOW + 1, "cause": "x"}, {"ix_trail_time"}),
    ({"address": "192.0.2.7", "since": NOW, "cause": "x"}, {"ix_trail_address"}),
    ({"ref": "7GQ2M4XK9B", "principal": "alice", "address": "x"}, {"ix_trail_ref"}),
    (
        {"principal": "alice", "address": "x", "since": NOW},
        {"ix_trail_principal", "ix_trail_actor"},
    ),
]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("cursor", [None, Cursor(9, NOW)], ids=["first page", "next page"])
@pytest.mark.parametrize(
    ("filters", "indexes"), SEARCHES, ids=lambda one: "+".join(sorted(one)) or "none"
)
async def test_an_index_gives_the_candidates(
    filters: Filters, indexes: set[str], cursor: Cursor | None, newest_first: bool, tmp_path: Path
) -> None:
    """No statement of a page reads other entries, nor sorts them, except to merge two indexes."""
    async with opened(SqliteStore(tmp_path / "door.db", b"k" * 32)):
        connection = sqlite3.connect(tmp_path / "door.db")
        search = Search(
            sqlite_trail._DIALECT,
            "seq",
            (),
            TrailFilter(**filters),
            after=0,
            until=NO_SEQ,
            newest_first=newest_first,
            cursor=cursor,
        )
        end = search.end()
        for text, given in (
            search.page(10, None),
            search.page(10, Cursor(5, NOW)),
            *([end] if end else []),
        ):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", given)]
            used = {found[1] for step in plan if (found := _USED.search(step))}
            assert used == indexes, plan
            sorts = [step for step in plan if "TEMP B-TREE" in step]
            assert not sorts or len(indexes) == 2, plan
        connection.close()
