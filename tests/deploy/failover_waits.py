"""Measure how long messages wait during failovers with Patroni, and print a table (10 minutes).

`python -m tests.deploy.failover_waits` prints a row for each event, with the longest wait on the server that
names all members and on the one that knows HAProxy alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from tests.deploy.test_patroni import Installation, ask, installed, ready, sockets, threaded
from tests.support.patroni import Cluster

__all__ = ["main"]

_AFTER = 30.0
"""Seconds from an event to its undoing; longer than the `ttl` of Patroni."""
_PAUSE = 0.25

Undo = Callable[[], object]


def _switchover(cluster: Cluster) -> None:
    leader, candidate = cluster.primary.name, cluster.synchronous.name
    cluster.control("switchover", "--leader", leader, "--candidate", candidate, "--force")


def _crash(cluster: Cluster) -> None:
    cluster.primary.kill_postgresql()


def _crash_and_resume(cluster: Cluster) -> Undo:
    _crash(cluster)
    return lambda: cluster.control("resume", "--wait")


def _lose_patroni(cluster: Cluster) -> Undo:
    old = cluster.primary
    old.kill_patroni()
    return old.start


def _lose_primary(cluster: Cluster) -> Undo:
    old = cluster.primary
    old.kill()
    return old.start


def _stop_standby(cluster: Cluster) -> Undo:
    standby = cluster.synchronous
    standby.stop_postgresql()
    return standby.continue_postgresql


def _lose_standby(cluster: Cluster) -> Undo:
    standby = cluster.synchronous
    standby.kill()
    return standby.start


_EVENTS: tuple[tuple[str, bool, Callable[[Cluster], Undo | None]], ...] = (
    ("switchover", False, _switchover),
    ("PostgreSQL of the primary killed", False, _crash),
    ("Patroni killed beside a running primary", False, _lose_patroni),
    ("both killed", False, _lose_primary),
    ("synchronous standby stopped with SIGSTOP", False, _stop_standby),
    ("synchronous standby killed", False, _lose_standby),
    ("switchover", True, _switchover),
    ("Patroni killed beside a running primary, started after 30 s", True, _lose_patroni),
    ("PostgreSQL of the primary killed, resumed after 30 s", True, _crash_and_resume),
)
"""Each event: its name, whether the cluster is paused, and a function that causes it."""


async def _longest(client: ClientConnection, done: asyncio.Event) -> float:
    """Return the longest time until a message was answered, in seconds."""
    longest = 0.0
    while not done.is_set():
        asked = time.monotonic()
        await ask(client)
        longest = max(longest, time.monotonic() - asked)
        await asyncio.sleep(_PAUSE)
    return longest


async def _waits(
    installation: Installation, cause: Callable[[Cluster], Undo | None]
) -> list[float]:
    """Return the longest wait on each server."""
    cluster, done = installation.cluster, asyncio.Event()
    async with sockets(installation, "alice") as opened, asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(_longest(one, done)) for one in opened]
        undo = await threaded(cause, cluster)
        await asyncio.sleep(_AFTER)
        if undo is not None:
            await threaded(undo)
        await threaded(cluster.wait_complete)
        await ready(installation)
        done.set()
    return [one.result() for one in asking]


async def _measure(installation: Installation) -> None:
    is_paused = False
    for name, paused, cause in _EVENTS:
        if paused and not is_paused:
            await threaded(installation.cluster.control, "pause", "--wait")
        is_paused = paused
        hosts, proxy = await _waits(installation, cause)
        event = f"paused: {name}" if paused else name
        print(f"| {event} | {hosts:.1f} s | {proxy:.1f} s |", flush=True)  # noqa: T201 - a command


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        asyncio.run(_measure(stack.enter_context(installed(Path(folder)))))


if __name__ == "__main__":
    main()
