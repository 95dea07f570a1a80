"""`stormdoor demo`: a guarded chat with a live dashboard."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stormdoor.demo.port import HOST, PORT

__all__ = ["app"]

app = App(name="demo", help_format="markdown")


@app.default
def demo(
    *,
    host: str = HOST,
    port: int = PORT,
    data: Path = Path("demo-data"),
    store: str | None = None,
    workers: int = 1,
    insecure_allow_plaintext: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Start the demo: a chat with rooms, and a live dashboard.

    The first start makes principals with random passwords. It writes them to the data directory, and prints
    them if its output is a terminal.

    Args:
        host: The address to listen on. 127.0.0.1 if left out: this machine only.
        port: The port. 8765 if left out; 0 takes a free one.
        data: Directory for the database and the passwords. demo-data if left out.
        store: URL of another store, such as sqlite:/tmp/door.db or postgresql://user@host/name.
        workers: Number of processes. One if left out. Channels are per worker.
        insecure_allow_plaintext: Serve other machines without encryption.
        quiet: Print only when it is ready.
    """
    from stormdoor.cli.usage import UsageError
    from stormdoor.demo.server import serve
    from stormdoor.demo.workers import serve_workers
    from stormdoor.tornado.loop import loop_factory

    if workers < 1:
        raise UsageError("--workers must be at least 1")
    running = serve if workers == 1 else partial(serve_workers, workers=workers)
    try:
        with asyncio.Runner(loop_factory=loop_factory() if workers == 1 else None) as runner:
            runner.run(
                running(
                    host=host,
                    port=port,
                    data=data,
                    store=store,
                    insecure_allow_plaintext=insecure_allow_plaintext,
                    quiet=quiet,
                )
            )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, OSError) and error.filename is not None:
            raise UsageError(f"the demo cannot use {error.filename}: {reason}") from error
        raise UsageError(
            f"the demo cannot listen on {host} port {port}: {reason}; choose another --host or --port"
        ) from error
    return 0
