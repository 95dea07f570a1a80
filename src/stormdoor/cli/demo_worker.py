"""One worker of `stormdoor demo --workers N`, started by the supervisor: `-m stormdoor.cli.demo_worker`."""

from __future__ import annotations

import sys

from stormdoor.cli.worker import run_worker
from stormdoor.demo.workers import serve_worker
from stormdoor.runtime.worker_link import WorkerLink

__all__ = ["main"]


def main() -> None:
    """Run the worker."""
    link = WorkerLink.inherited()
    sys.exit(run_worker(link, lambda: serve_worker(link)))


if __name__ == "__main__":
    main()
