"""One worker of `stormdoor serve`: `python -m stormdoor.cli.worker MODULE:FACTORY LOG_FORMAT`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any

from stormdoor.cli.main import exit_status
from stormdoor.cli.python_name import imported
from stormdoor.cli.usage import UsageError
from stormdoor.runtime.worker_link import WorkerLink

__all__ = ["main", "run_worker"]

_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def run_worker(link: WorkerLink, serve: Callable[[], Any]) -> int:
    """Run a worker until its end. A failure before it serves is reported to the supervisor.

    Args:
        link: The connection to the supervisor.
        serve: Returns the coroutine of the worker.

    Returns:
        The exit status.
    """
    from stormdoor.tornado.loop import loop_factory

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve())
    except Exception as error:
        status = exit_status(error)
        known = status != exit_status(Exception())
        link.failed(str(error) if known else f"{type(error).__name__}: {error}", status)
        if not known:
            raise
        return status
    return 0


async def _serve(link: WorkerLink, name: str, log_format: str) -> None:
    from tornado.web import Application

    from stormdoor.logs import log_as_json
    from stormdoor.runtime.guard import Guard
    from stormdoor.tornado.serve import guarded_server
    from stormdoor.tornado.worker import serve_as_worker

    made = imported(name, object)
    if callable(made) and not isinstance(made, Application):
        made = made()
    if inspect.isawaitable(made):
        made = await made
    if not isinstance(made, Application):
        raise UsageError(f"{name} must return a tornado.web.Application, not {type(made).__name__}")
    guard = made.settings.get("stormdoor_guard")
    if not isinstance(guard, Guard):
        raise UsageError(f"the application of {name} is not guarded; return protect(app, guard)")
    if not logging.getLogger().handlers:  # else the application has chosen where its log goes
        logging.basicConfig(format=_FORMAT)  # warnings: one line for each request would be many
        logging.getLogger("stormdoor.serve").setLevel(logging.INFO)
    if log_format == "json":
        log_as_json()
    await serve_as_worker(link, guard, {"http": guarded_server(made)})


def main() -> None:
    """Run the worker that the arguments name."""
    link = WorkerLink.inherited()
    sys.exit(run_worker(link, lambda: _serve(link, *sys.argv[1:])))


if __name__ == "__main__":
    main()
