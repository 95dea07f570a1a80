"""Measure the CPU of the first start of a SQLite store: it creates the file and its schema.

python bench/first_start.py
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

before_import = time.process_time()

from stormdoor.stores import open_store  # noqa: E402 - its import is measured, too

IMPORTED = time.process_time() - before_import


async def first_start(path: Path) -> float:
    before = time.process_time()
    store = open_store(f"sqlite://{path}")
    await store.open()
    await store.close()
    return time.process_time() - before


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, *others = (
            asyncio.run(first_start(Path(folder).resolve() / f"{n}.db")) for n in range(10)
        )
    print(f"import   {IMPORTED:.3f} CPU-s")
    print(f"first    {first:.3f} CPU-s")
    print(f"another  {statistics.median(others):.3f} CPU-s (median of {len(others)})")


if __name__ == "__main__":
    main()
