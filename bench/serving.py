"""The code around the application that all servers of the benchmark share.

`SIGUSR1` makes the server write the number of objects that its garbage collector tracks into the file named
by `BENCH_OBJECTS`. So the figure needs no route and costs nothing otherwise.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import ssl
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tornado.web import Application

__all__ = [
    "LIFETIME",
    "allow_slow_store",
    "parser",
    "publish",
    "run_loop",
    "serve",
    "until_stopped",
]

# Seconds. The kernel ends a server that its harness left behind.
LIFETIME: Final = int(os.environ.get("BENCH_SECONDS", "900"))


def allow_slow_store() -> None:
    """Lengthen the lease and the time limits if BENCH_SLOW is set, as for a server under valgrind."""
    if os.environ.get("BENCH_SLOW"):
        # Plain servers do not load the package: their memory is measured.
        from stormdoor.guard import connection_ender, log_follower, present_rights  # noqa: PLC0415
        from stormdoor.stores.postgresql.members import PostgresqlMembers  # noqa: PLC0415

        for module in (connection_ender, log_follower, present_rights):
            module.ANSWER_SECONDS = 60.0
        PostgresqlMembers.lease_seconds = 60.0


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line of a server, with the `--port` that all of them have."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    arguments.add_argument("--uvloop", action="store_true", help="on the other loop")
    arguments.add_argument(
        "--tls", metavar="FILE", help="a certificate with its key: TLS by Tornado"
    )
    return arguments


async def serve(
    application: Application, port: int, tls: str | None = None, *, plain: bool = False
) -> None:
    """Serves `application` on 127.0.0.1 until SIGTERM; by `plain` with `app.listen`, as most programs."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        context.num_tickets = 0  # no client returns
    if "stormdoor_guard" in application.settings and not plain:
        from stormdoor import guarded_server  # noqa: PLC0415 - plain servers do not load it

        guarded_server(application, ssl_options=context).listen(port, "127.0.0.1", backlog=4096)
    else:
        application.listen(port, "127.0.0.1", backlog=4096, ssl_options=context)
    await until_stopped()


async def until_stopped() -> None:
    """Waits for SIGTERM, and answers `SIGUSR1` meanwhile."""
    signal.alarm(LIFETIME)
    signal.signal(signal.SIGUSR1, _count_objects)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


def run_loop(main: Coroutine[Any, Any, None], *, uvloop: bool) -> None:
    """Runs `main` on asyncio's own loop, or on uvloop."""
    if uvloop:
        import uvloop as faster  # noqa: PLC0415 - where it is installed

        faster.run(main)
    else:
        asyncio.run(main)


def publish(credentials: Mapping[str, str]) -> None:
    """Tells the client of credentials by name, if it has asked for them (`BENCH_CREDENTIALS`)."""
    if file := os.environ.get("BENCH_CREDENTIALS"):
        Path(file).write_text(json.dumps(credentials))


def _count_objects(_signal: int, _frame: FrameType | None) -> None:
    gc.collect()
    target = Path(os.environ["BENCH_OBJECTS"])
    # Written aside and renamed: the reader never sees half a number.
    aside = target.with_suffix(".new")
    aside.write_text(str(len(gc.get_objects())))
    aside.rename(target)
