"""The dashboard of a Dask worker, which serves at a port of its own."""

from __future__ import annotations

from dataclasses import replace

from tests.world.application import Application, Recipe, run
from tests.world.applications.dask import APPLICATION as DASK

__all__ = ["APPLICATION"]

_PROGRAM = """
import asyncio

from distributed import Scheduler, Worker


async def main():
    scheduler = Scheduler(host="127.0.0.1", port=0, dashboard=False)
    dashboard = {"dashboard": True, "dashboard_address": "127.0.0.1:8888"}
    async with scheduler, Worker(scheduler.address, **dashboard):
        await asyncio.Event().wait()


asyncio.run(main())
"""
_COMMAND = ["python", "worker.py"]

APPLICATION = Application(
    name="dask-worker",
    packages=DASK.packages,
    lock="dask",
    plain=Recipe({"worker.py": _PROGRAM}, _COMMAND),
    guarded=run({"worker.py": _PROGRAM}, _COMMAND),
    channels=[replace(DASK.channels[0], name="plots of a worker", bursts=())],
    ready="/status",
    health="/health",
)
