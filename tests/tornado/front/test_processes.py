"""Several processes accept from the same listening socket, each with its front or without one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
from tornado.netutil import bind_sockets

from tests.support.project import ROOT
from tests.tornado.front import ways
from tests.tornado.front.test_connections import ADMITTED, REFUSED
from tests.tornado.front.ways import exchange

PROGRAM = """
import asyncio, json, os, socket, sys
from tornado.process import fork_processes
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from tests.tornado.front import ways

descriptor, front, ways.plain = map(int, sys.argv[1:])
listening = socket.socket(fileno=descriptor)
fork_processes(2, max_restarts=0)


class Process(WebSocketHandler):
    def on_message(self, message):
        served = self.application.settings["way"].front
        self.write_message(json.dumps([os.getpid(), served.served if served else 0]))


async def main():
    application = Application([("/ws", Process)], log_function=lambda _: None)
    async with ways.serving(lambda _: application, front=bool(front), sock=listening) as way:
        application.settings["way"] = way
        os.write(1, b"%d\\n" % os.getpid())
        await asyncio.Event().wait()


asyncio.run(main())
"""
PATIENCE = 60.0  # only a failure takes that long


@pytest.mark.parametrize("front", [False, True])
async def test_processes_share_a_listener(front: bool) -> None:
    """Each serves the sockets and the refusals that the other one, which is stopped, does not accept."""
    [listening] = bind_sockets(0, "127.0.0.1")
    port: int = listening.getsockname()[1]
    arguments = (str(int(one)) for one in (listening.fileno(), front, ways.plain))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[listening.fileno()],
        start_new_session=True,
    )
    listening.close()
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            children = [int(await process.stdout.readline()) for _ in range(2)]
            for serving, stopped in (children, children[::-1]):
                os.kill(stopped, signal.SIGSTOP)
                refused = await asyncio.gather(*(exchange(port, REFUSED) for _ in range(10)))
                assert {one[9:12] for one in refused} == {b"401"}
                told = await asyncio.gather(*(exchange(port, ADMITTED) for _ in range(10)))
                counts = [json.loads(one[one.index(b"[") : one.index(b"]") + 1]) for one in told]
                assert {one[0] for one in counts} == {serving}
                assert all((one[1] > 10) is front for one in counts)
                os.kill(stopped, signal.SIGCONT)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
