"""The processes of a run: each is forked from one that has loaded the modules, as Python starts slowly."""

import multiprocessing

__all__ = ["processes"]

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    ["tests.chaos.node", "tests.chaos.operator", "tests.chaos.__main__"]
)
