"""Start an HTTP server with limits for a guarded application, and stop it without aborting requests."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application

from stormdoor.runtime.guard import Guard
from stormdoor.tornado.listener import GuardedServer

__all__ = ["guarded_server", "serve_until_stopped"]

_log = logging.getLogger("stormdoor.serve")


def guarded_server(
    application: Application, *, guard: Guard | None = None, **options: Any
) -> GuardedServer:
    """Make a server that limits the cost of unauthenticated clients before any handler runs.

    Tornado by itself waits an hour for the headers of a handshake and accepts a body of 100 MB. Here it is
    10 seconds, 16 KiB of headers and 1 MiB of body; every one can be changed. TCP connections, requests and
    unfinished bodies are limited for each address by `Limits` of the guard. When the server begins to
    listen, it raises the limit of open files as far as the limits need; where that is not permitted, it
    lowers the limits, with a warning.

    Args:
        application: The result of `protect`.
        guard: The guard with the limits, for an application that has none; else that of the application.
        options: Options of `tornado.httpserver.HTTPServer`. `xheaders` is refused: name the proxies in
            `Guard(trusted_proxies=[...])` instead, so that forwarded headers are accepted only from them.

    Raises:
        TypeError: `xheaders` was given.
    """
    if options.get("xheaders"):
        raise TypeError(
            "xheaders=True lets every client write its own address; leave it out and write "
            'Guard(trusted_proxies=["10.0.0.0/8"])'
        )
    settings: dict[str, Any] = {
        "idle_connection_timeout": 10.0,
        "max_header_size": 16 * 1024,
        "max_body_size": 1024 * 1024,
    }
    return GuardedServer(application, guard=guard, **{**settings, **options})


async def serve_until_stopped(
    server: HTTPServer,
    guard: Guard,
    *,
    seconds: float = 10.0,
    signals: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> None:
    """Serve until a signal arrives, then close all connections in order.

    It accepts no further clients; it sends every connection a close frame (1001), in batches, so that the
    loop continues to serve; it writes the trail; it finishes running requests.

    Args:
        server: The listening server. Tell a load balancer in front of it before.
        guard: The guard; it is started here, if necessary, and closed.
        seconds: Time after which this returns, even with unfinished work, which is logged.
        signals: Signals that stop it. A second one ends it without waiting.

    Raises:
        StoreUnavailable: The guard cannot start.
    """
    loop = asyncio.get_running_loop()
    stopping, at_once = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (at_once if stopping.is_set() else stopping).set()

    await guard.start()
    caught = tuple(signals)
    for one in caught:
        loop.add_signal_handler(one, stop)
    try:
        await stopping.wait()
        server.stop()
        ending = loop.create_task(_end(server, guard))
        hurried = loop.create_task(at_once.wait())
        await asyncio.wait([ending, hurried], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if ending.done():
            ending.result()
            return
        _log.critical(
            "the server ends before everything was done: %d connections and %d entries of the trail "
            "are left",
            len(guard.registry),
            len(guard.trail),
        )
        ending.cancel()
        await asyncio.wait([ending], timeout=1.0)
    finally:
        for one in caught:
            loop.remove_signal_handler(one)


async def _end(server: HTTPServer, guard: Guard) -> None:
    await guard.close()
    await server.close_all_connections()
