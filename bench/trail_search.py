"""Measure the searches of a large trail, and the cost of the indexes that serve them.

Fills an empty store, reads pages of each filter from both ends, and prints the slowest. Then it appends
entries with the indexes of the searches and without them, in turns.

    python bench/trail_search.py                                    # 1,000,000 entries in a SQLite file
    python bench/trail_search.py --store memory:
    python bench/trail_search.py --store postgresql://door@localhost/door --owner postgresql://…
"""

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import asyncpg

from stormdoor.core.event import Event
from stormdoor.core.trail_filter import Cursor, Filters
from stormdoor.ports import Store
from stormdoor.stores import open_store

BEGIN = 1_790_000_000.0
BATCH = 500
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
CAUSES = ("bad-credential", "origin", "forbidden", "handshake-rate")
NODES = tuple(f"web-{number}-4711-0a1b2c" for number in range(8))
NEW = ("ix_trail_time", "ix_trail_listed_time", "ix_trail_address", "ix_trail_ref")
"""The indexes of the searches, under their names in both databases."""


def _reference(number: int) -> str:
    """Return ten characters in no order, as references are."""
    return blake2b(number.to_bytes(8), digest_size=5).hexdigest()


def _event(number: int, chance: random.Random, nodes: Sequence[str]) -> Event:
    """Half refusals of 65,536 addresses, half connections of 5,000 principals, each with its own."""
    refused = number % 2 == 0
    one = chance.randrange(65_536 if refused else 5_000)
    return Event(
        time=BEGIN + number,
        name="authn_login_fail" if refused else "connection_opened",
        cause=chance.choice(CAUSES) if refused else "",
        endpoint=f"/ws/{chance.randrange(20)}",
        kind="session",
        node=chance.choice(nodes),
        principal="" if refused else f"principal-{one}",
        address=f"{'192.0' if refused else '10.7'}.{one >> 8}.{one & 255}",
        user_agent=AGENT,
        connection=f"{chance.getrandbits(64):016x}",
        detail="the token is not known" if refused else "",
        ref=_reference(number) if refused else "",
        proven=not refused,
    )


def _batches(count: int, nodes: Sequence[str] = NODES) -> Iterator[list[Event]]:
    chance = random.Random(0)
    for start in range(0, count, BATCH):
        yield [_event(at, chance, nodes) for at in range(start, min(start + BATCH, count))]


