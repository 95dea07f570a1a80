"""Measure how much of the disk a flood of unauthenticated clients takes in a day.

Writes what a guard would write into a real SQLite file, while a clock of its own goes through the hours. In
each simulated second there are a hundred refusals of five kinds, each from another IPv6 address and as long
as an entry gets. A member opens and closes a connection once a minute.

    python bench/trail_flood.py              # two days
    python bench/trail_flood.py --hours 6
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from stormdoor.core.denial import Denial
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.guard.trail import Trail
from stormdoor.stores import SqliteStore
from stormdoor.testing.clock import FakeClock

KINDS = (
    Denial.NO_CREDENTIAL,
    Denial.BAD_CREDENTIAL,
    Denial.ORIGIN,
    Denial.HANDSHAKE_RATE,
    Denial.MALFORMED,
)
EACH = 20
"""Refusals of each kind in a second."""


def _refusal(now: float, denial: Denial, number: int) -> Event:
    return Event(
        time=now,
        name=REFUSED_AS[denial],
        cause=denial.value,
        endpoint="/" * 256,
        user_agent="u" * 256,
        detail="d" * 1000,
        address=f"2001:db8::{number & 0xFFFF:x}:{number >> 16:x}",
    )


def _member(now: float, name: str) -> Event:
    return Event(time=now, name=name, principal="alice", address="192.0.2.1", proven=True)


async def _flood(path: Path, hours: int) -> None:
    clock = FakeClock()
    store = SqliteStore(path)
    await store.open()
    trail = Trail(store, clock)
    noted = members = 0
    begun = await _size(store)
    print(f"{'hour':>4} {'refusals':>12} {'entries':>9} {'file, MiB':>10} {'in 24 h, MiB':>13}")
    sizes = [begun]
    for hour in range(1, hours + 1):
        for second in range(3600):
            now = clock.now()
            for denial in KINDS:
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


async def _size(store: SqliteStore) -> int:
    space = await store.space()
    return space.used


def main() -> None:
    """Run it and print a line for each hour."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=48)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_flood(Path(folder) / "store.db", arguments.hours))


if __name__ == "__main__":
    main()
