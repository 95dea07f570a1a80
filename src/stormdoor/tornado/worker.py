"""Serve as one of several processes: until the supervisor says drain, and then to the end of the drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.runtime.drain import close_gradually
from stormdoor.runtime.guard import Guard
from stormdoor.runtime.readiness import why_not_ready
from stormdoor.runtime.worker_link import Drain, WorkerLink
from stormdoor.tornado.listener import GuardedServer

__all__ = ["serve_as_worker"]

_log = logging.getLogger("stormdoor.serve")

_ARRIVING_SECONDS = 10.0
"""Time for a client that has connected to send its handshake: as `guarded_server` gives it."""
_CLOSE_SECONDS = 8.0
_READY_SECONDS = 30.0
_LOOK_SECONDS = 0.01


async def _until_ready(guard: Guard) -> None:
    """Wait until the guard can admit clients: it has its first lease a moment after its start."""
    until = guard.clock.monotonic() + _READY_SECONDS
    while (why := why_not_ready(guard)) is not None:
        if guard.clock.monotonic() >= until:
            raise StoreUnavailable(f"it is not ready after {_READY_SECONDS:g} s: {why}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _order(link: WorkerLink, guard: Guard) -> Drain:
    """Wait for the order to drain.

    Raises:
        RuntimeError: The maintenance loop has ended; the supervisor replaces a worker that fails.
    """
    order = asyncio.create_task(link.drain_ordered())
    ended = asyncio.create_task(guard.maintenance_ended.wait())
    await asyncio.wait([order, ended], return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not order.done():
        order.cancel()
        raise RuntimeError("the maintenance loop of the guard has ended")
    return order.result()


async def serve_as_worker(
    link: WorkerLink, guard: Guard, servers: Mapping[str, GuardedServer]
) -> None:
    """Start the guard, serve on the sockets of the supervisor, and drain when it says so.

    Args:
        link: The connection to the supervisor.
        guard: The guard of the application.
        servers: The servers, by the name of their group of sockets. A group that this worker has no sockets
            of is not served.

    Raises:
        ConfigurationError: Several workers would each have a store of their own.
        StoreUnavailable: The guard cannot start.
    """
    if link.workers > 1 and guard.memory_only:
        raise ConfigurationError(
            f"{link.workers} workers need a store that all of them share, and this one is in the memory of "
            'each; write Guard(store="sqlite:///var/lib/app/door.db")'
        )
    guard.warn = link.warn
    await guard.start()
    await _until_ready(guard)
    for name, server in servers.items():
        server.add_sockets(link.sockets.get(name, ()))
    link.ready()
    alive = asyncio.create_task(link.report_alive())
    order = await _order(link, guard)
    guard.draining = True
    if not order.replaced:
        await asyncio.sleep(link.unready_seconds)
    for server in servers.values():
        server.stop()
        server.stop_keeping_alive()
    until = guard.clock.monotonic() + _ARRIVING_SECONDS

    def arriving() -> bool:
        return guard.clock.monotonic() < until and any(one.unfinished for one in servers.values())

    await close_gradually(
        guard, together=order.together, seconds=link.drain_seconds, arriving=arriving
    )
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await guard.close()
            for server in servers.values():
                await server.close_all_connections()
    except TimeoutError:
        _log.critical(
            "the worker ends before everything was done: %d connections and %d entries of the trail are left",
            len(guard.registry),
            len(guard.trail),
        )
    alive.cancel()
