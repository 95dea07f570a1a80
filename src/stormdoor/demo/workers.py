"""The demo with several workers: its supervisor, and one worker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stormdoor.demo.people import is_new, read_settled, settle
from stormdoor.demo.placing import Placing
from stormdoor.demo.server import DemoAddresses, announce, bind_near, bind_twin, prepare, servers_of
from stormdoor.demo.twin import Twin
from stormdoor.runtime.listeners import SharedPort
from stormdoor.runtime.worker_link import WorkerLink
from stormdoor.runtime.workers import Workers, worker_command
from stormdoor.tornado.worker import serve_as_worker

__all__ = ["serve_worker", "serve_workers"]

_VARIABLE = "STORMDOOR_DEMO"
"""The environment variable with the options of a worker: the URL of a store may contain a password."""
_DRAIN_SECONDS = 10.0


async def serve_workers(
    *,
    workers: int,
    host: str,
    port: int,
    data: Path,
    store: str | None,
    insecure_allow_plaintext: bool,
    quiet: bool,
) -> None:
    """Serve the demo with several workers until SIGINT or SIGTERM. SIGHUP replaces them one by one.

    Args:
        workers: Number of workers, at least 2.
        host: The address to listen on.
        port: The port; 0 for any.
        data: Directory for the database and `demo-credentials.json`.
        store: URL of another store.
        insecure_allow_plaintext: Serve other machines without TLS.
        quiet: Print nothing but `ready`.

    Raises:
        OSError: The port is taken.
        StormdoorError: The data directory is damaged, or the store does not answer.
    """
    with contextlib.ExitStack() as bound:
        shared = bound.enter_context(SharedPort(host, port))
        await prepare(store)
        foreign, foreign_port = bind_near(host, shared.port + 1)
        unguarded, twin_port = bind_twin(host, shared.port + 2)
        for sock in foreign + unguarded:
            bound.callback(sock.close)
        addresses = DemoAddresses(host, shared.port, foreign_port, twin_port)

        def listen(number: int) -> Mapping[str, Sequence[socket.socket]]:
            """Return the sockets of a worker. The first one also serves the foreign page and the twin."""
            http = {"http": shared.listen()}
            if number > 1:
                return http
            beside = {"foreign": foreign, "twin": unguarded}
            return http | {name: [one.dup() for one in group] for name, group in beside.items()}

        new = is_new(data)
        options = {
            "addresses": asdict(addresses),
            "data": str(data.resolve()),  # noqa: ASYNC240 - once, at the start
            "store": store,
            "plaintext": insecure_allow_plaintext,
        }
        await Workers(
            worker_command("stormdoor.cli.demo_worker"),
            workers=workers,
            listen=listen,
            drain_seconds=_DRAIN_SECONDS,
            environment={_VARIABLE: json.dumps(options)},
        ).run(on_ready=lambda: announce(addresses, data, read_settled(data, new=new), quiet=quiet))


async def serve_worker(link: WorkerLink) -> None:
    """Serve as one worker of the demo until the supervisor says drain.

    Args:
        link: The connection to the supervisor.

    Raises:
        StormdoorError: The data directory is damaged, or the store does not answer.
    """
    options: dict[str, Any] = json.loads(os.environ.pop(_VARIABLE))
    data = Path(options["data"])
    demo = DemoAddresses(**options["addresses"]).demo(
        data,
        options["store"],
        plaintext=options["plaintext"],
        placing=Placing(link.number, link.workers),
    )
    demo.guard.warn = link.warn
    await demo.guard.start()
    if link.number == 1:  # the others start after it
        await settle(demo.guard, data)
    updates = asyncio.create_task(demo.dashboard.run(), name="dashboard")
    twin = Twin()
    try:
        await serve_as_worker(link, demo.guard, servers_of(demo, twin))
    finally:
        updates.cancel()
        twin.close()
