"""The processes of a run: each is forked from one that has loaded the modules, as Python starts slowly."""

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess

from tests.support import watchdog

__all__ = ["load", "processes"]

_LONGEST_SECONDS = 3600.0

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    ["tests.chaos.node", "tests.chaos.operator", "tests.chaos.__main__"]
)


@contextlib.contextmanager
def load(number: int) -> Iterator[list[ForkServerProcess]]:
    """Keep so many processes busy, for an hour at most. They end with this process."""
    busy = [processes.Process(target=_work, daemon=True) for _ in range(number)]
    try:
        for one in busy:
            one.start()
            assert one.pid is not None
            watchdog.watch(one.pid)
        yield busy
    finally:
        for one in busy:
            if one.pid is not None:
                one.kill()
                one.join()
                watchdog.forget(one.pid)


def _work() -> None:
    until = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < until:
        sum(range(10_000))