def _searches(count: int) -> dict[str, Filters]:
    middle = BEGIN + count / 2
    return {
        "no filter": {},
        "principal": {"principal": "principal-7"},
        "address": {"address": "192.0.2.7"},
        "reference": {"ref": _reference(count // 4 * 2)},
        "time": {"since": middle, "until": middle + 3600},
        "event": {"event": "authn_login_fail"},
        "event that is not there": {"event": "none"},
        "cause": {"cause": "origin"},
        "cause that is not there": {"cause": "none"},
        "endpoint that is not there": {"endpoint": "/none"},
        "node that is not there": {"node": "none"},
        "tenant that is not there": {"tenant": "none"},
        "time and a cause that is not there": {"since": middle, "cause": "none"},
        "principal and an address": {"principal": "principal-7", "address": "192.0.2.7"},
        "address and a time": {"address": "192.0.2.7", "until": middle},
        "address and a cause that is not there": {"address": "192.0.2.7", "cause": "none"},
        "principal that is not there": {"principal": "none"},
        "address that is not there": {"address": "none"},
        "reference that is not there": {"ref": "none"},
    }


async def _pages(store: Store, filters: Filters, limit: int) -> tuple[float, int, bool]:
    """Return the seconds of the slowest of the first pages, the entries, and whether all was looked at."""
    slowest, found, whole = 0.0, 0, False
    for newest_first in (True, False):
        cursor: Cursor | None = None
        for _ in range(5):
            begun = time.perf_counter()
            page = await store.entries(
                limit=limit, newest_first=newest_first, cursor=cursor, **filters
            )
            slowest = max(slowest, time.perf_counter() - begun)
            found += len(page)
            cursor = page.cursor
            if cursor is None:
                whole = True
                break
    return slowest, found, whole


async def _search(url: str, count: int, limit: int) -> None:
    store = open_store(url)
    await store.open()
    begun = time.perf_counter()
    for batch in _batches(count):
        await store.append_events(batch)
    print(f"{count:,} entries in {time.perf_counter() - begun:,.0f} s\n")
    print(f"{'search':<40} {'ms':>6} {'found':>6}  looked at")
    for name, filters in _searches(count).items():
        tried = [await _pages(store, filters, limit) for _ in range(5)]
        seconds = min(one[0] for one in tried)  # the least disturbed
        looked = "all" if tried[0][2] else "a part, and a cursor"
        print(f"{name:<40} {seconds * 1000:>6.1f} {tried[0][1]:>6}  {looked}", flush=True)
    await store.close()


async def _fill(url: str, count: int, nodes: Sequence[str]) -> tuple[float, int]:
    """Return the seconds of the appends and the bytes that they added.

    Seconds are the CPU's if this process does all the work, as for a file: other load does not count.
    """
    store = open_store(url)
    await store.open()
    before = await store.space()
    batches = list(_batches(count, nodes))
    clock = time.process_time if url.startswith("sqlite:") else time.perf_counter
    begun = clock()
    for batch in batches:
        await store.append_events(batch)
    seconds = clock() - begun
    after = await store.space()
    await store.close()
    if before is None or after is None:
        return seconds, 0
    return seconds, after.used - before.used


class _Prepared(Protocol):
    """Prepares a store, with or without the indexes of the searches, and returns its URL."""

    def __call__(self, *, indexed: bool) -> Awaitable[str]: ...


async def _rows(prepared: _Prepared, count: int, rounds: int) -> None:
    """Print the cost of a row with and without the indexes and the name of its node, in turns."""
    costs: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
    for _ in range(rounds):
        for indexed in (False, True):
            url, nodes = await prepared(indexed=indexed), NODES if indexed else ("",)
            costs[indexed].append(await _fill(url, count, nodes))
    print(f"\n{'a row':<40} {'µs':>6} {'bytes':>6}")
    per_row: list[tuple[float, float]] = []
    for indexed, name in ((False, "as before the searches"), (True, "with indexes and node")):
        seconds = min(one[0] for one in costs[indexed])  # the least disturbed
        size = statistics.median(one[1] for one in costs[indexed])
        per_row.append((seconds / count * 1e6, size / count))
        print(f"{name:<40} {per_row[-1][0]:>6.1f} {per_row[-1][1]:>6.0f}")
    (before, small), (after, large) = per_row
    print(f"{'ratio':<40} {after / before:>6.2f} {large / small if small else 1:>6.2f}")


async def _run(given: argparse.Namespace, folder: Path) -> None:
    made = 0

    async def new_file(*, indexed: bool) -> str:
        nonlocal made
        made += 1
        path = folder / f"row{made}.db"
        store = open_store(f"sqlite:{path}")
        await store.open()
        await store.close()
        if not indexed:
            with sqlite3.connect(path) as connection:
                for name in NEW:
                    connection.execute(f"DROP INDEX IF EXISTS {name}")
                for name in ("principal", "actor"):  # as they were before
                    connection.execute(f"DROP INDEX ix_trail_{name}")
                    connection.execute(f"CREATE INDEX ix_trail_{name} ON trail ({name})")
        return f"sqlite:{path}"

    async def same_database(*, indexed: bool) -> str:
        connection = await asyncpg.connect(given.owner)
        try:
            await connection.execute("SET search_path = stormdoor")
            for name, text in await connection.fetch(
                "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY($1)", list(NEW)
            ):
                made_by[name] = text.replace(" ON ONLY ", " ON ")
            for name, text in made_by.items():
                await connection.execute(f"DROP INDEX IF EXISTS {name}")
                if indexed:
                    await connection.execute(text)
        finally:
            await connection.close()
        return str(given.store)

    made_by: dict[str, str] = {}
    url = given.store or f"sqlite:{folder / 'store.db'}"
    if given.entries:
        await _search(url, given.entries, given.limit)
    if url.startswith("sqlite:"):
        await _rows(new_file, given.rows, given.rounds)
    elif given.owner:
        await _rows(same_database, given.rows, given.rounds)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--limit", type=int, default=100, help="entries of a page")
    parser.add_argument("--rows", type=int, default=50_000, help="entries that measure a row")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--store", help="URL of an empty store; a temporary SQLite file if left out"
    )
    parser.add_argument("--owner", help="URL of the owner of a PostgreSQL store, to measure a row")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(given, Path(folder)))


if __name__ == "__main__":
    main()
