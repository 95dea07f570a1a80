"""`stormdoor serve`: several processes that serve one application."""

from __future__ import annotations

import asyncio
import logging

from cyclopts import App

from stormdoor.logs import LogFormat

__all__ = ["app"]

app = App(name="serve", help_format="markdown")


@app.default
def serve(
    application: str,
    /,
    *,
    workers: int = 1,
    host: str = "127.0.0.1",
    port: int = 8888,
    drain_seconds: float = 60.0,
    unready_seconds: float = 0.0,
    unresponsive_seconds: float = 30.0,
    log_format: LogFormat = "text",
) -> int:
    """Serve a guarded application with several processes on one port.

    Args:
        application: MODULE:FACTORY, a function without arguments that returns the protected application.
        workers: Number of processes. One if left out; more need a store that they share.
        host: The address to listen on. 127.0.0.1 if left out: this machine only.
        port: The port. 8888 if left out; 0 takes a free one.
        drain_seconds: Seconds in which a worker that stops closes its sockets. 60 if left out.
        unready_seconds: Seconds for which a server that stops is not ready and still accepts clients, so that
            a load balancer notices. None if left out.
        unresponsive_seconds: Seconds after which a worker with a blocked loop is killed and replaced. 30
            if left out; 0 for never.
        log_format: text, or json: one JSON object on each line.
    """
    from stormdoor.cli.usage import UsageError
    from stormdoor.logs import log_as_json
    from stormdoor.runtime.listeners import SharedPort
    from stormdoor.runtime.workers import Workers, worker_command

    if workers < 1:
        raise UsageError("--workers must be at least 1")
    if not 0.0 <= unresponsive_seconds < float("inf"):
        raise UsageError("--unresponsive-seconds must be 0 or more")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
    )
    if log_format == "json":
        log_as_json()

    async def run(shared: SharedPort) -> None:
        await Workers(
            worker_command("stormdoor.cli.worker", application, log_format),
            workers=workers,
            listen=lambda _: {"http": shared.listen()},
            drain_seconds=drain_seconds,
            unready_seconds=unready_seconds,
            unresponsive_seconds=unresponsive_seconds,
        ).run(on_ready=lambda: print(f"ready http://{_shown(host)}:{shared.port}/", flush=True))

    try:
        with SharedPort(host, port) as shared:
            asyncio.run(run(shared))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"the server cannot listen on {host} port {port}: {reason}; choose another --host or --port"
        ) from error
    return 0


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
