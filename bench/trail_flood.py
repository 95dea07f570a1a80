"""Measure how much of the disk a flood of unauthenticated clients takes in a day.

Writes the entries of a guard into a real store, while a clock of its own goes through the hours. In each
simulated second there are four refusals of each kind, each from another IPv6 network and as long as an entry
gets. A member opens and closes a connection once a minute.

    python bench/trail_flood.py              # two days
    python bench/trail_flood.py --hours 6 --budget 16
    python bench/trail_flood.py --store postgresql://door@localhost/door
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from stormdoor.core.denial import Denial
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.trail_budget import DAY_BYTES
from stormdoor.guard.trail import Trail
from stormdoor.ports import Store
from stormdoor.stores import open_store
from stormdoor.testing.clock import FakeClock

EACH = 4
"""Refusals of each kind in a second."""


def _refusal(now: float, denial: Denial, number: int) -> Event:
    return Event(
        time=now,
        name=REFUSED_AS[denial],
        cause=denial.value,
        endpoint="/" * 256,
        user_agent="u" * 256,
        detail="d" * 1000,
        address=f"2001:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}::1",
    )


def _member(now: float, name: str) -> Event:
    return Event(time=now, name=name, principal="alice", address="192.0.2.1", proven=True)


async def _flood(url: str, hours: int, budget: int) -> None:
    clock = FakeClock()
    store = open_store(url)
    await store.open()
    trail = Trail(store, clock, budget_bytes=budget << 20)
    noted = members = 0
    begun = await _size(store)
    print(f"{'hour':>4} {'refusals':>12} {'entries':>9} {'store, MiB':>10} {'in 24 h, MiB':>13}")
    sizes = [begun]
    for hour in range(1, hours + 1):
        for second in range(3600):
            now = clock.now()
            for denial in Denial:
                for _ in range(EACH):
                    noted += 1
                    trail.note(_refusal(now, denial, noted))
            if second % 60 == 0:
                members += 2
                trail.note(_member(now, "connection_opened"))
                trail.note(_member(now, "connection_closed"))
            await trail.write_due()
            clock.advance(1.0)
        sizes.append(await _size(store))
        at_day = sizes[max(0, len(sizes) - 25)]
        print(
            f"{hour:>4} {noted:>12,} {trail.written:>9,} {(sizes[-1] - begun) / 2**20:>10.1f} "
            f"{(sizes[-1] - at_day) / 2**20:>13.1f}",
            flush=True,
        )
    await trail.flush()
    found = await store.entries(principal="alice", limit=members + 1)
    counted = sum(
        entry.event.count for entry in await store.entries(limit=10**7) if entry.event.cause
    )
    await store.close()
    print(
        f"entries of the member: {len(found):,} of {members:,}; refusals counted: {counted:,} of {noted:,}"
    )
    print(f"lost: {trail.lost}; healthy: {trail.healthy}")


async def _size(store: Store) -> int:
    space = await store.space()
    return 0 if space is None else space.used


def main() -> None:
    """Run it and print a line for each hour."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=48)
    parser.add_argument(
        "--store", help="URL of an empty store; a temporary SQLite file if left out"
    )
    parser.add_argument("--budget", type=int, default=DAY_BYTES >> 20, help="MiB of a day")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.store or f"sqlite:{Path(folder) / 'store.db'}"
        asyncio.run(_flood(url, given.hours, given.budget))


if __name__ == "__main__":
    main()
